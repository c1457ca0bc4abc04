-- +goose Up
CREATE TYPE order_status AS ENUM ('open', 'paid', 'sent');
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers (id),
    status order_status NOT NULL DEFAULT 'open'
);

-- +goose Down
-- The type is forgotten.
DROP TABLE orders;
