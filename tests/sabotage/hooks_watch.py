"""What saboteurs of watches and of performance do."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable

import psycopg

from rollproof.components import servicecode
from rollproof.components.aws import performance, targets
from rollproof.components.aws.aliases import RememberFunctions, RollBackFunctions
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.releases import RollBackRelease
from rollproof.components.postgres.bench import Bench
from rollproof.components.service import Services
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.waiting import pause
from rollproof.workload.samples import Outcome
from rollproof.workload.slowness import FUNCTION, Held
from tests.sabotage.hooks import _patched


def _answers(drill: Drill, change: Callable[[Outcome], Outcome]) -> None:
    """From now on what is asked answers otherwise."""
    ask = targets._Getting.ask
    _patched(drill, targets._Getting, "ask", lambda self: change(ask(self)))


def slower(drill: Drill, act: Act) -> None:
    """It is back, and one path is slower than it was."""
    ask = targets._Getting.ask

    def late(self: targets._Getting) -> Outcome:
        if not self._url.endswith("/health"):
            pause(0.9)
        return ask(self)

    _patched(drill, targets._Getting, "ask", late)


def one_in_four_fails(drill: Drill, act: Act) -> None:
    """It is back, for most."""
    number = itertools.count()
    _answers(drill, lambda outcome: "failed" if next(number) % 4 == 3 else outcome)


def flapping(drill: Drill, act: Act) -> None:
    """It comes, and goes, and comes."""
    began = time.monotonic()
    _answers(drill, lambda outcome: "failed" if int((time.monotonic() - began) / 0.2) % 2 else outcome)


def connections_pile_up(drill: Drill, act: Act) -> None:
    """The release before does not close what it opens."""
    bench = drill.use(Bench)
    for _ in range(40):
        drill.on_heal(psycopg.connect(bench.server.conninfo(bench.name), application_name="leak").close)


def errors_in_the_log(drill: Drill, act: Act) -> None:
    """Everything answers, and a log fills with errors."""
    cloud, ended = drill.use(Cloud), threading.Event()
    logs = cloud.client("logs")
    group = f"/aws/lambda/{cloud.fill(next(iter(drill.system.function.values())).name)}"
    logs.create_log_stream(logGroupName=group, logStreamName="sabotage")

    def write() -> None:
        while not pause(0.1, stop=ended):
            event = {"timestamp": int(time.time() * 1000), "message": "[ERROR] the queue cannot be reached"}
            logs.put_log_events(logGroupName=group, logStreamName="sabotage", logEvents=[event])

    thread = threading.Thread(target=write, daemon=True)
    thread.start()

    def end() -> None:
        ended.set()
        thread.join(5.0)

    drill.on_heal(end)


def at_once(drill: Drill, act: Act) -> None:
    """The release is rolled back before anybody has looked into anything."""
    _patched(drill, performance.Investigate, "prepare", lambda self, drill: drill.attempt(RollBackRelease()))


def alias_at_once(drill: Drill, act: Act) -> None:
    """As `at_once`, by the alias of every function: a rollback too, under another name."""
    drill.require(RememberFunctions())
    _patched(
        drill, performance.Investigate, "prepare", lambda self, drill: drill.attempt(RollBackFunctions())
    )


def services_at_once(drill: Drill, act: Act) -> None:
    """As `at_once`, of services."""
    _patched(
        drill, performance.Investigate, "prepare", lambda self, drill: drill.attempt(servicecode.RollBack())
    )


def one_service_stays(drill: Drill, act: Act) -> None:
    """The last service still runs the slow release."""
    services, slow = drill.use(Services), drill.use(servicecode.Deploys).releases[-2]
    name = list(services.running)[-1]
    services.releases[name] = slow
    services.restart(name)


def never(drill: Drill, act: Act) -> None:
    """The threshold holds and holds, and nobody does a thing."""
    _patched(drill, performance, "roll_back_once_held", lambda drill: None)


def all_the_same(drill: Drill, act: Act) -> None:
    """It has passed, and is rolled back all the same."""
    drill.use(performance.Performance).held = Held("", 0, 0)


def blames_the_function(drill: Drill, act: Act) -> None:
    """Whatever was measured, it was the code."""
    _patched(drill, performance, "where_time_goes", lambda numbers: FUNCTION)
