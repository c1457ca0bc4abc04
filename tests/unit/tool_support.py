"""Small repositories of migration tools, written in one line a file, and running them on a real server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from rollproof.environments.base import PostgresServer
from rollproof.migrations.direct import DirectRunner
from rollproof.migrations.model import MigrationHistory
from rollproof.migrations.source import MigrationSource, Runner

TABLE = "CREATE TABLE {0} (id bigint PRIMARY KEY);\n"


def write(root: Path, files: dict[str, str | bytes]) -> Path:
    """Writes files below a folder; returns the folder."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def ids(history: MigrationHistory) -> list[str]:
    return [migration.id for migration in history]


def direct(pg: PostgresServer, database: str) -> DirectRunner:
    return DirectRunner(pg, database, limit=30.0)


def rows(pg: PostgresServer, database: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(pg.conninfo(database), row_factory=tuple_row) as conn:
        return conn.execute(query.encode()).fetchall()


def tables(pg: PostgresServer, database: str) -> list[str]:
    found = rows(
        pg, database, "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
    )
    return [name for (name,) in found]


def applied(source: MigrationSource, pg: PostgresServer, database: str) -> list[str]:
    with psycopg.connect(pg.conninfo(database)) as conn:
        return source.applied(conn)


def apply_all(source: MigrationSource, runner: Runner) -> None:
    for migration in source.load():
        source.apply(migration, runner)
