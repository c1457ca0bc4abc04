"""One connection to the server at the level of its protocol, with a point in time at which patience ends.

psycopg's own cursors know nothing of several results a message, of the position of an error or of a
deadline; libpq does, and each call here costs microseconds.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from psycopg import OperationalError, pq
from psycopg.pq.abc import PGconn, PGresult

_COPY_CHUNK = 1 << 16
_FINE = frozenset({pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK, pq.ExecStatus.EMPTY_QUERY})
_NO_ROWS = b"this script is not run by psql, so no rows follow COPY FROM STDIN"


class TimeUpError(Exception):
    """The deadline has come before the server was done. Never shown to a person as it is."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said to one message.

    Attributes:
        done: how many statements of it were run to their end.
        error: the first error; None when all went well.
    """

    done: int
    error: PGresult | None = field(default=None, repr=False)


@dataclass
class Wire:
    """A connection in non-blocking mode.

    Attributes:
        conn: libpq's connection.
        deadline: on the monotonic clock; no wait lasts longer.
        every: seconds between two calls of `tick` while the server computes.
        tick: called meanwhile; None: nobody is.
    """

    conn: PGconn
    deadline: float
    every: float = 0.005
    tick: Callable[[], None] | None = None

    @classmethod
    def open(cls, conninfo: bytes, *, limit: float) -> Wire:
        """Connects. The state of `conn` tells whether that went well."""
        conn = pq.PGconn.connect(conninfo)
        if conn.status == pq.ConnStatus.OK:
            conn.nonblocking = 1
        return cls.over(conn, limit)

    @classmethod
    def over(cls, conn: PGconn, limit: float) -> Wire:
        """Goes on with a connection that somebody opened."""
        return cls(conn, time.monotonic() + limit)

    @property
    def alive(self) -> bool:
        return self.conn.status == pq.ConnStatus.OK

    @property
    def in_transaction(self) -> bool:
        """True when a transaction is open, be it a failed one."""
        return self.conn.transaction_status in (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR)

    def send(self, message: bytes, rows: bytes | None = None) -> Answer:
        """Sends one message of SQL and reads all that it brings; rows and copied data are let go.

        Args:
            rows: what COPY FROM STDIN gets; None refuses it, as a driver does.

        Raises:
            TimeUpError: the deadline has passed; the server may still be at it.
        """
        try:
            self.conn.send_query(message)
            self._flush()
        except OperationalError:
            return Answer(0, self.conn.make_empty_result(pq.ExecStatus.FATAL_ERROR))
        return self._read(rows)

    def only(self) -> PGresult | None:
        """The one result of a query that was sent otherwise. Raises TimeUpError, psycopg.OperationalError."""
        self._flush()
        results = list(self._results())
        return results[-1] if results else None

    def rest(self) -> Answer:
        """What a message still brings after its time was up. Raises TimeUpError."""
        return self._read(None)

    def _read(self, rows: bytes | None) -> Answer:
        done, error = 0, None
        for result in self._results():
            if result.status in _FINE:
                done += error is None
            elif result.status == pq.ExecStatus.COPY_OUT:
                self._let_go()
            elif result.status == pq.ExecStatus.COPY_IN:
                self._copy_in(rows)
            elif error is None:
                error = result
        return Answer(done, error)

    def _results(self) -> Iterator[PGresult]:
        while (result := self._result()) is not None:
            yield result

    def _result(self) -> PGresult | None:
        """The next one. A connection that breaks is a result too: libpq makes one up."""
        with suppress(OperationalError):
            while self.conn.is_busy():
                self._wait(select.POLLIN)
                self.conn.consume_input()
        return self.conn.get_result()

    def _flush(self) -> None:
        while self.conn.flush():
            self._wait(select.POLLIN | select.POLLOUT)
            self.conn.consume_input()

    def _let_go(self) -> None:
        with suppress(OperationalError):
            while (size := self.conn.get_copy_data(1)[0]) >= 0:
                if size == 0:
                    self._wait(select.POLLIN)
                    self.conn.consume_input()

    def _copy_in(self, rows: bytes | None) -> None:
        with suppress(OperationalError):  # it shows as the next result
            self._send_rows(rows)

    def _send_rows(self, rows: bytes | None) -> None:
        for start in range(0, len(rows or b""), _COPY_CHUNK):
            while self.conn.put_copy_data((rows or b"")[start : start + _COPY_CHUNK]) == 0:
                self._wait(select.POLLIN | select.POLLOUT)
            self._flush()
        while self.conn.put_copy_end(None if rows is not None else _NO_ROWS) == 0:
            self._wait(select.POLLIN | select.POLLOUT)
        self._flush()

    def _wait(self, events: int) -> None:
        """Until the socket is ready. Raises TimeUpError."""
        poll = select.poll()
        poll.register(self.conn.socket, events)
        while True:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeUpError
            if poll.poll(1000 * (min(left, self.every) if self.tick else left)):
                return
            if self.tick:
                self.tick()

    def close(self, *, wait: float = 0.0) -> None:
        """Ends the connection, and waits for at most `wait` seconds until its backend has gone.

        A backend closes its end of the socket when it exits, after its temporary tables, its
        session's locks and its entry in pg_stat_activity have gone.
        """
        if wait and self.alive:
            duplicate = os.dup(self.conn.socket)
            self.conn.finish()
            _until_closed(duplicate, wait)
        else:
            self.conn.finish()


def _until_closed(socket: int, within: float) -> None:
    """Whatever is still on its way is read and let go: only the end of it counts."""
    deadline = time.monotonic() + within
    poll = select.poll()
    poll.register(socket, select.POLLIN | select.POLLHUP)
    try:
        while (left := deadline - time.monotonic()) > 0 and poll.poll(1000 * left):
            if not os.read(socket, _COPY_CHUNK):
                return
    except (ConnectionError, BlockingIOError):
        return
    finally:
        os.close(socket)
