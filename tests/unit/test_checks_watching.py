"""The comparison of two watches: what it must say of simulated systems."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.checks.significance import Rate, chance_of_rise, most_risen, slowdown_would_show
from rollproof.checks.steadiness import Limits, changes_of
from rollproof.checks.watching import latency_restored, watch_steady
from rollproof.journal import Kind
from rollproof.model.aws import Watch
from rollproof.model.json import canonical
from rollproof.model.verdict import Outcome, Verdict
from rollproof.workload.samples import (
    AlarmState,
    Connections,
    LogCount,
    Sample,
    Series,
    Watched,
)
from rollproof.workload.samples import (
    Outcome as Said,
)
from tests.unit.histories import Story

LIMITS = Watch().limits
Draw = Callable[[Random], float]


def steady(chance: Random) -> float:
    """Seconds, as a busy machine takes them: most alike, a few much slower."""
    return 0.1 * chance.lognormvariate(0, 0.3)


def simulated(
    chance: Random,
    *,
    each: int = 150,
    fails: float = 0.0,
    takes: Draw = steady,
    targets: int = 3,
    pace: int = 10_000,
) -> Watched:
    series = []
    for number in range(targets):
        samples = [
            Sample(
                at * pace, int(takes(chance) * 1e6), "failed" if chance.random() < fails else "ok", at == 0
            )
            for at in range(each)
        ]
        series.append(Series(f"target {number}", tuple(samples)))
    return Watched(each * pace / 1e6, tuple(series))


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311  the same for every run


def recorded(before: Watched, after: Watched) -> Story:
    """A drill that watched, broke, rolled back and watched again."""
    story = Story()
    watch(story, "before", before)
    story.event("incident.fault")
    story.event("incident.executed")
    watch(story, "after", after)
    return story


def watch(story: Story, label: str, seen: Watched | None) -> None:
    begun = story.event("watch", Kind.BEGIN, label=label)
    if seen is not None:
        found = story.attachments.put(seen.to_json())
        story.event("watch", Kind.OK, of=begun.seq, label=label, operations=found, count=seen.asked)


def judge(before: Watched, after: Watched, **limits: float) -> Verdict:
    return recorded(before, after).judge(watch_steady, **LIMITS | limits)


def outcomes(runs: int, make: Callable[[Random], tuple[Watched, Watched]]) -> list[Outcome]:
    return [judge(*make(seeded(seed))).outcome for seed in range(runs)]


def test_a_system_that_is_as_it_was_is_not_refuted_in_99_of_100_watches() -> None:
    found = outcomes(150, lambda chance: (simulated(chance), simulated(chance)))
    assert found.count(Outcome.REFUTED) <= 1
    assert found.count(Outcome.PROVEN) >= 145


def test_a_system_that_always_failed_now_and_then_is_not_refuted_either() -> None:
    def make(chance: Random) -> tuple[Watched, Watched]:
        return simulated(chance, fails=0.02, each=300), simulated(chance, fails=0.02, each=300)

    found = outcomes(100, make)
    assert found.count(Outcome.REFUTED) <= 1


def test_noise_that_is_small_in_milliseconds_does_not_alarm() -> None:
    def make(chance: Random) -> tuple[Watched, Watched]:
        return (
            simulated(chance, takes=lambda c: 0.012 * c.lognormvariate(0, 0.3)),
            simulated(chance, takes=lambda c: 0.025 * c.lognormvariate(0, 0.4)),
        )

    assert set(outcomes(20, make)) == {Outcome.PROVEN}


def test_a_doubled_latency_is_refuted() -> None:
    def make(chance: Random) -> tuple[Watched, Watched]:
        return simulated(chance), simulated(chance, takes=lambda c: 2 * steady(c))

    assert set(outcomes(30, make)) == {Outcome.REFUTED}


def test_one_slow_target_of_several_is_refuted() -> None:
    chance = seeded(1)
    before, after = simulated(chance), simulated(chance)
    slow = simulated(chance, targets=1, takes=lambda c: 2 * steady(c)).series[0]
    verdict = judge(before, replace(after, series=(slow, *after.series[1:])))
    assert verdict.outcome is Outcome.REFUTED
    assert "target 0: 95th percentile" in verdict.reason


def test_a_tail_of_hanging_requests_is_refuted_though_most_are_as_fast() -> None:
    def hanging(chance: Random) -> float:
        return 3.0 if chance.random() < 0.15 else steady(chance)

    def make(chance: Random) -> tuple[Watched, Watched]:
        return simulated(chance), simulated(chance, takes=hanging)

    assert set(outcomes(20, make)) == {Outcome.REFUTED}


def test_five_percent_of_errors_are_refuted_given_enough_samples() -> None:
    def make(chance: Random) -> tuple[Watched, Watched]:
        return simulated(chance, each=200), simulated(chance, each=200, fails=0.05)

    assert outcomes(50, make).count(Outcome.REFUTED) >= 48


@pytest.mark.parametrize("each", [60, 150])
def test_more_errors_than_are_borne_are_never_proven_however_few_the_samples(each: int) -> None:
    """One failure more may be anybody's; from two on it is one way or the other."""

    def make(chance: Random) -> tuple[Watched, Watched]:
        after = simulated(chance, each=each)
        series = (simulated(chance, each=each, fails=0.05).series[0], *after.series[1:])
        return simulated(chance, each=each), replace(after, series=series)

    for seed in range(30):
        before, after = make(seeded(seed))
        if after.series[0].failures > 1:
            assert judge(before, after).outcome is not Outcome.PROVEN


def test_single_failures_among_many_answers_do_not_leave_it_open() -> None:
    def make(chance: Random) -> tuple[Watched, Watched]:
        return simulated(chance, fails=0.001), simulated(chance, fails=0.001)

    assert outcomes(50, make).count(Outcome.PROVEN) >= 48


def test_a_median_beyond_its_limit_is_not_proven_for_want_of_answers() -> None:
    chance = seeded(3)
    fast, slow = [0.1] * 16 + [0.5] * 5, [0.25] * 11 + [0.05] * 6 + [0.5] * 4
    before, after = simulated(chance, targets=1, each=21), simulated(chance, targets=1, each=21)

    def with_latencies(watched: Watched, seconds: list[float]) -> Watched:
        samples = tuple(
            replace(one, took_us=int(value * 1e6), cold=False)
            for one, value in zip(watched.series[0].samples, seconds, strict=True)
        )
        return replace(watched, series=(replace(watched.series[0], samples=samples),))

    verdict = judge(with_latencies(before, fast), with_latencies(after, slow), visible_rise=1.0)
    assert verdict.outcome is not Outcome.PROVEN


@given(seed=st.integers(0, 10_000), each=st.integers(0, 19))
def test_few_samples_prove_nothing(seed: int, each: int) -> None:
    chance = seeded(seed)
    verdict = judge(simulated(chance), simulated(chance, each=each))
    assert verdict.outcome is Outcome.UNKNOWN


def test_too_few_samples_to_rule_out_a_rise_prove_nothing() -> None:
    chance = seeded(1)
    before, after = simulated(chance, each=25, targets=1), simulated(chance, each=25, targets=1)
    verdict = judge(before, after)
    assert verdict.outcome is Outcome.UNKNOWN
    assert "too few to rule out that the share rose by 5%" in verdict.reason


def test_answers_that_scatter_too_much_to_see_a_doubled_latency_prove_nothing() -> None:
    def scattered(chance: Random) -> float:
        return 0.1 * chance.lognormvariate(0, 2.5)

    chance = seeded(4)
    verdict = judge(
        simulated(chance, each=60, takes=scattered),
        simulated(chance, each=60, takes=scattered),
        slowdown=50.0,
        latency_seconds=1000.0,
    )
    assert verdict.outcome is Outcome.UNKNOWN
    assert "too few answers to see a doubled latency" in " ".join(verdict.findings)


def well(**more: object) -> Watched:
    return replace(simulated(seeded(7)), **more)  # type: ignore[arg-type]


def test_a_target_that_is_not_asked_any_more_proves_nothing() -> None:
    assert judge(well(), well(series=well().series[1:])).outcome is Outcome.UNKNOWN


def test_a_watch_that_asked_nothing_proves_nothing() -> None:
    assert judge(well(), well(series=())).outcome is Outcome.UNKNOWN
    assert judge(well(series=()), well(series=())).outcome is Outcome.UNKNOWN


def test_being_as_ill_as_before_is_not_being_well() -> None:
    chance = seeded(1)
    ill = simulated(chance, fails=0.5)
    assert judge(ill, simulated(chance, fails=0.5)).outcome is not Outcome.PROVEN


def in_blocks(pattern: Sequence[Said]) -> Series:
    samples = tuple(Sample(at * 1000, 100_000, pattern[at // 5 % len(pattern)], at == 0) for at in range(150))
    return Series("target 0", samples)


def test_going_down_and_up_again_and_again_is_flapping() -> None:
    flapping = in_blocks(["ok", "ok", "failed"])
    verdict = judge(well(), well(series=(flapping, *well().series[1:])))
    assert verdict.outcome is Outcome.REFUTED
    assert any("flaps" in line for line in verdict.findings)


def test_going_slow_and_fast_again_and_again_is_flapping() -> None:
    samples = [Sample(at, 2_000_000 if at // 4 % 2 else 1000, "ok") for at in range(40)]
    assert changes_of(samples, latency_seconds=1.0) > Limits().flaps


def test_single_failures_are_no_flapping() -> None:
    samples = [Sample(at, 1000, "failed" if at % 7 == 0 else "ok") for at in range(100)]
    assert changes_of(samples, latency_seconds=1.0) == 0


@pytest.mark.parametrize(
    ("states", "outcome"),
    [
        (("OK",), Outcome.PROVEN),
        (("ALARM", "OK"), Outcome.PROVEN),
        (("OK", "ALARM"), Outcome.REFUTED),
        (("OK", "ALARM", "OK", "ALARM"), Outcome.REFUTED),
        (("INSUFFICIENT_DATA", "OK", "INSUFFICIENT_DATA", "OK"), Outcome.REFUTED),
        (("ALARM",), Outcome.UNKNOWN),
    ],
)
def test_an_alarm_that_rings_after_the_rollback_speaks_against_it(
    states: Sequence[str], outcome: Outcome
) -> None:
    seen = tuple(AlarmState(at, "errors", state) for at, state in enumerate(states))
    before = well(alarms=(AlarmState(0, "errors", "OK"),))
    assert judge(before, well(alarms=seen)).outcome is outcome


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        ((100, 0), (100, 0), Outcome.PROVEN),
        ((100, 0), (100, 1), Outcome.REFUTED),
        ((100, 9), (100, 10), Outcome.PROVEN),
        ((100, 9), (100, 40), Outcome.REFUTED),
        ((100, 0), (0, 0), Outcome.UNKNOWN),
        ((0, 0), (0, 0), Outcome.UNKNOWN),
    ],
)
def test_errors_in_the_logs_speak_against_it_and_silence_proves_nothing(
    before: tuple[int, int], after: tuple[int, int], outcome: Outcome
) -> None:
    then, now = well(logs=(LogCount("group", *before),)), well(logs=(LogCount("group", *after),))
    assert judge(then, now).outcome is outcome


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        ((10, 0), (12, 0), Outcome.PROVEN),
        ((10, 0), (40, 0), Outcome.REFUTED),
        ((60, 0), (85, 0), Outcome.REFUTED),
        ((10, 0), (10, 3), Outcome.REFUTED),
    ],
)
def test_more_connections_and_waiting_sessions_are_saturation(
    before: tuple[int, int], after: tuple[int, int], outcome: Outcome
) -> None:
    def looks(used: int, waiting: int) -> tuple[Connections, ...]:
        return tuple(Connections(at, used, waiting, 100) for at in range(20))

    verdict = judge(well(connections=looks(*before)), well(connections=looks(*after)))
    assert verdict.outcome is outcome


def test_connections_that_were_not_looked_at_again_prove_nothing() -> None:
    before = well(connections=(Connections(0, 1, 0, 100),))
    assert judge(before, well()).outcome is Outcome.UNKNOWN


def test_throttled_requests_are_saturation() -> None:
    refused = Series("target 0", tuple(Sample(at, 1, "throttled") for at in range(150)))
    verdict = judge(well(), well(series=(refused, *well().series[1:])))
    assert verdict.outcome is Outcome.REFUTED
    assert any("throttled" in line for line in verdict.findings)


def test_what_could_not_be_watched_proves_nothing() -> None:
    assert judge(well(), well(trouble=("log group: not there",))).outcome is Outcome.UNKNOWN


def test_a_watch_after_that_began_before_the_rollback_was_over_proves_nothing() -> None:
    story = Story()
    watch(story, "before", well())
    story.event("incident.fault")
    watch(story, "after", well())
    story.event("incident.executed")
    verdict = story.judge(watch_steady, **LIMITS)
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.reason == "the watch after began before the rollback was over"


def test_a_baseline_that_saw_the_fault_proves_nothing() -> None:
    story = Story()
    story.event("incident.fault")
    watch(story, "before", well())
    watch(story, "after", well())
    assert story.judge(watch_steady, **LIMITS).outcome is Outcome.UNKNOWN


def test_a_watch_that_did_not_end_proves_nothing() -> None:
    story = Story()
    watch(story, "before", well())
    watch(story, "after", well())
    watch(story, "after", None)
    assert story.judge(watch_steady, **LIMITS).outcome is Outcome.UNKNOWN


def test_only_latency_is_judged_where_only_latency_is_asked_for() -> None:
    chance = seeded(3)
    history = recorded(simulated(chance), simulated(chance))
    assert history.judge(latency_restored, **LIMITS).outcome is Outcome.PROVEN
    slow = recorded(simulated(chance), simulated(chance, takes=lambda c: 3 * steady(c)))
    assert slow.judge(latency_restored, **LIMITS).outcome is Outcome.REFUTED


@given(st.data())
def test_a_watch_is_read_as_it_was_written(data: st.DataObject) -> None:
    whole = st.integers(0, 2**40)
    outcome = st.sampled_from(["ok", "failed", "throttled", "unanswered"])
    samples = st.lists(st.builds(Sample, whole, whole, outcome, st.booleans()), max_size=5).map(tuple)
    series = st.lists(st.builds(Series, st.text(max_size=5), samples), max_size=3).map(tuple)
    seen = data.draw(
        st.builds(
            Watched,
            seconds=whole.map(lambda us: us / 1e6),
            series=series,
            logs=st.lists(st.builds(LogCount, st.text(max_size=5), whole, whole), max_size=2).map(tuple),
            connections=st.lists(st.builds(Connections, whole, whole, whole, whole), max_size=2).map(tuple),
            alarms=st.lists(
                st.builds(AlarmState, whole, st.text(max_size=5), st.text(max_size=5)), max_size=2
            ).map(tuple),
            trouble=st.lists(st.text(max_size=5), max_size=2).map(tuple),
        )
    )
    again = Watched.from_json(seen.to_json())
    assert replace(again, seconds=0.0) == replace(seen, seconds=0.0)
    assert abs(again.seconds - seen.seconds) < 2e-6
    canonical(seen.to_json())


@given(st.integers(0, 40), st.integers(1, 200), st.integers(0, 40), st.integers(1, 200))
def test_what_is_still_compatible_is_never_less_than_what_was_seen(a: int, n: int, b: int, m: int) -> None:
    before, after = Rate(min(a, n), n), Rate(min(b, m), m)
    assert most_risen(before, after) >= after.share - before.share - 1e-12
    assert 0 < chance_of_rise(before, after) <= 1 + 1e-12


def test_of_nothing_nothing_is_ruled_out() -> None:
    assert most_risen(Rate(0, 0), Rate(0, 10)) == 1.0
    assert not slowdown_would_show([], [], afterwards=10, alpha=0.01)


def test_sixty_requests_without_a_failure_rule_out_five_points() -> None:
    """As docs/reference/system-file.md says."""
    assert most_risen(Rate(0, 60), Rate(0, 60)) < 0.05
