"""Who makes a backend wait, and how to end it for certain. Usable while psql runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import class_row

from rollproof.model.durations import say_duration
from rollproof.waiting import eventually

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Blocker:
    """One session that another one waits for. Times in seconds.

    Attributes:
        wanted: the lock mode that is waited for: `AccessExclusiveLock`.
        locktype: `relation`, `transactionid` (a row that another transaction changed),
            `virtualxid` (any transaction older than this one), `advisory`…
        relation: qualified name, None for locks that are on no relation of this database.
        waited: since when the other one waits; 0 on PostgreSQL 13, which does not say.
        pid: of the session that is waited for; 0 for a prepared transaction, which has none.
        state: as pg_stat_activity has it; "" when this role may not see it.
        state_for: how long it has been in that state.
        held: lock modes that it holds on the same thing; "" when it only stands before in the queue.
    """

    wanted: str
    locktype: str
    relation: str | None
    waited: float
    pid: int
    application: str
    role: str
    state: str
    state_for: float
    transaction_for: float
    held: str

    @property
    def what(self) -> str:
        """What is waited for: `AccessExclusiveLock on nigredo_leads.leads`."""
        words = {
            "transactionid": "the end of a transaction that changed the same rows",
            "virtualxid": "the end of an older transaction",
            "advisory": "an advisory lock",
            "tuple": f"a row of {self.relation}",
        }
        default = f"{self.wanted} on {self.relation or f'a lock of type {self.locktype}'}"
        return words.get(self.locktype, default)

    def __str__(self) -> str:
        if not self.pid:
            return "a prepared transaction (see pg_prepared_xacts)"
        shown = (
            f"{self.state} for {say_duration(self.state_for)}"
            if self.state
            else "state hidden from this role"
        )
        by_role = f", role {self.role}" if self.role else ""
        return f"pid {self.pid} (application {self.application!r}{by_role}, {shown})"


@dataclass(frozen=True, slots=True)
class Backend:
    """What a backend is doing. `query` is script text, at most the server's track_activity_query_size."""

    state: str
    wait_type: str
    wait_event: str
    query: str = field(repr=False)
    running_for: float


def blockers(conn: Connection[Any], pid: int) -> list[Blocker]:
    """The sessions that backend `pid` waits for now; empty when it waits for no lock."""
    with conn.cursor(row_factory=class_row(Blocker)) as cursor:
        return cursor.execute(_query("blocking"), {"pid": pid}).fetchall()


def backend(conn: Connection[Any], pid: int) -> Backend | None:
    """What backend `pid` is doing; None when it is gone."""
    with conn.cursor(row_factory=class_row(Backend)) as cursor:
        return cursor.execute(_query("backend"), {"pid": pid}).fetchone()


def say_waiting(found: list[Blocker], *, waited: float) -> str:
    """`waited 10.0 s for AccessExclusiveLock on a.b, held by pid 123 (…)`."""
    first = found[0]
    held = "held by" if first.held else "behind"
    others = "; ".join(str(item) for item in found)
    return f"waited {say_duration(first.waited or waited)} for {first.what}, {held} {others}"


def end_backend(conn: Connection[Any], pid: int, *, within: float) -> None:
    """Terminates backend `pid` and waits until it is gone, its transaction rolled back with it.

    A backend leaves pg_stat_activity only after its transaction has been aborted.

    Args:
        within: seconds to wait.

    Raises:
        AttemptFailed: it is still there.
        psycopg.Error: this role may not terminate it, or the connection is lost.
    """
    conn.execute("SELECT pg_terminate_backend(%s)", [pid])
    eventually(lambda: backend(conn, pid) is None, within=within, what=f"backend {pid} is gone")


def _query(name: str) -> sql.SQL:
    return sql.SQL((_HERE / f"{name}.sql").read_text(encoding="utf-8"))
