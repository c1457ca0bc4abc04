-- +goose Up
-- +goose StatementBegin
CREATE TABLE app.accounts (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE app.emails (account int NOT NULL REFERENCES app.accounts, address text NOT NULL);
-- +goose StatementEnd
-- +goose Down
-- +goose StatementBegin
DROP TABLE app.emails;
DROP TABLE app.accounts;
-- +goose StatementEnd
