"""A client that reads or writes by SQL over a connection of its own."""

from __future__ import annotations

import re
import selectors
import threading
import time
from contextlib import suppress

import psycopg
import psycopg.errors
from psycopg import ClientCursor, pq

from rollproof.model.sqltemplate import SqlTemplate
from rollproof.model.system import Traffic as TrafficSpec
from rollproof.workload.limits import Limits
from rollproof.workload.outcomes import OK, Answer, cut_off, not_sent, of_sql_error

_SLICE = 0.1
"""seconds after which a wait looks whether it is to be given up"""
_COMMITS_ITSELF = re.compile(r"^(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:CALL|DO)\b", re.IGNORECASE | re.DOTALL)
_MUST_TOUCH_ROWS = re.compile(rb"^(?:INSERT|UPDATE|DELETE|MERGE)\b")
_DONE = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK, pq.ExecStatus.EMPTY_QUERY)
_NAMES_ONLY = "42"
"""the class whose messages speak of syntax and of objects, never of rows"""


class _GivenUp(Exception):  # an event of the wait, not an error of anybody
    """The time is up, or the client is to end."""


class SqlClient:
    """One connection, each statement a transaction of its own. Reconnects when it must.

    Statements go by libpq's own calls, because only they tell "not sent" from "no answer".
    """

    def __init__(self, spec: TrafficSpec, *, dsn: str, limits: Limits) -> None:
        assert spec.sql is not None
        self.kind = spec.kind
        self.limits = limits
        self._dsn = dsn
        self._template = SqlTemplate.of(spec.sql)
        self._commits_itself = bool(_COMMITS_ITSELF.match(spec.sql))
        self._connection: psycopg.Connection | None = None
        self._given_up = threading.Event()

    @property
    def sends_token(self) -> bool:
        return bool(self._template.texts)

    def perform(self, token: str) -> Answer:
        """Runs the statement once. Never raises for what a server or a network does."""
        try:
            connection = self._connected()
            statement = self._statement(connection, token)
        except (psycopg.Error, OSError) as error:
            self.close()
            return not_sent(_name(error), _first_line(error))
        return self._run(connection.pgconn, statement)

    def abort(self) -> None:
        """Makes an operation under way end soon. For another thread."""
        self._given_up.set()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> psycopg.Connection:
        if self._connection is not None and not _alive(self._connection.pgconn):
            self.close()  # it broke while nothing was under way, so nothing is in doubt
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> psycopg.Connection:
        connection = psycopg.connect(
            self._dsn,
            autocommit=True,
            connect_timeout=max(2, round(self.limits.connect)),
            application_name="rollproof client",
            client_encoding="UTF8",
        )
        limit = b"SET statement_timeout = %d" % self.limits.statement_ms
        if (answer := self._run(connection.pgconn, limit)).outcome != "ok":
            connection.close()
            raise psycopg.OperationalError(f"the time limit of statements cannot be set: {answer.error}")
        return connection

    def _statement(self, connection: psycopg.Connection, token: str) -> bytes:
        """The statement with its parameters as quoted literals: typed as if written by hand."""
        if not self._template.texts:
            return (self._template.query % ()).encode()
        cursor = ClientCursor(connection)
        return cursor.mogrify(self._template.query, self._template.parameters(token)).encode()

    def _run(self, pgconn: pq.abc.PGconn, statement: bytes) -> Answer:
        try:
            pgconn.send_query_params(statement, None)  # the extended protocol: one statement, or an error
            results = self._results(pgconn, time.monotonic() + self.limits.operation)
        except (psycopg.Error, OSError, _GivenUp) as error:
            pgconn.finish()
            return cut_off(self.kind, _name(error), _first_line(error))
        return self._judge(results)

    def _results(self, pgconn: pq.abc.PGconn, deadline: float) -> list[pq.abc.PGresult]:
        results: list[pq.abc.PGresult] = []
        with selectors.DefaultSelector() as selector:
            selector.register(pgconn.socket, selectors.EVENT_READ)
            while True:
                self._await_result(pgconn, selector, deadline)
                result = pgconn.get_result()
                if result is None:
                    return results
                if result.status not in (*_DONE, pq.ExecStatus.FATAL_ERROR):
                    raise psycopg.NotSupportedError("COPY cannot be traffic")  # it would wait for ever
                results.append(result)

    def _await_result(self, pgconn: pq.abc.PGconn, selector: selectors.BaseSelector, deadline: float) -> None:
        with suppress(psycopg.OperationalError):  # it broke: what was said before can still be had
            while pgconn.is_busy():
                self._wait(selector, deadline)
                pgconn.consume_input()

    def _wait(self, selector: selectors.BaseSelector, deadline: float) -> None:
        while not selector.select(_SLICE):
            if time.monotonic() > deadline or self._given_up.is_set():
                raise _GivenUp("no answer within the limit of an operation")

    def _judge(self, results: list[pq.abc.PGresult]) -> Answer:
        errors = [result for result in results if result.status == pq.ExecStatus.FATAL_ERROR]
        if errors:
            return self._failure(errors[0])
        if not results:
            return cut_off(self.kind, "ConnectionLost")
        done = results[-1]
        if (
            self.kind == "write"
            and _MUST_TOUCH_ROWS.match(done.command_status or b"")
            and not done.command_tuples
        ):
            return Answer("failed", "NoRowWritten", "the statement was accepted but touched no row")
        return OK

    def _failure(self, result: pq.abc.PGresult) -> Answer:
        sqlstate = _field(result, pq.DiagnosticField.SQLSTATE)
        if not sqlstate:  # libpq's own: the connection broke
            return cut_off(self.kind, "ConnectionLost")
        message = _field(result, pq.DiagnosticField.MESSAGE_PRIMARY)
        name = psycopg.errors.lookup(sqlstate).__name__ if _is_known(sqlstate) else ""
        return of_sql_error(
            self.kind,
            sqlstate=sqlstate,
            severity=_field(result, pq.DiagnosticField.SEVERITY_NONLOCALIZED),
            commits_itself=self._commits_itself,
            detail=message if sqlstate.startswith(_NAMES_ONLY) else name,
        )


def _alive(pgconn: pq.abc.PGconn) -> bool:
    """Whether an idle connection still stands; reads what the server may have said last, then its end."""
    try:
        pgconn.consume_input()
        pgconn.consume_input()
    except psycopg.Error:
        return False
    return pgconn.status == pq.ConnStatus.OK and pgconn.transaction_status == pq.TransactionStatus.IDLE


def _touched_nothing(done: pq.abc.PGresult) -> bool:
    """`INSERT 0 0` is a statement that went well and a write that never was."""
    return bool(_MUST_TOUCH_ROWS.match(done.command_status or b"")) and not done.command_tuples


def _field(result: pq.abc.PGresult, field: pq.DiagnosticField) -> str:
    return (result.error_field(field) or b"").decode(errors="replace")


def _is_known(sqlstate: str) -> bool:
    try:
        psycopg.errors.lookup(sqlstate)
    except KeyError:
        return False
    return True


def _name(error: Exception) -> str:
    """SQLSTATE where there is one, else the kind of error."""
    if isinstance(error, _GivenUp):
        return "Timeout"
    return (error.sqlstate if isinstance(error, psycopg.Error) else None) or type(error).__name__


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0]
