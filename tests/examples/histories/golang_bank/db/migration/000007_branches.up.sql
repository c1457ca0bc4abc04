CREATE EXTENSION IF NOT EXISTS postgis; CREATE TABLE branches (id bigserial PRIMARY KEY, name text NOT NULL);
