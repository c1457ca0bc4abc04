"""Did a deploy that failed leave things as they were? Judged on literal histories."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rollproof.checks import stacks
from rollproof.journal import Kind
from rollproof.model.fingerprint import Difference
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome
from tests.unit.histories import Story

PROVEN, REFUTED, UNKNOWN = Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN
NESTED = "AWS::CloudFormation::Stack"


def told(
    logical: str, status: str, reason: str = "", kind: str = "AWS::SQS::Queue", own: bool = False
) -> Json:
    return {"logical": logical, "kind": kind, "status": status, "reason": reason, "own": own}


EVENTS: list[Json] = [
    told("Shop", "UPDATE_IN_PROGRESS", kind=NESTED, own=True),
    told("Queue", "UPDATE_COMPLETE"),
    told("Topic", "UPDATE_FAILED", "Resource update cancelled", "AWS::SNS::Topic"),
    told("Table", "UPDATE_FAILED", "no such key", "AWS::DynamoDB::Table"),
    told("Logs", "CREATE_FAILED", "later"),
    told("Shop", "UPDATE_ROLLBACK_FAILED", "everything", NESTED, own=True),
]
FIRST = {"item": "Table", "kind": "AWS::DynamoDB::Table", "cause": "no such key"}


def note(story: Story, act: str, **data: Json) -> None:
    """A note; its data may have a `kind` of its own."""
    event = story.event(act)
    story.events[-1] = replace(event, data=data)


def failed(
    *, status: str = "UPDATE_ROLLBACK_COMPLETE", events: list[Json] = EVENTS, named: dict[str, Any] = FIRST
) -> Story:
    """A deploy that failed on one stack."""
    story = Story()
    begun = story.event("release.deploy_failing", Kind.BEGIN)
    note(
        story,
        "stack.operation",
        name="Shop",
        decision="updated",
        status=status,
        history=story.attachments.put(events),
        **named,
    )
    story.event("release.deploy_failing", Kind.FAIL, of=begun.seq, found="it failed")
    return story


def compared(story: Story, *names: str, against: str = "before", count: int = 9, **more: Json) -> Story:
    """A comparison that found these resources other than they were."""
    found: list[Json] = [Difference("AWS::SQS::Queue", name, "Delay", 1, 2).to_json() for name in names]
    note(
        story,
        "resources.compared",
        kind="stack",
        label="after",
        against=against,
        count=count,
        differences=story.attachments.put(found),
        **more,
    )
    return story


def test_the_first_failure_is_neither_the_cancelled_nor_the_stacks_own() -> None:
    assert failed().judge(stacks.failure_named).outcome is PROVEN


@pytest.mark.parametrize("logical", ["Topic", "Logs", "Shop", "Queue"])
def test_any_other_event_under_its_name_is_refuted(logical: str) -> None:
    assert failed(named={**FIRST, "item": logical}).judge(stacks.failure_named).outcome is REFUTED


def test_an_event_without_a_reason_names_no_cause() -> None:
    events: list[Json] = [told("Queue", "CREATE_FAILED")]
    story = failed(events=events, named={"item": "Queue", "kind": "AWS::SQS::Queue", "cause": ""})
    assert story.judge(stacks.failure_named).outcome is REFUTED


def test_of_a_nested_stack_the_first_failure_within_it_is_meant() -> None:
    events: list[Json] = [
        told("Inner", "UPDATE_FAILED", "embedded stack failed", NESTED),
        told("Inner/Queue", "CREATE_FAILED", "no right to"),
    ]
    right = {"item": "Inner/Queue", "kind": "AWS::SQS::Queue", "cause": "no right to"}
    assert failed(events=events, named=right).judge(stacks.failure_named).outcome is PROVEN
    cascade = {"item": "Inner", "kind": NESTED, "cause": "embedded stack failed"}
    assert failed(events=events, named=cascade).judge(stacks.failure_named).outcome is REFUTED


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("UPDATE_ROLLBACK_COMPLETE", PROVEN),
        ("ROLLBACK_COMPLETE", PROVEN),
        ("UPDATE_FAILED", REFUTED),
        ("CREATE_FAILED", REFUTED),
        ("UPDATE_ROLLBACK_FAILED", REFUTED),
    ],
)
def test_a_stack_has_returned_only_when_it_is_rolled_back(status: str, outcome: Outcome) -> None:
    assert failed(status=status).judge(stacks.stack_returned).outcome is outcome


@pytest.mark.parametrize("check", [stacks.stack_returned, stacks.failed_stack_restored, stacks.failure_named])
def test_where_no_deploy_failed_nothing_is_known(check: Any) -> None:
    story = Story()
    story.act("release.deploy")
    assert compared(story).judge(check).outcome is UNKNOWN


def test_what_differs_in_the_failed_stack_refutes_and_what_moved_elsewhere_is_named() -> None:
    assert compared(failed(), "Shop/Queue").judge(stacks.failed_stack_restored).outcome is REFUTED
    moved = compared(failed(), "Base/Queue").judge(stacks.failed_stack_restored)
    assert moved.outcome is PROVEN
    assert "Base" in moved.reason


def test_a_stack_whose_name_begins_alike_is_another_stack() -> None:
    assert compared(failed(), "ShopData/Queue").judge(stacks.failed_stack_restored).outcome is PROVEN


def test_an_unread_resource_of_the_failed_stack_leaves_it_unknown() -> None:
    story = compared(failed(), unread=["Shop/Gate (Custom::Gate)"])
    assert story.judge(stacks.failed_stack_restored).outcome is UNKNOWN
    elsewhere = compared(failed(), unread=["Base/Gate (Custom::Gate)"])
    assert elsewhere.judge(stacks.failed_stack_restored).outcome is PROVEN


def test_nothing_read_before_proves_nothing() -> None:
    assert compared(failed(), count=0).judge(stacks.failed_stack_restored).outcome is UNKNOWN


def again(story: Story, kind: Kind = Kind.OK) -> Story:
    begun = story.event("release.deploy", Kind.BEGIN, version="1")
    story.event("release.deploy", kind, of=begun.seq, found="no")
    return story


def test_the_next_deploy_works_when_it_changed_what_it_had_to() -> None:
    story = compared(again(failed()), against="release 1")
    assert compared(story, "Shop/Queue").judge(stacks.next_deploy_works).outcome is PROVEN


def test_a_next_deploy_that_had_nothing_to_change_proves_nothing() -> None:
    story = compared(compared(again(failed()), against="release 1"))
    assert story.judge(stacks.next_deploy_works).outcome is UNKNOWN


def test_a_next_deploy_that_changed_nothing_although_it_had_to_is_refuted() -> None:
    story = compared(compared(again(failed()), "Shop/Queue", against="release 1"))
    assert story.judge(stacks.next_deploy_works).outcome is REFUTED


def test_a_next_deploy_that_failed_is_refuted_and_none_is_unknown() -> None:
    assert again(failed(), Kind.FAIL).judge(stacks.next_deploy_works).outcome is REFUTED
    assert failed().judge(stacks.next_deploy_works).outcome is UNKNOWN


def continued(*items: str) -> Story:
    story = failed(status="UPDATE_ROLLBACK_FAILED")
    begun = story.event("stack.continue_rollback", Kind.BEGIN)
    story.event("stack.continue_rollback", Kind.OK, of=begun.seq, items=list(items))
    return story


def test_what_was_skipped_may_differ_and_nothing_else() -> None:
    named = compared(continued("Shop/Code"), "Shop/Code").judge(stacks.skipped_named)
    assert named.outcome is PROVEN
    assert "to be mended by hand: Shop/Code" in named.reason
    unsaid = compared(continued("Shop/Code"), "Shop/Code", "Shop/Queue")
    assert unsaid.judge(stacks.skipped_named).outcome is REFUTED


def drifted(*, mine: tuple[str, ...], theirs: tuple[str, ...], look: Kind = Kind.FAIL) -> Story:
    story = Story()
    note(story, "stack.changed_by_hand", item="Shop/Queue", kind="AWS::SQS::Queue", attribute="Delay")
    begun = story.event("stack.look_for_drift", Kind.BEGIN)
    compared(story, *mine)
    story.event("stack.drift", name="Shop", items=list(theirs))
    story.event("stack.look_for_drift", look, of=begun.seq, found="drift")
    return story


@pytest.mark.parametrize(
    ("mine", "theirs", "outcome"),
    [
        (("Shop/Queue",), ("Shop/Queue",), PROVEN),
        (("Shop/Queue", "Shop/Role"), ("Shop/Queue",), PROVEN),
        (("Shop/Queue",), (), REFUTED),
        ((), ("Shop/Queue",), REFUTED),
        (("Shop/Queue",), ("Shop/Queue", "Shop/Role"), REFUTED),
    ],
)
def test_both_ways_of_looking_must_find_the_change(
    mine: tuple[str, ...], theirs: tuple[str, ...], outcome: Outcome
) -> None:
    assert drifted(mine=mine, theirs=theirs).judge(stacks.drift_found).outcome is outcome


def test_where_comparing_sees_more_the_verdict_says_so() -> None:
    both = drifted(mine=("Shop/Queue", "Shop/Role"), theirs=("Shop/Queue",))
    assert "does not name Shop/Role" in both.judge(stacks.drift_found).reason


def test_a_rollback_over_a_drift_is_refuted() -> None:
    story = drifted(mine=("Shop/Queue",), theirs=("Shop/Queue",))
    assert story.judge(stacks.rollback_held).outcome is PROVEN
    story.act("release.roll_back")
    assert story.judge(stacks.rollback_held).outcome is REFUTED
