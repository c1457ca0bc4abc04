"""Statements that are sent together: answered in order, and none the worse for one that fails."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollproof.environments.base import PostgresServer
from rollproof.fingerprint.pipeline import SYNC, Ask, Pipeline

ECHO = "SELECT $1::text AS said, $2::int8[] AS numbers"


@pytest.fixture
def conn(pg: PostgresServer, database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(pg.conninfo(database), autocommit=True) as conn:
        yield conn


@pytest.fixture
def pipeline(conn: psycopg.Connection) -> Pipeline:
    return Pipeline(conn)


def test_each_statement_is_answered_in_its_place(pipeline: Pipeline) -> None:
    asks = [Ask("SELECT 1 AS one"), Ask(ECHO, ("a", "{1,2}")), SYNC, Ask("SELECT WHERE false")]
    one, echo, none = pipeline.send(asks)
    assert one.dicts() == [{"one": 1}]
    assert echo.dicts() == [{"said": "a", "numbers": [1, 2]}]
    assert (none.names, none.rows) == ((), [])


@given(said=st.lists(st.none() | st.text(st.characters(exclude_characters="\0", codec="utf-8")), max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_texts_and_nulls_come_back_as_they_were_sent(pipeline: Pipeline, said: list[str | None]) -> None:
    answers = pipeline.send([Ask(ECHO, (text, None)) for text in said])
    assert [answer.rows for answer in answers] == [[(text, None)] for text in said]


def test_an_error_is_raised_and_what_follows_up_to_the_next_sync_is_not_run(
    pipeline: Pipeline, conn: psycopg.Connection
) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        pipeline.send([Ask("SELECT 1/0"), Ask("CREATE TABLE not_made ()"), SYNC, Ask("CREATE TABLE made ()")])
    tables = conn.execute("SELECT relname FROM pg_class WHERE relname LIKE '%made'").fetchall()
    assert tables == [("made",)]
    assert pipeline.one("SELECT 2") == [(2,)]


def test_a_statement_that_failed_to_be_prepared_is_prepared_once_more(
    pipeline: Pipeline, conn: psycopg.Connection
) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        pipeline.one("SELECT * FROM later")
    conn.execute("CREATE TABLE later (n int)")
    assert pipeline.one("SELECT * FROM later") == []


def test_a_failed_transaction_can_be_rolled_back(pipeline: Pipeline) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        pipeline.send([Ask("BEGIN"), Ask("SELECT 1/0")])
    assert not pipeline.idle
    pipeline.roll_back()
    assert pipeline.idle
    assert pipeline.one("SELECT 3") == [(3,)]


def test_statements_that_somebody_deallocated_are_made_again(
    pipeline: Pipeline, conn: psycopg.Connection
) -> None:
    pipeline.one("SELECT 4")
    conn.execute("DEALLOCATE ALL")
    with pytest.raises(psycopg.errors.InvalidSqlStatementName):
        pipeline.one("SELECT 4")
    assert pipeline.one("SELECT 4") == [(4,)]


def test_forgotten_statements_leave_the_server(pipeline: Pipeline, conn: psycopg.Connection) -> None:
    pipeline.one("SELECT 5 AS kept")
    pipeline.one("SELECT 6 AS gone")
    pipeline.forget(["SELECT 6 AS gone", "SELECT 7 AS never_asked"])
    left = conn.execute("SELECT statement FROM pg_prepared_statements WHERE name ~ '^rollproof'").fetchall()
    assert left == [("SELECT 5 AS kept",)]
    assert pipeline.one("SELECT 6 AS gone") == [(6,)]


def test_a_session_that_was_ended_is_an_operational_error_and_a_closed_connection(
    pipeline: Pipeline, conn: psycopg.Connection, pg: PostgresServer
) -> None:
    with psycopg.connect(pg.conninfo("postgres"), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", [conn.info.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        pipeline.one("SELECT 8")
    assert conn.closed
    with pytest.raises(psycopg.OperationalError):
        pipeline.one("SELECT 8")
