"""A connection that is opened before it is wanted is as good as one that is opened then, or is not used."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import pq
from psycopg.conninfo import make_conninfo

from rollproof.environments.base import PostgresServer
from rollproof.migrations.ahead import Ahead


@pytest.fixture
def ahead() -> Iterator[Ahead]:
    ahead = Ahead()
    yield ahead
    ahead.close()


@pytest.fixture
def conninfo(pg: PostgresServer, database: str) -> bytes:
    return make_conninfo(pg.conninfo(database), application_name="rollproof ahead").encode()


@pytest.mark.parametrize("often", [0, 1, 50])
def test_what_is_taken_is_idle_and_fresh(ahead: Ahead, conninfo: bytes, often: int) -> None:
    ahead.start(conninfo)
    for _ in range(often):
        ahead.advance()
    conn = ahead.take(conninfo)
    assert conn is not None
    assert conn.transaction_status == pq.TransactionStatus.IDLE
    result = conn.exec_(b"SELECT count(*) FROM pg_prepared_statements")
    assert result.get_value(0, 0) == b"0"
    conn.finish()


def test_it_is_given_out_once(ahead: Ahead, conninfo: bytes) -> None:
    ahead.start(conninfo)
    conn = ahead.take(conninfo)
    assert conn is not None
    assert ahead.take(conninfo) is None
    conn.finish()


def test_one_for_somewhere_else_is_let_go(ahead: Ahead, conninfo: bytes) -> None:
    ahead.start(conninfo)
    assert ahead.take(conninfo + b" user=postgres") is None


def test_what_was_set_for_the_database_before_it_began_holds_for_it(
    ahead: Ahead, conninfo: bytes, pg: PostgresServer, database: str
) -> None:
    with psycopg.connect(pg.conninfo(database), autocommit=True) as conn:
        conn.execute(f"ALTER DATABASE {database} SET statement_timeout = '77s'")
    ahead.start(conninfo)
    taken = ahead.take(conninfo)
    assert taken is not None
    assert taken.exec_(b"SHOW statement_timeout").get_value(0, 0) == b"77s"
    taken.finish()


def test_one_that_the_server_has_ended_is_not_given_out(
    ahead: Ahead, conninfo: bytes, pg: PostgresServer
) -> None:
    ahead.start(conninfo)
    with psycopg.connect(pg.conninfo("postgres"), autocommit=True) as other:
        ended = []
        while not ended:
            ahead.advance()
            ended = other.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE application_name = 'rollproof ahead'"
            ).fetchall()
    assert ended == [(True,)]
    assert ahead.take(conninfo) is None


def test_a_server_that_lets_nobody_in_is_for_the_next_one_to_tell(ahead: Ahead, pg: PostgresServer) -> None:
    conninfo = make_conninfo(pg.conninfo("there_is_no_such_database")).encode()
    ahead.start(conninfo)
    assert ahead.take(conninfo) is None
