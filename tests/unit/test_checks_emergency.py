"""A system that is closed, mended and opened, judged on literal histories."""

from __future__ import annotations

from dataclasses import replace

from rollproof.checks import emergency as checks
from rollproof.checks.registry import Check
from rollproof.model.fingerprint import Difference
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome
from tests.unit.histories import Story

PROVEN, REFUTED, UNKNOWN = Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN
OPEN = {"function a": "served", "API b /": "served", "site c": "served"}
SHUT = {"function a": "refused", "API b /": "HTTP 503", "site c": "maintenance page"}


def told(
    *shut: dict[str, str], before: dict[str, str] | None = None, after: dict[str, str] | None = None
) -> Story:
    story = Story()
    looks = [("before", OPEN if before is None else before), *(("shut", look) for look in shut)]
    for label, look in [*looks, ("after", OPEN if after is None else after)]:
        listed: list[Json] = [[name, outcome] for name, outcome in look.items()]
        story.event("front.asked", label=label, items=listed)
    return story


def outcome(check: Check, story: Story) -> Outcome:
    return story.judge(check).outcome


class TestNothingServed:
    def test_is_proven_when_nothing_was_served_at_the_begin_and_at_the_end(self) -> None:
        assert outcome(checks.nothing_served, told(SHUT, SHUT)) is PROVEN

    def test_is_refuted_by_one_that_served_at_either_moment(self) -> None:
        leaky = {**SHUT, "function a": "served"}
        assert outcome(checks.nothing_served, told(leaky, SHUT)) is REFUTED
        assert outcome(checks.nothing_served, told(SHUT, leaky)) is REFUTED

    def test_is_unknown_with_one_look_or_with_nothing_to_ask(self) -> None:
        assert outcome(checks.nothing_served, told(SHUT)) is UNKNOWN
        assert outcome(checks.nothing_served, told({}, {})) is UNKNOWN


class TestPage:
    def test_must_be_what_each_visitor_gets(self) -> None:
        assert outcome(checks.maintenance_page_shown, told(SHUT, SHUT)) is PROVEN
        for said in ("served", "HTTP 403"):
            assert outcome(checks.maintenance_page_shown, told(SHUT, {**SHUT, "site c": said})) is REFUTED
        assert outcome(checks.maintenance_page_shown, told({}, {})) is UNKNOWN


class TestFront:
    def test_is_as_before_when_everything_that_served_serves_again(self) -> None:
        assert outcome(checks.front_as_before, told()) is PROVEN
        assert outcome(checks.front_as_before, told(after=SHUT)) is REFUTED
        assert outcome(checks.front_as_before, told(after={})) is REFUTED

    def test_what_did_not_serve_before_need_not_later(self) -> None:
        before = {**OPEN, "function z": "failed"}
        assert outcome(checks.front_as_before, told(before=before)) is PROVEN

    def test_is_unknown_when_nothing_served_or_nobody_asked_before(self) -> None:
        assert outcome(checks.front_as_before, told(before={})) is UNKNOWN
        assert outcome(checks.front_as_before, told(before=dict.fromkeys(OPEN, "failed"))) is UNKNOWN


class TestTogether:
    def story(self, *, code: bool, schema: bool) -> Story:
        story = Story()
        difference = Difference("code", "f", "digest", "a", "b")
        differences = [] if code else [difference.to_json()]
        event = story.event("resources.compared", label="after", against="before", count=4)
        kept = story.attachments.put([*differences])
        data: dict[str, Json] = {**event.data, "kind": "function", "differences": kept}
        story.events[-1] = replace(event, data=data)
        story.compare("after", "backup", differences=[] if schema else [difference])
        return story

    def test_is_proven_only_when_both_went_back(self) -> None:
        assert outcome(checks.rolled_back_together, self.story(code=True, schema=True)) is PROVEN
        for code, schema in ((True, False), (False, True), (False, False)):
            assert outcome(checks.rolled_back_together, self.story(code=code, schema=schema)) is REFUTED

    def test_is_unknown_when_nobody_looked(self) -> None:
        assert outcome(checks.rolled_back_together, Story()) is UNKNOWN
