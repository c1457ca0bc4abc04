"""Verdicts on services whose releases are images, from literal histories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from rollproof.checks.services import (
    canary_contained,
    clients_served,
    digest_pinned,
    failed_deploy_named,
    flag_off,
    moved_tag_found,
    requests_switched,
    service_restored,
    versions_listed,
)
from rollproof.checks.servicevariables import service_variables
from rollproof.journal import Kind
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome
from rollproof.workload.operations import Operation
from rollproof.workload.operations import Outcome as Outcome_
from tests.unit.histories import Story

PROVEN, REFUTED, UNKNOWN = Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def release(version: str, digest: str, identity: str = "") -> dict[str, Json]:
    said = identity or version
    return {"version": version, "tag": version, "digest": digest, "tree": f"tree {digest}", "identity": said}


def process(digest: str, *, tree: str = "", serving: bool = True) -> dict[str, Json]:
    return {"digest": digest, "tree": tree or f"tree {digest}", "serving": serving}


def container(digest: str) -> dict[str, Json]:
    return {"digest": digest, "tree": "", "serving": True, "image": "sha256:" + "c" * 64}


def rolled_back(
    *,
    answers: Mapping[str, Json],
    image: str = f"shop@{A}",
    identity: str = "2",
    ends: Kind = Kind.OK,
    **more: Json,
) -> Story:
    """Release 1 served, then 2, then somebody went back to 1."""
    story = Story()
    story.event("service.serving", name="api", items=[release("1", A)])
    story.event("service.serving", name="api", items=[release("2", B, identity)])
    story.event("service.roll_back", Kind.BEGIN, name="api", version="1", digest=A)
    story.event("service.roll_back", ends, items=[{"tag": "1", "was": A, "now": more.pop("now", A)}])
    seen: dict[str, Json] = {"service": "api", "answers": answers, "failed": 0, "status": "RUNNING"}
    seen |= {"image": image, "processes": [], **more}
    story.event("services.seen", label="after", items=[seen])
    return story


def deployed_since(answers: Mapping[str, Json]) -> Story:
    """Somebody has deployed release 2 again after the rollback."""
    story = rolled_back(answers={"1": 20})
    story.event("service.serving", name="api", items=[release("2", B)])
    seen: dict[str, Json] = {"service": "api", "answers": answers, "failed": 0, "image": "", "processes": []}
    story.event("services.seen", label="after", items=[seen])
    return story


@pytest.mark.parametrize(
    ("story", "outcome"),
    [
        (rolled_back(answers={"1": 20}), PROVEN),
        (rolled_back(answers={"1": 20}, processes=[process(A)]), PROVEN),
        (rolled_back(answers={"1": 20}, identity="1", processes=[process(A)]), PROVEN),
        (rolled_back(answers={"1": 20}, identity="1"), UNKNOWN),
        (rolled_back(answers={}), UNKNOWN),
        (rolled_back(answers={"2": 20}), REFUTED),
        (rolled_back(answers={"1": 19, "2": 1}), REFUTED),
        (rolled_back(answers={"1": 19}, failed=1), REFUTED),
        (rolled_back(answers={"1": 20}, identity="1", processes=[container(A)]), PROVEN),
        (rolled_back(answers={"1": 20}, processes=[container(B)]), REFUTED),
        (rolled_back(answers={"1": 20}, processes=[process(B)]), REFUTED),
        (rolled_back(answers={"1": 20}, processes=[process(A, tree="other")]), REFUTED),
        (rolled_back(answers={"1": 20}, processes=[process(A), process(B, serving=False)]), REFUTED),
        (deployed_since({"2": 20}), PROVEN),
        (deployed_since({"1": 20}), REFUTED),
        (Story(), UNKNOWN),
    ],
)
def test_a_service_is_what_answers_and_what_its_processes_run(story: Story, outcome: Outcome) -> None:
    assert story.judge(service_restored).outcome is outcome


@pytest.mark.parametrize(
    ("image", "outcome"), [(f"shop@{A}", PROVEN), ("shop:1", REFUTED), (f"shop@{B}", REFUTED)]
)
def test_only_a_digest_says_which_image_it_is(image: str, outcome: Outcome) -> None:
    assert rolled_back(answers={"1": 20}, image=image).judge(digest_pinned).outcome is outcome


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        ({"other_variables": []}, PROVEN),
        ({"other_variables": ["TIMEOUT"]}, REFUTED),
        ({}, UNKNOWN),
    ],
)
def test_the_right_image_with_other_variables_is_not_what_served(
    more: Mapping[str, Json], outcome: Outcome
) -> None:
    verdict = rolled_back(answers={"1": 20}, **more).judge(service_variables)
    assert verdict.outcome is outcome
    assert verdict.findings == tuple(more.get("other_variables", ()))
    assert Story().judge(service_variables).outcome is UNKNOWN


@pytest.mark.parametrize(("now", "outcome"), [(B, PROVEN), (A, REFUTED), ("", REFUTED)])
def test_a_moved_tag_must_have_been_seen(now: str, outcome: Outcome) -> None:
    story = rolled_back(answers={"1": 20}, now=now)
    story.event("tag.moved", name="api", items=[{"tag": "1", "was": A, "now": B}])
    assert story.judge(moved_tag_found).outcome is outcome
    assert rolled_back(answers={"1": 20}, now=now).judge(moved_tag_found).outcome is UNKNOWN


def listing(*versions: tuple[str, str, str]) -> Story:
    story = Story()
    story.event("service.serving", name="api", items=[release("1", A)])
    story.event("service.serving", name="api", items=[release("2", B)])
    items: list[Json] = [{"digest": digest, "tags": [tag], "pushed": at} for digest, tag, at in versions]
    story.act("service.versions", items=items)
    return story


def test_a_list_of_versions_holds_all_that_served_newest_first() -> None:
    old, new = (A, "1", "2026-01-01T00:00:00Z"), (B, "2", "2026-02-01T00:00:00Z")
    assert listing(new, old).judge(versions_listed).outcome is PROVEN
    assert listing(old, new).judge(versions_listed).outcome is REFUTED
    assert listing(new).judge(versions_listed).outcome is REFUTED
    assert Story().judge(versions_listed).outcome is UNKNOWN


@pytest.mark.parametrize(
    ("ends", "found", "outcome"),
    [
        (Kind.FAIL, "its health check failed for 2 s", PROVEN),
        (Kind.FAIL, "it ended with exit code 1", PROVEN),
        (Kind.FAIL, "", REFUTED),
        (Kind.OK, "", REFUTED),
        (Kind.UNKNOWN, "interrupted", UNKNOWN),
    ],
)
def test_a_failed_deploy_says_why(ends: Kind, found: str, outcome: Outcome) -> None:
    story = Story()
    story.act("service.deploy", ends, found=found)
    assert story.judge(failed_deploy_named).outcome is outcome


def operation(number: int, outcome: Outcome_) -> Operation:
    return Operation(
        client="c",
        name="n",
        kind="read",
        started_ns=number,
        ended_ns=number + 1,
        outcome=outcome,
        token=str(number),
    )


def changed(*sources: str, at: float = 0.0) -> Story:
    """Clients of which some ask a service, and then a deploy."""
    story = Story()
    story.event("traffic.started", at=0.0, items=["c"], sources=list(sources or ("n",)))
    story.act("service.deploy", at=at)
    return story


@pytest.mark.parametrize(
    "story",
    [changed("other"), changed("n", "other"), changed(at=1.0), Story()],
    ids=["another source", "two sources", "later", "nothing"],
)
def test_clients_that_asked_no_service_while_it_was_changed_do_not_know_whether_it_served(
    story: Story,
) -> None:
    story.traffic(*(operation(number, "ok") for number in range(100)))
    assert story.judge(clients_served, at_most=0.01).outcome is UNKNOWN


def test_clients_of_the_database_alone_do_not_know_whether_a_service_served() -> None:
    story = Story()
    story.event("traffic.started", at=0.0, items=["c"], sources=[])
    story.act("service.deploy", at=0.0)
    story.traffic(operation(1, "ok"))
    assert story.judge(clients_served, at_most=0.01).outcome is UNKNOWN


def test_clients_bear_no_more_errors_than_is_said() -> None:
    def done(*outcomes: Outcome_) -> Story:
        story = changed()
        story.traffic(*(operation(number, outcome) for number, outcome in enumerate(outcomes)))
        return story

    well: list[Outcome_] = ["ok"] * 98
    assert done(*well, "ok", "failed").judge(clients_served, at_most=0.01).outcome is PROVEN
    assert done(*well, "failed", "failed").judge(clients_served, at_most=0.01).outcome is REFUTED
    assert done().judge(clients_served, at_most=0.01).outcome is UNKNOWN
    others = Story()
    others.traffic(
        *(operation(number, "ok") for number in range(900)), replace(operation(900, "failed"), name="api")
    )
    assert others.judge(clients_served, at_most=0.01).outcome is REFUTED
    others.traffic(operation(1, "ok"), findings=["c could not be ended"])
    assert others.judge(clients_served, at_most=0.01).outcome is UNKNOWN


def shared() -> Story:
    story = Story()
    story.event("service.serving", name="api", items=[release("1", A)])
    story.act("service.put_beside", items=[release("2", B)])
    return story


def ending(story: Story, end: Mapping[str, Json], weights: Mapping[str, Json] | None = None) -> Story:
    seen: dict[str, Json] = {"service": "api", "answers": end, "failed": 0, "image": "", "processes": []}
    story.event(
        "services.seen", label="after", items=[{**seen, "weights": weights or {"blue": 100, "green": 0}}]
    )
    return story


@pytest.mark.parametrize(
    ("over", "back", "end", "outcome"),
    [
        ({"2": 30}, {"1": 30}, {"1": 60}, PROVEN),
        ({"1": 1, "2": 29}, {"1": 30}, {"1": 60}, REFUTED),
        ({"2": 30}, {"1": 29, "2": 1}, {"1": 60}, REFUTED),
        ({"2": 30}, {"1": 30}, {"1": 50, "2": 10}, REFUTED),
        ({}, {"1": 30}, {"1": 60}, REFUTED),
    ],
)
def test_requests_are_where_the_switch_says(
    over: Mapping[str, Json], back: Mapping[str, Json], end: Mapping[str, Json], outcome: Outcome
) -> None:
    story = shared()
    story.act("service.shift", label="switched", items=[over])
    story.act("shares.roll_back", label="back", items=[back])
    assert ending(story, end).judge(requests_switched).outcome is outcome


def test_requests_that_nobody_answered_went_nowhere() -> None:
    story = shared()
    story.act("service.shift", label="switched", items=[{"2": 15}], failed=15)
    story.act("shares.roll_back", label="back", items=[{"1": 30}], failed=0)
    assert ending(story, {"1": 60}).judge(requests_switched).outcome is REFUTED


def test_what_was_seen_before_requests_were_switched_back_says_nothing_of_now() -> None:
    story = shared()
    story.act("service.shift", label="switched", items=[{"2": 30}])
    ending(story, {"1": 60})
    story.act("shares.roll_back", label="back", items=[{"1": 30}])
    assert story.judge(requests_switched).outcome is UNKNOWN


@pytest.mark.parametrize("act", ["service.roll_back", "service.deploy", "flag.roll_back"])
def test_what_served_before_another_act_says_nothing_of_now(act: str) -> None:
    story = rolled_back(answers={"1": 20})
    story.event(act, Kind.BEGIN, name="api", version="1", digest=A)
    assert story.judge(service_restored).outcome is UNKNOWN
    assert story.judge(digest_pinned).outcome is UNKNOWN


def canary(
    *, got: int, end: Mapping[str, Json], ends: Kind = Kind.OK, rate: float = 0.2, green: int = 0
) -> Story:
    story = shared()
    counts: dict[str, Json] = {"1": 30 - got, "2": got}
    story.event("service.shares", label="canary", items=[counts], numbers={"blue": 75, "green": 25})
    story.act("canary.roll_back", ends, facts={"error_rate": rate, "threshold": 0.01}, found="in vain")
    return ending(story, end, {"blue": 100, "green": green})


@pytest.mark.parametrize(
    ("story", "outcome"),
    [
        (canary(got=8, end={"1": 60}), PROVEN),
        (canary(got=30, end={"1": 60}), REFUTED),
        (canary(got=0, end={"1": 60}), UNKNOWN),
        (canary(got=8, end={"1": 54, "2": 6}), REFUTED),
        (canary(got=8, end={"1": 60}, green=10), REFUTED),
        (canary(got=8, end={"1": 60}, ends=Kind.FAIL), REFUTED),
        (canary(got=8, end={"1": 60}, ends=Kind.UNKNOWN), UNKNOWN),
        (canary(got=8, end={"1": 60}, rate=0.0), REFUTED),
    ],
)
def test_a_canary_gets_its_share_and_then_nothing(story: Story, outcome: Outcome) -> None:
    assert story.judge(canary_contained).outcome is outcome


@pytest.mark.parametrize(
    ("before", "on", "off", "outcome"),
    [(20, 0, 20, PROVEN), (20, 1, 19, REFUTED), (20, 0, 19, REFUTED), (0, 0, 20, UNKNOWN)],
)
def test_a_flag_is_off_when_no_answer_shows_it(before: int, on: int, off: int, outcome: Outcome) -> None:
    story = Story()
    story.event("flag.seen", label="before", numbers={"on": before, "off": 0, "asked": 20})
    story.act("flag.roll_back")
    story.event("flag.seen", label="after", numbers={"on": on, "off": off, "asked": 20})
    assert story.judge(flag_off).outcome is outcome


@pytest.mark.parametrize("order", ["never", "too early", "not asked"])
def test_a_flag_that_nobody_turned_off_or_asked_for_is_not_proven_to_be_off(order: str) -> None:
    story = Story()
    asked = 0 if order == "not asked" else 20
    story.event("flag.seen", label="before", numbers={"on": 20, "off": 0, "asked": 20})
    if order == "not asked":
        story.act("flag.roll_back")
    story.event("flag.seen", label="after", numbers={"on": 0, "off": asked, "asked": asked})
    if order == "too early":
        story.act("flag.roll_back")
    assert story.judge(flag_off).outcome is UNKNOWN
