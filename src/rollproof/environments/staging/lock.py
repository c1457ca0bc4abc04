"""One drill at a time on a system: who holds the lock, since when, and how it is held.

In Postgres it is an advisory lock of a session that is kept for it: it goes with the process that holds
it. Workers of one run share it. Where the environment has an AWS account a row of a DynamoDB table says
the same (dynamo.py), for a system need not have a database, and a lock must outlast a failover.
"""

from __future__ import annotations

import hashlib
import secrets
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files

import psycopg
from psycopg import Connection

from rollproof.environments.base import PostgresServer
from rollproof.environments.staging.dynamo import SKEW, Row, RowLock
from rollproof.environments.staging.sources import operator
from rollproof.environments.staging.verified import expect_verified
from rollproof.errors import AttemptFailed, EnvironmentUnavailable, Locked
from rollproof.model.json import Json
from rollproof.waiting import eventually

MAINTENANCE = "postgres"
"""The database whose locks these are: nobody's but the server's, so that no clone and no swap ends it."""
NAMESPACE = 0x726F6C6C
"""`roll`: the first half of the lock's key"""
GATE = 0x70726F6F
"""`proo`: held for the moment in which somebody looks who holds a lock, and takes it"""
PATIENCE = 5.0
"""Seconds in which a holder that has just died may be noticed by the server."""
SESSION_SECONDS = 2.0
"""How often the session in Postgres is asked: so long at most a drill goes on that has lost it."""
SAID = "rollproof lock"
"""How the application name of a session begins that holds one: everybody may see it, unlike its query."""
_ALIVE = {"tcp_keepalives_idle": 30, "tcp_keepalives_interval": 10, "tcp_keepalives_count": 3}
"""Seconds and times after which the server gives up a session whose machine is gone."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock.

    Attributes:
        since: UTC; None where the server does not tell.
        expires: of a row in DynamoDB; None for a session, which ends with its process.
        where: `Postgres`, or `DynamoDB`.
        pid: of the server's process that holds it; 0 where there is none.
    """

    run: str
    who: str
    since: datetime | None
    where: str
    expires: datetime | None = None
    pid: int = 0

    def __str__(self) -> str:
        since = f" since {self.since:%Y-%m-%d %H:%M:%S} UTC" if self.since else ""
        ends = f", at the latest until {self.expires:%H:%M:%S} UTC unless it goes on" if self.expires else ""
        return f"run {self.run} of {self.who}{since}{ends}"


def me() -> str:
    """Who drills, and on which machine: `ann on runner-3`. Not as an e-mail address has it."""
    return f"{operator() or 'somebody'} on {socket.gethostname().partition('.')[0]}"


def key_of(database: str) -> int:
    """The second half of the key: of one database of the server, whatever systems call themselves."""
    return int.from_bytes(hashlib.sha256(database.encode()).digest()[:4], "big", signed=True)


class SessionLock:
    """The lock in Postgres, held by a connection of its own."""

    def __init__(self, server: PostgresServer, *, run: str) -> None:
        self.server = server
        self.run = run
        self.key = key_of(server.source)
        self._conn: Connection | None = None
        self._turn = threading.Lock()

    def take(self) -> None:
        """Raises Locked when another run holds it, EnvironmentUnavailable when the server is away."""
        conn = self._connect()
        try:
            eventually(lambda: self._try(conn), within=PATIENCE, what="the lock is free", every=0.1)
        except AttemptFailed:
            found = others(holders(conn, self.key), self.run)
            conn.close()
            raise refused(found or [Holder("?", "somebody", None, "Postgres")], self.server.source) from None
        except psycopg.Error as error:
            conn.close()
            raise _unavailable(self.server, error) from error
        self._conn = conn

    def _connect(self) -> Connection:
        name = f"{SAID} {self.run} {me()}"[:63]
        try:
            conn = psycopg.connect(
                self.server.conninfo(MAINTENANCE), autocommit=True, connect_timeout=10, application_name=name
            )
        except psycopg.Error as error:
            raise _unavailable(self.server, error) from error
        try:
            expect_verified(conn, self.server)
            for setting, seconds in _ALIVE.items():
                conn.execute("SELECT set_config(%s, %s, false)", [setting, str(seconds)])
        except BaseException as error:
            conn.close()
            if isinstance(error, psycopg.Error):
                raise _unavailable(self.server, error) from error
            raise
        return conn

    def _try(self, conn: Connection) -> bool:
        """Shared, unless a session of another run has it: so workers of one run have it together."""
        conn.execute("SELECT pg_advisory_lock(%s, %s)", [GATE, self.key])
        try:
            if others(holders(conn, self.key), self.run):
                return False
            conn.execute("SELECT pg_advisory_lock_shared(%s, %s)", [NAMESPACE, self.key])
            return True
        finally:
            conn.execute("SELECT pg_advisory_unlock(%s, %s)", [GATE, self.key])

    def look(self) -> list[Holder]:
        """Who holds it now. Raises EnvironmentUnavailable, WrongPlace."""
        conn = self._connect()
        try:
            return holders(conn, self.key)
        except psycopg.Error as error:
            raise _unavailable(self.server, error) from error
        finally:
            conn.close()

    def beat(self) -> str:
        """Why it is not held any more; nothing while it is."""
        with self._turn:
            if self._conn is None:
                return ""
            try:
                row = self._conn.execute(_query("held"), {"space": NAMESPACE, "key": self.key}).fetchone()
            except psycopg.Error:
                row = None
        return "" if row else "its lock in Postgres is gone: somebody broke it, or the connection ended"

    def release(self) -> None:
        with self._turn:
            if self._conn is not None:
                with suppress(psycopg.Error):
                    self._conn.close()
                self._conn = None


def holders(conn: Connection, key: int) -> list[Holder]:
    """Sessions that hold the lock with this key now."""
    rows = conn.execute(_query("holders"), {"space": NAMESPACE, "key": key}).fetchall()
    return [_holder(str(name), started, int(pid)) for name, started, pid in rows]


def _holder(name: str, started: datetime | None, pid: int) -> Holder:
    run, _, who = name.removeprefix(SAID).strip().partition(" ")
    return Holder(
        run or "?", who or "somebody", started.astimezone(UTC) if started else begun(run), "Postgres", pid=pid
    )


def begun(run: str) -> datetime | None:
    """When a run began, by its id."""
    try:
        return datetime.strptime(run.upper()[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _is_here(holder: Holder) -> bool:
    """By the machine's name, of which a session's name may have only the beginning, or nothing."""
    _, on, host = holder.who.rpartition(" on ")
    here = me().rpartition(" on ")[2]
    cut = holder.where == "Postgres" and (not on or here.startswith(host))
    return here == host or cut


def goes_on(found: Sequence[Holder], what: str) -> Locked:
    """What whoever heals is told while the run seems to go on."""
    return Locked(
        f"the run still holds it elsewhere: {'; '.join(dict.fromkeys(map(str, found)))}",
        doing="making sure that the run is dead, before anything of it is undone",
        where=what,
        remedy="end it there, or heal it there; of a machine that is gone, wait until its time is up",
    )


def others(found: Sequence[Holder], run: str) -> list[Holder]:
    """Those of other runs."""
    return [holder for holder in found if holder.run != run]


def refused(found: Sequence[Holder], what: str) -> Locked:
    """What the second drill is told."""
    return Locked(
        f"another drill is at work on it: {'; '.join(dict.fromkeys(map(str, found)))}",
        doing="taking the lock, before anything is touched",
        where=what,
        remedy="wait for its end. If it has died, run `rollproof heal` where it ran; only if nobody can, "
        "`rollproof lock break` and then `rollproof sweep`",
    )


def of_row(row: Row) -> Holder:
    return Holder(row.run, row.who, row.since, "DynamoDB", row.expires)


@cache
def _query(name: str) -> bytes:
    return (files(__package__) / "sql" / f"{name}.sql").read_bytes()


def _unavailable(server: PostgresServer, error: psycopg.Error) -> EnvironmentUnavailable:
    said = error.diag.message_primary or (str(error).splitlines() or [type(error).__name__])[0]
    return EnvironmentUnavailable(
        f"the lock cannot be asked for: {said}",
        doing="taking the lock, before anything is touched",
        where=f"{server.host}:{server.port}",
        remedy=f"let the role connect to the database {MAINTENANCE}",
    )


@dataclass
class SystemLock:
    """The locks of one system in one environment: in Postgres, in DynamoDB, or in both.

    Attributes:
        takeover: whose row in DynamoDB had expired and was taken over; None when nobody's.
        copy: six hex digits for the names of this process' working copies.
        whole: the run has no other worker any more, whatever the row says.
    """

    session: SessionLock | None
    row: RowLock | None
    takeover: Holder | None = None
    whole: bool = False
    copy: str = field(default_factory=lambda: secrets.token_hex(3))
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _released: bool = False

    def take(self) -> dict[str, Json]:
        """Takes both or none; what the journal says of them. Raises Locked, EnvironmentUnavailable."""
        if self.session is not None:
            self.session.take()
        if self.row is not None:
            try:
                before = self.row.take()
            except BaseException:
                self.release()
                raise
            if before.taken_over is not None:
                self.takeover = of_row(before.taken_over)
            if before.held_by is not None:
                self.release()
                raise refused([of_row(before.held_by)], self.row.name)
        return {"kind": "lock", "items": self._said(), "cause": self._takeover()}

    def _said(self) -> list[Json]:
        found: list[Json] = ["Postgres"] if self.session is not None else []
        return [*found, *([f"DynamoDB table {self.row.table}"] if self.row is not None else [])]

    def _takeover(self) -> str:
        return f"taken over from {self.takeover}, whose time was up" if self.takeover else ""

    def probes(self, *, expires: float) -> list[tuple[Callable[[], str], float]]:
        """What has to be asked again and again, and how often, in seconds: why the lock is lost, if it is.

        A session is lost at once, and so it is asked often; asking it costs next to nothing.
        """
        found: list[tuple[Callable[[], str], float]] = []
        if self.session is not None:
            found.append((self._of_session, min(SESSION_SECONDS, expires / 4)))
        return [*found, (self._of_row, expires / 4)] if self.row is not None else found

    def _of_session(self) -> str:
        with self._turn:
            return "" if self._released or self.session is None else self.session.beat()

    def _of_row(self) -> str:
        with self._turn:
            return "" if self._released or self.row is None else self.row.beat()

    def elsewhere(self) -> list[Holder]:
        """Who holds it in the name of the same run on another machine: it goes on there, for all one knows.

        On this machine the lease on the run's folder tells; see drill/lease.py.
        """
        found: list[Holder] = []
        if self.session is not None:
            mine = [one for one in self.session.look() if one.run == self.session.run]
            found += [one for one in mine if not _is_here(one)]
        row = self.row.look() if self.row is not None else None
        if row is not None and self.row is not None and row.run == self.row.run:
            held = row.expires + timedelta(seconds=SKEW) > datetime.now(UTC)
            found += [of_row(row)] if held and not _is_here(of_row(row)) else []
        return found

    def release(self) -> None:
        with self._turn:
            self._released = True
            if self.session is not None:
                self.session.release()
            if self.row is not None:
                self.row.release()
                if self.whole:
                    self.row.remove()
