"""Several processes come to what one alone comes to."""

from __future__ import annotations

import functools

import psycopg
import pytest

from rollproof.environments.base import PostgresServer
from rollproof.walk.model import WalkResult
from rollproof.walk.settings import WalkSettings
from rollproof.walk.walk import walk
from tests.unit.walk.support import Pair, Texts, pairs

MIXED = [
    ("CREATE TABLE base (id serial PRIMARY KEY, a text, b int)", "DROP TABLE base"),
    *((f"CREATE TABLE t{n} (id int REFERENCES base)", f"DROP TABLE t{n}") for n in range(6)),
    ("ALTER TABLE base DROP COLUMN a", "ALTER TABLE base ADD COLUMN a text"),
    ("CREATE INDEX base_b ON base (b)", "SELECT 1"),
    ("ALTER TABLE nope ADD x int", "ALTER TABLE nope DROP x"),
    ("CREATE TABLE nope (id int); SELECT wrong()", "DROP TABLE nope"),
    ("ALTER TABLE nope ADD x int", "ALTER TABLE nope DROP x"),
    ("ALTER TABLE base ADD must text NOT NULL", "ALTER TABLE base DROP must"),
    ("UPDATE base SET b = b + 1", "SELECT 1"),
    ("CREATE VIEW v AS SELECT b FROM base", None),
    ("DROP VIEW v; ALTER TABLE base ADD c int; CREATE TABLE late (id int)", "DROP TABLE late"),
    *(
        (f"CREATE SEQUENCE s{n}", f"DROP SEQUENCE s{n}" if n % 3 else "DROP SEQUENCE nothing")
        for n in range(8)
    ),
]


def found(pg: PostgresServer, history: tuple[Pair, ...], workers: int, **settings: object) -> WalkResult:
    reopen = functools.partial(Texts, history)
    return walk(reopen(), pg, WalkSettings(workers=workers, reopen=reopen, **settings))  # type: ignore[arg-type]


def said(result: WalkResult) -> list[object]:
    return [
        (
            one.number,
            one.id,
            one.outcome,
            one.again,
            one.kind,
            [str(finding.difference) for finding in one.differences],
            [(change.table, change.lost, change.added, dict(change.lost_columns)) for change in one.rows],
            [failure.found for failure in one.failures],
        )
        for one in result.migrations
    ]


@pytest.mark.parametrize("settings", [{}, {"since": "m0003"}, {"rows": False}], ids=str)
def test_two_processes_come_to_the_same_verdicts_as_one(
    pg: PostgresServer, settings: dict[str, object]
) -> None:
    history = pairs(*MIXED)
    assert said(found(pg, history, 2, **settings)) == said(found(pg, history, 1, **settings))


def test_a_history_that_makes_roles_is_walked_by_one_process(pg: PostgresServer) -> None:
    history = pairs(*MIXED, ("CREATE ROLE walk_shared", "DROP ROLE walk_shared"))
    shared = found(pg, history, 2)
    assert any("alone" in warning for warning in shared.warnings)
    assert said(shared) == said(found(pg, history, 1))


def test_nothing_is_left_of_the_processes(pg: PostgresServer) -> None:
    found(pg, pairs(*MIXED), 2)
    with psycopg.connect(pg.conninfo("postgres")) as conn:
        query = "SELECT datname FROM pg_database WHERE datname LIKE 'rollproof%'"
        assert conn.execute(query).fetchall() == []
