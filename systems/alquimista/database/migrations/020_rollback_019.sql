-- Puts the structure back, exactly, and nothing that was in it: the table comes back empty and the
-- column null. To have the data as well, restore the backup that was taken before 019.
BEGIN;

ALTER TABLE fibonacci_core.agents ADD COLUMN legacy_prompt text;
COMMENT ON COLUMN fibonacci_core.agents.legacy_prompt IS 'Prompt of the first generation; config replaces it.';

CREATE TABLE nigredo_leads.campaign_imports (
    id           serial      PRIMARY KEY,
    tenant_id    uuid        NOT NULL REFERENCES fibonacci_core.tenants (id),
    file_name    text        NOT NULL,
    campaign     text,
    header       json        NOT NULL DEFAULT '[]',
    checksum     bytea,
    accepted     integer     NOT NULL DEFAULT 0,
    rejected     integer     NOT NULL DEFAULT 0,
    imported_at  timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT campaign_imports_file_key UNIQUE (tenant_id, file_name),
    CONSTRAINT campaign_imports_counts CHECK (accepted >= 0 AND rejected >= 0)
);
COMMENT ON TABLE nigredo_leads.campaign_imports IS 'Spreadsheets that leads were once loaded from.';
COMMENT ON COLUMN nigredo_leads.campaign_imports.header IS 'The first line as it was, quirks and all.';
CREATE INDEX campaign_imports_recent_idx ON nigredo_leads.campaign_imports (tenant_id, imported_at DESC);
CREATE TRIGGER campaign_imports_touch BEFORE UPDATE ON nigredo_leads.campaign_imports
    FOR EACH ROW EXECUTE FUNCTION fibonacci_core.touch_updated_at();

ALTER TABLE nigredo_leads.campaign_imports ENABLE ROW LEVEL SECURITY;
CREATE POLICY campaign_imports_of_the_tenant ON nigredo_leads.campaign_imports TO app_user
    USING (tenant_id = (SELECT fibonacci_core.current_tenant()));

-- Default privileges of the schema give SELECT and INSERT (by now perhaps to analysts, too): start from nothing.
REVOKE ALL ON nigredo_leads.campaign_imports FROM app_user, readonly_analyst;
GRANT SELECT, INSERT, UPDATE ON nigredo_leads.campaign_imports TO app_user;
GRANT SELECT (tenant_id, file_name, accepted, rejected) ON nigredo_leads.campaign_imports TO readonly_analyst;

DELETE FROM public.migrations AS ledger
 WHERE ledger.migration_name = '019_drop_first_generation.sql';

COMMIT;
