-- +goose Up
-- +goose ENVSUB ON
CREATE TABLE app.${AUDIT_TABLE:-audit} (at timestamptz NOT NULL, what text);
-- +goose ENVSUB OFF
-- +goose Down
-- +goose ENVSUB ON
DROP TABLE app.${AUDIT_TABLE:-audit};
-- +goose ENVSUB OFF
