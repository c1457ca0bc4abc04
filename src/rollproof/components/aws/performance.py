"""A system that is slow but alive: measured against its threshold, looked into, and then decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

from rollproof.components.aws import beside
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.logs import read_lines
from rollproof.components.aws.metrics import read_metrics, reported
from rollproof.components.aws.releases import RollBackRelease
from rollproof.components.aws.targets import ANSWER_SECONDS
from rollproof.components.aws.watching import Watching, recorded, watched_targets
from rollproof.components.service import Services
from rollproof.components.servicecode import RollBack
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed, SystemFileError
from rollproof.model.durations import say_duration
from rollproof.model.json import Json, JsonObject
from rollproof.waiting import eventually
from rollproof.workload.samples import Series, Watched
from rollproof.workload.slowness import (
    A_FEW,
    Held,
    Threshold,
    calm_for,
    first_held,
    slowest,
    where_time_goes,
)

ROLL_BACK, GO_ON = "roll back", "go on investigating, no rollback"
TIMES = 3.0
"""How many times the threshold's own time it is looked for at most."""


class Performance:
    """What the scenario knows of a slowness."""

    def __init__(self, drill: Drill) -> None:
        self.held: Held | None = None


def threshold_of(drill: Drill) -> Threshold:
    """Raises SystemFileError for one that cannot be told from a single slow answer."""
    spec = drill.system.watch
    if spec.hold <= spec.latency:
        raise SystemFileError(
            f"one answer of {say_duration(spec.latency)} would exceed the threshold for all of "
            f"{say_duration(spec.hold)}",
            where=f"{drill.system.source}: watch.hold",
            remedy="let `hold` be longer than `latency`",
        )
    return Threshold(spec.latency, spec.hold)


@dataclass(frozen=True)
class Investigate(Act):
    """Measures until the threshold has held, or the slowness has passed; says where the time goes."""

    name = "performance.investigate"

    def prepare(self, drill: Drill) -> None:
        threshold_of(drill)
        watched_targets(drill)

    def describe(self, drill: Drill) -> JsonObject:
        spec = drill.system.watch
        return {"params": {"latency_seconds": spec.latency, "hold_seconds": spec.hold}}

    def run(self, drill: Drill) -> JsonObject:
        threshold, targets = threshold_of(drill), watched_targets(drill)
        watching = Watching(drill, targets, cold_counts=True)
        watching.start()
        try:
            self._watch(watching, threshold)
        finally:
            watching.stop()
        seen = watching.finished()
        held = drill.use(Performance).held = first_held(seen.series, threshold)
        numbers, findings = _split(drill, watching, seen, threshold)
        cause = where_time_goes(numbers) or "what was measured does not say where the time goes"
        decision = ROLL_BACK if held else GO_ON
        drill.incident("detected", cause=cause, findings=findings)
        drill.incident("decided", decision=decision)
        said: dict[str, Json] = {"cause": cause, "decision": decision, "numbers": dict(numbers)}
        return {**recorded(drill, seen), **said, "findings": findings}

    def _watch(self, watching: Watching, threshold: Threshold) -> None:
        long_enough = TIMES * threshold.hold

        def decided() -> bool:
            series = watching.so_far().series
            over = first_held(series, threshold) is not None or calm_for(series, threshold)
            return (over and watching.asked() >= A_FEW) or watching.warm_for > long_enough

        within = long_enough + ANSWER_SECONDS * len(watching.targets)
        eventually(decided, within=within, every=0.1, what="the system had been slow, or was well again")
        series = watching.so_far().series
        if first_held(series, threshold) is None and not calm_for(series, threshold):
            raise AttemptFailed(
                f"in {say_duration(long_enough)} it was neither slower than "
                f"{say_duration(threshold.latency)} for {say_duration(threshold.hold)}, nor well again "
                "after having been slow",
                doing="looking into a slowness",
                remedy="see whether `watch.latency` is the threshold that users feel",
            )


def _split(
    drill: Drill,
    watching: Watching,
    seen: Watched,
    threshold: Threshold,
) -> tuple[dict[str, float], list[str]]:
    """What the slow answers' time is made of, in numbers and in words."""
    numbers: dict[str, float] = {}
    slow = slowest(seen.series, threshold)
    if slow is None:
        return numbers, ["no answer took too long"]
    numbers["total_ms"] = _typical_slow_ms(slow, threshold)
    numbers |= _database(watching, slow, threshold)
    behind = next((target.function for target in watching.targets if target.name == slow.target), "")
    said = [f"slowest: {slow.target}, {numbers['total_ms']:.0f} ms"]
    numbers |= _service(drill, watching, slow, threshold, numbers)
    if behind:
        numbers |= _function(drill, behind, threshold, watching.since_ms)
        said += _metrics(drill, behind, watching.since_ms)
    said += [_said(name, value) for name, value in numbers.items()]
    return {name: round(value, 3) for name, value in numbers.items()}, said


def _said(name: str, value: float) -> str:
    if name.endswith("_cores"):
        return f"{name}: {value:.2f}"
    return f"{name}: {value:.0f}" if name.endswith("_ms") else f"{name}: {value:.0%}"


def _typical_slow_ms(series: Series, threshold: Threshold) -> float:
    slow = [value for value in series.latencies if value > threshold.latency] or list(series.latencies)
    return median(slow) * 1000


def _awaited(slow: Series, threshold: Threshold) -> list[tuple[int, int]]:
    """From when to when each slow answer was awaited, in microseconds of the watch."""
    return [
        (sample.at_us, sample.at_us + sample.took_us)
        for sample in slow.samples
        if sample.seconds > threshold.latency
    ]


def _database(watching: Watching, slow: Series, threshold: Threshold) -> dict[str, float]:
    """At how many of the looks made while slow answers were awaited the database was busy."""
    awaited = _awaited(slow, threshold)
    looks = [
        (waiting, active)
        for at, waiting, active in watching.active
        if any(begin <= at <= end for begin, end in awaited)
    ]
    if not looks:
        return {}
    return {
        "lock_share": sum(waiting > 0 for waiting, _ in looks) / len(looks),
        "active_share": sum(active > 0 for _, active in looks) / len(looks),
    }


def _service(
    drill: Drill, watching: Watching, slow: Series, threshold: Threshold, known: Mapping[str, float]
) -> dict[str, float]:
    """Cores that a service's own processes used while its slow answers were awaited.

    Nothing where no process can be seen, or where it has a database that nobody looked at meanwhile: the
    time may go there then.
    """
    if beside.has_database(drill) and "active_share" not in known:
        return {}
    seconds = cores = 0.0
    for begin, end in _awaited(slow, threshold):
        looks = [
            one
            for one in watching.usage
            if f"service.{one.service}" == slow.target.partition(" ")[0] and begin <= one.at_us <= end
        ]
        if len(looks) > 1:
            seconds += (looks[-1].at_us - looks[0].at_us) / 1e6
            cores += max(0, looks[-1].cpu_us - looks[0].cpu_us) / 1e6
    return {"service_cores": cores / seconds} if seconds else {}


def _function(drill: Drill, key: str, threshold: Threshold, since_ms: int) -> dict[str, float]:
    """From the function's own log, where there is one."""
    cloud, spec = drill.use(Cloud), drill.system.function[key]
    group = cloud.fill(spec.log_group) if spec.log_group else f"/aws/lambda/{cloud.fill(spec.name)}"
    try:
        found = reported(read_lines(cloud, group, since_ms=since_ms), threshold_ms=threshold.latency * 1000)
    except AttemptFailed as error:
        if error.facts.get("code") != beside.MISSING:
            raise
        found = None
    return {"function_ms": found.slow_ms + found.init_ms, "init_ms": found.init_ms} if found else {}


def _metrics(drill: Drill, key: str, since_ms: int) -> list[str]:
    cloud, name = drill.use(Cloud), drill.use(Cloud).fill(drill.system.function[key].name)
    seen = read_metrics(cloud, name, since=datetime.fromtimestamp(since_ms / 1000, UTC))
    if seen.invocations is None:
        return [f"CloudWatch has no metrics of {name} yet"]
    parts = {
        "invocations": seen.invocations,
        "errors": seen.errors,
        "throttles": seen.throttles,
        "mean ms": seen.duration_ms,
        "longest ms": seen.slowest_ms,
    }
    return [
        f"{name}: " + ", ".join(f"{value:.0f} {what}" for what, value in parts.items() if value is not None)
    ]


def roll_back_once_held(drill: Drill) -> None:
    """Goes back to the release before, when the investigation found that the threshold has held; else not."""
    if drill.use(Performance).held is not None:
        drill.attempt(RollBack() if drill.use(Services).running else RollBackRelease())
