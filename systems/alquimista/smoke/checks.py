"""The smoke checks: each returns what is wrong, or None.

They leave nothing behind: the lead that one of them creates is deleted again by the same check.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import psycopg
from asking import OTHER_TENANT, SECONDS, TENANT, ask, refused

PLANS, BOARD = "010_create_plans_structure.sql", "023_open_routing_board.sql"
FEATURES: Mapping[str, tuple[str, str, str]] = {
    PLANS: ("/plans", "plans", "public.subscription_plans"),
    BOARD: ("/routing", "board", "nigredo_leads.routing_rules"),
}
"""migration -> the route that it opens, the list in its answer, and a table that the route reads"""


@dataclass(frozen=True, slots=True)
class Site:
    """What is under test: the service's base URL, a session as the application's role, and the ledger."""

    url: str
    database: psycopg.Connection
    expected: frozenset[str] = frozenset()
    applied: frozenset[str] = field(default_factory=frozenset)

    def ask(self, method: str, path: str, *, tenant: str = TENANT, body: object = None) -> tuple[int, Any]:
        """Status and document of one request."""
        return ask(self.url, method, path, headers={"X-Tenant": tenant}, body=body)

    def one(self, statement: str) -> Any:
        """The only value of a query as the application's role."""
        row = self.database.execute(statement.encode()).fetchone()
        return row[0] if row else None


Check = Callable[[Site], str | None]


def service_is_healthy(site: Site) -> str | None:
    """/health answers 200."""
    status, document = site.ask("GET", "/health")
    return None if status == 200 else refused(status, document)


def agents_are_listed(site: Site) -> str | None:
    """At least one agent can be put to work."""
    status, document = site.ask("GET", "/agents")
    if status != 200:
        return refused(status, document)
    return None if document["agents"] else "no agents"


def leads_are_listed(site: Site) -> str | None:
    """A tenant with leads sees some."""
    status, document = site.ask("GET", "/leads?limit=5")
    if status != 200:
        return refused(status, document)
    return None if len(document["leads"]) == 5 else "fewer leads than were asked for"


def pipeline_is_filled(site: Site) -> str | None:
    """The view that the pipeline comes from counts the tenant's leads."""
    status, document = site.ask("GET", "/pipeline")
    if status != 200:
        return refused(status, document)
    return None if sum(stage["leads"] for stage in document["pipeline"]) else "the pipeline is empty"


def lead_makes_the_round_trip(site: Site) -> str | None:
    """A lead that is written can be read by its tenant, by no other, and is gone once deleted."""
    reference = f"smoke-{uuid.uuid4()}"
    path = f"/leads/{quote(reference)}"
    status, document = site.ask(
        "POST", "/leads", body={"external_ref": reference, "company_name": "Fumaça & Espelhos", "score": 10}
    )
    if status != 201:
        return f"create {refused(status, document)}"
    found = [site.ask("GET", path)[0], site.ask("GET", path, tenant=OTHER_TENANT)[0]]
    found += [site.ask("DELETE", path)[0], site.ask("GET", path)[0]]
    if found == [200, 404, 204, 404]:
        return None
    return f"read, read by another tenant, delete, read again answered {found}, not [200, 404, 204, 404]"


def unknown_tenant_is_refused(site: Site) -> str | None:
    """A write for a tenant that does not exist is a 404 and writes nothing."""
    status, document = site.ask(
        "POST", "/events", tenant="no-such-tenant", body={"kind": "message.sent", "correlation_id": "smoke"}
    )
    return None if status == 404 else refused(status, document)


def role_is_no_superuser(site: Site) -> str | None:
    """The application's role is neither superuser nor past row-level security."""
    above = site.one("SELECT rolsuper OR rolbypassrls FROM pg_catalog.pg_roles WHERE rolname = current_user")
    return "the application's role is above row-level security" if above else None


def role_may_write(site: Site) -> str | None:
    """The privileges that the API's writes need are there, on columns too."""
    wanted = {
        "insert leads": "has_table_privilege('nigredo_leads.leads', 'INSERT')",
        "delete leads": "has_table_privilege('nigredo_leads.leads', 'DELETE')",
        "update the status of leads": "has_column_privilege('nigredo_leads.leads', 'status', 'UPDATE')",
        "insert events": "has_table_privilege('fibonacci_core.events', 'INSERT')",
    }
    denied = [what for what, privilege in wanted.items() if not site.one(f"SELECT {privilege}")]
    return f"may not {', '.join(denied)}" if denied else None


def rows_are_hidden_without_tenant(site: Site) -> str | None:
    """Row-level security shows nothing to a session that entered no tenant."""
    seen = site.one("SELECT count(*) FROM nigredo_leads.leads") + site.one(
        "SELECT count(*) FROM fibonacci_core.events"
    )
    return f"{seen} rows are visible without a tenant" if seen else None


def expected_migrations_are_applied(site: Site) -> str | None:
    """The ledger lists every migration that EXPECTED_MIGRATIONS names."""
    missing = sorted(site.expected - site.applied)
    return f"not in the ledger: {', '.join(missing)}" if missing else None


def feature_matches_ledger(migration: str) -> Check:
    """A check that a feature is there if, and only if, its migration is in the ledger or expected."""
    route, list_name, table = FEATURES[migration]

    def check(site: Site) -> str | None:
        there = site.one(f"SELECT to_regclass('{table}') IS NOT NULL")
        if there and migration not in site.applied:
            return f"{table} is there, but the ledger does not list {migration}"
        if migration not in site.applied | site.expected:
            return None
        status, document = site.ask("GET", route)
        if status != 200:
            return f"{route}, which {migration} opens, {refused(status, document)}"
        return None if document[list_name] else f"{route} lists nothing"

    return check


SERVICE_CHECKS: Mapping[str, Check] = {
    "the service is healthy": service_is_healthy,
    "agents are listed": agents_are_listed,
    "leads are listed": leads_are_listed,
    "the pipeline is filled": pipeline_is_filled,
    "a lead makes the round trip": lead_makes_the_round_trip,
    "an unknown tenant is refused": unknown_tenant_is_refused,
    "plans match the ledger": feature_matches_ledger(PLANS),
    "the routing board matches the ledger": feature_matches_ledger(BOARD),
}
DATABASE_CHECKS: Mapping[str, Check] = {
    "the role is no superuser": role_is_no_superuser,
    "the role may write": role_may_write,
    "rows are hidden without a tenant": rows_are_hidden_without_tenant,
    "expected migrations are applied": expected_migrations_are_applied,
}


def open_site() -> Site:
    """The database that DATABASE_URL names, and the service at SERVICE_URL_API if there is one.

    Raises psycopg.Error: the database cannot be reached, or its ledger not read.
    """
    expected = filter(None, (name.strip() for name in os.environ.get("EXPECTED_MIGRATIONS", "").split(",")))
    database = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, connect_timeout=SECONDS)
    ledger = database.execute("SELECT migration_name FROM public.migrations").fetchall()
    url = os.environ.get("SERVICE_URL_API", "")
    return Site(url, database, frozenset(expected), frozenset(name for (name,) in ledger))
