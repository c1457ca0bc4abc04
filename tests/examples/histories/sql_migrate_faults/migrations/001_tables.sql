-- +migrate Up
CREATE TABLE a (i int);
-- +migrate Down
DROP TABLE a;
-- +migrate Up
CREATE TABLE b (i int);
-- +migrate Down
DROP TABLE b;
