-- Takes plans and subnuclei away. No CASCADE: if a later object came to need one of these tables,
-- this has to stop rather than take it along.
BEGIN;

DROP TABLE public.tenant_agents, public.tenant_subnucleos;
DROP TABLE public.subnucleo_agents;
DROP TABLE public.subnucleos, public.subscription_plans;

DELETE FROM public.migrations AS ledger
 WHERE ledger.migration_name = '010_create_plans_structure.sql';

COMMIT;
