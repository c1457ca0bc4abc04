"""Whether recovery takes longer than it did, beyond what varies anyhow.

The newest recovery time is held against the median of those before it (at least five). It is a regression
when it is longer by more than the gate, and by more than three times what the earlier ones scatter (median
absolute deviation, scaled to a normal's). So is a slow creep: when the line through all of them (Theil and
Sen's, which single outliers do not move) rises with 95 % confidence, by more than the gate over their length.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from rollproof.evidence.standing.states import Standing
from rollproof.model.verdict import Outcome

BASELINE = 5
"""Recovery times before the newest one that are needed to say anything."""
NOISE = 3.0
"""Scaled median absolute deviations that still are noise."""
FLOOR_SECONDS = 0.05
"""Nobody's recovery is worse for so little, however steady it was."""


@dataclass(frozen=True, slots=True)
class Trend:
    """How one scenario's recovery time goes.

    Attributes:
        outcome: proven: no regression; refuted: one; unknown: too few runs to tell.
        change: newest over the earlier ones' median, less 1; None when unknown.
    """

    standing: Standing
    outcome: Outcome
    reason: str
    newest: float | None
    before: float | None
    change: float | None
    runs: int


def trend_of(one: Standing, gate: float) -> Trend:
    """`gate`: the share by which it may grow, such as 0.2."""
    times = [measured.rto for measured in one.measured]
    newest = times[-1] if times else None
    earlier = times[:-1]
    if newest is None or len(earlier) < BASELINE:
        reason = f"{len(earlier)} of {BASELINE} earlier recovery times that are needed"
        return Trend(one, Outcome.UNKNOWN, reason, newest, None, None, len(times))
    before = median(earlier)
    change = newest / before - 1 if before else None
    reason = _jump(newest, earlier, gate) or _creep(times, gate)
    outcome = Outcome.REFUTED if reason else Outcome.PROVEN
    return Trend(one, outcome, reason or "within what varies", newest, before, change, len(times))


def trends_of(standings: Iterable[Standing], gate: float) -> list[Trend]:
    """Of every scenario that ever measured a recovery, by place."""
    known = sorted((one for one in standings if one.measured), key=lambda one: one.place)
    return [trend_of(one, gate) for one in known]


def _jump(newest: float, earlier: Sequence[float], gate: float) -> str:
    from scipy.stats import median_abs_deviation

    middle = median(earlier)
    noise = NOISE * float(median_abs_deviation(earlier, scale="normal"))
    rise = newest - middle
    if rise <= max(gate * middle, noise, FLOOR_SECONDS):
        return ""
    return f"longer by {_percent(rise, middle)} than the median of {len(earlier)} before it"


def _creep(times: Sequence[float], gate: float) -> str:
    from scipy.stats import theilslopes

    slope = theilslopes(times, alpha=0.95)
    start = float(slope.intercept)
    rise = float(slope.slope) * (len(times) - 1)
    if float(slope.low_slope) <= 0 or rise <= max(gate * max(start, 0.0), FLOOR_SECONDS):
        return ""
    return f"rising from run to run, by {_percent(rise, start)} over {len(times)} runs"


def _percent(rise: float, base: float) -> str:
    return f"{rise / base:.0%}" if base > 0 else f"{rise:.2f} s"
