BEGIN;
CREATE TABLE public.migrations (migration_name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE public.orders (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference  text        NOT NULL UNIQUE,
    cents      integer     NOT NULL CHECK (cents >= 0),
    created_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT ON public.orders TO shop_app;
INSERT INTO public.migrations VALUES ('001_create_orders.sql');
COMMIT;
