"""Whether recovery takes longer than it did, beyond what varies anyhow.

A gate that is wrong once in ten runs is switched off. So the newest recovery time is held against those
before it (at least five, on a machine like its own) in three ways, which steady times rarely meet by chance:

- jump: it is longer than the longest of them (but one, of eight or more) by more than the gate, and longer
  than their median by more than 3.5 times what they scatter (median absolute deviation of the logarithms,
  scaled to a normal's: recovery times vary by factors, not by seconds);
- shift: it and the two to four before it are all longer than all others, and their median by more than the
  gate: for three after five that is one chance in 56, for three after seven one in 120;
- creep: the line through all of them (Theil and Sen's, which single outliers do not move) rises with 99 %
  confidence, by more than the gate over their length.

Of steady times that scatter by 10 %, at most one in a hundred is taken for slower; of such that scatter by
30 %, one in thirty. A lasting slowness is told of for about five runs; then it is what there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log
from statistics import median

from rollproof.evidence.standing.states import Standing
from rollproof.model.verdict import Outcome

BASELINE = 5
"""Recovery times before the newest one that are needed to say anything."""
NOISE = 3.5
"""Scaled median absolute deviations that still are noise."""
MANY = 8
"""Earlier times of which the longest may be an accident."""
SHIFTED = (3, 4, 5)
"""How many times in a row tell of a shift."""
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
    newest = one.measured[-1] if one.measured else None
    alike = [measured for measured in one.measured if newest and measured.machine == newest.machine]
    times = [measured.rto for measured in alike]
    earlier = times[:-1]
    if newest is None or len(earlier) < BASELINE:
        reason = f"{len(earlier)} of {BASELINE} earlier recovery times that are needed"
        reason += " on a machine like this" if len(alike) < len(one.measured) else ""
        return Trend(one, Outcome.UNKNOWN, reason, newest.rto if newest else None, None, None, len(times))
    before = median(earlier)
    change = newest.rto / before - 1 if before else None
    reason = _jump(newest.rto, earlier, gate) or _shift(times, gate) or _creep(times, gate)
    outcome = Outcome.REFUTED if reason else Outcome.PROVEN
    return Trend(one, outcome, reason or "within what varies", newest.rto, before, change, len(times))


def trends_of(standings: Iterable[Standing], gate: float) -> list[Trend]:
    """Of every scenario that ever measured a recovery, by place."""
    known = sorted((one for one in standings if one.measured), key=lambda one: one.place)
    return [trend_of(one, gate) for one in known]


def _jump(newest: float, earlier: Sequence[float], gate: float) -> str:
    from scipy.stats import median_abs_deviation

    middle = median(earlier)
    longest = sorted(earlier)[-2 if len(earlier) >= MANY else -1]
    scatter = median_abs_deviation([_log(time) for time in earlier], scale="normal")
    rise, factor = newest - middle, _log(newest) - _log(middle)
    far = newest > longest * (1 + gate) and rise > max(gate * middle, FLOOR_SECONDS)
    if not far or factor <= NOISE * float(scatter):
        return ""
    return f"longer by {_percent(rise, middle)} than the median of {len(earlier)} before it"


def _log(seconds: float) -> float:
    return log(max(seconds, 0.001))


def _shift(times: Sequence[float], gate: float) -> str:
    for many in SHIFTED:
        before, since = times[:-many], times[-many:]
        if len(before) < BASELINE or min(since) <= max(before):
            continue
        rise = median(since) - median(before)
        if rise > max(gate * median(before), FLOOR_SECONDS):
            told = _percent(rise, median(before))
            return f"longer by {told} for {many} runs, each of them longer than all {len(before)} before"
    return ""


def _creep(times: Sequence[float], gate: float) -> str:
    from scipy.stats import theilslopes

    slope = theilslopes(times, alpha=0.99)
    start = float(slope.intercept)
    rise = float(slope.slope) * (len(times) - 1)
    if float(slope.low_slope) <= 0 or rise <= max(gate * max(start, 0.0), FLOOR_SECONDS):
        return ""
    return f"rising from run to run, by {_percent(rise, start)} over {len(times)} runs"


def _percent(rise: float, base: float) -> str:
    return f"{rise / base:.0%}" if base > 0 else f"{rise:.2f} s"
