"""What each route does. None of them hides an error: a missing table is a 500, not an empty list."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import sql
from psycopg.types.json import Jsonb

from alquimista_api.database import Session, session
from alquimista_api.fields import EVENT, LEAD, checked
from alquimista_api.messages import Answer, Refusal, Request

PAGE = 20
PAGE_LIMIT = 200
LEAD_COLUMNS = "id, external_ref, reference_no, company_name, status, source, score, tags, created_at"


def health(_: Request) -> Answer:
    """Reads the tables that nothing works without; fails when the database or one of them does."""
    with session() as database:
        row = database.execute(
            "SELECT EXISTS (SELECT FROM fibonacci_core.agents) AS agents,"
            " EXISTS (SELECT FROM nigredo_leads.leads) AS leads_visible_without_tenant"
        ).fetchone()
    if row is None or row["leads_visible_without_tenant"]:
        raise Refusal(503, "tenants_not_separated")
    return Answer(200, {"status": "ok", "agents": row["agents"]})


def list_agents(_: Request) -> Answer:
    """The agents that can be put to work."""
    with session() as database:
        agents = database.execute(
            "SELECT id, code, kind::text AS kind, display_name, skills FROM fibonacci_core.agents"
            " WHERE is_enabled ORDER BY id"
        ).fetchall()
    return Answer(200, {"agents": agents})


def list_leads(request: Request) -> Answer:
    """The tenant's newest leads; `?limit=` up to 200."""
    limit = _page(request)
    with session(request.tenant) as database:
        leads = database.execute(
            f"SELECT {LEAD_COLUMNS} FROM nigredo_leads.leads"  # noqa: S608  # a constant, no value
            " ORDER BY created_at DESC, id LIMIT %s",
            [limit],
        ).fetchall()
    return Answer(200, {"leads": leads})


def show_lead(request: Request) -> Answer:
    """One lead by the tenant's own key."""
    with session(request.tenant) as database:
        lead = database.execute(
            f"SELECT {LEAD_COLUMNS} FROM nigredo_leads.leads"  # noqa: S608  # a constant, no value
            " WHERE tenant_id = fibonacci_core.current_tenant() AND external_ref = %s",
            [_reference(request)],
        ).fetchone()
    if lead is None:
        raise Refusal(404, "lead_unknown")
    return Answer(200, lead)


def create_lead(request: Request) -> Answer:
    """Adds a lead; the same `external_ref` a second time is a 409."""
    lead = checked(request.document(), LEAD)
    with session(request.tenant) as database:
        return Answer(
            201, _insert(database, ("nigredo_leads", "leads"), lead, "id, external_ref, reference_no")
        )


def delete_lead(request: Request) -> Answer:
    """Removes a lead with its interactions."""
    with session(request.tenant) as database:
        gone = database.execute(
            "DELETE FROM nigredo_leads.leads"
            " WHERE tenant_id = fibonacci_core.current_tenant() AND external_ref = %s",
            [_reference(request)],
        ).rowcount
    if not gone:
        raise Refusal(404, "lead_unknown")
    return Answer(204)


def create_event(request: Request) -> Answer:
    """Appends to the tenant's event log."""
    event = checked(request.document(), EVENT)
    with session(request.tenant) as database:
        return Answer(201, _insert(database, ("fibonacci_core", "events"), event, "event_id, occurred_at"))


def pipeline(request: Request) -> Answer:
    """How many of the tenant's leads stand where."""
    with session(request.tenant) as database:
        stages = database.execute(
            "SELECT status, leads, average_score FROM alquimista_platform.lead_pipeline ORDER BY position"
        ).fetchall()
    return Answer(200, {"pipeline": stages})


def list_plans(_: Request) -> Answer:
    """What can be subscribed to. Needs migration 010."""
    with session() as database:
        plans = database.execute(
            "SELECT code, name, monthly_price_cents, currency, max_agents, features"
            " FROM public.subscription_plans WHERE is_public ORDER BY monthly_price_cents"
        ).fetchall()
        teams = database.execute(
            "SELECT team.code, team.purpose, count(member.agent_id) AS agents"
            " FROM public.subnucleos AS team LEFT JOIN public.subnucleo_agents AS member USING (subnucleo_id)"
            " GROUP BY team.subnucleo_id ORDER BY team.position"
        ).fetchall()
    return Answer(200, {"plans": plans, "subnucleos": teams})


def routing_board(request: Request) -> Answer:
    """Who is called next, and by which team. Needs migration 023."""
    with session(request.tenant) as database:
        board = database.execute(
            "SELECT lead.external_ref, lead.status, lead.routing_priority, rule.team, rule.answer_in"
            " FROM nigredo_leads.leads AS lead JOIN nigredo_leads.routing_rules AS rule"
            "  ON rule.tenant_id = lead.tenant_id AND rule.status = lead.status"
            " ORDER BY lead.routing_priority DESC, lead.created_at, lead.id LIMIT %s",
            [_page(request)],
        ).fetchall()
    return Answer(200, {"board": board})


def _insert(
    database: Session, table: tuple[str, str], body: Mapping[str, object], returning: str
) -> Mapping[str, object]:
    values = {name: Jsonb(value) if isinstance(value, dict) else value for name, value in body.items()}
    statement = sql.SQL(
        "INSERT INTO {} (tenant_id, {}) VALUES (fibonacci_core.current_tenant(), {}) RETURNING {}"
    ).format(
        sql.Identifier(*table),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(sql.Placeholder() * len(values)),
        sql.SQL(", ").join(map(sql.Identifier, returning.split(", "))),
    )
    row = database.execute(statement, list(values.values())).fetchone()
    return row or {}


def _page(request: Request) -> int:
    asked = request.query.get("limit", str(PAGE))
    if not (asked.isascii() and asked.isdigit() and 1 <= int(asked) <= PAGE_LIMIT):
        raise Refusal(422, "limit_refused", hint=f"1 to {PAGE_LIMIT}")
    return int(asked)


def _reference(request: Request) -> str:
    return request.path.removeprefix("/leads/")
