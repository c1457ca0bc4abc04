"""Is it worse than before, or is it chance? Tests of two samples, through scipy.

scipy is imported when a test is made, not before: it takes longer to import than a scenario's other
parts together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

CONFIDENCE = 0.95
"""One-sided, of what a verdict rules out."""
POWER = 0.8
"""The chance to see a slowdown that is there, below which not seeing one says nothing."""
NO_CHANCE = 0.5
"""Mann and Whitney's statistic for two samples of one distribution."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of how many."""

    count: int
    of: int

    @property
    def share(self) -> float:
        """0 of 0 is 0."""
        return self.count / self.of if self.of else 0.0


def chance_of_rise(before: Rate, after: Rate) -> float:
    """How likely shares at least so far apart are when nothing has risen: Fisher's exact test, one-sided."""
    from scipy.stats import fisher_exact

    table = [[after.count, after.of - after.count], [before.count, before.of - before.count]]
    return float(fisher_exact(table, alternative="greater").pvalue)


def most_risen(before: Rate, after: Rate) -> float:
    """The largest rise of the share that is still compatible with what was seen.

    The upper bound of the difference of two proportions from the Wilson interval of each, one-sided
    (Newcombe 1998, Statistics in Medicine 17:873, method 10). 1 when one of them is of nothing.
    """
    if not before.of or not after.of:
        return 1.0
    low, high = _wilson(before)[0], _wilson(after)[1]
    apart = math.hypot(high - after.share, before.share - low)
    return after.share - before.share + apart


def _wilson(rate: Rate) -> tuple[float, float]:
    """Its two bounds, each one-sided at `CONFIDENCE`."""
    from scipy.stats import binomtest

    interval = binomtest(rate.count, rate.of).proportion_ci(2 * CONFIDENCE - 1, method="wilson")
    return float(interval.low), float(interval.high)


def chance_of_slowdown(before: Sequence[float], after: Sequence[float]) -> float:
    """How likely values so much greater are in samples of one distribution: Mann and Whitney, one-sided."""
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(after, before, alternative="greater", method="asymptotic").pvalue)


def slowdown_would_show(
    before: Sequence[float], slower: Sequence[float], *, afterwards: int, alpha: float
) -> bool:
    """Whether `afterwards` values would be enough to tell `slower` from `before`.

    Noether's formula for the power of Mann and Whitney's test (1987, JASA 82:645).

    Args:
        slower: what `before` would have been, had it been as slow as must be seen.
        alpha: of the test that is going to be made.
    """
    from scipy.stats import mannwhitneyu

    if not before or not afterwards:
        return False
    pairs = len(before) * len(slower)
    statistic = float(mannwhitneyu(slower, before, alternative="greater", method="asymptotic").statistic)
    distance = statistic / pairs - NO_CHANCE
    if distance <= 0:
        return False
    total = len(before) + afterwards
    share = len(before) / total
    normal = NormalDist()
    z = normal.inv_cdf(1 - alpha) + normal.inv_cdf(POWER)
    return total >= z**2 / (12 * share * (1 - share) * distance**2)


def chance_of_more_events(before: int, before_seconds: float, after: int, after_seconds: float) -> float:
    """How likely so many events are, had they come as often as before: a binomial test of two Poisson counts
    (Przyborowski and Wilenski 1940), one-sided."""
    from scipy.stats import binomtest

    if not before + after:
        return 1.0
    share = after_seconds / (before_seconds + after_seconds)
    return float(binomtest(after, before + after, share, alternative="greater").pvalue)


def percentile(values: Sequence[float], percent: float) -> float:
    """By nearest rank: the value that `percent` of them do not exceed. Raises ValueError for none."""
    if not values:
        raise ValueError("no values, no percentile")
    ranked = sorted(values)
    return ranked[max(0, math.ceil(percent / 100 * len(ranked)) - 1)]
