-- Subscription plans, and the subnuclei (teams of agents) that a plan opens to a tenant.
BEGIN;

CREATE TABLE public.subscription_plans (
    plan_id             serial              PRIMARY KEY,
    code                fibonacci_core.slug NOT NULL CONSTRAINT subscription_plans_code_key UNIQUE,
    name                text                NOT NULL,
    monthly_price_cents integer             NOT NULL
        CONSTRAINT subscription_plans_price_not_negative CHECK (monthly_price_cents >= 0),
    currency            character(3)        NOT NULL DEFAULT 'BRL',
    max_agents          smallint,
    features            jsonb               NOT NULL DEFAULT '{}',
    is_public           boolean             NOT NULL DEFAULT true,
    updated_at          timestamptz         NOT NULL DEFAULT now()
);
COMMENT ON COLUMN public.subscription_plans.max_agents IS 'Agents that may work at the same time; null: no limit.';

CREATE TABLE public.subnucleos (
    subnucleo_id serial              PRIMARY KEY,
    code         fibonacci_core.slug NOT NULL CONSTRAINT subnucleos_code_key UNIQUE,
    name         text                NOT NULL,
    purpose      text                NOT NULL,
    position     smallint            NOT NULL DEFAULT 100,
    updated_at   timestamptz         NOT NULL DEFAULT now()
);
COMMENT ON TABLE public.subnucleos IS 'A team of agents with one purpose; what a plan opens.';

CREATE TABLE public.subnucleo_agents (
    subnucleo_id integer       NOT NULL REFERENCES public.subnucleos (subnucleo_id) ON DELETE CASCADE,
    agent_id     integer       NOT NULL REFERENCES fibonacci_core.agents (id),
    weight       numeric(4, 3) NOT NULL DEFAULT 1.000
        CONSTRAINT subnucleo_agents_weight_in_range CHECK (weight > 0 AND weight <= 1),
    PRIMARY KEY (subnucleo_id, agent_id)
);
CREATE INDEX subnucleo_agents_by_agent_idx ON public.subnucleo_agents (agent_id);

CREATE TABLE public.tenant_subnucleos (
    tenant_id    uuid        NOT NULL REFERENCES fibonacci_core.tenants (id),
    subnucleo_id integer     NOT NULL REFERENCES public.subnucleos (subnucleo_id),
    plan_id      integer     NOT NULL REFERENCES public.subscription_plans (plan_id),
    active_from  date        NOT NULL DEFAULT CURRENT_DATE,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, subnucleo_id)
);
CREATE INDEX tenant_subnucleos_by_plan_idx ON public.tenant_subnucleos (plan_id) WHERE active_from IS NOT NULL;

CREATE TABLE public.tenant_agents (
    tenant_agent_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id       uuid        NOT NULL REFERENCES fibonacci_core.tenants (id),
    agent_id        integer     NOT NULL REFERENCES fibonacci_core.agents (id),
    nickname        text,
    settings        jsonb       NOT NULL DEFAULT '{}',
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tenant_agents_once UNIQUE (tenant_id, agent_id)
);

CREATE TRIGGER subscription_plans_touch BEFORE UPDATE ON public.subscription_plans
    FOR EACH ROW EXECUTE FUNCTION fibonacci_core.touch_updated_at();
CREATE TRIGGER subnucleos_touch BEFORE UPDATE ON public.subnucleos
    FOR EACH ROW EXECUTE FUNCTION fibonacci_core.touch_updated_at();
CREATE TRIGGER tenant_subnucleos_touch BEFORE UPDATE ON public.tenant_subnucleos
    FOR EACH ROW EXECUTE FUNCTION fibonacci_core.touch_updated_at();
CREATE TRIGGER tenant_agents_touch BEFORE UPDATE ON public.tenant_agents
    FOR EACH ROW EXECUTE FUNCTION fibonacci_core.touch_updated_at();

ALTER TABLE public.tenant_subnucleos ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_subnucleos_of_the_tenant ON public.tenant_subnucleos
    USING (tenant_id = (SELECT fibonacci_core.current_tenant()));
ALTER TABLE public.tenant_agents ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_agents_of_the_tenant ON public.tenant_agents
    USING (tenant_id = (SELECT fibonacci_core.current_tenant()));

GRANT SELECT ON public.subscription_plans, public.subnucleos, public.subnucleo_agents
    TO app_user, readonly_analyst;
GRANT SELECT, INSERT ON public.tenant_subnucleos TO app_user;
GRANT SELECT, INSERT, DELETE ON public.tenant_agents TO app_user;
GRANT UPDATE (nickname, settings) ON public.tenant_agents TO app_user;

-- Stamps and dates are written out: applied again, the migration must end in the very same rows.
INSERT INTO public.subscription_plans
    (code, name, monthly_price_cents, max_agents, features, is_public, updated_at)
VALUES ('semente', 'Semente', 0, 1, '{"support": "forum"}', true, '2025-11-01 00:00+00'),
       ('broto', 'Broto', 49900, 3, '{"support": "e-mail", "exports": true}', true, '2025-11-01 00:00+00'),
       ('colheita', 'Colheita', 149900, 12, '{"support": "chat", "exports": true}', true, '2025-11-01 00:00+00'),
       ('pomar', 'Pomar', 420000, NULL, '{"support": "named", "exports": true, "sso": true}', false,
        '2025-11-01 00:00+00');

INSERT INTO public.subnucleos (code, name, purpose, position, updated_at)
VALUES ('garimpo', 'Garimpo', 'Finds companies that fit', 1, '2025-11-01 00:00+00'),
       ('triagem', 'Triagem', 'Judges which of them are worth a call', 2, '2025-11-01 00:00+00'),
       ('agenda', 'Agenda', 'Brings people to a meeting', 3, '2025-11-01 00:00+00'),
       ('fechamento', 'Fechamento', 'Turns meetings into contracts', 4, '2025-11-01 00:00+00');

INSERT INTO public.subnucleo_agents (subnucleo_id, agent_id, weight)
SELECT team.subnucleo_id, agent.id, 0.500
  FROM (VALUES ('garimpo', 'prospector'), ('triagem', 'qualifier'), ('agenda', 'scheduler'), ('fechamento', 'closer'))
       AS fits (team_code, agent_kind)
  JOIN public.subnucleos AS team ON team.code = fits.team_code
  JOIN fibonacci_core.agents AS agent ON agent.kind::text = fits.agent_kind
 WHERE agent.is_enabled;

INSERT INTO public.tenant_subnucleos (tenant_id, subnucleo_id, plan_id, active_from, updated_at)
SELECT tenant.id, team.subnucleo_id, plan.plan_id, '2025-11-01', '2025-11-01 00:00+00'
  FROM fibonacci_core.tenants AS tenant
  JOIN public.subnucleos AS team ON team.code IN ('garimpo', 'triagem')
  JOIN public.subscription_plans AS plan ON plan.code = 'semente'
 WHERE tenant.is_active;

INSERT INTO public.tenant_agents (tenant_id, agent_id, nickname, settings, updated_at)
SELECT tenant.id, agent.id, agent.display_name, '{"tone": "formal"}', '2025-11-01 00:00+00'
  FROM fibonacci_core.tenants AS tenant
  JOIN fibonacci_core.agents AS agent ON agent.code IN ('prospector-00', 'qualifier-01')
 WHERE tenant.is_active
 ORDER BY tenant.slug, agent.code;

INSERT INTO public.migrations (migration_name, description)
VALUES ('010_create_plans_structure.sql', 'subscription plans, subnuclei and who uses them');

COMMIT;
