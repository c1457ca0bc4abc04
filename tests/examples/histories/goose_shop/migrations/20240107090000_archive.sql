-- +goose Up
CREATE TABLE archive (LIKE orders INCLUDING DEFAULTS);

-- +goose Down
DROP TABLE archives;
