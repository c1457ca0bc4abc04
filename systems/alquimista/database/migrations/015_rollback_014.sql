-- Also removes what a failed build left, hence IF EXISTS.
DROP INDEX CONCURRENTLY IF EXISTS nigredo_leads.leads_recent_idx;

BEGIN;

DELETE FROM public.migrations AS ledger
 WHERE ledger.migration_name = '014_index_recent_leads.sql';

COMMIT;
