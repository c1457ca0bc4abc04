-- +goose Up
ALTER TABLE people ADD COLUMN since date;
-- +goose Down
-- +goose StatementBegin
DO $$
BEGIN
    IF EXISTS (SELECT FROM people) THEM
        ALTER TABLE people DROP COLUMN since;
    END IF;
END
$$;
-- +goose StatementEnd
