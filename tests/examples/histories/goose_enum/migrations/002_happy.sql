-- +goose NO TRANSACTION
-- +goose Up
ALTER TYPE mood ADD VALUE 'happy';
-- +goose Down
-- +goose StatementBegin
DO $$
BEGIN
    RAISE EXCEPTION 'this migration is irreversible: a value of an enumeration cannot be dropped';
END
$$;
-- +goose StatementEnd
