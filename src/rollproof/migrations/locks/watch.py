"""Reading, from another session, what a backend holds; and where its tables are stored."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from psycopg import OperationalError, pq
from psycopg.pq.abc import PGconn, PGresult

from rollproof.migrations.wire import TimeUpError, Wire

_PATIENCE = 0.25
"""seconds; a script that has locked pg_class itself would otherwise wait for us, and we for it"""
_UNKNOWN_STATEMENT = b"26000"


@dataclass(frozen=True, slots=True)
class Seen:
    """One lock on a relation.

    Attributes:
        kind: pg_class.relkind; empty for what the script itself has made.
        name: qualified, as all others still see it.
        filenode: where it is stored, 0 for what is stored nowhere.
    """

    oid: int
    mode: str
    kind: str
    name: str
    filenode: int


class CannotLookError(Exception):
    """The other session is no use; the text says why. Never shown to a person as it is."""


class LockWatch:
    """Asks over a connection to the same database that is not the script's.

    The connection has to be idle; it stays as it was, but for three prepared statements.
    """

    def __init__(self, conn: PGconn) -> None:
        self.wire = Wire(conn, 0.0)

    def ask_newest(self) -> None:
        """Asks for the oid of the newest relation, and does not wait. Raises CannotLookError."""
        self._idle()
        self.wire.conn.send_query_prepared(b"rollproof_newest", ())
        self.wire.conn.flush()

    def newest(self) -> int:
        """The answer. Raises CannotLookError."""
        result = self._guarded(self._answer)
        if result is not None and result.error_field(pq.DiagnosticField.SQLSTATE) == _UNKNOWN_STATEMENT:
            return int(self._ask("newest", ())[0][0])
        return int(_rows(_good(result))[0][0])

    def _answer(self) -> PGresult | None:
        self.wire.deadline = time.monotonic() + _PATIENCE
        return self.wire.only()

    def settle(self) -> None:
        """Takes in what was asked and nobody has waited for: a script may fail before that."""
        if self.wire.alive and self.wire.conn.transaction_status == pq.TransactionStatus.ACTIVE:
            self.wire.deadline = time.monotonic() + _PATIENCE
            try:
                self.wire.rest()
            except (OperationalError, TimeUpError):
                self._recover()

    def held(self, pid: int, newest: int) -> list[Seen]:
        """What that backend holds now. Raises CannotLookError."""
        rows = self._ask("watch", (str(pid), str(newest)))
        return [Seen(int(oid), mode, kind, name, int(node or 0)) for oid, mode, kind, name, node in rows]

    def filenodes(self, oids: Sequence[int]) -> dict[int, int]:
        """Where those relations are stored now. Raises CannotLookError."""
        rows = self._ask("filenodes", ("{" + ",".join(map(str, oids)) + "}",))
        return {int(oid): int(node) for oid, node in rows}

    def _ask(self, query: str, values: Sequence[str]) -> list[list[str]]:
        self._idle()
        return _rows(_good(self._guarded(lambda: self._send(query, values))))

    def _idle(self) -> None:
        if self.wire.conn.transaction_status != pq.TransactionStatus.IDLE:
            raise CannotLookError("the session that looks at locks was busy")

    def _guarded(self, act: Callable[[], PGresult | None]) -> PGresult | None:
        try:
            return act()
        except (OperationalError, TimeUpError) as error:
            self._recover()
            raise CannotLookError(f"locks could not be read: {type(error).__name__}") from error

    def _send(self, query: str, values: Sequence[str]) -> PGresult | None:
        name = f"rollproof_{query}".encode()
        encoded = [value.encode() for value in values]
        self.wire.deadline = time.monotonic() + _PATIENCE
        result = self._result(name, encoded)
        if result is not None and result.error_field(pq.DiagnosticField.SQLSTATE) == _UNKNOWN_STATEMENT:
            self.wire.conn.send_prepare(name, _text(query))
            self.wire.only()
            result = self._result(name, encoded)
        return result

    def _result(self, name: bytes, values: Sequence[bytes]) -> PGresult | None:
        self.wire.conn.send_query_prepared(name, values)
        return self.wire.only()

    def _recover(self) -> None:
        """Whatever has been asked is given up, so that the session can be used for other things."""
        if self.wire.alive and self.wire.conn.transaction_status == pq.TransactionStatus.ACTIVE:
            self.wire.conn.get_cancel().cancel()
            self.wire.deadline = time.monotonic() + 10
            self.wire.rest()


def _good(result: PGresult | None) -> PGresult:
    if result is None or result.status != pq.ExecStatus.TUPLES_OK:
        raise CannotLookError("the server refused to tell its locks")
    return result


@cache
def _text(name: str) -> bytes:
    return (Path(__file__).parent / f"{name}.sql").read_bytes()


def _rows(result: PGresult) -> list[list[str]]:
    columns = range(result.nfields)
    return [
        [(result.get_value(row, column) or b"").decode() for column in columns]
        for row in range(result.ntuples)
    ]
