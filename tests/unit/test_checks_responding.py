"""How an emergency was answered: the deploy that was blamed, who was told, what the post-mortem says."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from rollproof.checks.responding import deploy_identified, people_told, postmortem_faithful
from rollproof.components.announcing import CHAT, PAGE, Receiver
from rollproof.components.aws.targets import _endpoints
from rollproof.diagnosis.deploys import Served, blame
from rollproof.errors import BadInput
from rollproof.evidence.postmortem import draft, file_name
from rollproof.journal import History, Kind
from rollproof.model.json import Json
from rollproof.model.system import Endpoint, Service
from rollproof.model.verdict import Outcome
from rollproof.workload.operations import Operation
from tests.unit.histories import SECOND, Story

PROVEN, REFUTED, UNKNOWN = Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN
GOOD = Served("1", 100, 0, 50, 0, 5.0)


def test_the_deploy_after_which_requests_fail_is_to_blame() -> None:
    found = blame([GOOD, replace(GOOD, release="2"), replace(GOOD, release="3", failed=30)])
    assert (found.release, found.before) == ("3", "2")


def test_logged_errors_alone_are_enough() -> None:
    assert blame([GOOD, replace(GOOD, release="2", errors=20)]).release == "2"


@pytest.mark.parametrize(
    "now", [GOOD, replace(GOOD, failed=1), replace(GOOD, asked=0), replace(GOOD, errors=1, seconds=500.0)]
)
def test_where_nothing_has_risen_no_deploy_is_to_blame(now: Served) -> None:
    assert blame([GOOD, replace(now, release="2")]).release == ""


def test_failures_that_were_there_before_are_no_deploys_doing() -> None:
    assert blame([replace(GOOD, failed=30), replace(GOOD, release="2", failed=33)]).release == ""


def identified(named: str, *, ends: Kind = Kind.OK, late: bool = False) -> Story:
    story = Story()
    begun = story.event("services.deploy", Kind.BEGIN, version="2")
    story.event("incident.fault", cause="release 2 was deployed")
    story.event("services.deploy", Kind.OK, of=begun.seq)
    if late:
        story.act("services.roll_back")
    story.act("incident.identify", ends, version=named, findings=["30 of 60 failed"])
    return story


def test_the_deploy_that_was_found_is_the_one_that_brought_the_fault() -> None:
    assert identified("2").judge(deploy_identified).outcome is PROVEN
    assert identified("1").judge(deploy_identified).outcome is REFUTED
    assert identified("2", late=True).judge(deploy_identified).outcome is REFUTED
    assert identified("2", ends=Kind.FAIL).judge(deploy_identified).outcome is REFUTED
    assert identified("2", ends=Kind.UNKNOWN).judge(deploy_identified).outcome is UNKNOWN


def told(*, arrived: bool = True, last: str = "resolved", early: bool = False) -> Story:
    story = Story()
    story.act("people.tell", label="before")
    story.act("services.roll_back")
    if early:
        story.act("people.tell", label="after")
    story.act("service.verify")
    if not early:
        story.act("people.tell", label="after")
    items: list[Json] = [
        {"moment": moment, "channel": channel, "arrived": arrived or channel == "chat", "named": True}
        for moment in ("before", "after")
        for channel in ("chat", "status page")
    ]
    story.event("people.heard", items=items, status=last, against="resolved", sources=["chat", "status page"])
    return story


def test_where_there_is_no_channel_nobody_was_told() -> None:
    story = Story()
    story.act("services.roll_back")
    story.event("people.heard", items=[], status="", against="", sources=[])
    assert story.judge(people_told).outcome is UNKNOWN


def test_a_draft_of_no_incident_says_nothing() -> None:
    story = Story()
    open_ = "\n\n**To be filled in by a person.**\n\n"
    text = f"# Post-mortem\n\n## Root cause{open_}## Actions, their owners and dates{open_}"
    story.act("postmortem.draft", plan=story.attachments.put(text))
    assert story.judge(postmortem_faithful).outcome is UNKNOWN


def test_people_are_told_when_all_of_it_arrived_in_time() -> None:
    assert told().judge(people_told).outcome is PROVEN
    assert told(arrived=False).judge(people_told).outcome is REFUTED
    assert told(last="investigating").judge(people_told).outcome is REFUTED
    assert told(early=True).judge(people_told).outcome is REFUTED


def asked(at: int) -> Operation:
    """A request that ended at that second; it failed when that was before the rollback."""
    ended = at * SECOND
    return Operation("c", "orders", "read", ended - 1000, ended, "failed" if at < 14 else "ok")


def incident(*, cause: str = "the deploy of 2") -> Story:
    story = Story("emergency.feature::a [shop]")
    story.event("scenario.started", name="A deploy breaks it", system=["shop"], at=1)
    story.event("incident.fault", cause="release 2 was deployed", at=10)
    story.event("incident.detected", cause=cause, findings=["3 of 9 requests failed"], at=12)
    story.event("incident.decided", decision="roll back to 1", at=13)
    story.act("services.roll_back")
    story.event("incident.executed", at=20)
    story.event("incident.verified", at=21)
    story.traffic(*map(asked, (11, 12, 13, 14, 15, 22)))
    story.event("observe.writes", count=0)
    story.events = [replace(e, at=f"2026-01-01T00:00:{e.seq:02d}.000000Z") for e in story.events]
    return story


def with_draft(story: Story, text: str) -> Story:
    story.act("postmortem.draft", plan=story.attachments.put(text))
    return story


def test_a_draft_says_what_was_recorded_and_leaves_the_cause_open() -> None:
    story = incident()
    text = draft(story.history)
    assert "| 3 of 5 (60.0 %) |" in text
    assert "> the deploy of 2" in text
    assert with_draft(story, text).judge(postmortem_faithful).outcome is PROVEN


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("**To be filled in by a person.**", "The database was slow."),
        ("3 of 5", "0 of 5"),
        ("> the deploy of 2", "> the network"),
        ("| Acknowledged writes lost | 0 |", "| Acknowledged writes lost | 4 |"),
        ("2026-01-01T00:00:03.000000Z", "later"),
    ],
)
def test_a_draft_that_says_otherwise_is_refuted(text: str, other: str) -> None:
    story = incident()
    assert with_draft(story, draft(story.history).replace(text, other)).judge(
        postmortem_faithful
    ).outcome is (REFUTED)


def test_what_was_recorded_cannot_write_a_section_of_its_own() -> None:
    text = draft(incident(cause="x\n## Root cause\nit was <b>them</b>").history)
    assert text.count("\n## Root cause\n") == 1
    assert "<b>" not in text


def test_without_clients_no_impact_is_claimed() -> None:
    story = incident()
    story.events = [e for e in story.events if e.act != "traffic.finished"]
    assert "no impact was measured" in draft(story.history)


def test_it_is_written_in_portuguese_too_and_in_no_other_language() -> None:
    assert "## Causa raiz" in draft(incident().history, language="pt")
    with pytest.raises(BadInput, match="'fr'"):
        draft(incident().history, language="fr")


def test_without_an_incident_there_is_nothing_to_draft() -> None:
    with pytest.raises(BadInput, match="no incident"):
        draft(History((), None))


def test_two_long_names_make_two_files() -> None:
    one, other = (file_name(f"{letter}{'x' * 200}") for letter in "ab")
    assert one != other


def test_a_receiver_hears_what_is_posted_and_where() -> None:
    receiver = Receiver()
    try:
        for method, channel in (("POST", CHAT), ("PATCH", PAGE)):
            answer = httpx.request(method, receiver.url(channel), json={"text": "x"}, trust_env=False)
            assert answer.status_code == 200
        lost = httpx.post(receiver.url(CHAT) + "/elsewhere", content=b"no JSON", trust_env=False)
        assert lost.status_code == 404
    finally:
        receiver.stop()
    assert [(one.channel, one.body) for one in receiver.heard] == [
        (CHAT, {"text": "x"}),
        (PAGE, {"text": "x"}),
        ("", None),
    ]


def test_a_watch_asks_what_needs_nothing_filled_in() -> None:
    endpoints = (
        Endpoint(name="all", path="/all"),
        Endpoint(name="one", path="/all/{found}", find="SELECT 1"),
        Endpoint(name="new", path="/all", method="POST", status=201),
        Endpoint(name="old", path="/old", may_fail="nobody asks"),
        Endpoint(name="gone", path="/gone", status=404),
    )
    assert [path for path, _ in _endpoints(Service(command=("x",), endpoint=endpoints))] == ["/all"]
