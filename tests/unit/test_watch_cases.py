"""Each kind of change that the fingerprint knows: the incremental one sees exactly what the full one sees."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from rollproof.environments.base import PostgresServer
from rollproof.fingerprint import take_fingerprint
from rollproof.fingerprint.watch import CatalogWatch

sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))
from fingerprint_cases import CASES, Case

DATABASE = "watch cases"


@pytest.fixture
def conn(pg: PostgresServer) -> Iterator[psycopg.Connection]:
    """A database of its own for each case, as cases are committed; the roles that a case made go with it."""
    with psycopg.connect(pg.conninfo("postgres"), autocommit=True) as admin:
        roles = "SELECT rolname FROM pg_roles"
        before = {name for (name,) in admin.execute(roles)}
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        with psycopg.connect(pg.conninfo(DATABASE), autocommit=True) as conn:
            yield conn
            for (name,) in conn.execute("SELECT subname FROM pg_subscription").fetchall():
                for action in ("ALTER SUBSCRIPTION {} SET (slot_name = NONE)", "DROP SUBSCRIPTION {}"):
                    conn.execute(sql.SQL(action).format(sql.Identifier(name)))
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(DATABASE)))
        for name in {name for (name,) in admin.execute(roles)} - before:
            admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_look_sees_each_kind_of_change_as_the_full_fingerprint_does(
    case: Case, conn: psycopg.Connection, pg: PostgresServer
) -> None:
    if conn.info.server_version // 10000 < case.since:
        pytest.skip(f"needs PostgreSQL {case.since}")
    with psycopg.connect(pg.conninfo(DATABASE), autocommit=True) as observer:
        watch = CatalogWatch(observer)
        watch.look()
        conn.execute("SET allow_system_table_mods = on")
        for text in ("CREATE SCHEMA s;" + case.setup, case.change, "DROP SCHEMA IF EXISTS s CASCADE"):
            conn.execute(text.replace("{database}", f'"{DATABASE}"'))
            seen = watch.look()
            assert seen.to_json() == take_fingerprint(observer).to_json(), text
