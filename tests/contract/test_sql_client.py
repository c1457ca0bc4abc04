"""What a SQL client says of an operation is what really happened to it, on a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg
import pytest
from wire import Wire, wire_to

from rollproof.environments.base import PostgresServer
from rollproof.model.system import Traffic
from rollproof.waiting import eventually
from rollproof.workload.limits import Limits
from rollproof.workload.outcomes import Answer
from rollproof.workload.sqlclient import SqlClient

TOKEN = "0123456789ab4def8123456789abcdef"  # noqa: S105  # no secret
INSERT = "INSERT INTO public.notes (token) VALUES ({token})"
Make = Callable[..., SqlClient]


@pytest.fixture
def admin(pg: PostgresServer, database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(pg.conninfo(database), autocommit=True) as conn:
        conn.execute("CREATE TABLE public.notes (token text PRIMARY KEY, at timestamptz DEFAULT now())")
        yield conn


@pytest.fixture
def wire(pg: PostgresServer) -> Iterator[Wire]:
    with wire_to(pg) as wire:
        yield wire


@pytest.fixture
def make(wire: Wire, database: str, admin: psycopg.Connection) -> Iterator[Make]:
    made: list[SqlClient] = []

    def client(sql: str = INSERT, *, kind: str = "write", operation: float = 4.0) -> SqlClient:
        spec = Traffic(name="t", kind=kind, sql=sql, table="public.notes", verify="SELECT {token}")  # type: ignore[arg-type]  # a Literal
        made.append(SqlClient(spec, dsn=wire.conninfo(database), limits=Limits(operation=operation)))
        return made[-1]

    yield client
    for one in made:
        one.close()


@pytest.fixture
def aside() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def is_there(admin: psycopg.Connection, token: str = TOKEN) -> bool:
    return admin.execute("SELECT FROM public.notes WHERE token = %s", (token,)).rowcount == 1


def backend_of(admin: psycopg.Connection, *, waiting_for: str) -> int:
    """The client's backend, once it waits for `waiting_for`."""
    query = (
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'rollproof client'"
        " AND datname = current_database() AND state = 'active' AND wait_event = %s"
    )
    row = eventually(
        lambda: admin.execute(query, (waiting_for,)).fetchone(), within=10, what="the statement is under way"
    )
    return int(row[0])


def test_an_acknowledged_write_is_there(make: Make, admin: psycopg.Connection) -> None:
    client = make()
    assert client.sends_token
    assert client.perform(TOKEN) == Answer("ok")
    assert is_there(admin)


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("INSERT INTO public.gone VALUES ({token})", "42P01"),
        ("INSERT INTO public.notes (token, at) VALUES ({token}, 'no date')", "22007"),
        ("SELEC {token}", "42601"),
        ("INSERT INTO public.notes VALUES ({token}); SELECT 1", "42601"),
        ("INSERT INTO public.notes SELECT {token} WHERE false", "NoRowWritten"),
        ("UPDATE public.notes SET at = now() WHERE token = {token}", "NoRowWritten"),
    ],
)
def test_a_write_that_the_server_refused_has_failed(
    make: Make, admin: psycopg.Connection, sql: str, error: str
) -> None:
    client = make(sql)
    answer = client.perform(TOKEN)
    assert (answer.outcome, answer.error) == ("failed", error)
    assert not is_there(admin)
    client = make()
    assert client.perform(TOKEN).outcome == "ok", "and the connection serves on"


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO typed (u, j, t) VALUES ({token}, '{\"by\": \"{token}\"}', '50% of {token}')",
        "INSERT INTO typed (u, j, t)"
        " SELECT '{token}', jsonb_build_object('by', '{token}'), '50% of ' || {token}",
    ],
)
def test_the_token_fits_columns_of_several_types(make: Make, admin: psycopg.Connection, sql: str) -> None:
    admin.execute("CREATE TABLE typed (u uuid, j jsonb, t text)")
    assert make(sql).perform(TOKEN) == Answer("ok")
    row = admin.execute("SELECT replace(u::text, '-', ''), j ->> 'by', t FROM typed").fetchone()
    assert row == (TOKEN, TOKEN, f"50% of {TOKEN}")
    read = make("SELECT 1 / count(*) FROM typed WHERE t LIKE '5_\\% of {token}%' AND 7 % 4 = 3", kind="read")
    assert read.perform(TOKEN) == Answer("ok")


def test_a_write_whose_backend_is_terminated_is_in_doubt(
    make: Make, admin: psycopg.Connection, aside: ThreadPoolExecutor
) -> None:
    client = make("INSERT INTO public.notes SELECT {token} FROM pg_sleep(60)", operation=30)
    answer: Future[Answer] = aside.submit(client.perform, TOKEN)
    admin.execute("SELECT pg_terminate_backend(%s)", (backend_of(admin, waiting_for="PgSleep"),))
    assert answer.result(10).outcome == "indeterminate"
    assert answer.result().error == "57P01"
    again = make()
    assert again.perform(TOKEN) == Answer("ok")


def test_a_read_whose_backend_is_terminated_has_failed(
    make: Make, admin: psycopg.Connection, aside: ThreadPoolExecutor
) -> None:
    client = make("SELECT pg_sleep(60)", kind="read", operation=30)
    assert not client.sends_token
    answer: Future[Answer] = aside.submit(client.perform, "")
    admin.execute("SELECT pg_terminate_backend(%s)", (backend_of(admin, waiting_for="PgSleep"),))
    assert answer.result(10).outcome == "failed"


def test_a_connection_terminated_while_idle_leaves_nothing_in_doubt(
    make: Make, admin: psycopg.Connection
) -> None:
    client = make()
    client.perform("1" * 32)
    terminate = (
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE application_name = 'rollproof client' AND datname = current_database()"
    )
    assert admin.execute(terminate).fetchall() == [(True,)]
    assert client.perform(TOKEN) == Answer("ok")


def test_a_write_whose_answer_is_lost_is_in_doubt_though_it_is_there(
    make: Make, wire: Wire, admin: psycopg.Connection, aside: ThreadPoolExecutor
) -> None:
    client = make(operation=30)
    assert client.perform("1" * 32).outcome == "ok"
    wire.lose_answers()
    answer: Future[Answer] = aside.submit(client.perform, TOKEN)
    eventually(lambda: is_there(admin), within=10, what="the write arrived")
    wire.cut()
    assert answer.result(10).outcome == "indeterminate"


def test_a_server_that_does_not_answer_leaves_a_write_in_doubt(make: Make, wire: Wire) -> None:
    client = make(operation=0.3)
    assert client.perform("1" * 32).outcome == "ok"
    wire.lose_answers()
    assert client.perform(TOKEN) == Answer(
        "indeterminate", "Timeout", "no answer within the limit of an operation"
    )


def test_a_server_that_cannot_be_reached_was_sent_nothing(make: Make, wire: Wire) -> None:
    client = make()
    assert client.perform("1" * 32).outcome == "ok"
    wire.close()
    answer = client.perform(TOKEN)
    assert (answer.outcome, answer.error) == ("failed", "OperationalError")


def test_a_client_reconnects_after_its_connection_broke(make: Make, wire: Wire) -> None:
    client = make()
    assert client.perform("1" * 32).outcome == "ok"
    wire.cut()
    eventually(lambda: client.perform(TOKEN).outcome == "ok", within=10, what="it is served again")


def test_a_write_that_waits_for_a_lock_is_given_up_by_the_server_itself(
    make: Make, pg: PostgresServer, database: str, admin: psycopg.Connection
) -> None:
    with psycopg.connect(pg.conninfo(database)) as other:
        other.execute("LOCK public.notes")
        answer = make(operation=0.5).perform(TOKEN)
    assert (answer.outcome, answer.error) == ("failed", "57014")
    assert not is_there(admin)


def test_a_procedure_that_committed_before_it_failed_is_in_doubt(
    make: Make, admin: psycopg.Connection
) -> None:
    admin.execute(
        "CREATE PROCEDURE half(token text) LANGUAGE plpgsql AS"
        " $$BEGIN INSERT INTO public.notes VALUES (token); COMMIT; RAISE EXCEPTION 'no'; END$$"
    )
    answer = make("/* why */ CALL half({token})").perform(TOKEN)
    assert (answer.outcome, answer.error) == ("indeterminate", "P0001")
    assert is_there(admin)


def test_copy_is_refused_rather_than_waited_for(make: Make) -> None:
    client = make("COPY public.notes FROM STDIN", kind="read")
    assert client.perform("") == Answer("failed", "NotSupportedError", "COPY cannot be traffic")


def test_an_operation_under_way_can_be_given_up(
    make: Make, admin: psycopg.Connection, aside: ThreadPoolExecutor
) -> None:
    client = make("SELECT pg_sleep(60)", kind="read", operation=50)
    answer: Future[Answer] = aside.submit(client.perform, "")
    backend_of(admin, waiting_for="PgSleep")
    client.abort()
    assert answer.result(10).error == "Timeout"


def test_a_role_without_the_right_is_told_so_by_its_sqlstate(
    wire: Wire, database: str, admin: psycopg.Connection
) -> None:
    admin.execute("DROP ROLE IF EXISTS rp_client_test")
    admin.execute("CREATE ROLE rp_client_test LOGIN")
    spec = Traffic(name="t", kind="write", sql=INSERT, table="public.notes", verify="SELECT {token}")
    client = SqlClient(spec, dsn=wire.conninfo(database, user="rp_client_test"), limits=Limits())
    answer = client.perform(TOKEN)
    client.close()
    admin.execute("DROP ROLE rp_client_test")
    assert (answer.outcome, answer.error) == ("failed", "42501")
    assert "notes" in answer.detail
