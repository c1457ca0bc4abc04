-- Takes the routing board away and leaves everything else as it was. In the reverse order of 023,
-- and without CASCADE: what it would take along nobody has read.
BEGIN;

DROP TABLE nigredo_leads.routing_rules;

ALTER DEFAULT PRIVILEGES IN SCHEMA nigredo_leads REVOKE SELECT ON TABLES FROM readonly_analyst;

DROP TRIGGER api_keys_touch ON alquimista_platform.api_keys;

DROP POLICY analysts_see_every_tenant ON nigredo_leads.interactions;
REVOKE SELECT ON nigredo_leads.interactions FROM readonly_analyst;
ALTER TABLE nigredo_leads.interactions DROP CONSTRAINT interactions_sentiment_in_range;
DROP INDEX nigredo_leads.interactions_by_channel_idx;

-- Its check, its grants and the board's index go with it.
ALTER TABLE nigredo_leads.leads DROP COLUMN routing_priority;

DELETE FROM public.migrations AS ledger
 WHERE ledger.migration_name = '023_open_routing_board.sql';

COMMIT;
