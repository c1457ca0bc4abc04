"""The next script's connection, opened while somebody looks at what the last script did.

A new connection costs the server a process that first reads its catalogs, which takes as long as a small
migration. So it is asked for as soon as a script is through, and is ready when the look is: still a
connection of its own, begun after everything that came before it was committed, so that whatever that set
for later sessions holds for it.
"""

from __future__ import annotations

import select
import time
from contextlib import suppress

import psycopg
from psycopg import pq
from psycopg.pq.abc import PGconn

_PATIENCE = 10.0
"""seconds that a server gets to let somebody in"""
_STALE = 2.0
"""seconds after which a waiting connection is let go: a limit for idle sessions may be set"""
_WARMING = (
    b"SELECT FROM pg_catalog.pg_class c"
    b" JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid"
    b" JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid"
    b" WHERE c.oid OPERATOR(pg_catalog.=) 1"
)
"""Finds nothing and leaves nothing, but lets the new process read the catalogs that any script needs."""
_POLLS: dict[int, int] = {pq.PollingStatus.READING: select.POLLIN, pq.PollingStatus.WRITING: select.POLLOUT}


class Ahead:
    """At most one connection that waits for the next script; not for several threads."""

    def __init__(self) -> None:
        self._conn: PGconn | None = None
        self._conninfo = b""
        self._since = 0.0
        self._warming = False

    def start(self, conninfo: bytes) -> None:
        """Asks for a connection, and waits for nothing. What fails is told to whoever connects next."""
        self.close()
        self._conn, self._conninfo = pq.PGconn.connect_start(conninfo), conninfo
        self._since, self._warming = time.monotonic(), False
        self.advance()

    def advance(self) -> None:
        """Goes on with it as far as that goes without waiting: to be called now and then."""
        if self._conn is None or self._warming or not self._connected(self._conn, until=0.0):
            return
        with suppress(psycopg.OperationalError):
            self._conn.nonblocking = 1
            self._conn.send_query(_WARMING)
            self._conn.flush()
            self._warming = True

    def take(self, conninfo: bytes) -> PGconn | None:
        """The connection, idle and in non-blocking mode; None when there is none that would do."""
        conn, self._conn = self._conn, None
        if conn is None:
            return None
        until = time.monotonic() + _PATIENCE
        fresh = time.monotonic() - self._since < _STALE
        if conninfo == self._conninfo and fresh and self._connected(conn, until) and self._idle(conn, until):
            return conn
        conn.finish()
        return None

    def close(self) -> None:
        """Lets go of it; its database may be copied or dropped now."""
        if self._conn is not None:
            self._conn.finish()
            self._conn = None

    @staticmethod
    def _connected(conn: PGconn, until: float) -> bool:
        """Whether it is there before `until`, on the monotonic clock; with 0, whether it is there now."""
        if conn.status == pq.ConnStatus.OK:
            return True
        while conn.status != pq.ConnStatus.BAD:
            state = conn.connect_poll()
            if state == pq.PollingStatus.OK:
                return True
            if state not in _POLLS or not _ready(conn, _POLLS[state], until):
                return False
        return False

    def _idle(self, conn: PGconn, until: float) -> bool:
        """Takes in what the server said by now, the end of the session included."""
        try:
            conn.nonblocking = 1
            while _ready(conn, select.POLLIN, 0.0):  # its last words are read first, then that it is gone
                conn.consume_input()
            if self._warming:
                while conn.is_busy():
                    if not _ready(conn, select.POLLIN, until):
                        return False
                    conn.consume_input()
                while conn.get_result() is not None:
                    pass
        except psycopg.OperationalError:
            return False
        return conn.transaction_status == pq.TransactionStatus.IDLE


def _ready(conn: PGconn, events: int, until: float) -> bool:
    poll = select.poll()
    poll.register(conn.socket, events)
    return bool(poll.poll(max(0.0, 1000 * (until - time.monotonic())) if until else 0))
