"""Verdicts on settings, alarms and slowness, from literal histories."""

from __future__ import annotations

import pytest

from rollproof.checks.alarms import alarm_quiet, alarm_rang
from rollproof.checks.performance import rolled_back_once_held, slowness_located
from rollproof.checks.settings import (
    code_left_alone,
    no_secret_told,
    setting_named,
    settings_from_history,
    system_answers,
    wrong_setting_felt,
)
from rollproof.journal import Kind
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome
from rollproof.workload.samples import Sample, Series, Watched
from rollproof.workload.slowness import LOCKS
from tests.unit.histories import Story

PROVEN, REFUTED, UNKNOWN = Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN


def put_back(
    *, wrong: list[str], restored: list[tuple[str, str]], ends: Kind = Kind.OK, found: str = ""
) -> Story:
    story = Story()
    known: list[Json] = [{"name": name, "version": "1", "digest": f"#{name}"} for name in ("a", "b")]
    story.act("settings.remember", items=known)
    story.act("fault.inject", items=list(wrong))
    story.event("incident.fault")
    story.act("settings.diagnose", items=list(wrong), findings=["api: failed"])
    items: list[Json] = [{"name": n, "source": "version 1", "version": "3", "digest": d} for n, d in restored]
    story.act("settings.roll_back", ends, items=items, found=found)
    return story


def test_settings_that_came_back_to_their_values_are_proven() -> None:
    story = put_back(wrong=["a"], restored=[("a", "#a")])
    assert story.judge(settings_from_history).outcome is PROVEN
    assert story.judge(setting_named).outcome is PROVEN
    assert story.judge(wrong_setting_felt).outcome is PROVEN


@pytest.mark.parametrize(
    ("wrong", "restored"),
    [(["a", "b"], [("a", "#a")]), (["a"], []), (["a"], [("a", "#other")])],
    ids=["one of two", "none", "another value"],
)
def test_settings_that_did_not_are_refuted(wrong: list[str], restored: list[tuple[str, str]]) -> None:
    assert put_back(wrong=wrong, restored=restored).judge(settings_from_history).outcome is REFUTED


def test_putting_back_that_failed_is_refuted_and_one_that_was_cut_short_is_unknown() -> None:
    failed = put_back(wrong=["a"], restored=[], ends=Kind.FAIL, found="no history")
    assert failed.judge(settings_from_history).outcome is REFUTED
    cut = put_back(wrong=["a"], restored=[], ends=Kind.UNKNOWN)
    assert cut.judge(settings_from_history).outcome is UNKNOWN
    assert Story().judge(settings_from_history).outcome is UNKNOWN


@pytest.mark.parametrize("named", [[], ["b"], ["a", "b"]], ids=["none", "another", "one too many"])
def test_a_diagnosis_that_names_anything_else_is_refuted(named: list[str]) -> None:
    story = Story()
    story.act("fault.inject", items=["a"])
    story.act("settings.diagnose", items=list(named), findings=[])
    assert story.judge(setting_named).outcome is REFUTED
    assert story.judge(wrong_setting_felt).outcome is REFUTED


def served(before: str, after: str) -> Story:
    story = Story()
    story.event("code.served", label="before", items=[{"function": "f", "code": before}])
    story.event("incident.fault")
    story.event("code.served", label="after", items=[{"function": "f", "code": after}])
    return story


def test_code_is_left_alone_when_the_same_serves_and_nothing_was_deployed() -> None:
    assert served("1", "1").judge(code_left_alone).outcome is PROVEN
    assert served("1", "2").judge(code_left_alone).outcome is REFUTED
    deployed = served("1", "1")
    deployed.act("release.roll_back")
    assert deployed.judge(code_left_alone).outcome is REFUTED
    assert Story().judge(code_left_alone).outcome is UNKNOWN


@pytest.mark.parametrize(
    ("count", "size", "findings", "outcome"),
    [(2, 100, [], PROVEN), (2, 100, ["x"], REFUTED), (0, 100, [], UNKNOWN), (2, 0, [], UNKNOWN)],
)
def test_no_secret_is_told_when_some_were_looked_for_in_something(
    count: int, size: int, findings: list[str], outcome: Outcome
) -> None:
    story = Story()
    story.event("secrets.sought", count=count, bytes=size, findings=list(findings))
    assert story.judge(no_secret_told).outcome is outcome


def test_a_system_works_when_all_of_it_answers_after_the_rollback() -> None:
    story = Story()
    story.act("system.ask", count=3, failed=0, findings=[])
    assert story.judge(system_answers).outcome is PROVEN
    story.event("incident.executed")
    assert story.judge(system_answers).outcome is UNKNOWN
    story.act("system.ask", count=3, failed=1, findings=["api: failed"])
    assert story.judge(system_answers).outcome is REFUTED
    story.act("system.ask", count=0, failed=0, findings=[])
    assert story.judge(system_answers).outcome is UNKNOWN


def alarms(label: str, state: str, *, enabled: bool = True, story: Story | None = None) -> Story:
    story = story or Story()
    item: Json = {"name": "errors", "state": state, "enabled": enabled, "looks_back_seconds": 60}
    story.event("alarm.states", label=label, items=[item])
    return story


@pytest.mark.parametrize(
    ("state", "enabled", "outcome"),
    [
        ("ALARM", True, PROVEN),
        ("ALARM", False, REFUTED),
        ("OK", True, REFUTED),
        ("INSUFFICIENT_DATA", True, UNKNOWN),
    ],
)
def test_an_alarm_has_to_ring_and_to_be_heard(state: str, enabled: bool, outcome: Outcome) -> None:
    story = Story()
    story.event("incident.fault")
    assert alarms("during", state, enabled=enabled, story=story).judge(alarm_rang).outcome is outcome


def test_an_alarm_that_rang_without_a_fault_says_nothing() -> None:
    assert alarms("during", "ALARM").judge(alarm_rang).outcome is UNKNOWN


@pytest.mark.parametrize(
    ("state", "enabled", "later", "outcome"),
    [
        ("OK", True, 1, PROVEN),
        ("OK", False, 1, REFUTED),
        ("ALARM", True, 30, UNKNOWN),
        ("ALARM", True, 90, REFUTED),
        ("INSUFFICIENT_DATA", True, 1, UNKNOWN),
    ],
)
def test_an_alarm_has_to_fall_silent_once_its_time_is_over(
    state: str, enabled: bool, later: int, outcome: Outcome
) -> None:
    story = Story()
    story.event("incident.executed", at=10)
    item: Json = {"name": "errors", "state": state, "enabled": enabled, "looks_back_seconds": 60}
    story.event("alarm.states", at=10 + later, label="after", items=[item])
    assert story.judge(alarm_quiet).outcome is outcome


LIMITS: dict[str, Json] = {"latency_seconds": 0.5, "hold_seconds": 2.0}


def investigated(
    took: float, *, rolled_back_at: float | None, first: bool = False, calm: bool = False
) -> Story:
    """Looked into from second 100 on; answers of `took` seconds, then fast ones when it gets calm."""
    samples = [Sample(int(at * took * 1e6), int(took * 1e6), "ok") for at in range(int(6 / took))]
    if calm:
        samples = samples[: int(1.2 / took)]
        samples += [Sample(1_300_000 + at * 50_000, 50_000, "ok") for at in range(80)]
    story = Story()
    story.event("incident.fault", at=99)
    if first:
        story.act("release.roll_back", at=99.5)
    begun = story.event("performance.investigate", Kind.BEGIN, at=100)
    seen = story.attachments.put(Watched(6.0, (Series("api", tuple(samples)),)).to_json())
    story.event("performance.investigate", Kind.OK, at=110, of=begun.seq, operations=seen)
    if rolled_back_at is not None:
        story.act("release.roll_back", at=rolled_back_at)
    return story


@pytest.mark.parametrize(
    ("story", "outcome"),
    [
        (investigated(1.0, rolled_back_at=111), PROVEN),
        (investigated(1.0, rolled_back_at=None), REFUTED),
        (investigated(1.0, rolled_back_at=101), REFUTED),
        (investigated(1.0, rolled_back_at=111, first=True), REFUTED),
        (investigated(0.6, rolled_back_at=None, calm=True), PROVEN),
        (investigated(0.6, rolled_back_at=111, calm=True), REFUTED),
        (investigated(0.05, rolled_back_at=None), UNKNOWN),
        (investigated(0.05, rolled_back_at=111), REFUTED),
        (investigated(6.0, rolled_back_at=111), UNKNOWN),
    ],
    ids=[
        "held, then rolled back",
        "held, never rolled back",
        "rolled back too early",
        "rolled back before it was looked into",
        "passed, left alone",
        "passed, rolled back all the same",
        "never slow",
        "never slow, rolled back",
        "too few answers",
    ],
)
def test_a_slowness_is_rolled_back_once_it_has_held_and_not_before(story: Story, outcome: Outcome) -> None:
    verdict = story.judge(rolled_back_once_held, **LIMITS)
    assert verdict.outcome is outcome, verdict.reason


def test_nothing_looked_into_is_unknown_and_with_a_rollback_refuted() -> None:
    story = Story()
    story.event("incident.fault")
    assert story.judge(rolled_back_once_held, **LIMITS).outcome is UNKNOWN
    story.act("release.roll_back")
    assert story.judge(rolled_back_once_held, **LIMITS).outcome is REFUTED


@pytest.mark.parametrize(
    ("cause", "numbers", "part", "outcome"),
    [
        (LOCKS, {"total_ms": 900.0, "lock_share": 1.0}, "", PROVEN),
        (LOCKS, {"total_ms": 900.0, "lock_share": 1.0}, "the database", PROVEN),
        (LOCKS, {"total_ms": 900.0, "lock_share": 1.0}, "cold starts", REFUTED),
        ("the weather", {"total_ms": 900.0, "lock_share": 1.0}, "", REFUTED),
        ("", {"total_ms": 900.0}, "", UNKNOWN),
    ],
)
def test_the_investigation_has_to_say_what_was_measured(
    cause: str, numbers: dict[str, Json], part: str, outcome: Outcome
) -> None:
    story = Story()
    story.act("performance.investigate", cause=cause, numbers=numbers)
    assert story.judge(slowness_located, part=part).outcome is outcome
