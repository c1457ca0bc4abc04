"""One client at work: a thread that does one operation after another and remembers each."""

from __future__ import annotations

import secrets
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Protocol

from rollproof.errors import PreconditionNotMet
from rollproof.model.system import Traffic as TrafficSpec
from rollproof.waiting import pause
from rollproof.workload.httpclient import HttpClient
from rollproof.workload.limits import Limits
from rollproof.workload.operations import Operation
from rollproof.workload.outcomes import Answer
from rollproof.workload.sqlclient import SqlClient

ENOUGH = 20
"""Failures in a row, all of class 42 (syntax error or access rule violation), of which no more is hoped."""


class Connection(Protocol):
    """Something that carries out an operation; it records nothing and judges nothing."""

    @property
    def sends_token(self) -> bool:
        """Whether an operation sends a token at all."""
        ...

    def perform(self, token: str) -> Answer: ...

    def abort(self) -> None: ...

    def close(self) -> None: ...


def connect(spec: TrafficSpec, *, dsn: str | None, services: Mapping[str, str], limits: Limits) -> Connection:
    """The connection for one entry of the system file; nothing is opened yet.

    Raises PreconditionNotMet when the database or the service that it needs is not there.
    """
    if spec.sql is not None and dsn is not None:
        return SqlClient(spec, dsn=dsn, limits=limits)
    if spec.service is not None and spec.service in services:
        return HttpClient(spec, base_url=services[spec.service], limits=limits)
    needed = "a database" if spec.sql is not None else f"service {spec.service!r}"
    raise PreconditionNotMet(
        f"the client {spec.name!r} needs {needed}, which is not running",
        doing="setting up the clients",
    )


class Client:
    """A thread and what it did. Daemonic: it never keeps a process alive."""

    def __init__(
        self, spec: TrafficSpec, connection: Connection, *, limits: Limits, writes_allowed: threading.Event
    ) -> None:
        self.spec = spec
        self.name = spec.name
        self.done: list[Operation] = []
        self.ended_early: str | None = None
        self.last_problem: Answer | None = None
        self._connection = connection
        self._limits = limits
        self._allowed = writes_allowed
        self._stop = threading.Event()
        self._at_work = threading.Lock()
        self._tokens = _Tokens() if connection.sends_token else None
        self._thread = threading.Thread(target=self._live, name=f"rollproof client {self.name}", daemon=True)

    @property
    def writes(self) -> bool:
        return self.spec.kind == "write"

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def served(self) -> bool:
        """Whether any of its operations was acknowledged."""
        return any(operation.outcome == "ok" for operation in self.done)

    @property
    def hopeless(self) -> bool:
        """Whether the server has said of its statement often enough that it is wrong."""
        last = self.done[-ENOUGH:]
        wrong = all(operation.error is not None and operation.error.startswith("42") for operation in last)
        return self.spec.sql is not None and len(last) == ENOUGH and wrong

    def start(self) -> None:
        self._thread.start()

    def idle(self, within: float) -> bool:
        """Waits until no operation is under way; True when there is none."""
        if self._at_work.acquire(timeout=within):
            self._at_work.release()
            return True
        return False

    def ask_to_stop(self) -> None:
        self._stop.set()

    def join(self, within: float) -> bool:
        """Waits for the thread's end, by force when it does not come by itself; True when it is over."""
        if self._thread.ident is None:
            self._connection.close()
            return True
        self._thread.join(within)
        if self._thread.is_alive():
            self._connection.abort()
            self._thread.join(1.0)
        return not self._thread.is_alive()

    def _live(self) -> None:
        try:
            self._work()
        except Exception as error:  # noqa: BLE001  # a thread's last word: the record must say that it ended
            self.ended_early = f"broke off: {type(error).__name__}"
        finally:
            self._connection.close()

    def _work(self) -> None:
        between = max(self.spec.every, self._limits.pause)
        while not self._stop.is_set():
            with self._at_work:
                if not self.writes or self._allowed.is_set():
                    self.done.append(self._operate())
            if len(self.done) >= self._limits.operations:
                self.ended_early = f"ended after {len(self.done):,} operations, the most a client makes"
                return
            pause(between, stop=self._stop)

    def _operate(self) -> Operation:
        token = self._tokens.fresh() if self._tokens else ""
        started = time.monotonic_ns()
        answer = self._connection.perform(token)
        ended = time.monotonic_ns()
        self.last_problem = None if answer.outcome == "ok" else answer
        return Operation(
            client=self.name,
            name=self.spec.name,
            kind=self.spec.kind,
            started_ns=started,
            ended_ns=ended,
            outcome=answer.outcome,
            token=token if self.writes else "",
            table=self.spec.table,
            error=answer.error,
        )


class _Tokens:
    """Fresh tokens that fit text and uuid columns alike: hexadecimal digits of a random UUID.

    The first 20 digits are one client's, which keeps the record small; the other 48 bits are fresh.
    """

    def __init__(self) -> None:
        self._prefix = uuid.uuid4().hex[:20]

    def fresh(self) -> str:
        return self._prefix + secrets.token_hex(6)
