-- +migrate Up
CREATE TABLE items (
    id int PRIMARY KEY,
    name text NOT NULL,  -- as on the box;
    price numeric(10, 2)
);

-- +migrate Down
DROP TABLE items;
