"""Clients at work on a real database and a real service: started, paused, broken, ended, accounted for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest
from http_service import served
from wire import wire_to

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, PreconditionNotMet
from rollproof.journal import Journal, Recorder, read_journal
from rollproof.model.system import Traffic as Spec
from rollproof.waiting import eventually
from rollproof.workload import Limits, Traffic, find_lost_writes, operations_from_json
from rollproof.workload.availability import outages
from rollproof.workload.operations import Operation
from rollproof.workload.sqlclient import SqlClient
from rollproof.workload.traffic import TRIES

WRITE = Spec(
    name="note",
    kind="write",
    sql="INSERT INTO public.notes (token) VALUES ({token})",
    table="public.notes",
    verify="SELECT 1 FROM public.notes WHERE token = {token}",
    every=0.002,
)
READ = Spec(name="count", kind="read", sql="SELECT count(*) FROM public.notes", every=0.002)
Start = Callable[..., Traffic]


@pytest.fixture
def admin(pg: PostgresServer, database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(pg.conninfo(database), autocommit=True) as conn:
        conn.execute("CREATE TABLE public.notes (token text PRIMARY KEY)")
        yield conn


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.jsonl", run="test") as journal:
        yield journal


@pytest.fixture
def made(pg: PostgresServer, database: str, admin: psycopg.Connection, journal: Journal) -> Iterator[Start]:
    """Makes traffic that is ended with the test."""
    all_made: list[Traffic] = []

    def make(*specs: Spec, **more: Any) -> Traffic:
        given = {
            "dsn": pg.conninfo(database),
            "services": {},
            "recorder": Recorder(journal, "scenario/clients"),
            **more,
        }
        all_made.append(Traffic(specs, **given))
        return all_made[-1]

    yield make
    for traffic in all_made:
        traffic.stop()
    assert threads() == []


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("rollproof client")]


def acknowledged(traffic: Traffic, name: str = "note") -> int:
    return sum(o.outcome == "ok" for o in traffic.operations() if o.name == name)


def more_than(traffic: Traffic, count: int) -> None:
    eventually(lambda: acknowledged(traffic) > count, within=10, what="more is acknowledged")


def test_when_started_every_client_has_been_served(made: Start) -> None:
    traffic = made(WRITE, READ)
    traffic.start()
    served_names = {operation.name for operation in traffic.operations() if operation.outcome == "ok"}
    assert served_names == {"note", "count"}


def test_what_was_done_is_recorded_once_and_reads_back_from_the_journal(
    made: Start, journal: Journal, tmp_path: Path
) -> None:
    with made(WRITE, READ) as traffic:
        more_than(traffic, 5)
    history = traffic.stop()
    assert history == traffic.stop()
    assert threads() == []
    [note] = read_journal(tmp_path / "journal.jsonl").all("traffic.finished")
    recorded = operations_from_json(journal.attachments.get(str(note.data["operations"])))
    assert recorded == history.operations == traffic.operations()
    assert note.data["writes"] == history.count(kind="write")
    assert note.data["reads"] == history.count(kind="read")
    assert note.data["acknowledged"] == history.count(outcome="ok") == len(recorded)
    assert note.data["findings"] == []


def test_every_operation_has_a_token_of_its_own_and_a_span_of_its_own(made: Start) -> None:
    with made(WRITE) as traffic:
        more_than(traffic, 10)
    done = traffic.stop().operations
    assert len({operation.token for operation in done}) == len(done)
    assert all(one.ended_ns <= other.started_ns for one, other in pairwise(done))
    assert all(operation.table == "public.notes" and operation.client for operation in done)


def test_all_acknowledged_writes_are_found(made: Start, admin: psycopg.Connection) -> None:
    with made(WRITE) as traffic:
        more_than(traffic, 50)
    found = find_lost_writes(admin, [WRITE], traffic.stop().operations)
    assert found.acknowledged > 50
    assert (found.lost, found.indeterminate, found.failed_present, found.rpo_seconds) == ((), 0, (), 0.0)


def test_writes_that_are_gone_are_named(made: Start, admin: psycopg.Connection) -> None:
    with made(WRITE) as traffic:
        more_than(traffic, 20)
    done = traffic.stop().operations
    gone = done[5:8]
    admin.execute("DELETE FROM public.notes WHERE token = ANY(%s)", ([o.token for o in gone],))
    found = find_lost_writes(admin, [WRITE], done)
    assert found.lost == gone
    assert found.rpo_seconds == (gone[-1].ended_ns - gone[0].started_ns) / 1e9


def test_when_the_table_is_gone_all_its_writes_are_lost(made: Start, admin: psycopg.Connection) -> None:
    with made(WRITE) as traffic:
        more_than(traffic, 5)
    admin.execute("DROP TABLE public.notes")
    found = find_lost_writes(admin, [WRITE], traffic.stop().operations)
    assert len(found.lost) == found.acknowledged > 5


@pytest.mark.parametrize("verify", ["SELECT 1 FROM public.notes WHERE tokn = {token}", "SELEC {token}"])
def test_a_verify_that_cannot_run_says_nothing_of_the_writes(
    made: Start, admin: psycopg.Connection, verify: str
) -> None:
    with made(WRITE) as traffic:
        more_than(traffic, 5)
    with pytest.raises(AttemptFailed, match="'note' cannot be looked for: 42"):
        find_lost_writes(admin, [WRITE.model_copy(update={"verify": verify})], traffic.stop().operations)
    assert admin.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_looking_for_writes_changes_nothing(made: Start, admin: psycopg.Connection) -> None:
    verify = "DELETE FROM public.notes WHERE token = {token} RETURNING 1"
    with made(WRITE) as traffic:
        more_than(traffic, 5)
    with pytest.raises(AttemptFailed, match="25006"):
        find_lost_writes(admin, [WRITE.model_copy(update={"verify": verify})], traffic.stop().operations)


def test_a_write_in_doubt_and_one_that_failed_are_looked_for_too(admin: psycopg.Connection) -> None:
    def write(token: str, outcome: Any) -> Operation:
        return Operation("note", "note", "write", 1, 2, outcome, token=token, table="public.notes")

    admin.execute("INSERT INTO public.notes VALUES ('a'), ('b'), ('c')")
    writes = [write("a", "ok"), write("b", "indeterminate"), write("x", "indeterminate"),
              write("c", "failed"), write("y", "failed")]  # fmt: skip
    found = find_lost_writes(admin, [WRITE], writes)
    assert (found.acknowledged, found.lost) == (1, ())
    assert (found.indeterminate, found.indeterminate_present, found.indeterminate_absent) == (2, 1, 1)
    assert [operation.token for operation in found.failed_present] == ["c"]


@pytest.mark.parametrize(
    "verify",
    [
        "SELECT 1 FROM typed WHERE u = {token}",
        "SELECT 1 FROM typed WHERE u = '{token}' -- 100%",
        "SELECT 1 FROM typed WHERE t = 'drill {token}' AND 7 % 4 = 3;",
        'SELECT t FROM typed WHERE j @> \'{"by": "{token}"}\' LIMIT 1',
        "SELECT t FROM typed WHERE t LIKE '%' || {token} ORDER BY t",
        "WITH token AS (SELECT 'drill ' || {token} AS is) SELECT FROM typed, token WHERE t = token.is",
    ],
)
def test_writes_are_found_and_missed_however_the_verify_is_written(
    admin: psycopg.Connection, verify: str
) -> None:
    admin.execute("CREATE TABLE public.typed (u uuid, t text, j jsonb)")
    tokens = [f"0123456789ab4def8123{number:012x}" for number in range(30)]
    insert = "INSERT INTO public.typed VALUES (%s, %s, %s)"
    rows = [(token, f"drill {token}", f'{{"by": "{token}"}}') for token in tokens if token != tokens[7]]
    admin.cursor().executemany(insert, rows)
    spec = WRITE.model_copy(update={"table": "public.typed", "verify": verify})
    writes = [
        Operation("note", "note", "write", number, number + 1, "ok", token=token, table="public.typed")
        for number, token in enumerate(tokens)
    ]
    assert [operation.token for operation in find_lost_writes(admin, [spec], writes).lost] == [tokens[7]]


def test_while_writes_are_paused_none_begins_and_reads_go_on(made: Start, admin: psycopg.Connection) -> None:
    with made(WRITE, READ) as traffic:
        more_than(traffic, 3)
        traffic.pause()
        rows = admin.execute("SELECT count(*) FROM public.notes").fetchone()
        reads = acknowledged(traffic, "count")
        eventually(lambda: acknowledged(traffic, "count") > reads + 20, within=10, what="reads go on")
        assert admin.execute("SELECT count(*) FROM public.notes").fetchone() == rows
        assert rows == (acknowledged(traffic),)
        assert traffic.settle(within=10), "resting writers are not waited for"
        traffic.resume()
        more_than(traffic, acknowledged(traffic))


def test_pausing_waits_for_the_write_under_way(
    made: Start, pg: PostgresServer, database: str, admin: psycopg.Connection
) -> None:
    with made(WRITE) as traffic:
        with psycopg.connect(pg.conninfo(database)) as other:
            other.execute("LOCK public.notes IN SHARE MODE")
            waiting = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'public.notes'::regclass"
            eventually(lambda: admin.execute(waiting).rowcount, within=10, what="a write waits")
            pausing = threading.Thread(target=traffic.pause)
            pausing.start()
            assert pausing.is_alive()
            other.rollback()
        pausing.join(10)
        assert not pausing.is_alive()
        assert admin.execute("SELECT count(*) FROM public.notes").fetchone() == (acknowledged(traffic),)


def test_settling_means_an_operation_begun_since_has_ended(made: Start) -> None:
    with made(WRITE, READ) as traffic:
        before = {name: acknowledged(traffic, name) for name in ("note", "count")}
        assert traffic.settle(within=10)
        assert all(acknowledged(traffic, name) > count for name, count in before.items())


def test_settling_asks_again_after_a_refusal_and_gives_up_after_some(
    made: Start, admin: psycopg.Connection
) -> None:
    with made(WRITE) as traffic:
        admin.execute("ALTER TABLE public.notes RENAME TO elsewhere")
        now = time.monotonic_ns()
        assert traffic.settle(within=10)
        since = [o for o in traffic.operations() if o.started_ns >= now]
        assert [o.outcome for o in since[:TRIES]] == ["failed"] * TRIES


def test_an_outage_shows_and_the_clients_come_back(made: Start, admin: psycopg.Connection) -> None:
    with made(WRITE, READ) as traffic:
        more_than(traffic, 3)
        admin.execute("ALTER TABLE public.notes RENAME TO elsewhere")
        eventually(
            lambda: {o.name for o in traffic.operations() if o.error == "42P01"} == {"note", "count"},
            within=10,
            what="both fail",
        )
        admin.execute("ALTER TABLE public.elsewhere RENAME TO notes")
        more_than(traffic, acknowledged(traffic))
        assert traffic.settle(within=10)
    done = traffic.stop().operations
    assert {outage.client for outage in outages(done)} == {"note", "count"}
    assert find_lost_writes(admin, [WRITE], done).lost == ()


def test_connections_that_break_lose_no_acknowledged_write(
    made: Start, pg: PostgresServer, database: str, admin: psycopg.Connection
) -> None:
    with wire_to(pg) as wire, made(WRITE, dsn=wire.conninfo(database)) as traffic:
        for _ in range(10):
            wire.cut()
            more_than(traffic, acknowledged(traffic) + 3)
        done = traffic.stop().operations
    found = find_lost_writes(admin, [WRITE], done)
    assert found.lost == ()
    assert found.failed_present == ()


def test_a_client_that_is_never_served_is_named_with_its_error(made: Start, journal: Journal) -> None:
    broken = Spec(name="wrong", kind="read", sql="SELECT nothing FROM public.notes")
    traffic = made(READ, broken, limits=Limits(start=0.5))
    with pytest.raises(PreconditionNotMet, match=r"'wrong' was never served: 42703 \(column"):
        traffic.start()
    assert threads() == []
    assert not journal.history.all("traffic.finished")


def test_several_clients_that_are_never_served_are_all_named(made: Start) -> None:
    with served() as service:
        url = service.url
    web = Spec(name="web", kind="read", service="api", path="/")
    shut = Spec(name="shut", kind="read", sql="SELECT 1")
    traffic = made(web, shut, dsn="host=/nowhere dbname=x", services={"api": url}, limits=Limits(start=0.5))
    with pytest.raises(PreconditionNotMet) as caught:
        traffic.start()
    assert "'web' was never served: ConnectError" in str(caught.value)
    assert "'shut' was never served: OperationalError" in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "needs"),
    [(READ, "a database"), (Spec(name="web", kind="read", service="api", path="/"), "service 'api'")],
)
def test_a_client_without_its_database_or_service_is_refused(made: Start, spec: Spec, needs: str) -> None:
    with pytest.raises(PreconditionNotMet, match=f"needs {needs}"):
        made(spec, dsn=None)


def test_sql_and_http_clients_work_side_by_side(made: Start) -> None:
    web = Spec(name="web", kind="write", service="api", method="POST", path="/notes", body={"t": "{token}"},
               table="public.notes", verify="SELECT {token}")  # fmt: skip
    with served() as service:
        with made(WRITE, web, services={"api": service.url}) as traffic:
            assert traffic.settle(within=10)
        sent = [body["t"] for _, _, body in service.requests if isinstance(body, dict)]
        assert [o.token for o in traffic.stop().operations if o.name == "web"] == sent


def test_a_client_ends_at_its_most_operations_and_says_so(made: Start, journal: Journal) -> None:
    traffic = made(WRITE, limits=Limits(operations=20))
    traffic.start()
    eventually(lambda: not threads(), within=10, what="the client ended")
    history = traffic.stop()
    assert len(history.operations) == 20
    assert history.problems == ("note ended after 20 operations, the most a client makes",)
    [note] = journal.history.all("traffic.finished")
    assert note.data["findings"] == list(history.problems)


def test_a_client_whose_thread_breaks_off_says_so(made: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    traffic = made(READ)
    traffic.start()
    monkeypatch.setattr(
        SqlClient, "perform", broken
    )  # a mistake in the client itself cannot be had otherwise
    eventually(lambda: not threads(), within=10, what="the client broke off")
    assert traffic.stop().problems == ("count broke off: ZeroDivisionError",)


def test_an_exception_in_the_block_ends_the_clients_and_keeps_the_record(
    made: Start, journal: Journal
) -> None:
    def block() -> None:
        with made(WRITE) as traffic:
            more_than(traffic, 3)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        block()
    assert threads() == []
    assert len(journal.history.all("traffic.finished")) == 1


def test_stopping_what_was_never_started_records_that_nothing_was_done(made: Start) -> None:
    traffic = made(WRITE)
    assert traffic.stop().operations == ()


def test_stopping_ends_a_client_that_a_silent_server_holds(
    made: Start, pg: PostgresServer, database: str
) -> None:
    with wire_to(pg) as wire:
        traffic = made(WRITE, dsn=wire.conninfo(database), limits=Limits(operation=0.5))
        traffic.start()
        wire.lose_answers()
        history = traffic.stop()
        assert threads() == []
    assert history.operations[-1].outcome in ("ok", "indeterminate")
    assert history.problems == ()


def test_stopping_ends_a_client_that_an_endless_answer_holds(made: Start) -> None:
    drip = Spec(name="drip", kind="read", service="api", path="/drip")
    with served() as service:
        traffic = made(drip, services={"api": service.url}, limits=Limits(operation=0.2, start=0.1))
        with pytest.raises(PreconditionNotMet, match=r"'drip' was never served: Timeout|no answer came"):
            traffic.start()
        assert threads() == []
