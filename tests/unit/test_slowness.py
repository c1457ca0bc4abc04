"""From when on a system counts as slow, and where its time goes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.workload.samples import Sample, Series
from rollproof.workload.slowness import (
    COLD_STARTS,
    COMPUTING,
    ELSEWHERE,
    FUNCTION,
    IN_FRONT,
    LOCKS,
    QUERIES,
    Threshold,
    calm_for,
    first_held,
    slow_periods,
    slowest,
    where_time_goes,
)

THRESHOLD = Threshold(latency=0.5, hold=2.0)


def answered(*took: float, name: str = "api") -> Series:
    """One question after another, each asked when the one before was answered."""
    samples, at = [], 0
    for seconds in took:
        samples.append(Sample(at, int(seconds * 1e6), "ok"))
        at += int(seconds * 1e6)
    return Series(name, tuple(samples))


def fast(seconds: float) -> list[float]:
    return [0.05] * round(seconds / 0.05)


def test_slow_answers_for_as_long_as_the_threshold_says_hold_it() -> None:
    held = first_held([answered(*fast(1), *[1.0] * 4)], THRESHOLD)
    assert held is not None
    assert held.target == "api"
    assert 0.9e6 <= held.since_us <= 1.0e6
    assert held.until_us - held.since_us == 2_000_000


def test_fast_answers_hold_nothing() -> None:
    assert first_held([answered(*fast(10))], THRESHOLD) is None


@pytest.mark.parametrize("seconds", [0.6, 1.0, 1.5, 1.9])
def test_one_slow_answer_that_is_shorter_than_the_threshold_holds_nothing(seconds: float) -> None:
    assert first_held([answered(*fast(1), seconds, *fast(4))], THRESHOLD) is None


def test_a_slowness_with_a_break_holds_nothing() -> None:
    series = [answered(*[1.0, 0.7], *fast(1), *[1.0, 0.7], *fast(1))]
    assert first_held(series, THRESHOLD) is None


def test_failures_are_no_slowness() -> None:
    samples = tuple(Sample(at * 10**6, 10**6, "failed") for at in range(10))
    assert first_held([Series("api", samples)], THRESHOLD) is None
    assert slow_periods(samples, THRESHOLD) == []


def test_the_first_of_several_targets_counts() -> None:
    late, early = answered(*fast(3), *[1.0] * 4, name="late"), answered(*[1.0] * 4, name="early")
    held = first_held([late, early], THRESHOLD)
    assert held is not None
    assert held.target == "early"


def test_calm_is_what_comes_after_a_slowness() -> None:
    assert not calm_for([answered(*fast(5))], THRESHOLD)
    assert calm_for([answered(*fast(5))], THRESHOLD, after_slowness=False)
    assert calm_for([answered(*fast(1), 1.0, *fast(3))], THRESHOLD)
    assert not calm_for([answered(*fast(1), 1.0, *fast(1))], THRESHOLD)
    assert not calm_for([answered(*fast(1), 1.0, *fast(3)), answered()], THRESHOLD)
    assert not calm_for([], THRESHOLD)


@given(st.lists(st.floats(0.001, 0.49), min_size=1, max_size=60))
def test_answers_below_the_threshold_never_hold_it(took: Sequence[float]) -> None:
    assert first_held([answered(*took)], THRESHOLD) is None


@given(st.lists(st.floats(0.51, 3.0), min_size=8, max_size=20), st.lists(st.floats(0.01, 0.4), max_size=20))
def test_enough_slow_answers_always_hold_it(slow: Sequence[float], before: Sequence[float]) -> None:
    assert first_held([answered(*before, *slow)], THRESHOLD) is not None


@given(st.lists(st.floats(0.01, 2.5), min_size=1, max_size=40))
def test_what_held_once_has_held_for_good(took: Sequence[float]) -> None:
    """Deciding while it goes on and judging afterwards come to the same."""
    whole = first_held([answered(*took)], THRESHOLD)
    parts: Iterable[int] = range(1, len(took) + 1)
    firsts = [first_held([answered(*took[:end])], THRESHOLD) for end in parts]
    found = [held for held in firsts if held is not None]
    assert not found or whole is not None


def test_the_slowest_is_the_one_that_was_waited_for_longest() -> None:
    often, once = answered(*fast(3), 0.6, name="often fast"), answered(*fast(1), 0.9, 0.9, name="slow twice")
    found = slowest([often, once], THRESHOLD)
    assert found is not None
    assert found.target == "slow twice"
    assert slowest([answered(*fast(1))], THRESHOLD) is None
    assert slowest([], THRESHOLD) is None


@pytest.mark.parametrize(
    ("numbers", "part"),
    [
        ({"total_ms": 900, "lock_share": 0.9, "active_share": 0.9}, LOCKS),
        ({"total_ms": 900, "lock_share": 0.1, "active_share": 0.9, "function_ms": 890}, QUERIES),
        ({"total_ms": 900, "function_ms": 890, "init_ms": 700}, COLD_STARTS),
        ({"total_ms": 900, "function_ms": 890, "init_ms": 0, "active_share": 0.2}, FUNCTION),
        ({"total_ms": 900, "function_ms": 90}, IN_FRONT),
        ({"total_ms": 900, "service_cores": 0.9, "active_share": 0.0}, COMPUTING),
        ({"total_ms": 900, "service_cores": 0.0, "active_share": 0.0}, ELSEWHERE),
        ({"total_ms": 900, "service_cores": 0.0, "active_share": 0.9}, QUERIES),
        ({"total_ms": 900}, ""),
        ({}, ""),
        ({"function_ms": 90}, ""),
    ],
)
def test_where_the_time_goes(numbers: dict[str, float], part: str) -> None:
    assert where_time_goes(numbers) == part
