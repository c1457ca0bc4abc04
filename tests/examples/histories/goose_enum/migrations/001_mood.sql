-- +goose Up
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE people (name text PRIMARY KEY, feels mood NOT NULL);
-- +goose Down
DROP TABLE people;
DROP TYPE mood;
