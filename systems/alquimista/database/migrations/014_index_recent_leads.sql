-- The newest leads of a tenant, without blocking writers while it is built. It cannot be in a transaction;
-- if the build fails it leaves an invalid index, which the rollback script removes.
CREATE INDEX CONCURRENTLY leads_recent_idx
    ON nigredo_leads.leads (tenant_id, created_at DESC) INCLUDE (status);

BEGIN;

COMMENT ON INDEX nigredo_leads.leads_recent_idx IS 'For the newest leads of a tenant.';

INSERT INTO public.migrations (migration_name, description)
VALUES ('014_index_recent_leads.sql', 'index for the newest leads of a tenant');

COMMIT;
