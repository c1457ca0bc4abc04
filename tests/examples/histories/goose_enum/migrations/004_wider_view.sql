-- +goose Up
DROP VIEW moods;
CREATE VIEW moods AS SELECT feels, count(*), min(name) AS first FROM people GROUP BY feels;
-- +goose Down
DROP VIEW moods;
CREATE VIEW moods AS SELECT feels, count(*) AS people FROM people GROUP BY feels;
