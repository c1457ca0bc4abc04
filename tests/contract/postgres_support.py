"""Roles that go away again, and looks at a database, for the tests of the database component."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from rollproof.components.postgres.backup import Backup, take_backup
from rollproof.environments.base import PostgresServer
from rollproof.fingerprint import take_fingerprint
from rollproof.model.fingerprint import Fingerprint

RoleMaker = Callable[..., str]
SHOP = (
    "CREATE SCHEMA shop",
    "CREATE TABLE shop.orders (id serial PRIMARY KEY, note text)",
    "CREATE INDEX orders_by_note ON shop.orders (note)",
    "INSERT INTO shop.orders (note) SELECT md5(n::text) || chr(65 + n % 26) FROM generate_series(1, 3000) n",
    'CREATE TABLE shop."Odd Name" (id int PRIMARY KEY, payload bytea)',
    """INSERT INTO shop."Odd Name" SELECT n, decode(md5(n::text), 'hex') FROM generate_series(1, 500) n""",
)
"""A schema with two tables and their rows."""


@contextmanager
def roles_of(pg: PostgresServer, database: str) -> Iterator[RoleMaker]:
    """Makes roles that are dropped at the end, with all that they own in `database`."""
    made: list[str] = []

    def make(name: str, options: str = "LOGIN") -> str:
        with psycopg.connect(pg.conninfo("postgres"), autocommit=True) as conn:
            conn.execute(sql.SQL("CREATE ROLE {} " + options).format(sql.Identifier(name)))
        made.append(name)
        return name

    yield make
    with psycopg.connect(pg.conninfo(database), autocommit=True) as conn:
        for name in made:
            conn.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(sql.Identifier(name)))
    with psycopg.connect(pg.conninfo("postgres"), autocommit=True) as conn:
        for name in reversed(made):
            conn.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def run_sql(pg: PostgresServer, database: str, *statements: str, user: str | None = None) -> None:
    with psycopg.connect(pg.conninfo(database, user=user), autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())


def fingerprint_of(pg: PostgresServer, database: str) -> Fingerprint:
    with psycopg.connect(pg.conninfo(database)) as conn:
        return take_fingerprint(conn)


def rows_of(pg: PostgresServer, database: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(pg.conninfo(database)) as conn:
        return conn.execute(query.encode()).fetchall()


def back_up(pg: PostgresServer, database: str, path: Path, **more: Any) -> Backup:
    """A backup of a snapshot taken now."""
    with psycopg.connect(pg.conninfo(database)) as conn:
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        snapshot = conn.execute("SELECT pg_export_snapshot()").fetchone()
        assert snapshot is not None
        return take_backup(pg, database, path, snapshot=snapshot[0], at_ns=5, **more)
