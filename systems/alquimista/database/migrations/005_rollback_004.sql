-- Takes leads and everything about them away.
BEGIN;

ALTER DEFAULT PRIVILEGES IN SCHEMA nigredo_leads REVOKE SELECT, INSERT ON TABLES FROM app_user;
ALTER DEFAULT PRIVILEGES IN SCHEMA nigredo_leads REVOKE USAGE ON SEQUENCES FROM app_user;
DROP TABLE nigredo_leads.campaign_imports;
DROP TABLE nigredo_leads.interactions;
DROP TABLE nigredo_leads.leads;
DROP SEQUENCE nigredo_leads.lead_reference_seq;
DROP TABLE nigredo_leads.lead_statuses;
DROP SCHEMA nigredo_leads;

DELETE FROM public.migrations AS ledger
 WHERE ledger.migration_name = '004_create_nigredo_leads.sql';

COMMIT;
