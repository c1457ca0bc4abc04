"""Verdicts on code and configuration that go back together, from literal histories."""

from __future__ import annotations

import pytest

from rollproof.checks.configured import (
    code_and_configuration_together,
    old_code_tried,
    services_as_before,
)
from rollproof.journal import Kind
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome
from tests.unit.histories import Story

PROVEN, REFUTED, UNKNOWN = Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN


def rolled_back(
    *,
    tried: str = "fails",
    code: str = "1",
    fits: tuple[str, ...] = ("1",),
    status: str = "up",
    late: bool = False,
) -> Story:
    story = Story()
    story.act("services.start", version="1")
    story.act("services.deploy", version="2")
    item: Json = {"service": "api", "release": "1", "configuration": "2", "outcome": tried}
    if not late:
        story.act("configuration.rehearse", items=[item])
    story.act("services.roll_back", version="1")
    if late:
        story.act("configuration.rehearse", items=[item])
    seen: Json = {"service": "api", "release": code, "configuration": list(fits), "status": status}
    story.event("services.seen", items=[seen])
    return story


def test_code_and_configuration_of_before_are_together() -> None:
    story = rolled_back()
    assert story.judge(code_and_configuration_together).outcome is PROVEN
    assert story.judge(old_code_tried).outcome is PROVEN


@pytest.mark.parametrize(
    ("code", "fits", "status"), [("1", ("2",), "up"), ("1", (), "up"), ("2", ("1",), "up"), ("1", ("1",), "")]
)
def test_what_does_not_belong_together_is_refuted(code: str, fits: tuple[str, ...], status: str) -> None:
    story = rolled_back(code=code, fits=fits, status=status)
    assert story.judge(code_and_configuration_together).outcome is REFUTED


def test_newer_configuration_may_stay_where_old_code_was_seen_to_bear_it() -> None:
    assert rolled_back(tried="works", fits=("2",)).judge(code_and_configuration_together).outcome is PROVEN


def test_trying_it_after_the_rollback_is_too_late() -> None:
    assert rolled_back(late=True).judge(old_code_tried).outcome is REFUTED


def test_without_a_rollback_nothing_is_known() -> None:
    story = Story()
    story.event("services.seen", items=[])
    assert story.judge(code_and_configuration_together).outcome is UNKNOWN


def test_a_rollback_that_was_cut_short_is_unknown() -> None:
    story = Story()
    story.act("services.start", version="1")
    story.act("services.deploy", version="2")
    story.act("services.roll_back", Kind.UNKNOWN, found="interrupted")
    story.event("services.seen", items=[])
    assert story.judge(code_and_configuration_together).outcome is UNKNOWN


def test_where_no_service_runs_nothing_was_tried() -> None:
    story = Story()
    story.act("services.start", version="1")
    story.act("services.deploy", version="2")
    story.act("configuration.rehearse", items=[])
    story.event("services.seen", items=[])
    assert story.judge(old_code_tried).outcome is UNKNOWN


@pytest.mark.parametrize(("code", "configuration"), [("1", "1"), ("2", "2"), ("", "2")])
def test_trying_other_code_or_another_configuration_tells_nothing(code: str, configuration: str) -> None:
    story = Story()
    story.act("services.start", version="1")
    story.act("services.deploy", version="2")
    item: Json = {"service": "api", "release": code, "configuration": configuration, "outcome": "works"}
    story.act("configuration.rehearse", items=[item])
    story.event("services.seen", items=[{**up("1"), "configuration": ["2"]}])
    assert story.judge(old_code_tried).outcome is REFUTED


def test_trying_it_before_the_newer_configuration_was_there_is_too_early() -> None:
    story = Story()
    story.act("services.start", version="1")
    item: Json = {"service": "api", "release": "1", "configuration": "2", "outcome": "works"}
    story.act("configuration.rehearse", items=[item])
    story.act("services.deploy", version="2")
    story.event("services.seen", items=[up("1")])
    assert story.judge(old_code_tried).outcome is REFUTED


def test_a_service_that_could_not_be_started_again_is_missed() -> None:
    story = Story()
    story.act("services.start", version="1", items=["api", "worker"])
    story.act("services.deploy", version="2")
    item: Json = {"service": "api", "release": "1", "configuration": "2", "outcome": "fails"}
    story.act("configuration.rehearse", items=[item])
    story.act("services.roll_back", version="1")
    story.event("services.seen", items=[up("1")])
    assert story.judge(code_and_configuration_together).outcome is REFUTED
    assert story.judge(old_code_tried).outcome is REFUTED


def up(code: str, name: str = "api", status: str = "up") -> dict[str, Json]:
    return {"service": name, "release": code, "configuration": ["1"], "status": status}


def slow(before: list[Json], now: list[Json]) -> Story:
    story = Story()
    story.act("services.remember", items=before)
    story.event("incident.fault")
    story.act("services.roll_back", version="1")
    story.event("services.seen", items=now)
    return story


def test_services_that_run_what_they_ran_are_as_before() -> None:
    assert slow([up("1")], [up("1")]).judge(services_as_before).outcome is PROVEN


@pytest.mark.parametrize(
    "now",
    [[up("2")], [up("1", status="")], [], [up("1"), up("1", "other")], [{**up("1"), "configuration": []}]],
)
def test_a_service_that_runs_something_else_or_nothing_is_not_as_before(now: list[Json]) -> None:
    assert slow([up("1")], now).judge(services_as_before).outcome is REFUTED


def test_processes_that_do_not_tell_their_release_are_no_proof() -> None:
    assert slow([up("")], [up("")]).judge(services_as_before).outcome is UNKNOWN
    assert slow([], []).judge(services_as_before).outcome is UNKNOWN


def test_what_was_remembered_after_the_fault_is_no_state_of_before() -> None:
    story = Story()
    story.event("incident.fault")
    story.act("services.remember", items=[up("2")])
    story.event("services.seen", items=[up("2")])
    assert story.judge(services_as_before).outcome is UNKNOWN
