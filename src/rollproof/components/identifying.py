"""Finding the deploy that caused it: logs and failures of clients, release by release."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rollproof.components.aws.logs import is_error
from rollproof.components.clients import Clients
from rollproof.components.service import Services
from rollproof.components.servicecode import Deployed, Deploys
from rollproof.components.usage import lines_since, log_sizes
from rollproof.diagnosis.deploys import Blamed, Served, blame
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed, PreconditionNotMet
from rollproof.model.json import JsonObject
from rollproof.waiting import eventually
from rollproof.workload.operations import Operation

ENOUGH = 20
"""Requests of clients that a release must have had before anything is said of it."""
WAIT_SECONDS = 15.0


@dataclass(frozen=True)
class IdentifyDeploy(Act):
    """Reads the services' logs and what clients saw since each deploy, and names the deploy to blame.

    Nothing here knows which release a drill has broken.
    """

    name = "incident.identify"

    def prepare(self, drill: Drill) -> None:
        if drill.use(Clients).traffic is None:
            raise PreconditionNotMet(
                "no clients are at work", remedy="add `And clients keep reading and writing`"
            )

    def run(self, drill: Drill) -> JsonObject:
        deploys = drill.use(Deploys)
        if not deploys.history:
            raise AttemptFailed("nothing was deployed", doing="looking for the deploy that caused it")
        last = deploys.history[-1].done_ns
        eventually(
            lambda: len(_of_services(drill, since=last)) >= ENOUGH,
            within=WAIT_SECONDS,
            what=f"clients had asked the services {ENOUGH} times since the last deploy",
        )
        served = _served(drill, deploys.history)
        found = blame(served)
        drill.incident("detected", cause=_say(found), findings=list(found.findings))
        if not found.release:
            raise AttemptFailed(
                "neither failures nor logged errors rose with any deploy",
                doing="looking for the deploy that caused it",
                remedy="look at the database, the network and what the service depends on",
            )
        drill.incident("decided", decision=f"roll the services back to {found.before}")
        return {
            "version": found.release,
            "against": found.before,
            "findings": list(found.findings),
            "items": [one.to_json() for one in served],
            "sources": ["logs", "failures", "deploys"],
        }


def _say(found: Blamed) -> str:
    return f"the deploy of {found.release}" if found.release else "no deploy"


def _served(drill: Drill, history: Sequence[Deployed]) -> list[Served]:
    """Each release that served, from when it was there until the next one began to take its place."""
    now, sizes = time.monotonic_ns(), log_sizes(drill)
    ends = [(one.begun_ns, one.logs_before) for one in history] + [(now, sizes)]
    starts = [(0, dict.fromkeys(sizes, 0))] + [(one.done_ns, one.logs_after) for one in history]
    names = [history[0].before, *(one.release for one in history)]
    return [_while(drill, name, start, end) for name, start, end in zip(names, starts, ends, strict=True)]


def _while(
    drill: Drill, release: str, start: tuple[int, Mapping[str, int]], end: tuple[int, Mapping[str, int]]
) -> Served:
    operations = _of_services(drill, since=start[0], until=end[0])
    lines = [line for name in end[1] for line in _lines(drill, name, start[1].get(name, 0), end[1][name])]
    first = start[0] or min((one.started_ns for one in operations), default=end[0])
    failed = sum(operation.outcome != "ok" for operation in operations)
    errors = sum(map(is_error, lines))
    return Served(release, len(operations), failed, len(lines), errors, (end[0] - first) / 1e9)


def _lines(drill: Drill, service: str, since: int, until: int) -> list[str]:
    keeper = drill.use(Services).running.get(service)
    log = keeper.spec.log if keeper is not None else None
    return [] if log is None else lines_since(log, since, until=until)


def _of_services(drill: Drill, *, since: int, until: int | None = None) -> list[Operation]:
    """What clients asked of services by HTTP, wholly within that time."""
    asked = {spec.name for spec in drill.system.traffic if spec.service is not None}
    return [
        one
        for one in drill.use(Clients).operations()
        if one.name in asked and one.started_ns >= since and (until is None or one.ended_ns <= until)
    ]
