-- Leads, what was said to them, and the spreadsheets that they once came from.
BEGIN;

CREATE SCHEMA nigredo_leads;
COMMENT ON SCHEMA nigredo_leads IS 'Raw material: leads and every conversation with them.';
GRANT USAGE ON SCHEMA nigredo_leads TO app_user, readonly_analyst;

CREATE TABLE nigredo_leads.lead_statuses (
    code     text     PRIMARY KEY,
    position smallint NOT NULL CONSTRAINT lead_statuses_position_key UNIQUE DEFERRABLE INITIALLY DEFERRED,
    label    text     NOT NULL,
    is_final boolean  NOT NULL DEFAULT false
);
INSERT INTO nigredo_leads.lead_statuses (code, position, label, is_final)
VALUES ('new', 1, 'Novo', false),
       ('contacted', 2, 'Contatado', false),
       ('qualified', 3, 'Qualificado', false),
       ('meeting', 4, 'Reunião marcada', false),
       ('won', 5, 'Ganho', true),
       ('lost', 6, 'Perdido', true);

-- Free-standing for now: no column owns it.
CREATE SEQUENCE nigredo_leads.lead_reference_seq AS bigint START WITH 100000 INCREMENT BY 1 CACHE 1;

CREATE TABLE nigredo_leads.leads (
    id             uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id      uuid        NOT NULL REFERENCES fibonacci_core.tenants (id),
    external_ref   text        NOT NULL,
    reference_no   bigint      NOT NULL DEFAULT nextval('nigredo_leads.lead_reference_seq'),
    company_name   text        NOT NULL,
    contact_name   text,
    email          text,
    email_domain   text        GENERATED ALWAYS AS (lower(split_part(btrim(email), '@', 2))) STORED,
    phone          text,
    status         text        NOT NULL DEFAULT 'new' REFERENCES nigredo_leads.lead_statuses (code),
    source         text        NOT NULL DEFAULT 'manual',
    score          smallint,
    owner_agent_id integer     REFERENCES fibonacci_core.agents (id) ON DELETE SET NULL,
    tags           text[]      NOT NULL DEFAULT '{}',
    attributes     jsonb       NOT NULL DEFAULT '{}',
    notes          text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT leads_tenant_external_ref_key UNIQUE (tenant_id, external_ref),
    CONSTRAINT leads_score_not_negative CHECK (score >= 0),
    CONSTRAINT leads_company_not_blank CHECK (btrim(company_name) <> '')
);
COMMENT ON TABLE nigredo_leads.leads IS 'One company that a tenant wants to sell to.';
COMMENT ON COLUMN nigredo_leads.leads.score IS 'How promising, 0 to 100; null until an agent has judged it.';
COMMENT ON COLUMN nigredo_leads.leads.external_ref IS 'The tenant''s own key for the lead; makes a repeated import harmless.';
CREATE INDEX leads_by_status_idx ON nigredo_leads.leads (tenant_id, status);
CREATE INDEX leads_attributes_idx ON nigredo_leads.leads USING gin (attributes jsonb_path_ops);
CREATE TRIGGER leads_touch BEFORE UPDATE ON nigredo_leads.leads
    FOR EACH ROW EXECUTE FUNCTION fibonacci_core.touch_updated_at();

CREATE TABLE nigredo_leads.interactions (
    id          bigserial   PRIMARY KEY,
    tenant_id   uuid        NOT NULL REFERENCES fibonacci_core.tenants (id),
    lead_id     uuid        NOT NULL REFERENCES nigredo_leads.leads (id) ON DELETE CASCADE,
    agent_id    integer     REFERENCES fibonacci_core.agents (id),
    channel     text        NOT NULL,
    direction   "char"      NOT NULL DEFAULT 'o' CONSTRAINT interactions_direction CHECK (direction IN ('i', 'o')),
    occurred_at timestamptz NOT NULL DEFAULT now(),
    took        interval,
    sentiment   real,
    outcome     text,
    transcript  text
);
COMMENT ON TABLE nigredo_leads.interactions IS 'One message, call or visit, inbound (i) or outbound (o).';
CREATE INDEX interactions_by_lead_idx ON nigredo_leads.interactions (lead_id, occurred_at);

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

GRANT SELECT ON nigredo_leads.lead_statuses TO app_user, readonly_analyst;
GRANT SELECT, INSERT, DELETE ON nigredo_leads.leads TO app_user;
GRANT UPDATE (company_name, contact_name, email, phone, status, score, owner_agent_id, tags, attributes, notes)
    ON nigredo_leads.leads TO app_user;
GRANT SELECT (id, tenant_id, status, source, score, created_at) ON nigredo_leads.leads TO readonly_analyst;
GRANT SELECT, INSERT ON nigredo_leads.interactions TO app_user;
GRANT SELECT, INSERT, UPDATE ON nigredo_leads.campaign_imports TO app_user;
GRANT SELECT (tenant_id, file_name, accepted, rejected) ON nigredo_leads.campaign_imports TO readonly_analyst;
GRANT USAGE ON SEQUENCE nigredo_leads.lead_reference_seq TO app_user;
GRANT USAGE ON SEQUENCE nigredo_leads.interactions_id_seq TO app_user;
GRANT USAGE ON SEQUENCE nigredo_leads.campaign_imports_id_seq TO app_user;

ALTER DEFAULT PRIVILEGES IN SCHEMA nigredo_leads GRANT SELECT, INSERT ON TABLES TO app_user;
ALTER DEFAULT PRIVILEGES IN SCHEMA nigredo_leads GRANT USAGE ON SEQUENCES TO app_user;

INSERT INTO public.migrations (migration_name, description)
VALUES ('004_create_nigredo_leads.sql', 'leads, interactions, campaign imports');

COMMIT;
