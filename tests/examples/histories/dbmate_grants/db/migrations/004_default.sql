-- migrate:up
ALTER TABLE entries ALTER COLUMN amount DROP DEFAULT;

-- migrate:down
ALTER TABLE entries ALTER COLUMN amount SET DEFAULT 1;
