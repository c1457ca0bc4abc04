"""Sequences: none may hand out again what is in use, in whichever direction it counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.checks.sequences import sequences_safe
from rollproof.model.fingerprint import Difference, Fact
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome
from tests.unit.histories import Story, differs, moved

PAIR = ("shop.orders_id_seq", "shop.orders.id")
LARGE = 2**53


def of(*differences: Difference, behind: tuple[tuple[str, str], ...] = (), **more: object) -> Story:
    story = Story()
    story.observe("before", **more)  # type: ignore[arg-type]  # observe's own
    story.sequences("before")
    story.sequences("after", *behind)
    story.compare(differences=differences)
    return story


def written(value: int) -> Json:
    """The way the fingerprint writes it: as a text where JSON cannot hold the number."""
    return value if abs(value) < LARGE else str(value)


def test_all_that_stand_where_they_stood_are_safe() -> None:
    verdict = of().judge(sequences_safe)
    assert (verdict.outcome, verdict.numbers) == (Outcome.PROVEN, {"sequences": 3})


@pytest.mark.parametrize(
    ("name", "before", "after", "safe"),
    [
        ("shop.orders_id_seq", 5, 6, True),
        ("shop.orders_id_seq", 5, 4, False),
        ("shop.orders_id_seq", 5, 1, False),
        ("shop.down_seq", -5, -6, True),
        ("shop.down_seq", -5, -4, False),
        ("shop.down_seq", -5, 0, False),
        ("shop.round_seq", 99, 1, True),
        ("shop.unlisted_seq", 5, 4, False),
        ("shop.orders_id_seq", str(LARGE + 1), str(LARGE), False),
        ("shop.orders_id_seq", str(LARGE), str(LARGE + 1), True),
        ("shop.orders_id_seq", LARGE - 1, str(LARGE), True),
        ("shop.orders_id_seq", str(LARGE), LARGE - 1, False),
        ("shop.orders_id_seq", str(10 * LARGE), str(9 * LARGE), False),
        ("shop.orders_id_seq", str(9 * LARGE), str(10 * LARGE), True),
        ("shop.down_seq", str(-LARGE), 1 - LARGE, False),
    ],
)
def test_going_back_is_told_from_going_on(name: str, before: Json, after: Json, safe: bool) -> None:
    verdict = of(moved(name, before, after)).judge(sequences_safe)
    assert verdict.outcome is (Outcome.PROVEN if safe else Outcome.REFUTED)
    if not safe:
        assert name in verdict.findings[0]


@given(
    before=st.integers(-(2**63), 2**63 - 1),
    after=st.integers(-(2**63), 2**63 - 1),
    increment=st.integers(-(2**63), 2**63 - 1).filter(bool),
)
def test_a_sequence_is_safe_exactly_when_it_went_the_way_that_it_counts(
    before: int, after: int, increment: int
) -> None:
    facts = [Fact("sequence", "s.q", {"increment": str(increment), "cycle": False})]
    story = of(moved("s.q", written(before), written(after)), facts=facts)
    forward = (after - before) * increment >= 0
    assert story.judge(sequences_safe).outcome is (Outcome.PROVEN if forward else Outcome.REFUTED)


def test_one_that_stands_behind_its_column_is_refuted_and_named() -> None:
    verdict = of(behind=(PAIR,)).judge(sequences_safe)
    assert verdict.outcome is Outcome.REFUTED
    assert PAIR[0] in verdict.findings[0]
    assert PAIR[1] in verdict.findings[0]


def test_one_that_stood_behind_already_before_is_named_and_not_blamed_on_the_rollback() -> None:
    story = of(behind=(PAIR,))
    story.sequences("before", PAIR)
    verdict = story.judge(sequences_safe)
    assert verdict.outcome is Outcome.PROVEN
    assert "so it was before" in verdict.findings[0]


def test_one_that_stood_behind_another_column_before_is_refuted() -> None:
    story = of(behind=(PAIR,))
    story.sequences("before", (PAIR[0], "shop.refunds.order_id"))
    assert story.judge(sequences_safe).outcome is Outcome.REFUTED


def test_one_that_stood_behind_and_goes_back_further_is_refuted() -> None:
    story = of(moved(PAIR[0], 5, 1), behind=(PAIR,))
    story.sequences("before", PAIR)
    assert story.judge(sequences_safe).outcome is Outcome.REFUTED


def test_a_missing_sequence_and_other_differences_are_left_to_the_schema() -> None:
    gone = differs("shop.orders_id_seq", None, {"increment": "1"}, None, kind="sequence")
    other = differs("shop.orders_id_seq", "increment", "1", "2", kind="sequence")
    assert of(gone, other).judge(sequences_safe).outcome is Outcome.PROVEN


def test_a_database_without_sequences_shows_nothing() -> None:
    story = of()
    story.sequences("after", count=0)
    assert story.judge(sequences_safe).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("missing", ["observe", "observe.sequences", "observe.compare"])
def test_what_was_not_recorded_is_unknown(missing: str) -> None:
    story = of(behind=(PAIR,))
    story.events = [event for event in story.events if event.act != missing]
    assert story.judge(sequences_safe).outcome is Outcome.UNKNOWN


def test_a_place_that_is_no_number_is_unknown() -> None:
    assert of(moved("shop.orders_id_seq", 5, "soon")).judge(sequences_safe).outcome is Outcome.UNKNOWN


def test_it_is_judged_against_what_was_asked_for() -> None:
    story = of(moved("shop.orders_id_seq", 5, 4))
    story.observe("backup")
    story.compare(against="backup")
    assert story.judge(sequences_safe, against="backup").outcome is Outcome.PROVEN
