-- Pins everything that changes how the server writes a value or a definition, for one transaction.
-- A line that ends in "since N" or "before N" is meant for those major versions alone.
SET LOCAL search_path = 'pg_catalog';
SET LOCAL client_encoding = 'UTF8';
SET LOCAL "TimeZone" = 'UTC';
SET LOCAL "DateStyle" = 'ISO, YMD';
SET LOCAL "IntervalStyle" = 'postgres';
SET LOCAL bytea_output = 'hex';
SET LOCAL extra_float_digits = 3;
SET LOCAL lc_monetary = 'C';
SET LOCAL xmlbinary = 'base64';
SET LOCAL quote_all_identifiers = off;
SET LOCAL standard_conforming_strings = on;
-- A policy that would hide rows raises an error instead of hiding them.
SET LOCAL row_security = off;
-- A table locked by somebody else is an error that names it, not a wait without end.
SET LOCAL lock_timeout = '30s';
-- A role's own limits are for its work, not for reading all of a table.
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL transaction_timeout = 0; -- since 17
SET LOCAL jit = off;
-- Digests of large tables are computed by several workers, listings sorted in memory where they fit.
SET LOCAL max_parallel_workers_per_gather = 4;
SET LOCAL work_mem = '64MB';
