-- migrate:up
CREATE TABLE readings (device integer NOT NULL REFERENCES devices, at timestamptz NOT NULL, value numeric(8, 2));

-- migrate:down
DROP TABLE readings;

-- migrate:up transaction:false
CREATE INDEX CONCURRENTLY readings_at ON readings (at);

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY readings_at;
