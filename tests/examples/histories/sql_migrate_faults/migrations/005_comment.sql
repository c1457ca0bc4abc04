-- +migrate Up
ALTER TABLE a ADD COLUMN j int;
-- +migrate Down
--nothing to do
