-- migrate:up
ALTER TABLE readings ALTER COLUMN value TYPE numeric(8, 0);

-- migrate:down
ALTER TABLE readings ALTER COLUMN value TYPE numeric(8, 2);
