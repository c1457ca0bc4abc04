-- Core of the orchestrator: who the tenants are, which agents exist, what happened.
BEGIN;

-- Everywhere, not in one schema: what PUBLIC gets by default cannot be taken back schema by schema.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

CREATE SCHEMA fibonacci_core;
COMMENT ON SCHEMA fibonacci_core IS 'Tenants, agents and the event log of the orchestrator.';
GRANT USAGE ON SCHEMA fibonacci_core TO app_user, readonly_analyst;

CREATE DOMAIN fibonacci_core.slug AS text
    CONSTRAINT slug_is_short CHECK (length(VALUE) <= 40)
    CONSTRAINT slug_is_lower_kebab CHECK (VALUE ~ '^[a-z0-9]+(-[a-z0-9]+)*$');
COMMENT ON DOMAIN fibonacci_core.slug IS 'A name that is safe in a URL: lower case, digits, single hyphens.';

CREATE TYPE fibonacci_core.agent_kind AS ENUM ('prospector', 'qualifier', 'scheduler', 'closer');
COMMENT ON TYPE fibonacci_core.agent_kind IS 'What an agent does with a lead.';

CREATE FUNCTION fibonacci_core.touch_updated_at() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    -- A migration that rewrites rows is not an edit: it sets this to leave the stamp alone.
    IF coalesce(current_setting('alquimista.keep_updated_at', true), '') <> 'on' THEN
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;

CREATE TABLE fibonacci_core.tenants (
    id         uuid                PRIMARY KEY DEFAULT gen_random_uuid(),
    slug       fibonacci_core.slug NOT NULL CONSTRAINT tenants_slug_key UNIQUE,
    legal_name text                NOT NULL,
    region     text                NOT NULL DEFAULT 'sa-east',
    is_active  boolean             NOT NULL DEFAULT true,
    settings   jsonb               NOT NULL DEFAULT '{}',
    tags       text[]              NOT NULL DEFAULT '{}',
    created_at timestamptz         NOT NULL DEFAULT now(),
    updated_at timestamptz         NOT NULL DEFAULT now(),
    CONSTRAINT tenants_settings_is_an_object CHECK (jsonb_typeof(settings) = 'object')
);
CREATE INDEX tenants_tags_idx ON fibonacci_core.tenants USING gin (tags);
CREATE TRIGGER tenants_touch BEFORE UPDATE ON fibonacci_core.tenants
    FOR EACH ROW EXECUTE FUNCTION fibonacci_core.touch_updated_at();

CREATE TABLE fibonacci_core.agents (
    id            integer                    GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code          fibonacci_core.slug        NOT NULL CONSTRAINT agents_code_key UNIQUE,
    kind          fibonacci_core.agent_kind  NOT NULL DEFAULT 'prospector',
    display_name  text                       NOT NULL,
    temperature   numeric(3, 2)              NOT NULL DEFAULT 0.20,
    skills        text[]                     NOT NULL DEFAULT '{}',
    config        jsonb                      NOT NULL DEFAULT '{}',
    is_enabled    boolean                    NOT NULL DEFAULT true,
    created_at    timestamptz                NOT NULL DEFAULT now(),
    updated_at    timestamptz                NOT NULL DEFAULT now(),
    legacy_prompt text,
    CONSTRAINT agents_temperature_in_range CHECK (temperature BETWEEN 0 AND 2)
);
COMMENT ON COLUMN fibonacci_core.agents.legacy_prompt IS 'Prompt of the first generation; config replaces it.';
CREATE TRIGGER agents_touch BEFORE UPDATE ON fibonacci_core.agents
    FOR EACH ROW EXECUTE FUNCTION fibonacci_core.touch_updated_at();

CREATE TABLE fibonacci_core.events (
    event_id       uuid        NOT NULL DEFAULT gen_random_uuid(),
    occurred_at    timestamptz NOT NULL DEFAULT now(),
    tenant_id      uuid        NOT NULL REFERENCES fibonacci_core.tenants (id),
    agent_id       integer     REFERENCES fibonacci_core.agents (id),
    kind           text        NOT NULL CONSTRAINT events_kind_is_dotted CHECK (kind ~ '^[a-z_]+(\.[a-z_]+)+$'),
    correlation_id text,
    payload        jsonb       NOT NULL DEFAULT '{}',
    PRIMARY KEY (event_id, occurred_at)
) PARTITION BY RANGE (occurred_at);
COMMENT ON TABLE fibonacci_core.events IS 'Append-only: what happened to whom, by quarter.';
CREATE TABLE fibonacci_core.events_2025_q3 PARTITION OF fibonacci_core.events
    FOR VALUES FROM ('2025-07-01 00:00+00') TO ('2025-10-01 00:00+00');
CREATE TABLE fibonacci_core.events_2025_q4 PARTITION OF fibonacci_core.events
    FOR VALUES FROM ('2025-10-01 00:00+00') TO ('2026-01-01 00:00+00');
CREATE TABLE fibonacci_core.events_later PARTITION OF fibonacci_core.events DEFAULT;
CREATE INDEX events_by_correlation_idx ON fibonacci_core.events (correlation_id);
CREATE INDEX events_by_tenant_idx ON fibonacci_core.events (tenant_id, occurred_at DESC);

-- The partitions get no grants of their own: whoever reads them directly would pass by row-level security.
GRANT SELECT ON fibonacci_core.agents TO app_user, readonly_analyst;
GRANT SELECT, INSERT ON fibonacci_core.events TO app_user;
GRANT SELECT (id, slug, region, is_active) ON fibonacci_core.tenants TO readonly_analyst;

ALTER DEFAULT PRIVILEGES IN SCHEMA fibonacci_core GRANT SELECT ON TABLES TO readonly_analyst;

INSERT INTO public.migrations (migration_name, description)
VALUES ('002_create_fibonacci_core.sql', 'tenants, agents, partitioned event log');

COMMIT;
