"""The checklist: each item ticked by what was recorded, and a person's items by nobody."""

from __future__ import annotations

import pytest

from rollproof.checks.checklist import tick
from rollproof.journal import Kind
from rollproof.model.verdict import Outcome
from tests.unit.histories import Story

PROVEN, REFUTED, UNKNOWN = Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN


def ticked(story: Story) -> dict[str, Outcome]:
    return {item.item: item.outcome for item in tick(story.history)}


def whole() -> Story:
    """A rollback as the runbook wants it."""
    story = Story()
    story.act("database.stage")
    story.event("incident.detected", cause="the release is faulty")
    for act in ("backup.take", "backup.verify", "rollback.rehearse", "rollback.guard", "migration.roll_back"):
        story.act(act)
    story.act("service.verify")
    for check in ("procedure-in-order", "schema-restored", "rows-unchanged", "no-acknowledged-write-lost"):
        story.event("verify", Kind.OK, check=check, outcome="proven")
    return story


def test_a_rollback_as_the_runbook_wants_it_has_every_item_ticked_but_a_persons() -> None:
    items = ticked(whole())
    waiting = {item for item, outcome in items.items() if outcome is Outcome.NOT_PROVEN_HERE}
    assert waiting == {"before.notified", "during.status", "after.notified", "after.follow-up"}
    assert {outcome for item, outcome in items.items() if item not in waiting} == {PROVEN}
    assert len(items) == 14


def test_items_say_what_ticked_them() -> None:
    by = {item.item: item.by for item in tick(whole().history)}
    assert by["before.backup"] == "backup.verify"
    assert by["after.schema"] == "schema-restored"
    assert by["before.notified"] == ""


def test_without_a_rollback_there_is_no_checklist() -> None:
    story = whole()
    story.events = [event for event in story.events if event.act != "migration.roll_back"]
    assert ticked(story) == {}


@pytest.mark.parametrize("act", ["migration.roll_back", "backup.restore"])
def test_a_rollback_that_was_only_begun_has_one(act: str) -> None:
    story = Story()
    story.act(act, None)
    assert ticked(story)["before.backup"] is REFUTED


def test_items_that_were_no_part_of_the_scenario_are_left_out() -> None:
    story = Story()
    story.act("migration.roll_back")
    assert set(ticked(story)) == {
        "before.backup",
        "before.cause",
        "before.notified",
        "during.order",
        "during.status",
        "after.notified",
        "after.follow-up",
    }


def test_a_backup_that_was_proven_only_afterwards_is_none() -> None:
    story = Story()
    story.act("migration.roll_back")
    story.act("backup.verify")
    assert ticked(story)["before.backup"] is REFUTED


def test_a_backup_that_did_not_restore_is_none() -> None:
    story = Story()
    story.act("backup.verify", Kind.FAIL)
    story.act("migration.roll_back")
    assert ticked(story)["before.backup"] is REFUTED


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        (["yes", "rollback"], PROVEN),
        (["rollback"], REFUTED),
        (["rollback", "yes"], REFUTED),
        (["no", "rollback"], REFUTED),
        (["yes", "no", "rollback"], REFUTED),
        (["yes", "rollback", "rollback"], REFUTED),
        (["yes", "rollback", "yes", "rollback"], PROVEN),
    ],
)
def test_the_guard_must_have_let_each_rollback_through(steps: list[str], outcome: Outcome) -> None:
    story = Story()
    for step in steps:
        ends = Kind.FAIL if step == "no" else Kind.OK
        story.act("migration.roll_back" if step == "rollback" else "rollback.guard", ends)
    assert ticked(story)["during.order"] is outcome


@pytest.mark.parametrize("cause", [None, ""])
def test_a_cause_that_nobody_put_on_record_is_unknown(cause: str | None) -> None:
    story = Story()
    if cause is not None:
        story.event("incident.detected", cause=cause)
    story.act("migration.roll_back")
    assert ticked(story)["before.cause"] is UNKNOWN


@pytest.mark.parametrize(
    ("ends", "outcome"), [(Kind.OK, PROVEN), (Kind.FAIL, REFUTED), (Kind.UNKNOWN, UNKNOWN)]
)
def test_an_act_ticks_by_how_its_newest_run_ended(ends: Kind, outcome: Outcome) -> None:
    story = whole()
    story.act("service.verify", ends)
    assert ticked(story)["after.service"] is outcome


@pytest.mark.parametrize(
    ("worse", "outcome"), [("refuted", REFUTED), ("unknown", UNKNOWN), ("proven", PROVEN)]
)
def test_a_check_ticks_by_the_worst_of_its_verdicts(worse: str, outcome: Outcome) -> None:
    story = whole()
    story.event("verify", Kind.OK, check="rows-unchanged", outcome=worse)
    story.event("verify", Kind.OK, check="rows-unchanged", outcome="proven")
    assert ticked(story)["after.rows"] is outcome
