-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION greet(who text) RETURNS text LANGUAGE sql AS $$ SELECT 'Hello ' || who $$;
-- +goose StatementEnd
-- +goose Down
DROP FUNCTION greet;
