"""Credentials that are rotated, judged on literal histories."""

from __future__ import annotations

from rollproof.checks import secrets as checks
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome
from tests.unit.histories import Story

PROVEN, REFUTED, UNKNOWN = Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN
GOOD: list[Json] = [["db", True, True, True, False]]


def told(
    *,
    old: str = "refused",
    current: str = "accepted",
    before: str = "accepted",
    seen: list[Json] | None = None,
    alive: list[Json] | None = None,
) -> Story:
    story = Story()
    story.event("secret.tried", label="before", items=[["db", "old", before], ["db", "wrong", "refused"]])
    story.act("secret.rotate")
    story.event("secret.tried", label="after", items=[["db", "old", old], ["db", "current", current]])
    story.event(
        "secret.seen",
        items=GOOD if seen is None else seen,
        sources=[["db", False]] if alive is None else alive,
    )
    return story


class TestOldCredential:
    def test_is_refused_for_being_wrong_after_it_was_let_in_before(self) -> None:
        assert told().judge(checks.old_credential_refused).outcome is PROVEN

    def test_is_refuted_while_it_is_let_in(self) -> None:
        assert told(old="accepted").judge(checks.old_credential_refused).outcome is REFUTED

    def test_is_unknown_when_nothing_answered_or_it_was_never_let_in(self) -> None:
        assert told(old="HTTP 502").judge(checks.old_credential_refused).outcome is UNKNOWN
        assert told(before="refused").judge(checks.old_credential_refused).outcome is UNKNOWN

    def test_is_unknown_without_a_rotation_or_a_try(self) -> None:
        assert Story().judge(checks.old_credential_refused).outcome is UNKNOWN
        story = Story()
        story.act("secret.rotate")
        assert story.judge(checks.old_credential_refused).outcome is UNKNOWN

    def test_is_unknown_of_a_secret_that_nobody_could_try(self) -> None:
        story = told(seen=[*GOOD, ["webhook", True, True, True, False]])
        verdict = story.judge(checks.old_credential_refused)
        assert verdict.outcome is UNKNOWN
        assert "webhook" in str(verdict.findings)


class TestCurrentCredential:
    def test_works(self) -> None:
        assert told().judge(checks.current_credential_works).outcome is PROVEN

    def test_a_lockout_is_refuted(self) -> None:
        assert told(current="refused").judge(checks.current_credential_works).outcome is REFUTED

    def test_what_does_not_answer_is_unknown(self) -> None:
        assert told(current="ConnectError").judge(checks.current_credential_works).outcome is UNKNOWN


class TestConnections:
    def test_are_closed(self) -> None:
        assert told().judge(checks.old_connections_closed).outcome is PROVEN
        assert told(alive=[["db", True]]).judge(checks.old_connections_closed).outcome is REFUTED
        assert told(alive=[]).judge(checks.old_connections_closed).outcome is UNKNOWN


class TestVersions:
    def test_every_secret_has_a_new_version_of_a_new_value_and_keeps_the_one_before(self) -> None:
        assert told().judge(checks.every_secret_rotated).outcome is PROVEN
        for wrong in ([False, False, False], [True, False, True], [True, True, False]):
            assert told(seen=[["db", *wrong, False]]).judge(checks.every_secret_rotated).outcome is REFUTED
        assert told(seen=[]).judge(checks.every_secret_rotated).outcome is UNKNOWN

    def test_nothing_is_left_pending(self) -> None:
        assert told().judge(checks.no_rotation_pending).outcome is PROVEN
        left: list[Json] = [["db", True, True, True, True]]
        assert told(seen=left).judge(checks.no_rotation_pending).outcome is REFUTED
