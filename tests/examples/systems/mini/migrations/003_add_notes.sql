BEGIN;
CREATE TABLE shop.notes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id bigint NOT NULL REFERENCES shop.orders (id),
    body text NOT NULL
);
GRANT SELECT, INSERT ON shop.notes TO mini_app;
INSERT INTO public.migrations (migration_name) VALUES ('003_add_notes.sql');
COMMIT;
