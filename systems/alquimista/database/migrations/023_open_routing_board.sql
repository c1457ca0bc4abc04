-- A board that shows who should call whom next. Only adds: no row and no column is changed or removed.
BEGIN;

ALTER TABLE nigredo_leads.leads
    ADD COLUMN routing_priority smallint NOT NULL DEFAULT 50
        CONSTRAINT leads_routing_priority_in_range CHECK (routing_priority BETWEEN 0 AND 100);
COMMENT ON COLUMN nigredo_leads.leads.routing_priority IS 'Place on the routing board; higher is called first.';
CREATE INDEX leads_routing_board_idx ON nigredo_leads.leads (tenant_id, routing_priority DESC, created_at);
GRANT UPDATE (routing_priority) ON nigredo_leads.leads TO app_user;
GRANT SELECT (routing_priority) ON nigredo_leads.leads TO readonly_analyst;

CREATE INDEX interactions_by_channel_idx ON nigredo_leads.interactions (tenant_id, channel, occurred_at DESC);
ALTER TABLE nigredo_leads.interactions
    ADD CONSTRAINT interactions_sentiment_in_range CHECK (sentiment BETWEEN -1 AND 1);
GRANT SELECT ON nigredo_leads.interactions TO readonly_analyst;
CREATE POLICY analysts_see_every_tenant ON nigredo_leads.interactions FOR SELECT TO readonly_analyst USING (true);

-- Keys are shown on the board with their last change, which nothing kept until now.
CREATE TRIGGER api_keys_touch BEFORE UPDATE ON alquimista_platform.api_keys
    FOR EACH ROW EXECUTE FUNCTION fibonacci_core.touch_updated_at();

ALTER DEFAULT PRIVILEGES IN SCHEMA nigredo_leads GRANT SELECT ON TABLES TO readonly_analyst;

CREATE TABLE nigredo_leads.routing_rules (
    rule_id    integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id  uuid        NOT NULL REFERENCES fibonacci_core.tenants (id),
    status     text        NOT NULL REFERENCES nigredo_leads.lead_statuses (code),
    team       text        NOT NULL DEFAULT 'inbound',
    answer_in  interval    NOT NULL DEFAULT '1 day',
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT routing_rules_one_per_status UNIQUE (tenant_id, status)
);
COMMENT ON TABLE nigredo_leads.routing_rules IS 'Which team answers a lead of that status, and how soon.';
CREATE TRIGGER routing_rules_touch BEFORE UPDATE ON nigredo_leads.routing_rules
    FOR EACH ROW EXECUTE FUNCTION fibonacci_core.touch_updated_at();
ALTER TABLE nigredo_leads.routing_rules ENABLE ROW LEVEL SECURITY;
CREATE POLICY routing_rules_of_the_tenant ON nigredo_leads.routing_rules
    USING (tenant_id = (SELECT fibonacci_core.current_tenant()));
GRANT UPDATE (team, answer_in) ON nigredo_leads.routing_rules TO app_user;

INSERT INTO nigredo_leads.routing_rules (tenant_id, status, team, answer_in, updated_at)
SELECT tenant.id, status.code, CASE WHEN status.position < 3 THEN 'inbound' ELSE 'closers' END,
       status.position * interval '4 hours', '2025-11-17 00:00+00'
  FROM fibonacci_core.tenants AS tenant
 CROSS JOIN nigredo_leads.lead_statuses AS status
 WHERE tenant.is_active AND NOT status.is_final
 ORDER BY tenant.slug, status.position;

INSERT INTO public.migrations (migration_name, description)
VALUES ('023_open_routing_board.sql', 'routing board: priority of leads, rules, access for analysts');

COMMIT;
