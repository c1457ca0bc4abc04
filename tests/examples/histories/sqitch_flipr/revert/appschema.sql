-- Revert flipr:appschema from pg

BEGIN;

DROP SCHEMA :"owner";

COMMIT;
