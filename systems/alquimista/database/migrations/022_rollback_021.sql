-- Every definition as it was before 021, word for word, and the one row that it added.
BEGIN;

DELETE FROM alquimista_platform.feature_flags WHERE key = 'routing-board';

COMMENT ON TABLE nigredo_leads.interactions IS 'One message, call or visit, inbound (i) or outbound (o).';
ALTER TABLE nigredo_leads.leads ALTER COLUMN source SET DEFAULT 'manual';
ALTER TABLE nigredo_leads.interactions ALTER COLUMN channel DROP DEFAULT;

-- Before anybody drops the column: an owned sequence goes with it.
ALTER SEQUENCE nigredo_leads.lead_reference_seq OWNED BY NONE;

DELETE FROM public.migrations AS ledger
 WHERE ledger.migration_name = '021_finish_lead_bookkeeping.sql';

COMMIT;
