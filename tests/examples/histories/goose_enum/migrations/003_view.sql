-- +goose Up
CREATE VIEW moods AS SELECT feels, count(*) FROM people GROUP BY feels;
-- +goose Down
DROP VIEW moods;
