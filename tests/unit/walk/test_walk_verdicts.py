"""Every verdict, every false alarm and every broken rollback of verdicts.toml, on a real server."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from rollproof.environments.base import PostgresServer
from rollproof.migrations.script import Mode
from rollproof.walk.model import Outcome, RevisionResult, WalkResult
from rollproof.walk.reports.plain import details
from tests.unit.walk.support import Pair, walked

CASES: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("verdicts.toml").read_text())["case"]


def _pairs() -> Iterator[Pair]:
    for number, case in enumerate(CASES):
        if "setup" in case:
            yield Pair(case["setup"], None, id=f"setup{number}")
        yield Pair(case["up"], case.get("down"), id=f"case{number}", mode=Mode(case.get("mode", "simple")))


@pytest.fixture(scope="module")
def found(pg: PostgresServer) -> WalkResult:
    return walked(pg, list(_pairs()), limit=20.0, rows_per_table=0)  # only the cases' own rows


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case["name"] for case in CASES])
def test_each_case_is_judged_as_it_must_be(number: int, found: WalkResult, pg: PostgresServer) -> None:
    case = CASES[number]
    if "extension" in case and not _has_extension(pg, case["extension"]):
        pytest.skip(f"this server has no extension {case['extension']}")
    result = _of(found, f"case{number}")
    told = "\n".join([*details(result), *result.notes, *(failure.remedy for failure in result.failures)])
    assert result.outcome.value == case["verdict"], told
    if "again" in case or result.outcome.sound:
        assert result.again.value == case.get("again", "same"), told
    if "kind" in case:
        assert result.kind == case["kind"]
    for text in case.get("finds", ()):
        assert text in told


def test_every_setup_can_be_applied(found: WalkResult) -> None:
    setups = [result for result in found.migrations if result.id.startswith("setup")]
    assert [result.id for result in setups if result.outcome is not Outcome.NO_DOWN] == []


def test_every_outcome_has_a_case() -> None:
    assert {case["verdict"] for case in CASES} == {outcome.value for outcome in Outcome}


def test_nothing_is_left_on_the_server(found: WalkResult, pg: PostgresServer) -> None:
    with psycopg.connect(pg.conninfo("postgres")) as conn:
        left = conn.execute("SELECT datname FROM pg_database WHERE datname LIKE 'rollproof%'").fetchall()
        roles = conn.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'walk_case%'").fetchall()
        settings = conn.execute(
            "SELECT name FROM pg_file_settings WHERE sourcefile LIKE '%auto.conf'"
        ).fetchall()
    assert (left, roles, settings) == ([], [], [])


def _of(found: WalkResult, name: str) -> RevisionResult:
    return next(result for result in found.migrations if result.id == name)


def _has_extension(pg: PostgresServer, name: str) -> bool:
    with psycopg.connect(pg.conninfo("postgres")) as conn:
        return bool(conn.execute("SELECT 1 FROM pg_available_extensions WHERE name = %s", [name]).fetchone())
