-- +migrate Up
INSERT INTO items (id, name) VALUES (900001, 'bolt'), (900002, 'nut');

-- +migrate Down
DELETE FROM items;
