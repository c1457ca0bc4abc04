"""One drill at a time on a system: who holds the lock is said, and nobody holds it for ever."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from standin import DATABASE, StandIn, clients_of

from rollproof.components.postgres.programs import run_program
from rollproof.environments.base import PostgresServer
from rollproof.environments.staging import dynamo, holding, lock
from rollproof.environments.staging.dynamo import RowLock
from rollproof.environments.staging.lock import SessionLock, SystemLock, holders, key_of
from rollproof.errors import AttemptFailed, EnvironmentUnavailable, Locked, WrongPlace
from rollproof.migrations.execute import run_script
from rollproof.waiting import eventually

MINE, YOURS = "20261122T050312Z-aaaaaa", "20261122T050313Z-bbbbbb"


@pytest.fixture
def server(place: StandIn, monkeypatch: pytest.MonkeyPatch) -> PostgresServer:
    monkeypatch.setattr(lock, "PATIENCE", 0.3)
    return dataclasses.replace(place.server, source=DATABASE)


def row(
    place: StandIn,
    run: str,
    *,
    seconds: float = 60,
    table: str = "rollproof-locks",
    who: str = "ann@here",
) -> RowLock:
    assert place.aws is not None
    aws = clients_of(place.aws.url, place.aws.region)
    return RowLock(aws, table, "shop", run=run, who=who, seconds=seconds)


@pytest.fixture(autouse=True)
def no_row_is_left(place: StandIn) -> Iterator[None]:
    yield
    for run in (MINE, YOURS):
        row(place, run).remove()


def test_a_second_run_is_told_who_holds_it_since_when_and_what_to_do(server: PostgresServer) -> None:
    mine, yours = SessionLock(server, run=MINE), SessionLock(server, run=YOURS)
    mine.take()
    with pytest.raises(Locked) as caught:
        yours.take()
    assert MINE in caught.value.found
    assert " since 20" in caught.value.found
    assert lock.me() in caught.value.found
    assert "rollproof heal" in caught.value.remedy
    assert caught.value.exit_code != 0
    mine.release()
    yours.take()
    yours.release()


def test_workers_of_one_run_hold_it_together_until_the_last_has_ended(server: PostgresServer) -> None:
    first, second, other = (SessionLock(server, run=run) for run in (MINE, MINE, YOURS))
    first.take()
    second.take()
    first.release()
    with pytest.raises(Locked):
        other.take()
    second.release()
    other.take()
    other.release()


def test_databases_of_one_server_are_locked_apart(server: PostgresServer) -> None:
    one = SessionLock(server, run=MINE)
    other = SessionLock(dataclasses.replace(server, source="another"), run=YOURS)
    one.take()
    other.take()
    one.release()
    other.release()


HOLD = """
import sys
from pathlib import Path
from rollproof.components.postgres.programs import run_program
from rollproof.environments.base import PostgresServer
from rollproof.environments.staging.lock import SessionLock
host, port, user, password, run = sys.argv[1:]
server = PostgresServer(host=host, port=int(port), user=user, major=17, bin_dir=Path(), private=False,
                        password=password, source="shop_staging")
SessionLock(server, run=run).take()
print("taken", flush=True)
sys.stdin.read()
"""


def test_the_lock_of_a_holder_that_is_killed_is_free(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "PATIENCE", 10.0)
    said = [server.host, str(server.port), server.user, server.password or "", MINE]
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, *said], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "taken\n"
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()
    yours = SessionLock(server, run=YOURS)
    yours.take()
    yours.release()


def test_a_holder_whose_session_was_ended_knows_that_it_holds_nothing(
    place: StandIn, server: PostgresServer
) -> None:
    mine = SessionLock(server, run=MINE)
    mine.take()
    assert mine.beat() == ""
    with place.connect() as conn:
        [holder] = holders(conn, key_of(DATABASE))
        conn.execute("SELECT pg_terminate_backend(%s)", [holder.pid])
    assert "is gone" in mine.beat()
    mine.release()
    assert mine.beat() == ""


def test_a_row_is_held_until_it_is_given_back(place: StandIn) -> None:
    mine, yours = row(place, MINE), row(place, YOURS)
    assert mine.take() == dynamo.Taken()
    held = yours.take().held_by
    assert held is not None
    assert (held.run, held.who) == (MINE, "ann@here")
    yours.release()
    assert mine.beat() == ""
    mine.release()
    assert yours.take() == dynamo.Taken()


def test_a_row_of_one_run_is_given_back_by_its_last_worker(place: StandIn) -> None:
    first, second, other = row(place, MINE), row(place, MINE), row(place, YOURS)
    assert first.take() == second.take() == dynamo.Taken()
    first.release()
    assert other.take().held_by is not None
    second.release()
    assert other.take().held_by is None


def test_a_row_whose_time_is_up_is_taken_over_and_whose_it_was_is_known(place: StandIn) -> None:
    dead, mine = row(place, YOURS, seconds=-dynamo.SKEW - 2), row(place, MINE)
    dead.take()
    found = SystemLock(None, mine)
    said = found.take()
    assert YOURS in str(said["cause"])
    assert "whose time was up" in str(said["cause"])
    assert "of run " + MINE in dead.beat()
    found.release()
    assert row(place, YOURS).look() is None


def test_a_row_that_somebody_removed_is_noticed(place: StandIn) -> None:
    mine = row(place, MINE)
    mine.take()
    assert row(place, YOURS).remove(run=MINE)
    assert "was broken" in mine.beat()


def test_a_run_that_holds_its_lock_on_another_machine_is_not_healed_here(
    place: StandIn, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of its journal says that it was killed, for there is no lease in it."""
    monkeypatch.setattr(lock, "me", lambda: "ann on runner-3")
    theirs = SystemLock(SessionLock(server, run=MINE), row(place, MINE, who="ann on runner-3"))
    theirs.take()
    monkeypatch.setattr(lock, "me", lambda: "bob on laptop")
    mine = SystemLock(SessionLock(server, run=MINE), row(place, MINE, who="bob on laptop"))
    assert {holder.where for holder in mine.elsewhere()} == {"Postgres", "DynamoDB"}
    monkeypatch.setattr(holding, "PATIENCE", 0.2)
    with pytest.raises(Locked, match=r"still holds it elsewhere: .*runner-3"):
        holding._expect_dead(mine, "shop")
    theirs.release()
    assert mine.elsewhere() == []


@pytest.mark.parametrize("user", ["ann", "somebody-with-a-name-that-leaves-no-room-for-the-machine"])
def test_a_run_of_this_machine_is_told_by_its_lease(
    user: str, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "me", lambda: f"{user} on runner-3-of-many")
    mine = SystemLock(SessionLock(server, run=MINE), None)
    mine.take()
    assert mine.elsewhere() == []
    mine.release()


def test_a_lock_is_not_taken_on_another_server_than_the_verified_one(server: PostgresServer) -> None:
    with pytest.raises(WrongPlace, match="another server answers"):
        SessionLock(dataclasses.replace(server, system_identifier="7"), run=MINE).take()


def test_no_program_is_started_that_would_meet_another_server(
    place: StandIn, server: PostgresServer, tmp_path: Path
) -> None:
    other = dataclasses.replace(server, system_identifier="7")
    (tmp_path / "up.sql").write_text("CREATE TABLE public.made_elsewhere ();")
    with pytest.raises(WrongPlace, match="another server answers"):
        run_script(other, DATABASE, tmp_path / "up.sql")
    with pytest.raises(WrongPlace, match="another server answers"):
        run_program(other, DATABASE, "pg_dump", [], limit=10, doing="dumping")
    with place.connect(DATABASE) as conn:
        assert conn.execute("SELECT to_regclass('public.made_elsewhere')").fetchone() == (None,)


def test_the_session_is_looked_at_often_and_the_row_before_its_time_is_up(
    place: StandIn, server: PostgresServer
) -> None:
    found = SystemLock(SessionLock(server, run=MINE), row(place, MINE))
    found.take()
    (session, often), (of_row, seldom) = found.probes(expires=120.0)
    assert (often, seldom) == (2.0, 30.0)
    with place.connect() as conn:
        conn.execute("SELECT pg_terminate_backend(%s)", [holders(conn, key_of(DATABASE))[0].pid])
    assert "is gone" in eventually(session, within=5, what="it is noticed")
    assert of_row() == ""
    found.release()
    assert (session(), of_row()) == ("", "")


def test_both_locks_are_taken_or_none(place: StandIn, server: PostgresServer) -> None:
    row(place, YOURS).take()
    both = SystemLock(SessionLock(server, run=MINE), row(place, MINE))
    with pytest.raises(Locked, match=YOURS):
        both.take()
    free = SessionLock(server, run=YOURS)
    free.take()
    free.release()


def test_the_table_is_made_once(place: StandIn) -> None:
    assert place.aws is not None
    client = clients_of(place.aws.url, place.aws.region).client("dynamodb")
    one = row(place, MINE, table="rollproof-locks-of-a-test")
    try:
        one.take()
        one.release()
        assert one.look() is None
        assert client.describe_table(TableName=one.table)["Table"]["BillingModeSummary"]
    finally:
        client.delete_table(TableName=one.table)


class Forbidden(RowLock):
    """One whose role may not make tables; a stand-in, for the emulator forbids nothing."""

    def _call(self, operation: str, **params: object) -> dict[str, object]:
        if operation == "create_table":
            raise AttemptFailed("AccessDenied: no", facts={"code": "AccessDeniedException"})
        return super()._call(operation, **params)


def test_a_table_that_may_not_be_made_is_one_clear_sentence(place: StandIn) -> None:
    found = row(place, MINE, table="rollproof-none")
    forbidden = Forbidden(found.aws, found.table, "shop", run=MINE, who="ann@here", seconds=60)
    with pytest.raises(EnvironmentUnavailable) as caught:
        forbidden.take()
    assert "key `lock`" in caught.value.remedy
    assert "AccessDenied" in caught.value.found


def test_a_row_needs_no_database_and_a_session_no_account(place: StandIn, server: PostgresServer) -> None:
    alone = SystemLock(SessionLock(server, run=MINE), None)
    assert alone.take()["items"] == ["Postgres"]
    alone.release()
    eventually(lambda: not _held(place), within=5, what="the session has ended")


def _held(place: StandIn) -> bool:
    with psycopg.connect(place.server.conninfo("postgres")) as conn:
        return bool(holders(conn, key_of(DATABASE)))


def test_names_of_runs_tell_when_they_began(tmp_path: Path) -> None:
    assert str(lock.begun("20261122T050312Z-aaaaaa")) == "2026-11-22 05:03:12+00:00"
    assert lock.begun("another") is None
