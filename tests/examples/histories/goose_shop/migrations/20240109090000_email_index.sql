-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY customers_created_at ON customers (created_at);

-- +goose Down
DROP INDEX CONCURRENTLY customers_created_at;
