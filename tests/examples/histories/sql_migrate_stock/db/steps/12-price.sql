-- +migrate Up
ALTER TABLE items RENAME COLUMN price TO cost;

-- +migrate Down
ALTER TABLE items RENAME COLUMN cost TO price;
