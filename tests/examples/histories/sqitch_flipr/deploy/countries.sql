BEGIN;

CREATE TABLE flipr.countries (code char(2) PRIMARY KEY, name text NOT NULL);
\ir ../data/countries.sql

COMMIT;
