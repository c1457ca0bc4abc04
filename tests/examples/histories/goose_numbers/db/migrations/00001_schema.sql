-- +goose up
CREATE SCHEMA app;
-- +goose down
DROP SCHEMA app;
