BEGIN;
DROP INDEX public.orders_by_priority;
ALTER TABLE public.orders DROP COLUMN priority;
DELETE FROM public.migrations WHERE migration_name = '002_add_priority.sql';
COMMIT;
