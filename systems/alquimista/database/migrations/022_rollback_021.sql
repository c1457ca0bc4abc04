-- Takes the routing board away and leaves everything else as 020 knew it. In the reverse order of 021.
BEGIN;

DELETE FROM alquimista_platform.feature_flags WHERE key = 'routing-board';

DROP TABLE nigredo_leads.routing_rules;

ALTER DEFAULT PRIVILEGES IN SCHEMA nigredo_leads REVOKE SELECT ON TABLES FROM readonly_analyst;

DROP TRIGGER api_keys_touch ON alquimista_platform.api_keys;

DROP POLICY analysts_see_every_tenant ON nigredo_leads.interactions;
REVOKE SELECT ON nigredo_leads.interactions FROM readonly_analyst;
COMMENT ON COLUMN nigredo_leads.interactions.channel IS NULL;
ALTER TABLE nigredo_leads.interactions ALTER COLUMN channel DROP DEFAULT;
DROP INDEX nigredo_leads.interactions_by_channel_idx;

-- Before anybody drops the column: an owned sequence goes with it.
ALTER SEQUENCE nigredo_leads.lead_reference_seq OWNED BY NONE;

DROP INDEX nigredo_leads.leads_routing_board_idx;
ALTER TABLE nigredo_leads.leads DROP COLUMN routing_priority;

DELETE FROM public.migrations AS ledger
 WHERE ledger.migration_name = '021_open_routing_board.sql';

COMMIT;
