"""What is judged, and what is not, where the server lacks an extension."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from rollproof.environments.base import PostgresServer
from rollproof.migrations.script import Mode
from rollproof.walk.model import Again, Outcome
from rollproof.walk.standins import OWN_UUIDS, provided
from tests.unit.walk.support import Pair, last, walked

LACKED = ("postgis", "vector", "timescaledb", "pg_cron", "plperl")


@pytest.fixture(autouse=True)
def _has_folder(pg: PostgresServer) -> None:
    if not _own(pg):
        pytest.skip("this server's extensions are not in a folder that can be added to")


def _own(pg: PostgresServer) -> bool:
    with psycopg.connect(pg.conninfo("postgres")) as conn:
        row = conn.execute("SELECT setting FROM pg_config() WHERE name = 'SHAREDIR'").fetchone()
    return row is not None and "server programs" in row[0]


def _is_lacked(pg: PostgresServer, name: str) -> bool:
    with psycopg.connect(pg.conninfo("postgres")) as conn:
        there = conn.execute("SELECT 1 FROM pg_available_extensions WHERE name = %s", [name]).fetchone()
    return there is None or name in provided(pg)


@pytest.mark.parametrize("name", LACKED)
def test_a_missing_extension_is_the_environments_and_the_rest_is_judged(
    pg: PostgresServer, name: str
) -> None:
    if not _is_lacked(pg, name):
        pytest.skip(f"this server has {name}")
    first = (
        f"CREATE EXTENSION IF NOT EXISTS {name}; CREATE TABLE t (id int PRIMARY KEY)",
        f"DROP TABLE t; DROP EXTENSION {name}",
    )
    after = ("ALTER TABLE t ADD COLUMN x int", "ALTER TABLE t DROP COLUMN x")
    lacking, sound = walked(pg, [first, after]).migrations
    assert (lacking.outcome, lacking.again) == (Outcome.ENVIRONMENT, Again.SAME)
    assert [(one.sqlstate, name in one.found) for one in lacking.failures] == [("0A000", True)]
    assert "ROLLPROOF_PG_BIN" in lacking.failures[0].remedy
    assert sound.outcome is Outcome.RESTORED


def test_what_is_wrong_is_wrong_whatever_is_missing(pg: PostgresServer) -> None:
    result = last(pg, [("CREATE EXTENSION no_such_one_a; CREATE TABLE t (id int)", "DROP TABLE t")])
    assert result.outcome is Outcome.NOT_RESTORED
    assert any("no_such_one_a: added" in str(one.difference) for one in result.differences)


def test_what_rests_on_a_missing_type_is_the_environments_too(pg: PostgresServer) -> None:
    history = [
        ("CREATE EXTENSION postgis", "DROP EXTENSION postgis"),
        ("CREATE TABLE places (id int, at geometry(Point, 4326))", "DROP TABLE places"),
        ("ALTER TABLE places ADD COLUMN name text", "ALTER TABLE places DROP COLUMN name"),
        ("ALTER TABLE nowhere ADD COLUMN name text", "ALTER TABLE nowhere DROP COLUMN name"),
    ]
    if not _is_lacked(pg, "postgis"):
        pytest.skip("this server has postgis")
    results = walked(pg, history).migrations
    assert [one.outcome for one in results] == [Outcome.ENVIRONMENT] * 3 + [Outcome.UP_FAILED]
    assert all("ROLLPROOF_PG_BIN" in one.failures[0].remedy for one in results[:3])


def test_nothing_is_left_half_way_when_an_extension_is_made_up(pg: PostgresServer) -> None:
    pair = Pair(
        "CREATE TABLE a (id int); CREATE EXTENSION no_such_one_b",
        "DROP EXTENSION no_such_one_b; DROP TABLE a",
    )
    results = [last(pg, [replace(pair, mode=mode)]) for mode in (Mode.AUTOCOMMIT, Mode.TRANSACTION)]
    assert [(one.outcome, one.again) for one in results] == [(Outcome.ENVIRONMENT, Again.SAME)] * 2


def test_a_version_that_is_asked_for_is_made_up_too(pg: PostgresServer) -> None:
    pair = ("CREATE EXTENSION no_such_one_c VERSION '2.5.1'", "DROP EXTENSION no_such_one_c")
    assert last(pg, [pair]).outcome is Outcome.ENVIRONMENT


def test_uuids_are_provided_and_that_is_said(pg: PostgresServer) -> None:
    up = 'CREATE EXTENSION "uuid-ossp"; CREATE TABLE t (id uuid PRIMARY KEY DEFAULT uuid_generate_v4())'
    result = last(pg, [(up, 'DROP TABLE t; DROP EXTENSION "uuid-ossp"')])
    assert result.outcome is Outcome.RESTORED
    assert OWN_UUIDS in result.notes or not result.notes  # of a server that has it


def test_a_server_of_somebody_elses_gets_no_extension(pg: PostgresServer) -> None:
    result = last(replace(pg, private=False), [("CREATE EXTENSION no_such_one_d", "SELECT 1")])
    assert result.outcome is Outcome.ENVIRONMENT
    assert "no_such_one_d" not in provided(pg)
