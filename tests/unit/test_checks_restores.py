"""Dumps that were restored, and migrations that were taken back, judged from literal histories."""

from __future__ import annotations

import pytest

from rollproof.checks import restores
from rollproof.checks.registry import Check
from rollproof.journal import Kind
from rollproof.model.fingerprint import Difference, DifferenceClass
from rollproof.model.json import Json
from rollproof.model.rows import RowChanges
from rollproof.model.verdict import Outcome
from tests.unit.histories import Story

PROVEN, REFUTED, UNKNOWN = Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN
INDEX = Difference("index", "shop.i", None, None, {"a": 1})
MOVED = Difference("sequence", "shop.s", "next value", 5, 9, klass=DifferenceClass.SEQUENCE_STATE)


def restored(
    ends: Kind = Kind.OK,
    *differences: Difference,
    changes: tuple[RowChanges, ...] = (),
    left: int = 0,
    found: str = "",
) -> Story:
    story = Story()
    story.observe("backup")
    story.act("dump.restore", ends, found=found)
    story.event("dump.left", database="copy", count=left)
    story.compare("restored", "backup", differences=differences, changes=changes)
    return story


@pytest.mark.parametrize(
    ("story", "outcome"),
    [
        (restored(), PROVEN),
        (restored(Kind.OK, MOVED), PROVEN),
        (restored(Kind.OK, INDEX), REFUTED),
        (restored(changes=(RowChanges("shop.orders", lost=1),)), REFUTED),
        (restored(changes=(RowChanges("shop.orders", added=1),)), REFUTED),
        (restored(Kind.FAIL), REFUTED),
        (restored(Kind.UNKNOWN), UNKNOWN),
        (Story(), UNKNOWN),
    ],
)
def test_a_copy_is_identical_only_with_no_fact_and_no_row_other(story: Story, outcome: Outcome) -> None:
    assert story.judge(restores.copy_identical).outcome is outcome


@pytest.mark.parametrize(
    ("story", "outcome"),
    [
        (restored(Kind.FAIL, found="psql failed: syntax error"), PROVEN),
        (restored(Kind.FAIL, found="no such file"), REFUTED),
        (restored(Kind.OK), REFUTED),
        (restored(Kind.UNKNOWN, found="psql failed"), UNKNOWN),
        (Story(), UNKNOWN),
    ],
)
def test_a_restore_has_to_stop_for_the_expected_reason(story: Story, outcome: Outcome) -> None:
    assert story.judge(restores.restore_stopped, because="psql failed").outcome is outcome


@pytest.mark.parametrize(("left", "outcome"), [(0, PROVEN), (1, REFUTED)])
def test_nothing_may_be_left_of_a_restore_that_stopped(left: int, outcome: Outcome) -> None:
    assert restored(Kind.FAIL, left=left).judge(restores.nothing_left).outcome is outcome
    assert Story().judge(restores.nothing_left).outcome is UNKNOWN


def taken(ends: Kind = Kind.OK, *, ledger: list[str] | None = None, found: str = "") -> Story:
    story = Story()
    story.act("migration.take_back", ends, found=found)
    if ledger is None:
        story.event("observe.ledger", label="after", found="there is no such table")
    else:
        story.observe("after", ledger=ledger)
    return story


@pytest.mark.parametrize(
    ("story", "stay", "outcome"),
    [
        (taken(ledger=["1", "2"]), ["1", "2"], PROVEN),
        (taken(ledger=["1", "2", "3"]), ["1", "2"], REFUTED),
        (taken(ledger=["1"]), ["1", "2"], REFUTED),
        (taken(ledger=["1", "1", "2"]), ["1", "2"], REFUTED),
        (taken(Kind.FAIL, ledger=["1", "2"]), ["1", "2"], UNKNOWN),
        (taken(ledger=[]), [], PROVEN),
        (taken(ledger=None), [], PROVEN),
        (taken(ledger=None), ["1"], REFUTED),
    ],
)
def test_the_ledger_lists_what_stays_and_nothing_else(
    story: Story, stay: list[str], outcome: Outcome
) -> None:
    assert story.judge(restores.ledger_exact, stay=stay).outcome is outcome


@pytest.mark.parametrize(
    ("story", "outcome"),
    [
        (taken(Kind.FAIL, found="b.2 has no way back"), PROVEN),
        (taken(Kind.FAIL, found="the connection was lost"), REFUTED),
        (taken(Kind.OK), REFUTED),
        (taken(Kind.UNKNOWN, found="has no way back"), UNKNOWN),
    ],
)
def test_taking_back_what_cannot_be_is_refused_by_name(story: Story, outcome: Outcome) -> None:
    assert story.judge(restores.back_refused).outcome is outcome


@pytest.mark.parametrize(
    "check", [restores.copy_identical, restores.restore_stopped, restores.back_refused, restores.ledger_exact]
)
def test_without_a_record_nothing_is_known(check: Check) -> None:
    needed: dict[str, dict[str, Json]] = {"restore-stopped": {"because": "x"}, "ledger-exact": {"stay": []}}
    assert Story().judge(check, **needed.get(check.id, {})).outcome is UNKNOWN
