"""The clients of a scenario: their reads and writes run beside everything that it does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import Connection

from rollproof.components.postgres.admin import connected
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill, observer
from rollproof.errors import AttemptFailed, NotApplicable, PreconditionNotMet, SystemFileError
from rollproof.model.json import Json, JsonObject
from rollproof.waiting import eventually
from rollproof.workload import Operation, Traffic, find_lost_writes

SETTLE_SECONDS = 5.0


class Clients:
    """A scenario's traffic; idle until started, so that acts need not ask whether there is any."""

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.traffic: Traffic | None = None
        self.maintenance = False
        self.stopped = False
        self.seen: set[str] = set()

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """No write is under way in the block."""
        running = self.traffic is not None and not self.stopped and not self.maintenance
        if running and self.traffic is not None:
            self.traffic.pause()
        try:
            yield
        finally:
            if running and self.traffic is not None:
                self.traffic.resume()

    def operations(self) -> tuple[Operation, ...]:
        """Everything done so far."""
        return self.traffic.operations() if self.traffic is not None else ()

    def newest_write(self, *, before_ns: int) -> int | None:
        """Monotonic nanoseconds at which the newest write before a moment was acknowledged."""
        acknowledged = [
            operation.ended_ns
            for operation in self.operations()
            if operation.kind == "write" and operation.outcome == "ok" and operation.ended_ns < before_ns
        ]
        return max(acknowledged, default=None)

    def look_for_unacknowledged(self, conn: Connection[Any]) -> None:
        """Remembers which writes that nobody can tell of are in a database that is about to go away."""
        found = find_lost_writes(conn, self.drill.system.traffic, self.operations())
        self.seen |= {operation.token for operation in (*found.revived, *found.failed_present)}

    def settle(self) -> None:
        """Waits until each client has ended an operation that it began after now, in whatever way."""
        if self.traffic is not None and not self.stopped:
            self.traffic.settle(within=SETTLE_SECONDS)

    def stop(self) -> None:
        """Ends the clients and records what they did. Safe to call twice."""
        if self.traffic is None or self.stopped:
            return
        self.stopped = True
        self.traffic.stop()


class StartClients(Act):
    """Clients begin to read and write, and go on until the scenario looks at what became of it."""

    name = "clients.start"

    def run(self, drill: Drill) -> JsonObject:
        from rollproof.components.postgres.bench import Bench
        from rollproof.components.service import Services

        specs = drill.system.traffic
        if not specs:
            raise NotApplicable(f"system {drill.system.name} declares no traffic")
        clients, bench = drill.use(Clients), drill.use(Bench)
        if drill.history.last("incident.fault") is None:
            with connected(bench.server, bench.name, autocommit=False) as conn:
                _try_verifying(drill, conn)
        clients.traffic = Traffic(
            specs,
            dsn=bench.server.conninfo(bench.name, user=bench.app_role),
            services=drill.use(Services).urls,
            recorder=drill.recorder.for_client("clients"),
        )
        drill.on_heal(clients.stop)
        try:
            clients.traffic.start()
        except PreconditionNotMet as error:
            error.where = error.where or f"{drill.system.source}: traffic"
            raise
        return {"count": len(specs)}


def _try_verifying(drill: Drill, conn: Connection[Any]) -> None:
    """Looks for a write that was never made, as later for each that was: a mistake comes out now.

    Raises SystemFileError.
    """
    for spec in drill.system.traffic:
        never = Operation(
            client=spec.name,
            name=spec.name,
            kind=spec.kind,
            started_ns=0,
            ended_ns=0,
            outcome="ok",
            token="0" * 32,
            table=spec.table,
        )
        try:
            find_lost_writes(conn, drill.system.traffic, [never])
        except AttemptFailed as error:
            raise SystemFileError(
                error.found,
                doing=error.doing,
                where=f"{drill.system.source}: traffic {spec.name!r}.verify",
                remedy=error.remedy,
            ) from error


class StartMaintenance(Act):
    """The application stops writing, as a maintenance page makes it do; it may still read."""

    name = "maintenance.begin"

    def run(self, drill: Drill) -> JsonObject:
        clients = drill.use(Clients)
        if clients.traffic is not None:
            clients.traffic.pause()
        clients.maintenance = True
        return {}


class EndMaintenance(Act):
    """The application may write again."""

    name = "maintenance.end"

    def run(self, drill: Drill) -> JsonObject:
        clients = drill.use(Clients)
        clients.maintenance = False
        if clients.traffic is not None:
            clients.traffic.resume()
            clients.settle()
        return {}


class ClientsHaveWritten(Act):
    """Waits until every kind of write has been acknowledged at least once more."""

    name = "clients.write"

    def run(self, drill: Drill) -> JsonObject:
        clients = drill.use(Clients)
        if clients.traffic is None:
            raise PreconditionNotMet(
                "no clients are at work", remedy="add `And clients keep reading and writing`"
            )
        before = _acknowledged(clients)
        kinds = {spec.name for spec in drill.system.traffic if spec.kind == "write"}
        eventually(
            lambda: all(_acknowledged(clients).get(name, 0) > before.get(name, 0) for name in kinds),
            within=SETTLE_SECONDS,
            what="every kind of write was acknowledged once more",
        )
        return {"writes": sum(_acknowledged(clients).values()) - sum(before.values())}


def _acknowledged(clients: Clients) -> dict[str, int]:
    counted: dict[str, int] = {}
    for operation in clients.operations():
        if operation.kind == "write" and operation.outcome == "ok":
            counted[operation.name] = counted.get(operation.name, 0) + 1
    return counted


@observer("traffic")
def look_at_traffic(drill: Drill) -> None:
    """Lets every client finish one more operation, then ends them; what they did is on record."""
    clients = drill.use(Clients)
    clients.settle()
    clients.stop()


@observer("writes")
def look_at_writes(drill: Drill) -> None:
    """Looks for every write of the clients in the database: there, lost, or never known."""
    from rollproof.components.postgres.bench import Bench

    drill.look("traffic")
    bench = drill.use(Bench)
    operations = drill.use(Clients).operations()
    with connected(bench.server, bench.name) as conn:
        found = find_lost_writes(conn, drill.system.traffic, operations)
    got_in = drill.use(Clients).seen | {item.token for item in (*found.revived, *found.failed_present)}
    lost: list[Json] = [
        {"name": item.name, "table": item.table, "ended_ns": str(item.ended_ns)} for item in found.lost
    ]
    drill.recorder.note(
        "observe.writes",
        {
            "acknowledged": found.acknowledged,
            "indeterminate": found.indeterminate,
            "lost": drill.recorder.journal.attachments.put(lost),
            "count": len(lost),
            "seconds": found.rpo_seconds,
            "unexplained": drill.recorder.journal.attachments.put(sorted(got_in)),
            "findings": [f"{item.name}: failed, yet it is there" for item in found.failed_present],
        },
    )
