"""Clients that read and write all through a drill. They record; a check judges, later."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from types import TracebackType

from rollproof.errors import AttemptFailed, PreconditionNotMet
from rollproof.journal import Recorder
from rollproof.model.system import Traffic as TrafficSpec
from rollproof.waiting import eventually
from rollproof.workload.client import Client, connect
from rollproof.workload.limits import Limits
from rollproof.workload.operations import Operation, operations_to_json

TRIES = 3
"""operations refused one after another until a client is not waited for any longer"""


@dataclass(frozen=True, slots=True)
class TrafficHistory:
    """Everything that the clients did.

    Attributes:
        operations: in order of start.
        attachment: digest under which the journal keeps them.
        problems: clients that ended early or could not be ended; empty when all is well.
    """

    operations: tuple[Operation, ...]
    attachment: str
    problems: tuple[str, ...] = ()

    def count(self, *, kind: str | None = None, outcome: str | None = None) -> int:
        """How many operations of that kind and outcome."""
        return sum(
            kind in (None, operation.kind) and outcome in (None, operation.outcome)
            for operation in self.operations
        )


class Traffic:
    """One client a `[[traffic]]` entry, each in a thread of its own.

    Args:
        dsn: connection string of the database as the application's role; None when there is none.
        services: base URL of each running service.
        recorder: is told when the clients start, and on stop everything that they did.

    Raises:
        PreconditionNotMet: an entry needs a database or a service that is not there.
    """

    def __init__(
        self,
        specs: Sequence[TrafficSpec],
        *,
        dsn: str | None,
        services: Mapping[str, str],
        recorder: Recorder,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._recorder = recorder
        self._writes_allowed = threading.Event()
        self._writes_allowed.set()
        self._stopping = threading.Lock()
        self._history: TrafficHistory | None = None
        self._clients = [
            Client(
                spec,
                connect(spec, dsn=dsn, services=services, limits=self.limits),
                limits=self.limits,
                writes_allowed=self._writes_allowed,
            )
            for spec in specs
        ]

    def start(self) -> None:
        """Starts all clients; returns when each has been served at least once.

        Raises:
            PreconditionNotMet: some never were; it names them with what happened. All are ended by then.
        """
        asking = {client.spec.name for client in self._clients if client.spec.service is not None}
        self._recorder.note(
            "traffic.started",
            {"items": [client.name for client in self._clients], "sources": sorted(asking)},
        )
        try:
            for client in self._clients:
                client.start()
            eventually(
                lambda: all(c.served or c.hopeless or not c.alive for c in self._clients),
                within=self.limits.start,
                what="every client was served once",
            )
        except AttemptFailed:
            pass  # the clients themselves tell more, below
        except BaseException:
            self._end()
            raise
        if unserved := [client for client in self._clients if not client.served]:
            self._end()
            raise _never_served(unserved)

    def pause(self) -> None:
        """No write begins any more; returns when none is under way. Reads go on.

        Raises:
            AttemptFailed: a write did not end within its own time limit.
        """
        self._writes_allowed.clear()
        deadline = time.monotonic() + self.limits.longest + 1
        late = [c.name for c in self._writers() if not c.idle(max(0.0, deadline - time.monotonic()))]
        if late:
            raise AttemptFailed(f"these clients are still writing: {', '.join(late)}", doing="pausing writes")

    def resume(self) -> None:
        """Writes go on."""
        self._writes_allowed.set()

    def settle(self, *, within: float) -> bool:
        """Waits until each client that may work was served by an operation that it began after now.

        Or until it was refused `TRIES` times: one refusal, by chance, says nothing of the service.

        Returns:
            False when some had not within that many seconds; how theirs ended is on record later.
        """
        now = time.monotonic_ns()
        try:
            eventually(
                lambda: all(self._has_settled(client, now) for client in self._clients),
                within=within,
                what="every client ended an operation",
            )
        except AttemptFailed:
            return False
        return True

    def operations(self) -> tuple[Operation, ...]:
        """Everything done so far, in order of start; what is under way is not among it."""
        done = [operation for client in self._clients for operation in tuple(client.done)]
        return tuple(sorted(done, key=lambda operation: operation.started_ns))

    def stop(self) -> TrafficHistory:
        """Ends all clients and records what they did. Again: the same history, nothing recorded twice.

        The note `traffic.finished` counts operations of both kinds: `writes` + `reads` is
        `acknowledged` + `failed` + `indeterminate`.
        """
        with self._stopping:
            if self._history is None:
                self._history = self._conclude()
            return self._history

    def __enter__(self) -> Traffic:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _writers(self) -> list[Client]:
        return [client for client in self._clients if client.writes]

    def _has_settled(self, client: Client, since_ns: int) -> bool:
        resting = client.writes and not self._writes_allowed.is_set()
        since = list(takewhile(lambda one: one.started_ns >= since_ns, reversed(client.done)))
        served = any(operation.outcome == "ok" for operation in since)
        return resting or not client.alive or served or len(since) >= TRIES

    def _end(self) -> list[str]:
        """Ends all threads; says which would not end."""
        for client in self._clients:
            client.ask_to_stop()
        deadline = time.monotonic() + self.limits.longest + 1
        return [
            f"{client.name} could not be ended"
            for client in self._clients
            if not client.join(max(0.0, deadline - time.monotonic()))
        ]

    def _conclude(self) -> TrafficHistory:
        stuck = self._end()
        early = [f"{client.name} {client.ended_early}" for client in self._clients if client.ended_early]
        operations = self.operations()
        attachment = self._recorder.journal.attachments.put(operations_to_json(operations))
        history = TrafficHistory(operations, attachment, tuple(stuck + early))
        outcomes = Counter(operation.outcome for operation in operations)
        self._recorder.note(
            "traffic.finished",
            {
                "operations": attachment,
                "writes": history.count(kind="write"),
                "reads": history.count(kind="read"),
                "acknowledged": outcomes["ok"],
                "failed": outcomes["failed"],
                "indeterminate": outcomes["indeterminate"],
                "findings": list(history.problems),
            },
        )
        return history


def _never_served(clients: Sequence[Client]) -> PreconditionNotMet:
    return PreconditionNotMet(
        "; ".join(map(_why, clients)),
        doing="waiting until every client of the system file's [[traffic]] has been served once",
        remedy="run its statement or request by hand as the application's role",
    )


def _why(client: Client) -> str:
    if client.last_problem is None:
        why = client.ended_early or "no answer came"
        return f"the client {client.name!r} was never served: {why}"
    detail = f" ({client.last_problem.detail})" if client.last_problem.detail else ""
    return f"the client {client.name!r} was never served: {client.last_problem.error}{detail}"
