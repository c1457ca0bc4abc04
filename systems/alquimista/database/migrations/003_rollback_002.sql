-- Takes the core away again, and with it every tenant, agent and event.
BEGIN;

ALTER DEFAULT PRIVILEGES IN SCHEMA fibonacci_core REVOKE SELECT ON TABLES FROM readonly_analyst;
DROP TABLE fibonacci_core.events;
DROP TABLE fibonacci_core.agents;
DROP TABLE fibonacci_core.tenants;
DROP FUNCTION fibonacci_core.touch_updated_at();
DROP TYPE fibonacci_core.agent_kind;
DROP DOMAIN fibonacci_core.slug;
DROP SCHEMA fibonacci_core;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC;

DELETE FROM public.migrations AS ledger
 WHERE ledger.migration_name = '002_create_fibonacci_core.sql';

COMMIT;
