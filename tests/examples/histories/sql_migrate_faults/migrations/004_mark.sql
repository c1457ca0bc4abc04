-- +migrate Up
CREATE TABLE d (i int);
-- +migrate Down
DROP TABLE d;
