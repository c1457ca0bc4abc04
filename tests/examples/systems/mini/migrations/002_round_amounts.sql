BEGIN;
UPDATE shop.orders SET amount = amount * 100;
INSERT INTO public.migrations (migration_name) VALUES ('002_round_amounts.sql');
COMMIT;
