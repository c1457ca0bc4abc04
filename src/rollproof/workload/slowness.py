"""When a system counts as slow, from the samples alone. Pure; for who decides and for who judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from rollproof.workload.samples import Sample, Series

PERIODS = 4
"""Periods that make up the time for which a threshold has to be exceeded."""
SHARE = 0.95
A_FEW = 3
"""Answers below which nothing was measured; a slow system gives few."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """From when on a system is slow, and for how long it has to be before it is rolled back.

    Attributes:
        latency: seconds that the 95th percentile has to exceed.
        hold: seconds for which it has to exceed them without a break.
    """

    latency: float
    hold: float

    @property
    def period_us(self) -> int:
        return max(1, int(self.hold * 1e6 / PERIODS))


@dataclass(frozen=True, slots=True)
class Held:
    """A threshold that has held.

    Attributes:
        since_us, until_us: the first time that it held long enough, from when the watch began.
    """

    target: str
    since_us: int
    until_us: int


def first_held(series: Sequence[Series], threshold: Threshold) -> Held | None:
    """The first time that some target was slow for as long as the threshold says, or None."""
    found = [held for one in series if (held := _held(one, threshold)) is not None]
    return min(found, key=lambda held: held.until_us, default=None)


def _held(series: Series, threshold: Threshold) -> Held | None:
    """In the first row of slow periods whose slow answers cover enough time from first to last."""
    hold_us = int(threshold.hold * 1e6)
    since: int | None = None
    for number, slow in enumerate(slow_periods(series.samples, threshold)):
        if not slow:
            since = None
            continue
        begin, end = number * threshold.period_us, (number + 1) * threshold.period_us
        late = [one for one in series.samples if _is_late(one, threshold) and _overlaps(one, begin, end)]
        since = min(one.at_us for one in late) if since is None else since
        if min(end, max(one.at_us + one.took_us for one in late)) - since >= hold_us:
            return Held(series.target, since, since + hold_us)
    return None


def _is_late(sample: Sample, threshold: Threshold) -> bool:
    return sample.well and not sample.cold and sample.took_us > threshold.latency * 1e6


def _overlaps(sample: Sample, begin: int, end: int) -> bool:
    return sample.at_us < end and sample.at_us + sample.took_us >= begin


def calm_for(series: Sequence[Series], threshold: Threshold, *, after_slowness: bool = True) -> bool:
    """Whether every target has been fast for as long as the threshold would have to hold.

    Args:
        after_slowness: only once some target has been slow.
    """
    periods = [slow_periods(one.samples, threshold) for one in series]
    if not periods or any(len(one) < PERIODS or any(one[-PERIODS:]) for one in periods):
        return False
    return not after_slowness or any(any(one) for one in periods)


def slow_periods(samples: Sequence[Sample], threshold: Threshold) -> list[bool]:
    """For each whole period, whether the 95th percentile of what was under way in it is too slow.

    A question that takes longer than a period counts in every one that it was under way in: that nobody
    was answered is what being slow is. Failures are no slowness. A period without a question is fast.
    """
    answered = [sample for sample in samples if sample.well and not sample.cold]
    if not answered:
        return []
    length = threshold.period_us
    whole = max(sample.at_us + sample.took_us for sample in samples) // length
    took: list[list[int]] = [[] for _ in range(whole)]
    for sample in answered:
        last = (sample.at_us + sample.took_us) // length
        for number in range(sample.at_us // length, min(last + 1, whole)):
            took[number].append(sample.took_us)
    return [_is_slow(period, threshold.latency) for period in took]


def _is_slow(took: list[int], latency: float) -> bool:
    if not took:
        return False
    return sorted(took)[ceil(SHARE * len(took)) - 1] > latency * 1e6


def slowest(series: Sequence[Series], threshold: Threshold) -> Series | None:
    """The target that was waited for longest in answers that took too long; None without any such answer."""

    def waited(one: Series) -> int:
        return sum(sample.took_us for sample in one.samples if _is_late(sample, threshold))

    found = max(series, key=waited, default=None)
    return found if found is not None and waited(found) else None


MOSTLY = 0.5


def where_time_goes(numbers: Mapping[str, float]) -> str:
    """Into which part the time of slow requests goes; empty when what was measured does not say.

    Args:
        numbers: `total_ms`, the typical slow answer; `function_ms`, what the function itself took of it;
            `init_ms`, its cold start; `lock_share` and `active_share`, at how many of the looks at the
            database a session waited for a lock, or a statement was at work; `service_cores`, how many
            processor cores a service that was asked directly used meanwhile, its database being looked
            at too, if it has one. What could not be measured is not there.
    """
    if numbers.get("lock_share", 0.0) >= MOSTLY:
        return LOCKS
    if numbers.get("active_share", 0.0) >= MOSTLY:
        return QUERIES
    if (cores := numbers.get("service_cores")) is not None:
        return COMPUTING if cores >= MOSTLY else ELSEWHERE
    total, own = numbers.get("total_ms", 0.0), numbers.get("function_ms")
    if not total or own is None:
        return ""
    if numbers.get("init_ms", 0.0) >= MOSTLY * total:
        return COLD_STARTS
    return FUNCTION if own >= MOSTLY * total else IN_FRONT


LOCKS = "the database, where sessions wait for locks"
QUERIES = "the database, where statements take long"
COLD_STARTS = "cold starts of the function"
COMPUTING = "the service's own code, which computes"
ELSEWHERE = "the service, which waits for something else than the database"
FUNCTION = "the function's own code, or what it calls"
IN_FRONT = "the way to the function: the API, or waiting for capacity"
