"""How one watch compares with another, part by part. Pure; what a verdict is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from rollproof.checks.significance import (
    Rate,
    chance_of_more_events,
    chance_of_rise,
    chance_of_slowdown,
    most_risen,
    percentile,
    slowdown_would_show,
)
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome
from rollproof.workload.samples import Connections, LogCount, Sample, Series, Watched

ALPHA = 0.01
"""The chance of calling a system worse that is as it was, over all tests of a comparison together."""
FEWEST = 20
"""Answers of a target below which its 95th percentile is its slowest."""
IN_A_ROW = 2
"""Samples in a row that it takes to call a target ill, or well again."""
A_FEW_FAILURES = 2
"""Failures more than before of which it must be known whether they are chance; one alone may be anybody's."""
A_FEW_CONNECTIONS = 5
TAIL_RISE = 0.05
A_FEW_LINES = 5
_SERVICE = "service "
"""What a service's log is called: one may log little while all is well, a function logs every call."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What counts as worse; see `[watch]` in the system file.

    Attributes:
        error_rate: a rise of the share of failures up to this one counts as none.
        visible_rise: a rise that must be ruled out, or nothing is proven.
        slowdown: factor from which on it is slower.
        noise_seconds: being slower by less than this counts as noise.
        latency_seconds: an answer that takes longer is no good one, to tell flapping.
        flaps: changes between well and ill, of a target or an alarm, that are borne.
        connections: share of the server's connections from which on it is saturated.
        cpu: processor cores that a service may use more than before.
        memory: factor of a service's memory from which on it is worse.
        leak: MiB that its memory may grow during a watch, beyond what it grew before.
    """

    error_rate: float = 0.01
    visible_rise: float = 0.05
    slowdown: float = 1.5
    noise_seconds: float = 0.05
    latency_seconds: float = 1.0
    flaps: int = 2
    connections: float = 0.8
    cpu: float = 0.5
    memory: float = 1.5
    leak: float = 16.0


@dataclass(frozen=True, slots=True)
class Part:
    """What one part of a comparison says."""

    outcome: Outcome
    said: str
    numbers: dict[str, Json] = field(default_factory=dict)


def _ill(said: str) -> Part:
    return Part(Outcome.REFUTED, said)


def _open(said: str) -> Part:
    return Part(Outcome.UNKNOWN, said)


def errors(before: Watched, after: Watched, limits: Limits) -> Iterable[Part]:
    """Shares of failures: of all requests together, and of each target."""
    alpha = ALPHA / (len(before.series) + 1)
    for name, then, now in _rates(before, after):
        if now.share - then.share <= limits.error_rate:
            continue
        said = f"{name}: {_say(then)} failed before, {_say(now)} after"
        if chance_of_rise(then, now) < alpha:
            yield _ill(said)
        elif now.count - then.count >= A_FEW_FAILURES:
            yield _open(f"{said}: more than is borne, and too few answers to tell that from chance")
    then, now = Rate(before.failures, before.asked), Rate(after.failures, after.asked)
    numbers: dict[str, Json] = {"failed_before": then.count, "failed_after": now.count}
    if then.share > max(limits.error_rate, limits.visible_rise):
        yield _open(f"it was not well before: {_say(then)} failed")
    elif (rise := most_risen(then, now)) >= limits.visible_rise:
        yield _open(
            f"{_say(now)} failed after, {_say(then)} before: too few to rule out that the share "
            f"rose by {limits.visible_rise:.0%}, it may have by {rise:.1%}"
        )
    yield Part(Outcome.PROVEN, f"{_say(now)} failed after, {_say(then)} before", numbers)


def _rates(before: Watched, after: Watched) -> Iterable[tuple[str, Rate, Rate]]:
    yield "all requests", Rate(before.failures, before.asked), Rate(after.failures, after.asked)
    for then, now in _pairs(before, after):
        yield (
            then.target,
            Rate(then.failures, len(then.samples)),
            Rate(now.failures, len(now.samples)),
        )


def _pairs(before: Watched, after: Watched) -> Iterable[tuple[Series, Series]]:
    for then in before.series:
        if (now := after.of(then.target)) is not None:
            yield then, now


def silence(before: Watched, after: Watched) -> Iterable[Part]:
    """Targets that were asked before and not after, or too rarely to say anything."""
    if not before.asked or not after.asked:
        yield _open(f"nothing was asked {'before' if not before.asked else 'after'}")
        return
    for then in before.series:
        now = after.of(then.target)
        if now is None:
            yield _open(f"{then.target} was not asked after")
            continue
        if (least := min(len(then.samples), len(now.samples))) < FEWEST:
            yield _open(f"{then.target} was asked {least} times only, {FEWEST} are needed")
    for when, watched in (("before", before), ("after", after)):
        yield from (_open(f"{when}: {line}") for line in watched.trouble)


def latencies(before: Watched, after: Watched, limits: Limits) -> Iterable[Part]:
    """Latencies of good answers, target by target."""
    pairs = list(_pairs(before, after))
    alpha = ALPHA / max(1, 2 * len(pairs))
    for then, now in pairs:
        yield _latency(then.target, then.latencies, now.latencies, limits, alpha)


def _latency(target: str, then: Sequence[float], now: Sequence[float], limits: Limits, alpha: float) -> Part:
    if min(len(then), len(now)) < FEWEST:
        return _open(f"{target}: {len(then)} good answers before, {len(now)} after; {FEWEST} are needed")
    p95, typical = percentile(now, 95), percentile(now, 50)
    most, most_typical = (_slower(percentile(then, p), limits) for p in (95, 50))
    said = f"{target}: 95th percentile {_ms(percentile(then, 95))} before, {_ms(p95)} after"
    if (p95 > most or typical > most_typical) and chance_of_slowdown(then, now) < alpha:
        return _ill(f"{said}; median {_ms(percentile(then, 50))} before, {_ms(typical)} after")
    slow_then, slow_now = _slower_than(then, most), _slower_than(now, most)
    risen = slow_now.share - slow_then.share > TAIL_RISE
    if risen and chance_of_rise(slow_then, slow_now) < alpha:
        return _ill(f"{said}; {_say(slow_now)} took longer than {_ms(most)}, {_say(slow_then)} before")
    if p95 > most or typical > most_typical:
        return _open(f"{said}: too few answers to tell that from chance")
    doubled = [max(2 * value, value + limits.noise_seconds) for value in then]
    if not slowdown_would_show(then, doubled, afterwards=len(now), alpha=alpha):
        return _open(f"{said}: too few answers to see a doubled latency")
    return Part(Outcome.PROVEN, said, {f"p95_ms {target}": round(p95 * 1000, 1)})


def _slower(seconds: float, limits: Limits) -> float:
    return max(seconds * limits.slowdown, seconds + limits.noise_seconds)


def _slower_than(values: Sequence[float], most: float) -> Rate:
    return Rate(sum(value > most for value in values), len(values))


def flapping(after: Watched, limits: Limits) -> Iterable[Part]:
    """Targets that go from well to ill and back, alarms that ring and fall silent."""
    for series in after.series:
        changes = changes_of(series.samples, limits.latency_seconds)
        if changes > limits.flaps:
            yield _ill(f"{series.target} flaps: it changed between well and ill {changes} times")
    for alarm, states in alarm_states(after).items():
        changes = sum(one != other for one, other in pairwise(states))
        if changes > limits.flaps:
            yield _ill(f"alarm {alarm} flaps: {' -> '.join(states[:8])}")


def changes_of(samples: Sequence[Sample], latency_seconds: float) -> int:
    """Changes between well and ill; a single sample that is otherwise changes nothing."""
    well, run, changes = True, 0, 0
    for sample in samples:
        good = sample.well and (sample.cold or sample.seconds <= latency_seconds)
        run = run + 1 if good is not well else 0
        if run == IN_A_ROW:
            well, run, changes = good, 0, changes + 1
    return changes


def alarm_states(watched: Watched) -> dict[str, list[str]]:
    """The states that each alarm was seen in, one after another."""
    states: dict[str, list[str]] = {}
    for item in sorted(watched.alarms, key=lambda item: item.at_us):
        seen = states.setdefault(item.alarm, [])
        if not seen or seen[-1] != item.state:
            seen.append(item.state)
    return states


def alarms(before: Watched, after: Watched) -> Iterable[Part]:
    """Alarms that began to ring after the rollback, or never stopped."""
    earlier = alarm_states(before)
    for alarm, states in alarm_states(after).items():
        if "ALARM" in states[1:]:
            yield _ill(f"alarm {alarm} began to ring: {' -> '.join(states[:8])}")
        elif states == ["ALARM"] and earlier.get(alarm, [""])[-1] != "ALARM":
            yield _open(f"alarm {alarm} rings still; its periods may not be over")


def logs(before: Watched, after: Watched) -> Iterable[Part]:
    """Errors that the logs tell of since."""
    earlier = {item.group: item for item in before.logs}
    asked = [item for item in after.logs if item.lines or not item.group.startswith(_SERVICE)]
    if asked and not any(item.lines for item in asked):
        yield _open("nothing was written to any log, so their having no errors says nothing")
    for now in after.logs:
        then = earlier.get(now.group, LogCount(now.group, 0, 0))
        spoke = then.lines > (A_FEW_LINES if now.group.startswith(_SERVICE) else 0)
        if spoke and not now.lines:
            yield _open(f"log {now.group} has fallen silent")
        elif now.errors and _more_errors(then, now, before.seconds, after.seconds):
            yield _ill(f"log {now.group}: {then.errors} errors before, {now.errors} after")
    if after.logs:
        said = f"{sum(item.errors for item in after.logs)} errors in the logs after"
        yield Part(Outcome.PROVEN, said, {"log_lines": sum(item.lines for item in after.logs)})


def _more_errors(then: LogCount, now: LogCount, seconds_then: float, seconds_now: float) -> bool:
    """One error is one too many where there was none; where there were some, chance may add a few."""
    if not then.errors:
        return True
    return chance_of_more_events(then.errors, seconds_then, now.errors, seconds_now) < ALPHA


def saturation(before: Watched, after: Watched, limits: Limits) -> Iterable[Part]:
    """Requests refused for want of capacity, connections of the database, waiting for locks."""
    throttled = sum(s.outcome == "throttled" for series in after.series for s in series.samples)
    then = sum(s.outcome == "throttled" for series in before.series for s in series.samples)
    if throttled > then and chance_of_rise(Rate(then, before.asked), Rate(throttled, after.asked)) < ALPHA:
        yield _ill(f"{throttled} of {after.asked} requests were throttled, {then} before")
    if before.connections and not after.connections:
        yield _open("the database's connections were not looked at after")
    elif after.connections:
        yield from _connections(before.connections, after.connections, limits)


def _connections(
    before: Sequence[Connections], after: Sequence[Connections], limits: Limits
) -> Iterable[Part]:
    used = median(item.used for item in after)
    earlier = median(item.used for item in before) if before else 0
    most = after[-1].limit
    said = f"{used:g} of {most} connections in use, {earlier:g} before"
    full = used >= limits.connections * most and used > earlier
    if full or (before and used > 2 * earlier + A_FEW_CONNECTIONS):
        yield _ill(said)
    waits_then = Rate(sum(item.waiting > 0 for item in before), len(before))
    waits = Rate(sum(item.waiting > 0 for item in after), len(after))
    if before and waits.share > waits_then.share and chance_of_rise(waits_then, waits) < ALPHA:
        yield _ill(f"sessions wait for locks at {_say(waits)} looks, {_say(waits_then)} before")
    yield Part(Outcome.PROVEN, said, {"connections": used})


def _say(rate: Rate) -> str:
    return f"{rate.count} of {rate.of}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
