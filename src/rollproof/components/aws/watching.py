"""Watching the system: threads that ask it again and again, and look at what stands beside."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle, groupby
from math import ceil

import psycopg

from rollproof.components.aws import beside
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.targets import ANSWER_SECONDS, Asking, Target, targets_of
from rollproof.components.postgres.admin import connected
from rollproof.components.postgres.bench import Bench
from rollproof.components.service import Services
from rollproof.components.usage import count_service_logs, log_sizes, usage
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed, NotApplicable, RollproofError, SystemFileError
from rollproof.model.durations import say_duration
from rollproof.model.json import Json, JsonObject
from rollproof.waiting import eventually, pause
from rollproof.workload.samples import AlarmState, Connections, LogCount, Sample, Series, Usage, Watched

BESIDE_SECONDS = 0.1
USAGE_SECONDS = 0.1
ALARM_SECONDS = 0.5
AT_LEAST = 21
"""Questions to each target that a watch goes on for, though its time be over…"""
AT_MOST_SECONDS = 60.0
"""…but never longer than this, or than four times its time."""
JOIN_SECONDS = 5.0


class Watching:
    """One watch under way. Its threads keep no process alive, and end with the scenario at the latest."""

    def __init__(self, drill: Drill, targets: list[Target], *, cold_counts: bool = False) -> None:
        """`cold_counts`: the first answer of each target is one like the others."""
        self.drill, self.targets = drill, targets
        self._cold_counts = cold_counts
        self.samples: dict[str, list[Sample]] = {target.name: [] for target in targets}
        self.connections: list[Connections] = []
        self.active: list[tuple[int, int, int]] = []
        self.alarms: list[AlarmState] = []
        self.usage: list[Usage] = []
        self._written = log_sizes(drill)
        self.trouble: list[str] = []
        self._stop = threading.Event()
        self._started_ns, self.since_ms = time.monotonic_ns(), int(time.time() * 1000)
        self._ended_ns = self._warm_ns = self._warmed_groups = 0
        self._warmed = threading.Semaphore(0)
        groups = [list(group) for _, group in groupby(targets, key=lambda target: target.group)]
        self._askers = len(groups)
        self._threads = [self._thread(partial(self._ask, group)) for group in groups]
        if beside.has_database(drill):
            self._threads.append(self._thread(self._look_at_database))
        if drill.use(Services).running:
            self._threads.append(self._thread(self._look_at_processes))
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

    def warm_up(self) -> None:
        """Waits until everything was asked once: cold starts are not what a watch compares.

        Raises AttemptFailed when something never answers.
        """
        eventually(
            lambda: self.warm_for > 0 or self._has_ended(),
            within=ANSWER_SECONDS * len(self.targets),
            what="everything was asked once",
        )

    def _has_ended(self) -> bool:
        return not all(thread.is_alive() for thread in self._threads)

    @property
    def warm_for(self) -> float:
        """Seconds since everything had been asked once; 0 until then."""
        if not self._warm_ns and self._warmed.acquire(blocking=False):
            self._warmed_groups += 1
            self._warm_ns = time.monotonic_ns() if self._warmed_groups == self._askers else 0
        return (time.monotonic_ns() - self._warm_ns) / 1e9 if self._warm_ns else 0.0

    def enough(self, *, seconds: float, visible_rise: float) -> bool:
        """Whether its time is over and it has asked often enough to say something."""
        passed = self.warm_for
        needed = ceil(2.8 / visible_rise)  # see significance.most_risen: that many without a failure
        often = min(map(len, self.samples.values())) >= AT_LEAST and self.asked() >= needed
        return passed >= seconds and (often or passed >= longest(seconds))

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
            usage=tuple(self.usage),
        )

    def finished(self) -> Watched:
        """Ends it and counts what the logs were written meanwhile."""
        self.stop()
        if any(thread.is_alive() for thread in self._threads):
            self.trouble.append("a target did not answer until the end")
        counted: list[LogCount] = count_service_logs(self.drill, since=self._written)
        if self.drill.system.function and self.drill.uses(Cloud):
            groups, trouble = beside.count_logs(self.drill.use(Cloud), since_ms=self.since_ms)
            counted += groups
            self.trouble += trouble
        return replace(self.so_far(), logs=tuple(counted))

    def _ask(self, targets: list[Target]) -> None:
        """One after another: asked at once, each would make AWS start another sandbox of the function."""
        every = self.drill.system.watch.every
        asked = [(target, target.open()) for target in targets]
        try:
            for target, asking in asked:
                self._ask_once(target, asking, cold=not self._cold_counts)
            self._warmed.release()
            for target, asking in cycle(asked):
                if pause(every, stop=self._stop):
                    return
                self._ask_once(target, asking, cold=False)
        except Exception as error:  # noqa: BLE001  a thread's last word: the record must say that it ended
            self.trouble.append(f"{targets[0].group}: asking it broke off with {type(error).__name__}")
        finally:
            for _, asking in asked:
                asking.close()

    def _ask_once(self, target: Target, asking: Asking, *, cold: bool) -> None:
        began = self.now_us()
        outcome = asking.ask()
        self.samples[target.name].append(Sample(began, self.now_us() - began, outcome, cold))

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

    def _look_at_processes(self) -> None:
        while not pause(USAGE_SECONDS, stop=self._stop):
            self.usage += usage(self.drill, self.now_us())

    def _look_at_alarms(self) -> None:
        cloud = self.drill.use(Cloud)
        try:
            while not self._stop.is_set():
                self.alarms += beside.alarm_states(cloud, self.now_us())
                pause(ALARM_SECONDS, stop=self._stop)
        except RollproofError as error:
            self.trouble.append(f"alarms could not be looked at: {error.found}")


def longest(seconds: float) -> float:
    """How long a watch of that many seconds may take where answers come slowly."""
    return max(4 * seconds, AT_MOST_SECONDS)


def watched_targets(drill: Drill) -> list[Target]:
    """What `[watch] ask` names of what can be asked, or all of it.

    Raises:
        SystemFileError: it names something that cannot be asked.
        NotApplicable: there is nothing that could be.
    """
    found, wanted = targets_of(drill), drill.system.watch.ask
    if unknown := sorted(set(wanted) - {target.group for target in found}):
        raise SystemFileError(
            f"{unknown[0]!r} is nothing that can be asked now",
            where=f"{drill.system.source}: watch.ask",
            remedy=f"name some of: {', '.join(sorted({target.group for target in found})) or 'nothing yet'}",
        )
    if chosen := [target for target in found if not wanted or target.group in wanted]:
        return chosen
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
        watched_targets(drill)

    def describe(self, drill: Drill) -> JsonObject:
        spec = drill.system.watch
        return {"label": self.label, "limit_seconds": spec.duration, "params": dict(spec.limits)}

    def run(self, drill: Drill) -> JsonObject:
        spec = drill.system.watch
        watching = Watching(drill, watched_targets(drill))
        watching.start()
        try:
            watching.warm_up()
            eventually(
                lambda: watching.enough(seconds=spec.duration, visible_rise=spec.visible_rise),
                within=longest(spec.duration) + ANSWER_SECONDS,
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
