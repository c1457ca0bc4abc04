"""Folders of migration files for the tests of tools, and what a database holds after they ran."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import psycopg

from rollproof.environments.base import PostgresServer
from rollproof.migrations.direct import DirectRunner
from rollproof.migrations.source import MigrationSource


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Makes the files, folders and all."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def runner(pg: PostgresServer, database: str) -> DirectRunner:
    return DirectRunner(pg, database, limit=30.0)


def query(pg: PostgresServer, database: str, text: str) -> list[tuple[object, ...]]:
    with psycopg.connect(pg.conninfo(database)) as conn:
        return conn.execute(text).fetchall()


def tables(pg: PostgresServer, database: str) -> set[str]:
    """Tables of the schema `public`, the ledgers left out."""
    found = query(pg, database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    ledgers = {"goose_db_version", "schema_migrations", "gorp_migrations", "migrations_log"}
    return {str(name) for (name,) in found} - ledgers


def applied(source: MigrationSource, pg: PostgresServer, database: str) -> list[str]:
    with psycopg.connect(pg.conninfo(database), autocommit=True) as conn:
        return source.applied(conn)


def up_to_the_end(source: MigrationSource, pg: PostgresServer, database: str) -> None:
    for migration in source.load():
        source.apply(migration, runner(pg, database))


def back_to_the_start(source: MigrationSource, pg: PostgresServer, database: str) -> None:
    for migration in reversed(source.load().migrations):
        source.roll_back(migration, runner(pg, database))
