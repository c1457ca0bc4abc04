-- Tenants are no longer separated by the database: the application must be off before this runs.
BEGIN;

DROP FUNCTION nigredo_leads.pipeline_of(text);
DROP MATERIALIZED VIEW alquimista_platform.monthly_usage;
DROP VIEW alquimista_platform.lead_pipeline;

DROP POLICY api_keys_of_the_tenant ON alquimista_platform.api_keys;
ALTER TABLE alquimista_platform.api_keys DISABLE ROW LEVEL SECURITY;
DROP POLICY no_owner_by_self_service ON alquimista_platform.users;
DROP POLICY users_of_the_tenant ON alquimista_platform.users;
ALTER TABLE alquimista_platform.users DISABLE ROW LEVEL SECURITY;
DROP POLICY events_of_the_tenant ON fibonacci_core.events;
ALTER TABLE fibonacci_core.events DISABLE ROW LEVEL SECURITY;
DROP POLICY campaign_imports_of_the_tenant ON nigredo_leads.campaign_imports;
ALTER TABLE nigredo_leads.campaign_imports DISABLE ROW LEVEL SECURITY;
DROP POLICY interactions_of_the_tenant ON nigredo_leads.interactions;
ALTER TABLE nigredo_leads.interactions DISABLE ROW LEVEL SECURITY;
DROP POLICY leads_of_the_tenant ON nigredo_leads.leads;
ALTER TABLE nigredo_leads.leads DISABLE ROW LEVEL SECURITY;

DROP FUNCTION fibonacci_core.enter_tenant(text);
DROP FUNCTION fibonacci_core.current_tenant();

DELETE FROM public.migrations AS ledger
 WHERE ledger.migration_name = '008_separate_tenants.sql';

COMMIT;
