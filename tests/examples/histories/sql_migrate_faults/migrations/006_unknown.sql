-- +migrate Up
-- +migrate Sideways
ALTER TABLE a ADD COLUMN k int;
-- +migrate Down
ALTER TABLE a DROP COLUMN k;
