BEGIN;
DROP TABLE shop.notes;
DELETE FROM public.migrations WHERE migration_name = '003_add_notes.sql';
COMMIT;
