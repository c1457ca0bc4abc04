"""Each kind of catalog fact: one change gives exactly the differences that name it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from fingerprint_cases import CASES, Case
from psycopg import sql

from rollproof.environments.base import PostgresServer
from rollproof.fingerprint import compare, take_fingerprint
from rollproof.model.fingerprint import Difference, DifferenceClass

DATABASE = "fingerprint facts"
PLAIN = (DifferenceClass.OBJECT, DifferenceClass.COLUMN_ORDER, DifferenceClass.SEQUENCE_STATE)


@pytest.fixture(scope="module")
def conninfo(pg: PostgresServer) -> Iterator[str]:
    """One database for all cases: each runs in a transaction that is rolled back."""
    name = sql.Identifier(DATABASE)
    with psycopg.connect(pg.conninfo("postgres"), autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(name))
        yield pg.conninfo(DATABASE)
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def said(difference: Difference) -> str:
    return str(difference) if difference.klass in PLAIN else f"{difference} [{difference.klass}]"


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_one_change_gives_exactly_the_difference_that_names_it(case: Case, conninfo: str) -> None:
    with psycopg.connect(conninfo) as conn:
        if conn.info.server_version // 10000 < case.since:
            pytest.skip(f"needs PostgreSQL {case.since}")
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        conn.execute("SET LOCAL allow_system_table_mods = on")
        conn.execute("CREATE SCHEMA s;" + _sql(case.setup))
        before = take_fingerprint(conn)
        conn.execute(_sql(case.change))
        after = take_fingerprint(conn)
        conn.rollback()
    assert sorted(map(said, compare(before, after))) == sorted(case.expected)
    assert (before.digest == after.digest) == (not case.expected)


def _sql(text: str) -> str:
    return text.replace("{database}", f'"{DATABASE}"')
