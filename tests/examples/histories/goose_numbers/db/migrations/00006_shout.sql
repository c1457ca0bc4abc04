-- +goose Up
UPDATE app.accounts SET name = upper(name) || '!';
-- +goose Down
-- Nobody knows what the names were.
SELECT 1;
