"""Told, and it arrived: judged from literal histories, the vacuous ones above all."""

from __future__ import annotations

from rollproof.checks.checklist import checklist_followed
from rollproof.checks.functions import revision_deployed
from rollproof.checks.notified import stakeholders_notified
from rollproof.journal import Kind
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome
from tests.unit.histories import Story


def told(**arrived: Json) -> Story:
    story = Story()
    for act, label in [
        ("notifications.send", "before"),
        ("site.switch_origin", ""),
        ("service.verify", ""),
        ("notifications.send", "after"),
    ]:
        story.act(act, **({"label": label} if label else {}))
    items: list[Json] = [{"moment": moment, "named": True, **arrived} for moment in ("before", "after")]
    story.event("notifications.read", items=items, reads=2)
    return story


def test_what_arrived_on_every_channel_in_time_is_proven() -> None:
    assert told(topic=True, mails=2).judge(stakeholders_notified).outcome is Outcome.PROVEN
    assert told(topic=None, mails=2).judge(stakeholders_notified).outcome is Outcome.PROVEN


def test_what_went_to_nobody_is_refuted() -> None:
    verdict = told(topic=None, mails=None).judge(stakeholders_notified)
    assert verdict.outcome is Outcome.REFUTED
    assert "went to nobody" in verdict.reason


def test_one_address_of_two_is_refuted() -> None:
    assert told(topic=True, mails=1).judge(stakeholders_notified).outcome is Outcome.REFUTED


def test_a_checklist_that_waits_for_persons_only_proves_nothing() -> None:
    story = Story()
    plan: list[Json] = [{"item": "before.told", "label": "told", "person": True}]
    story.act("function.roll_back")
    story.event("checklist.plan", plan=story.attachments.put(plan))
    assert story.judge(checklist_followed).outcome is Outcome.UNKNOWN


def test_a_checkout_whose_commit_nobody_recorded_proves_nothing() -> None:
    story = Story()
    story.act("checkout.roll_back", Kind.OK, steps=["log"])
    assert story.judge(revision_deployed).outcome is Outcome.UNKNOWN
