"""Taking code and schema back in an order, while clients work."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rollproof.compatibility.judging import STEPS
from rollproof.compatibility.model import CURRENT, PREVIOUS
from rollproof.components.clients import Clients
from rollproof.components.compatibility import databases
from rollproof.components.compatibility.front import Front
from rollproof.components.compatibility.matrix import KnownMatrix, safe
from rollproof.components.compatibility.releases import Pair
from rollproof.components.compatibility.running import Processes, Running, expect_sound
from rollproof.components.postgres.acts.staging import Staging
from rollproof.components.postgres.bench import Bench
from rollproof.components.service import Services, probe
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill, observer
from rollproof.errors import AttemptFailed
from rollproof.model.json import JsonObject


class Serving:
    """Which release serves in a scenario, each service behind a front of its own."""

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.fronts: dict[str, Front] = {}
        self.running: dict[str, Running] = {}
        drill.on_heal(self.close)

    def close(self) -> None:
        for front in self.fronts.values():
            front.close()
        self.fronts.clear()

    def start(self, which: str, *, home: bool) -> dict[str, Running]:
        """The services of a release, healthy, on the scenario's database; nobody is sent to them yet.

        Raises AttemptFailed when one is not healthy there, EnvironmentUnavailable when it is at home.
        """
        pair, processes = self.drill.use(Pair), self.drill.use(Processes)
        shipped, database = pair.shipped[which], self.drill.use(Bench).name
        launched = {
            name: processes.launch(name, service, shipped, database)
            for name, service in pair.services.items()
        }
        settled = {name: processes.settle(one, home=home) for name, one in launched.items()}
        for one in settled.values():
            if home:
                expect_sound(one, self.drill)
            elif one.unhealthy:
                raise AttemptFailed(f"release {one.release} is not healthy: {one.unhealthy}")
        return settled

    def switch(self, to: Mapping[str, Running]) -> None:
        """Sends everybody there, lets what is under way end, and ends what served before."""
        before, self.running = self.running, dict(to)
        for name, one in to.items():
            self.fronts[name].to(one.url)
        for name, one in before.items():
            self.fronts[name].drain(one.url)
        if before:
            self.drill.use(Processes).stop(*before.values())

    def shut(self) -> None:
        for name, one in self.running.items():
            self.fronts[name].to(None)
            self.fronts[name].drain(one.url)


@dataclass(frozen=True)
class StageCurrentRelease(Staging):
    """A database with the migrations of the current release, whatever the files beside it are by now."""

    def run(self, drill: Drill) -> JsonObject:
        bench, shipped = drill.use(Bench), drill.use(Pair).shipped[CURRENT]
        databases.make(bench.templates, bench.name, shipped)
        bench.expected = shipped.listed
        bench.critical = bench.critical_tables_there()
        return {}

    def prepare(self, drill: Drill) -> None:
        drill.use(Pair)
        super().prepare(drill)


@dataclass(frozen=True)
class ServeCurrentRelease(Act):
    """The current release's own code serves, behind a front that clients ask."""

    name = "compatibility.serve"

    def run(self, drill: Drill) -> JsonObject:
        serving, services = drill.use(Serving), drill.use(Services)
        environment = drill.session.open(drill.system)
        started = serving.start(CURRENT, home=True)
        for name in started:
            serving.fronts[name] = Front(environment.free_port())
            services.urls[name] = serving.fronts[name].url
        serving.switch(started)
        return {"items": list(started)}


@dataclass(frozen=True)
class RollBackInOrder(Act):
    """Takes code and schema back, in the runbook's order, or in the first that breaks nothing."""

    name = "compatibility.roll_back"

    def describe(self, drill: Drill) -> JsonObject:
        return {"items": list(STEPS.get(order_of(drill), ()))}

    def run(self, drill: Drill) -> JsonObject:
        order, started = order_of(drill), time.monotonic_ns()
        if not order:
            raise AttemptFailed(
                "there is no order in which nothing breaks",
                doing="choosing the order of a rollback",
                where=str(drill.system.source),
                remedy="see the matrix; what may break meanwhile is declared with `may_fail`",
            )
        for step in STEPS[order]:
            with drill.recorder.acting("compatibility.step", {"step": step}):
                _STEPS[step](drill)
            drill.use(Clients).settle()
        drill.incident("executed")
        return {"seconds": (time.monotonic_ns() - started) / 1e9, "items": list(STEPS[order])}


def order_of(drill: Drill) -> str:
    """The declared order, else the first that the matrix calls safe, else an empty text."""
    matrix = drill.session.use(KnownMatrix, drill.system).matrix
    found = safe(matrix) if matrix else []
    return drill.system.compatibility.order or next(iter(found), "")


def _code(drill: Drill) -> None:
    serving = drill.use(Serving)
    serving.switch(serving.start(PREVIOUS, home=False))


def _database(drill: Drill) -> None:
    bench, pair = drill.use(Bench), drill.use(Pair)
    if why := databases.back(bench.templates, bench.name, pair.going):
        raise AttemptFailed(why, doing=f"taking the schema back to {pair.names[PREVIOUS]}")
    bench.expected = pair.shipped[PREVIOUS].listed


def _close(drill: Drill) -> None:
    """Nobody is served: writers are told so, readers find the door closed."""
    if (traffic := drill.use(Clients).traffic) is not None:
        traffic.pause()
    drill.use(Serving).shut()


def _open(drill: Drill) -> None:
    """`_code` has sent everybody to what serves now."""
    if (traffic := drill.use(Clients).traffic) is not None:
        traffic.resume()


_STEPS: Mapping[str, Callable[[Drill], None]] = {
    "close": _close,
    "database": _database,
    "code": _code,
    "open": _open,
}


@observer("serving")
def look_at_serving(drill: Drill) -> None:
    """Which code serves by now, on which schema, and whether it is well."""
    drill.look("releases")
    bench, serving = drill.use(Bench), drill.use(Serving)
    problems = [
        probe(front.url + drill.system.service[name].health) for name, front in serving.fronts.items()
    ]
    drill.recorder.note(
        "compatibility.serving",
        {
            "items": list(databases.listed(bench.templates, bench.name)),
            "digest": "+".join(sorted({one.digest for one in serving.running.values()})),
            "findings": [problem for problem in problems if problem],
            "count": len(problems),
        },
    )
