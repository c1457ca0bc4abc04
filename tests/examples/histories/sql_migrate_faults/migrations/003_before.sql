CREATE TABLE never (i int);
-- +migrate Up
CREATE TABLE c (i int);
-- +migrate Down
DROP TABLE c;
DROP TABLE never;
