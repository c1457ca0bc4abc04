"""Watching the system: threads that ask it again and again, and look at what stands beside."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import psycopg

from rollproof.components.aws import beside
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.targets import ANSWER_SECONDS, Target, targets_of
from rollproof.components.postgres.admin import connected
from rollproof.components.postgres.bench import Bench
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed, NotApplicable, RollproofError
from rollproof.model.durations import say_duration
from rollproof.model.json import Json, JsonObject
from rollproof.waiting import eventually, pause
from rollproof.workload.samples import AlarmState, Connections, LogCount, Sample, Series, Watched

BESIDE_SECONDS = 0.1
ALARM_SECONDS = 0.5
AT_LEAST = 25
"""Questions to each target that a watch goes on for, though its time be over…"""
AT_MOST = 4.0
"""…but never longer than this many times its time."""
JOIN_SECONDS = 5.0


class Watching:
    """One watch under way. Its threads keep no process alive, and end with the scenario at the latest."""

    def __init__(self, drill: Drill, targets: list[Target]) -> None:
        self.drill, self.targets = drill, targets
        self.samples: dict[str, list[Sample]] = {target.name: [] for target in targets}
        self.connections: list[Connections] = []
        self.active: list[tuple[int, int, int]] = []
        self.alarms: list[AlarmState] = []
        self.trouble: list[str] = []
        self._stop = threading.Event()
        self._started_ns, self._since_ms = time.monotonic_ns(), int(time.time() * 1000)
        self._ended_ns = 0
        self._threads = [self._thread(lambda t=target: self._ask(t)) for target in targets]  # type: ignore[misc]
        if beside.has_database(drill):
            self._threads.append(self._thread(self._look_at_database))
        if drill.system.alarm:
            self._threads.append(self._thread(self._look_at_alarms))

    def _thread(self, work: Callable[[], None]) -> threading.Thread:
        return threading.Thread(target=work, name="rollproof watch", daemon=True)

    def start(self) -> None:
        self.drill.on_heal(self.stop)
        for thread in self._threads:
            thread.start()

    def now_us(self) -> int:
        """Microseconds since it began."""
        return (time.monotonic_ns() - self._started_ns) // 1000

    def asked(self) -> int:
        return sum(map(len, self.samples.values()))

    def enough(self, *, seconds: float, visible_rise: float) -> bool:
        """Whether its time is over and it has asked often enough to say something."""
        passed = self.now_us() / 1e6
        needed = ceil(2.8 / visible_rise)  # see significance.most_risen: that many without a failure
        often = min(map(len, self.samples.values())) >= AT_LEAST and self.asked() >= needed
        return passed >= seconds and (often or passed >= AT_MOST * seconds)

    def stop(self) -> None:
        """Ends its threads. Safe to call twice."""
        self._stop.set()
        self._ended_ns = self._ended_ns or time.monotonic_ns()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(JOIN_SECONDS)

    def so_far(self) -> Watched:
        """What was seen until now, without the logs."""
        ended = self._ended_ns or time.monotonic_ns()
        return Watched(
            seconds=(ended - self._started_ns) / 1e9,
            series=tuple(Series(name, tuple(samples)) for name, samples in self.samples.items()),
            connections=tuple(self.connections),
            alarms=tuple(self.alarms),
            trouble=tuple(self.trouble),
        )

    def finished(self) -> Watched:
        """Ends it and counts what the logs were written meanwhile."""
        self.stop()
        if any(thread.is_alive() for thread in self._threads):
            self.trouble.append("a target did not answer until the end")
        counted: list[LogCount] = []
        if self.drill.system.function and self.drill.uses(Cloud):
            counted, trouble = beside.count_logs(self.drill.use(Cloud), since_ms=self._since_ms)
            self.trouble += trouble
        seen = self.so_far()
        return Watched(
            seen.seconds, seen.series, tuple(counted), seen.connections, seen.alarms, tuple(self.trouble)
        )

    def _ask(self, target: Target) -> None:
        asking, samples = target.open(), self.samples[target.name]
        every = self.drill.system.watch.every
        try:
            while not self._stop.is_set():
                began = self.now_us()
                outcome = asking.ask()
                samples.append(Sample(began, self.now_us() - began, outcome, cold=not samples))
                pause(every, stop=self._stop)
        except Exception as error:  # noqa: BLE001  a thread's last word: the record must say that it ended
            self.trouble.append(f"{target.name}: asking it broke off with {type(error).__name__}")
        finally:
            asking.close()

    def _look_at_database(self) -> None:
        bench = self.drill.use(Bench)
        try:
            with connected(bench.server, bench.name) as conn:
                while not pause(BESIDE_SECONDS, stop=self._stop):
                    found = beside.activity(conn, bench.name)
                    self.connections.append(beside.connections(found, self.now_us()))
                    self.active.append((self.now_us(), found[1], found[2]))
        except (psycopg.Error, RollproofError) as error:
            self.trouble.append(f"the database could not be looked at: {type(error).__name__}")

    def _look_at_alarms(self) -> None:
        cloud = self.drill.use(Cloud)
        try:
            while not self._stop.is_set():
                self.alarms += beside.alarm_states(cloud, self.now_us())
                pause(ALARM_SECONDS, stop=self._stop)
        except RollproofError as error:
            self.trouble.append(f"alarms could not be looked at: {error.found}")


def targets_for(drill: Drill) -> list[Target]:
    """What the system has that can be asked. Raises NotApplicable when there is nothing."""
    if found := targets_of(drill):
        return found
    raise NotApplicable(
        f"system {drill.system.name} has nothing that a watch could ask: no API, no service,"
        " no function with a `payload`"
    )


@dataclass(frozen=True)
class Watch(Act):
    """Watches the system for as long as `[watch] duration` says, or longer where it answers slowly.

    Attributes:
        label: `before` the fault or `after` the rollback.
    """

    label: str
    name = "watch"

    def prepare(self, drill: Drill) -> None:
        targets_for(drill)

    def describe(self, drill: Drill) -> JsonObject:
        spec = drill.system.watch
        return {"label": self.label, "limit_seconds": spec.duration, "params": dict(spec.limits)}

    def run(self, drill: Drill) -> JsonObject:
        spec = drill.system.watch
        watching = Watching(drill, targets_for(drill))
        watching.start()
        try:
            eventually(
                lambda: watching.enough(seconds=spec.duration, visible_rise=spec.visible_rise),
                within=AT_MOST * spec.duration + ANSWER_SECONDS,
                what="the system was watched",
            )
        except AttemptFailed as error:
            raise AttemptFailed(
                f"it could not be watched for {say_duration(spec.duration)}: {error.found}",
                doing="watching the system",
            ) from error
        finally:
            watching.stop()
        return {**recorded(drill, watching.finished()), "label": self.label}


def recorded(drill: Drill, seen: Watched) -> dict[str, Json]:
    """What the journal says of a watch; the samples are attached."""
    return {
        "operations": drill.recorder.journal.attachments.put(seen.to_json()),
        "count": seen.asked,
        "failed": seen.failures,
        "seconds": seen.seconds,
        "findings": list(seen.trouble),
    }
