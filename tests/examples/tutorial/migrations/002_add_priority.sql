BEGIN;
ALTER TABLE public.orders ADD COLUMN priority smallint NOT NULL DEFAULT 3;
CREATE INDEX orders_by_priority ON public.orders (priority, created_at);
GRANT SELECT ON public.orders TO shop_reports;
INSERT INTO public.migrations VALUES ('002_add_priority.sql');
COMMIT;
