-- The ledger of applied migrations. Everything else is recorded in it, so nothing undoes this one:
-- a database without its ledger is a database that nobody can roll back.
BEGIN;

CREATE TABLE public.migrations (
    migration_name text        PRIMARY KEY
        CONSTRAINT migrations_name_is_a_file CHECK (migration_name ~ '^[0-9]{3}_[a-z0-9_]+\.sql$'),
    applied_at     timestamptz NOT NULL DEFAULT now(),
    description    text        NOT NULL
);

COMMENT ON TABLE public.migrations IS 'Migration files that this database has, one row a file.';

GRANT SELECT ON public.migrations TO app_user, readonly_analyst;

INSERT INTO public.migrations (migration_name, description)
VALUES ('001_create_migration_ledger.sql', 'ledger of applied migrations');

COMMIT;
