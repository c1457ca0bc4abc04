-- +migrate Up notransaction
CREATE INDEX CONCURRENTLY items_name ON items (name);

-- +migrate Down notransaction
DROP INDEX CONCURRENTLY items_name;
