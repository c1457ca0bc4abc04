-- +goose Up
ALTER TABLE app.emails ADD COLUMN verified boolean NOT NULL DEFAULT false;
-- +goose Down
ALTER TABLE app.emails DROP COLUMN verified
