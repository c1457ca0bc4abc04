"""Prepared statements that are sent together and answered together, over libpq's pipeline.

A look at a database is some twenty short statements. Each by itself costs a round trip and the work of a
cursor, which together are more than what the server does for it; so they are put in one message, by the
protocol's own means (the manual's "Pipeline Mode"), and each is planned once for a connection.
"""

from __future__ import annotations

import itertools
import select
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import OperationalError, errors, pq
from psycopg.adapt import Transformer
from psycopg.pq.abc import PGconn, PGresult

_numbers = itertools.count(1)
_FINE = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK, pq.ExecStatus.EMPTY_QUERY)


@dataclass(frozen=True, slots=True)
class Ask:
    """A statement and its parameters as texts; None ends the message's transaction, as a sync does."""

    text: str
    values: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a statement, as tuples, and the names of their columns; both empty when it has none."""

    names: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def dicts(self) -> list[dict[str, Any]]:
        """Each row by its columns' names."""
        names = self.names
        return [dict(zip(names, row, strict=True)) for row in self.rows]


SYNC = Ask("")
"""In a message: what comes after it is not part of what came before, and its failure not theirs."""


class Pipeline:
    """Sends messages of several statements over one connection.

    Statements are prepared when they are first asked, under names of this class's own, and once more when
    somebody deallocated them.

    Args:
        conn: nobody else uses it meanwhile. An interrupt in the middle of a message closes it.
    """

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self._conn = conn
        self._prefix = f"rollproof_look_{next(_numbers)}_"
        self._names: dict[str, bytes] = {}
        self._columns: dict[str, tuple[str, ...]] = {}
        self._transformer = Transformer(conn)

    @property
    def idle(self) -> bool:
        """True outside of any transaction."""
        return bool(self._conn.pgconn.transaction_status == pq.TransactionStatus.IDLE)

    def forget(self, texts: Iterable[str]) -> None:
        """Lets the server forget some statements; with the next message."""
        for text in texts:
            if name := self._names.pop(text, None):
                self._columns.pop(text, None)
                self._run([Ask(f"DEALLOCATE {name.decode()}")], prepare=False)

    def one(self, text: str, *values: str | None) -> list[tuple[Any, ...]]:
        """The rows of one statement. Raises as `send`."""
        return self.send([Ask(text, values)])[0].rows

    def send(self, asks: Collection[Ask], *, prepare: bool = True) -> list[Answer]:
        """The answers of all but `SYNC`, in order. After an error the rest, up to the next sync, is not run.

        Args:
            prepare: False for what is hardly ever asked again.

        Raises:
            psycopg.Error: the first error of the server's; a transaction may be open.
        """
        return self._run(asks, prepare=prepare)

    def roll_back(self) -> None:
        """Ends a transaction that is open, if the connection still can."""
        if not self._conn.closed and not self.idle:
            self._run([Ask("ROLLBACK")], prepare=False)

    def _run(self, asks: Collection[Ask], *, prepare: bool) -> list[Answer]:
        pgconn = self._conn.pgconn
        if self._conn.closed:
            raise OperationalError("the connection is closed")
        try:
            pgconn.enter_pipeline_mode()
            prepared = {}
            for ask in asks:
                if ask is SYNC:
                    pgconn.pipeline_sync()
                    continue
                values = [None if value is None else value.encode() for value in ask.values]
                if prepare:
                    if ask.text not in self._names and ask.text not in prepared:
                        prepared[ask.text] = f"{self._prefix}{next(_numbers)}".encode()
                        pgconn.send_prepare(prepared[ask.text], ask.text.encode())
                    pgconn.send_query_prepared(self._names.get(ask.text) or prepared[ask.text], values)
                else:
                    pgconn.send_query_params(ask.text.encode(), values)
            pgconn.pipeline_sync()
            _flush(pgconn)
            answers, error = self._answers(asks, dict(prepared))
            pgconn.exit_pipeline_mode()
        except BaseException:
            self._conn.close()
            raise
        if error is None:
            self._names |= prepared
            return answers
        self._after(error, prepared)
        raise errors.error_from_result(error, encoding="utf-8")

    def _after(self, error: PGresult, prepared: dict[str, bytes]) -> None:
        """What was prepared in a message that failed may be there or not: its names are not used again."""
        if error.error_field(pq.DiagnosticField.SQLSTATE) == b"26000":
            self._names.clear()
            self._columns.clear()
        for text in prepared:
            self._columns.pop(text, None)

    def _answers(
        self, asks: Collection[Ask], prepared: dict[str, bytes]
    ) -> tuple[list[Answer], PGresult | None]:
        pgconn, answers, error = self._conn.pgconn, [], None
        for ask in asks:
            if ask is SYNC:
                _result(pgconn)
                continue
            results = [_results(pgconn) for _ in range(2 if prepared.pop(ask.text, None) else 1)]
            if error is None:
                error = next((result for result in results if result.status not in _FINE), None)
            if error is None:
                answers.append(self._answer(ask.text, results[-1]))
        _result(pgconn)
        return answers, error

    def _answer(self, text: str, result: PGresult) -> Answer:
        names = self._columns.get(text)
        if names is None or len(names) != result.nfields:
            names = tuple((result.fname(at) or b"").decode() for at in range(result.nfields))
            self._columns[text] = names
        if not result.ntuples:
            return Answer(names, [])
        self._transformer.set_pgresult(result)
        return Answer(names, self._transformer.load_rows(0, result.ntuples, tuple))


def _flush(pgconn: PGconn) -> None:
    while pgconn.flush():
        _wait(pgconn, select.POLLIN | select.POLLOUT)
        pgconn.consume_input()


def _results(pgconn: PGconn) -> PGresult:
    """The result of one statement, and the end of its results."""
    result = _result(pgconn)
    while _result(pgconn) is not None:
        pass
    if result is None:
        raise OperationalError("the connection was lost")
    return result


def _result(pgconn: PGconn) -> PGresult | None:
    while pgconn.is_busy():
        _wait(pgconn, select.POLLIN)
        pgconn.consume_input()
    return pgconn.get_result()


def _wait(pgconn: PGconn, events: int) -> None:
    poll = select.poll()
    poll.register(pgconn.socket, events)
    poll.poll()
