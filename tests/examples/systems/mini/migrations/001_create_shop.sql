BEGIN;
CREATE TABLE public.migrations (
    migration_name text PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE SCHEMA shop;
CREATE TABLE shop.orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference text NOT NULL,
    amount integer NOT NULL
);
GRANT USAGE ON SCHEMA shop TO mini_app;
GRANT SELECT, INSERT ON shop.orders TO mini_app;
INSERT INTO public.migrations (migration_name) VALUES ('001_create_shop.sql');
COMMIT;
