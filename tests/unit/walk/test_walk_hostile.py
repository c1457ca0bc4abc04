"""Migrations that hang, reach out of their database, or outgrow the walk."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from rollproof.environments.base import PostgresServer
from rollproof.errors import MigrationError
from rollproof.migrations.script import Mode
from rollproof.walk.model import Outcome, RevisionResult
from rollproof.walk.settings import WalkSettings
from rollproof.walk.walk import walk
from tests.unit.walk.support import Pair, Texts, pairs, walked

SOUND = ("CREATE TABLE sound (id int)", "DROP TABLE sound")


def outcomes(results: tuple[RevisionResult, ...]) -> list[str]:
    return [result.outcome.value for result in results]


def test_an_empty_history_is_an_error(pg: PostgresServer) -> None:
    with pytest.raises(MigrationError, match="there is no migration"):
        walked(pg, [])


def test_a_migration_that_never_ends_is_ended(pg: PostgresServer) -> None:
    found = walked(pg, [("SELECT pg_sleep(600)", "SELECT 1"), SOUND], limit=1.0).migrations
    assert outcomes(found) == ["up_failed", "restored"]
    assert found[0].failures[0].timed_out


def test_a_rollback_that_never_ends_is_ended(pg: PostgresServer) -> None:
    found = walked(pg, [("CREATE TABLE a (id int)", "SELECT pg_sleep(600)"), SOUND], limit=1.0).migrations
    assert outcomes(found) == ["cannot_run", "restored"]
    assert found[0].failures[0].timed_out


def test_a_migration_that_ends_its_own_connection_has_failed(pg: PostgresServer) -> None:
    found = walked(pg, [("SELECT pg_terminate_backend(pg_backend_pid())", "SELECT 1"), SOUND]).migrations
    assert outcomes(found) == ["up_failed", "restored"]


def test_a_database_that_nobody_can_connect_to_is_left_behind(pg: PostgresServer) -> None:
    close = "UPDATE pg_database SET datallowconn = false WHERE datname = current_database()"
    again = ("CREATE TABLE b (id int)", "DROP TABLE b")
    first, closing, after = walked(pg, [SOUND, (close, "SELECT 1"), again]).migrations
    assert (first.outcome, after.outcome) == (Outcome.RESTORED, Outcome.RESTORED)
    assert closing.outcome in (Outcome.CANNOT_RUN, Outcome.UP_FAILED)
    assert "the ledger could not be written" in closing.failures[0].found


def test_a_dropped_role_that_a_copy_refers_to_is_dropped(pg: PostgresServer) -> None:
    history: list[tuple[str, str | None]] = [
        ("CREATE ROLE walk_owner; CREATE TABLE a (id int); ALTER TABLE a OWNER TO walk_owner", None),
        (
            "UPDATE pg_class SET relname = relname WHERE false; CREATE TABLE b (n int)",
            "ALTER TABLE b ADD gone int",
        ),
        (
            "ALTER TABLE a OWNER TO postgres; DROP ROLE walk_owner",
            "CREATE ROLE walk_owner; ALTER TABLE a OWNER TO walk_owner",
        ),
    ]
    assert outcomes(walked(pg, history).migrations) == ["no_down", "not_restored", "restored"]


def test_databases_that_a_migration_makes_are_seen_and_gone(pg: PostgresServer) -> None:
    make = Pair("CREATE DATABASE walk_made", "SELECT 1", mode=Mode.AUTOCOMMIT)
    (found,) = walked(pg, [make]).migrations
    assert found.outcome is Outcome.DID_NOTHING
    assert [str(item.difference) for item in found.differences] == ["database walk_made: added"]
    with psycopg.connect(pg.conninfo("postgres")) as conn:
        assert conn.execute("SELECT 1 FROM pg_database WHERE datname = 'walk_made'").fetchone() is None


def test_listeners_hear_each_result_once_and_an_interrupt_keeps_what_is_known(pg: PostgresServer) -> None:
    heard: list[RevisionResult] = []

    def listen(result: RevisionResult) -> None:
        heard.append(result)
        if len(heard) == 2:
            raise KeyboardInterrupt

    history = pairs(*((f"CREATE TABLE t{n} (id int)", f"DROP TABLE t{n}") for n in range(5)))
    found = walk(Texts(history), pg, WalkSettings(), on_result=listen)
    assert found.interrupted
    assert not found.passes
    assert found.migrations == tuple(heard)
    with psycopg.connect(pg.conninfo("postgres")) as conn:
        assert conn.execute("SELECT 1 FROM pg_database WHERE datname LIKE 'rollproof%'").fetchone() is None


def generated(count: int) -> Iterator[Pair]:
    """Tables, columns, indexes and checks in turn; every eighth rollback is broken."""
    for number in range(count):
        table, turn = f"t{number // 4}", number % 4
        up, down = [
            (f"CREATE TABLE {table} (id serial PRIMARY KEY, n int)", f"DROP TABLE {table}"),
            (f"ALTER TABLE {table} ADD COLUMN x text", f"ALTER TABLE {table} DROP COLUMN x"),
            (f"CREATE INDEX {table}_n ON {table} (n)", f"DROP INDEX {table}_n"),
            (
                f"ALTER TABLE {table} ADD CHECK (id > 0)",
                f"ALTER TABLE {table} DROP CONSTRAINT {table}_id_check",
            ),
        ][turn]
        yield Pair(
            up,
            down if number % 8 != 7 else f"ALTER TABLE {table} DROP CONSTRAINT {table}_id_check, ADD z int",
        )


@pytest.mark.parametrize("count", [120, pytest.param(2000, marks=pytest.mark.slow)])
def test_a_long_history_is_judged_to_its_end(pg: PostgresServer, count: int) -> None:
    found = walked(pg, list(generated(count)))
    assert found.totals == {"restored": count - count // 8, "not_restored": count // 8}
