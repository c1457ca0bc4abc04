"""Loads the generated rows into a database that has migrations 001 to 008.

    DATABASE_URL="host=... dbname=..." python database/seed.py [--seed N] [--scale X]

The role needs to be past row-level security (a superuser, or the tables' owner). All rows come in one
transaction: either everything is there afterwards or nothing. Exit codes: 0 loaded, 1 refused, 2 usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

import psycopg
from generator import Generator, Row
from psycopg import sql

Source = Callable[[Generator], Iterable[Row]]
TABLES: Mapping[str, tuple[str, Source]] = MappingProxyType(
    {
        "fibonacci_core.tenants": (
            "id slug legal_name region is_active settings tags created_at updated_at",
            Generator.tenants,
        ),
        "fibonacci_core.agents": (
            "code kind display_name temperature skills config is_enabled created_at updated_at legacy_prompt",
            Generator.agents,
        ),
        "nigredo_leads.leads": (
            "id tenant_id external_ref company_name contact_name email phone status source score "
            "owner_agent_id tags attributes notes created_at updated_at",
            Generator.leads,
        ),
        "nigredo_leads.interactions": (
            "tenant_id lead_id agent_id channel direction occurred_at took sentiment outcome transcript",
            Generator.interactions,
        ),
        "fibonacci_core.events": (
            "event_id occurred_at tenant_id agent_id kind correlation_id payload",
            Generator.events,
        ),
        "alquimista_platform.users": (
            "tenant_id email display_name role locale last_login_ip last_login_at preferences "
            "created_at updated_at",
            Generator.users,
        ),
        "alquimista_platform.api_keys": (
            "id tenant_id label key_hash scopes valid updated_at",
            Generator.api_keys,
        ),
        "nigredo_leads.campaign_imports": (
            "tenant_id file_name campaign header checksum accepted rejected imported_at updated_at",
            Generator.campaign_imports,
        ),
        "alquimista_platform.usage_samples": (
            "tenant_id metric sampled_on amount unit_cost",
            Generator.usage_samples,
        ),
    }
)
"""Tables in the order in which foreign keys allow them, with the columns that the rows have."""


def rows_of(generator: Generator) -> Iterator[tuple[str, Row]]:
    """Every generated row with its table's name, in loading order."""
    for table, (_, source) in TABLES.items():
        for row in source(generator):
            yield table, row


def load(connection: psycopg.Connection, generator: Generator) -> int:
    """Copies every table, refreshes what is derived from them, and returns the number of rows."""
    loaded = sum(_copy(connection, table, generator) for table in TABLES)
    connection.execute("REFRESH MATERIALIZED VIEW alquimista_platform.monthly_usage")
    connection.execute("ANALYZE")
    return loaded


def _copy(connection: psycopg.Connection, table: str, generator: Generator) -> int:
    columns, source = TABLES[table]
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(*table.split(".")), sql.SQL(", ").join(map(sql.Identifier, columns.split()))
    )
    count = 0
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in source(generator):
            copy.write_row(row)
            count += 1
    return count


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Load the generated rows of many tenants.")
    parser.add_argument("--seed", type=int, default=20251117)
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    if not (dsn := os.environ.get("DATABASE_URL")):
        parser.error("DATABASE_URL is not set; give the database as a libpq connection string")
    try:
        with psycopg.connect(dsn) as connection:
            loaded = load(connection, Generator(seed=options.seed, scale=options.scale))
    except psycopg.Error as error:
        sys.stderr.write(f"seed: nothing was loaded: {error.diag.message_primary or error}\n")
        return 1
    sys.stdout.write(f"seed: {loaded} rows in {len(TABLES)} tables\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
