"""Readiness never flatters: what is unknown or skipped does not raise it, what is refuted holds it down."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standing_support import NOW, claim, stamp

from rollproof.evidence.standing.badge import badge_of
from rollproof.evidence.standing.claims import Claim, is_critical, scenario_key
from rollproof.evidence.standing.readiness import CAP, DEFAULT_INTERVAL, Level, Readiness, readiness_of
from rollproof.evidence.standing.states import KEPT, Standing, standings_of
from rollproof.evidence.standing.trend import _jump, _shift, trend_of
from rollproof.model.verdict import Outcome

OUTCOMES = st.sampled_from([Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN])


@st.composite
def claims(draw: st.DrawFn, least: int = 1) -> list[Claim]:
    """At different moments, so that their order is given."""
    days = draw(st.lists(st.integers(0, 400), min_size=least, max_size=12, unique=True))
    return [
        claim(
            draw(st.sampled_from("abc")),
            draw(OUTCOMES),
            day,
            critical=draw(st.booleans()),
            interval_days=draw(st.sampled_from([None, 1.0, 30.0, 365.0])),
        )
        for day in days
    ]


def ready(found: list[Claim], later: float = 0.0) -> Readiness:
    return readiness_of(standings_of(found).values(), NOW + timedelta(days=later))[0]


def score(found: list[Claim], later: float = 0.0) -> float:
    said = ready(found, later).score
    assert said is not None
    return said


@given(claims(), st.integers(0, 400), st.sampled_from("abcd"), st.booleans(), st.sampled_from([None, 900.0]))
def test_an_unknown_claim_never_raises_the_score(
    found: list[Claim], half_days: int, name: str, critical: bool, interval: float | None
) -> None:
    more = claim(name, Outcome.UNKNOWN, half_days + 0.5, critical=critical, interval_days=interval)
    assert score([*found, more]) <= score(found)


@given(claims(), st.sampled_from("abcd"), st.booleans())
def test_a_refuted_claim_of_today_never_raises_the_score(
    found: list[Claim], name: str, critical: bool
) -> None:
    assert score([*found, claim(name, Outcome.REFUTED, -0.5, critical=critical)], 1) <= score(found, 1)


@given(claims())
def test_a_proof_of_now_never_lowers_the_score(found: list[Claim]) -> None:
    newest = max(found, key=lambda one: one.at)
    again = replace(newest, outcome=Outcome.PROVEN, at=stamp(-1), run="newest", interval=None)
    assert score([*found, again], 1) >= score(found, 1)


@given(claims(), st.randoms(use_true_random=False))
def test_the_order_in_which_runs_are_read_changes_nothing(found: list[Claim], random: object) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert standings_of(shuffled) == standings_of(found)


@given(claims(), st.integers(0, 12))
def test_what_is_folded_in_two_goes_comes_out_as_in_one(found: list[Claim], cut: int) -> None:
    ordered = sorted(found, key=lambda one: one.at)
    assert standings_of(ordered[cut:], standings_of(ordered[:cut])) == standings_of(found)


@given(claims(), st.floats(0, 800), st.floats(0, 800))
def test_time_alone_never_raises_the_score(found: list[Claim], one: float, other: float) -> None:
    assert score(found, max(one, other)) <= score(found, min(one, other))


@given(claims())
def test_a_refuted_critical_scenario_caps_the_score(found: list[Claim]) -> None:
    held = ready([*found, claim("z", Outcome.REFUTED, 0.1, critical=True)])
    assert held.score is not None
    assert held.score <= CAP
    assert held.level is Level.NOT_READY


@given(claims())
def test_the_score_is_what_its_own_denominators_say(found: list[Claim]) -> None:
    said = ready(found)
    assert said.possible == sum(share.weight for share in said.shares)
    if not said.capped:
        assert said.score == pytest.approx(100 * said.earned / said.possible, abs=0.11)


def test_unknown_does_not_take_away_that_it_was_refuted() -> None:
    found = [claim(outcome=Outcome.REFUTED, days_ago=2, critical=True), claim(outcome=Outcome.UNKNOWN)]
    assert ready(found).capped


def test_a_proof_is_whole_up_to_its_interval_and_nothing_at_twice_of_it() -> None:
    proof = [claim(interval_days=10)]
    assert [score(proof, days) for days in (0, 10, 15, 20, 40)] == [100.0, 100.0, 50.0, 0.0, 0.0]
    assert score([claim()], DEFAULT_INTERVAL / 86400) == 100.0


def test_almost_all_is_not_rounded_up_to_all() -> None:
    assert score([claim(interval_days=10)], 10.001) == 99.9


def test_every_environment_has_a_score_of_its_own() -> None:
    found = standings_of([claim(), claim(outcome=Outcome.REFUTED, environment="staging")])
    assert [one.score for one in readiness_of(found.values(), NOW)] == [100.0, 0.0]


def test_nothing_claimed_is_no_score() -> None:
    assert readiness_of([], NOW) == ()
    assert badge_of([], NOW).message == "nothing drilled"


def test_scenarios_are_critical_by_their_tag_or_as_the_system_declares() -> None:
    assert is_critical(("critical",), ())
    assert is_critical(("restore",), None)
    assert not is_critical(("restore",), ("down",))
    assert is_critical(("down",), ("down",))


def test_a_scenario_is_known_again_wherever_its_folder_lies() -> None:
    assert (
        scenario_key("/a/b.feature::t[mini]")
        == scenario_key("C:\\x\\b.feature::t[mini]")
        == "b.feature::t[mini]"
    )


def test_a_badge_says_when_and_how_quickly_and_for_which_moment() -> None:
    said = badge_of(readiness_of(standings_of([claim(days_ago=3, rto=41.0)]).values(), NOW), NOW)
    assert said.message == "last proven: 3 days ago, RTO 41 s of 15 min"
    assert said.to_json()["asOf"] == "2026-11-22T12:00:00Z"
    assert "as of 2026-11-22" in said.to_svg()


def test_a_badge_shows_what_is_refuted_first() -> None:
    found = standings_of([claim("a", days_ago=3), claim("b", Outcome.REFUTED)])
    said = badge_of(readiness_of(found.values(), NOW), NOW)
    assert said.message.startswith("1 refuted, 1 of 2 proven")


def measured(*seconds: float) -> Standing:
    (one,) = standings_of(
        claim(days_ago=len(seconds) - number, rto=rto) for number, rto in enumerate(seconds)
    ).values()
    return one


STEADY = (10.0, 10.4, 9.8, 10.1, 9.9, 10.2)


@pytest.mark.parametrize(
    ("seconds", "outcome"),
    [
        ((10.0, 10.4, 9.8, 10.1, 15.0), Outcome.UNKNOWN),
        ((*STEADY, 10.3), Outcome.PROVEN),
        ((*STEADY, 12.6), Outcome.REFUTED),
        ((*STEADY, 11.9), Outcome.PROVEN),
        ((*STEADY, 12.4, 12.3, 12.5), Outcome.REFUTED),
        ((10.0, 16.0, 10.2, 9.9, 16.3, 10.1, 16.5), Outcome.PROVEN),
        ((8.0, 12.5, 9.0, 7.6, 10.4, 14.6), Outcome.PROVEN),
        ((10.0, 10.1, 90.0, 10.2, 9.9, 10.0, 10.1, 9.8, 20.0), Outcome.REFUTED),
        ((5.0, 15.0, 7.0, 13.0, 6.0, 14.0, 16.0), Outcome.PROVEN),
        ((10.0, 10.5, 11.0, 11.5, 12.0, 12.5, 13.0, 13.5, 14.0), Outcome.REFUTED),
        ((0.01, 0.01, 0.01, 0.01, 0.01, 0.04), Outcome.PROVEN),
        ((14.0, 13.0, 12.0, 11.0, 10.0, 9.0), Outcome.PROVEN),
        ((10.0, 10.0, 10.0, 10.0, 10.0, 90.0, 10.0, 10.0), Outcome.PROVEN),
    ],
    ids=[
        *("few", "steady", "jump", "below-gate", "shift", "two-kinds", "scattered", "outlier-before"),
        *("noisy", "creep", "tiny", "faster", "outlier-past"),
    ],
)
def test_a_regression_is_told_from_noise(seconds: tuple[float, ...], outcome: Outcome) -> None:
    assert trend_of(measured(*seconds), 0.2).outcome is outcome


def test_times_of_another_machine_are_not_held_against_this_one_s() -> None:
    one = measured(*STEADY, 20.0)
    moved = [replace(time, machine="Linux x86_64, 2 processors") for time in one.measured[:-1]]
    found = trend_of(replace(one, measured=(*moved, replace(one.measured[-1], machine="slower"))), 0.2)
    assert (found.outcome, "on a machine like this" in found.reason) == (Outcome.UNKNOWN, True)
    again = [replace(time, machine="slower") for time in one.measured[:-1]]
    assert trend_of(replace(one, measured=(*again, *moved, again[0])), 0.2).outcome is Outcome.PROVEN
    assert Standing.from_json(replace(one, measured=tuple(moved)).to_json()).measured == tuple(moved)


def test_steady_times_that_scatter_seldom_are_an_alarm() -> None:
    """By a fixed draw: recovery times vary by factors."""
    drawn = random.Random(5)  # noqa: S311  # the same times each time
    alarms = sum(
        bool(_jump(times[-1], times[:-1], 0.2) or _shift(times, 0.2))
        for times in ([drawn.lognormvariate(2, 0.2) for _ in range(10)] for _ in range(300))
    )
    assert alarms <= 9


def test_only_so_many_recovery_times_are_kept() -> None:
    assert len(measured(*[10.0] * 50).measured) == KEPT
