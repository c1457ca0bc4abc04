-- migrate:up
CREATE TABLE entries (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), amount bigint NOT NULL DEFAULT 0, owner text);

-- migrate:down
DROP TABLE entries;
