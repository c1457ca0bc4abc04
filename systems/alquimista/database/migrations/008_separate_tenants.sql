-- Each tenant sees its own rows and no other's; reports read through views.
BEGIN;

CREATE FUNCTION fibonacci_core.current_tenant() RETURNS uuid
    LANGUAGE sql STABLE
    RETURN nullif(current_setting('app.tenant_id', true), '')::uuid;
COMMENT ON FUNCTION fibonacci_core.current_tenant() IS 'The tenant of this transaction; null when none was entered.';

-- The application may enter a tenant that it can name, but not list the tenants: hence the owner's rights.
CREATE FUNCTION fibonacci_core.enter_tenant(tenant_slug text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    entered uuid;
BEGIN
    SELECT tenant.id INTO entered
      FROM fibonacci_core.tenants AS tenant
     WHERE tenant.slug = tenant_slug AND tenant.is_active;
    IF entered IS NULL THEN
        RAISE EXCEPTION 'no active tenant of that name' USING ERRCODE = 'no_data_found';
    END IF;
    PERFORM set_config('app.tenant_id', entered::text, true);
    RETURN entered;
END
$$;
COMMENT ON FUNCTION fibonacci_core.enter_tenant(text) IS 'Makes this transaction that tenant''s, until it ends.';

ALTER TABLE nigredo_leads.leads ENABLE ROW LEVEL SECURITY;
CREATE POLICY leads_of_the_tenant ON nigredo_leads.leads
    USING (tenant_id = (SELECT fibonacci_core.current_tenant()));
ALTER TABLE nigredo_leads.interactions ENABLE ROW LEVEL SECURITY;
CREATE POLICY interactions_of_the_tenant ON nigredo_leads.interactions
    USING (tenant_id = (SELECT fibonacci_core.current_tenant()));
ALTER TABLE nigredo_leads.campaign_imports ENABLE ROW LEVEL SECURITY;
CREATE POLICY campaign_imports_of_the_tenant ON nigredo_leads.campaign_imports TO app_user
    USING (tenant_id = (SELECT fibonacci_core.current_tenant()));
ALTER TABLE fibonacci_core.events ENABLE ROW LEVEL SECURITY;
CREATE POLICY events_of_the_tenant ON fibonacci_core.events
    USING (tenant_id = (SELECT fibonacci_core.current_tenant()))
    WITH CHECK (tenant_id = (SELECT fibonacci_core.current_tenant()));
ALTER TABLE alquimista_platform.users ENABLE ROW LEVEL SECURITY;
CREATE POLICY users_of_the_tenant ON alquimista_platform.users
    USING (tenant_id = (SELECT fibonacci_core.current_tenant()));
CREATE POLICY no_owner_by_self_service ON alquimista_platform.users AS RESTRICTIVE FOR INSERT TO app_user
    WITH CHECK (role <> 'owner');
ALTER TABLE alquimista_platform.api_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY api_keys_of_the_tenant ON alquimista_platform.api_keys
    USING (tenant_id = (SELECT fibonacci_core.current_tenant()));

-- The reader's rights, not the view owner's: otherwise the view would show every tenant.
CREATE VIEW alquimista_platform.lead_pipeline WITH (security_invoker = true, security_barrier = true) AS
SELECT status.position,
       status.code             AS status,
       count(lead.id)          AS leads,
       round(avg(lead.score))  AS average_score
  FROM nigredo_leads.lead_statuses AS status
  LEFT JOIN nigredo_leads.leads AS lead ON lead.status = status.code
 GROUP BY status.position, status.code;
COMMENT ON VIEW alquimista_platform.lead_pipeline IS 'How many leads of the entered tenant stand where.';

CREATE MATERIALIZED VIEW alquimista_platform.monthly_usage AS
SELECT sample.tenant_id,
       sample.metric,
       date_trunc('month', sample.sampled_on)::date AS month,
       sum(sample.amount)                           AS amount,
       count(*)                                     AS samples
  FROM alquimista_platform.usage_samples AS sample
 GROUP BY sample.tenant_id, sample.metric, date_trunc('month', sample.sampled_on);
CREATE UNIQUE INDEX monthly_usage_key ON alquimista_platform.monthly_usage (tenant_id, metric, month);

CREATE FUNCTION nigredo_leads.pipeline_of(tenant_slug text) RETURNS TABLE (status text, leads bigint)
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM fibonacci_core.enter_tenant(tenant_slug);
    RETURN QUERY SELECT stage.status, stage.leads
                   FROM alquimista_platform.lead_pipeline AS stage
                  ORDER BY stage.position;
END
$$;

GRANT EXECUTE ON FUNCTION fibonacci_core.current_tenant() TO app_user, readonly_analyst;
GRANT EXECUTE ON FUNCTION fibonacci_core.enter_tenant(text) TO app_user;
GRANT EXECUTE ON FUNCTION nigredo_leads.pipeline_of(text) TO app_user;
GRANT SELECT ON alquimista_platform.lead_pipeline TO app_user;
GRANT SELECT ON alquimista_platform.monthly_usage TO readonly_analyst;

INSERT INTO public.migrations (migration_name, description)
VALUES ('008_separate_tenants.sql', 'row-level security, pipeline view, usage by month');

COMMIT;
