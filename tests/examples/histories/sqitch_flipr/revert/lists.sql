BEGIN;

DROP TABLE flipr.lists;

COMMIT;
