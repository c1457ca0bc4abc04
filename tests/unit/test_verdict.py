"""Verdicts, how several become one, and durations as people write and read them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.model.durations import parse_duration, say_duration
from rollproof.model.verdict import Outcome, Verdict, proven, refuted, unknown, worst

CLAIMED = (Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN)


def test_refuted_outranks_unknown_outranks_proven_in_whatever_order() -> None:
    for some in itertools.product(CLAIMED, repeat=3):
        expected = next(o for o in (Outcome.REFUTED, Outcome.UNKNOWN, Outcome.PROVEN) if o in some)
        assert worst(some) is expected


def test_no_verdict_at_all_is_unknown() -> None:
    assert worst([]) is Outcome.UNKNOWN


def test_what_claims_nothing_never_becomes_proven() -> None:
    assert worst([Outcome.NOT_APPLICABLE, Outcome.NOT_PROVEN_HERE]) is Outcome.UNKNOWN


@given(st.lists(st.sampled_from(Outcome)))
def test_one_more_verdict_never_makes_it_better(outcomes: list[Outcome]) -> None:
    rank = {Outcome.PROVEN: 0, Outcome.UNKNOWN: 1, Outcome.REFUTED: 2}
    for one in outcomes:
        assert rank[worst([*outcomes, one])] >= rank.get(one, 0)
    claimed = [outcome for outcome in outcomes if outcome in rank]
    if claimed:
        assert all(rank[worst([*claimed, one])] >= rank[worst(claimed)] for one in CLAIMED)


def test_only_proven_passes() -> None:
    assert [outcome for outcome in Outcome if outcome.passes] == [Outcome.PROVEN]


def test_skipped_are_the_two_that_claim_nothing() -> None:
    assert {outcome for outcome in Outcome if outcome.skipped} == set(Outcome) - set(CLAIMED)


@pytest.mark.parametrize(
    "verdict",
    [
        proven("as it was", rows=3, seconds=0.5),
        refuted("it is not", "a is gone", "b is other", rows_lost=2),
        unknown("nobody looked"),
    ],
)
def test_a_verdict_is_read_back_as_it_was_written(verdict: Verdict) -> None:
    assert Verdict.from_json(verdict.to_json()) == verdict


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("250ms", 0.25),
        ("30s", 30),
        ("15m", 900),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        (" 2 d ", 172800),
        ("1.5h", 5400),
        ("1m1ms", 60.001),
    ],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "0", "15", "m", "s30", "15 minutes", "-1s", "+1s", "1s-", "1,5h", "1..5h", ".5h", "1e3s",
        "15M", "1w", "1 0s", "1h1", "inf", "nans", "∞s", "٣s", "9" * 400 + "s", "30s\n15m?", "1 m s",
    ],
)  # fmt: skip
def test_what_is_no_duration_is_refused_with_an_example_of_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"write it like 30s, 15m or 1h30m"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 ms"),
        (0.0004, "0 ms"),
        (0.34, "340 ms"),
        (0.9993, "999 ms"),
        (0.9996, "1.0 s"),
        (4.21, "4.2 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min"),
        (125, "2 min 5 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h"),
        (3780, "1 h 3 min"),
        (172800, "48 h"),
    ],
)
def test_durations_are_said_in_the_unit_that_fits(seconds: float, said: str) -> None:
    assert say_duration(seconds) == said


@given(st.integers(0, 10**7))
def test_whole_seconds_written_as_a_duration_are_read_back(seconds: int) -> None:
    assert parse_duration(f"{seconds}s") == seconds
    minutes, rest = divmod(seconds, 60)
    assert parse_duration(f"{minutes}m{rest}s") == seconds


@given(st.floats(0, 1e6))
def test_no_duration_is_said_to_be_a_thousand_milliseconds_or_sixty_seconds(seconds: float) -> None:
    said = say_duration(seconds)
    assert not said.startswith(("1000 ms", "60.0 s", "60 min"))
    assert " 60 " not in said
