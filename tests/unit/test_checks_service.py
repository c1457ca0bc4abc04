"""Is the service back, and in time? Judged on literal histories."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.checks.service import CHANGES, smoke_failed_before, smoke_passes, within_rto
from rollproof.journal import Kind
from rollproof.model.verdict import Outcome, Verdict
from tests.unit.histories import Story, read, write

PROVEN, REFUTED, UNKNOWN = Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN


def incident(**moments: float) -> Story:
    """The marks of an incident, in order of their moments; in seconds."""
    story = Story()
    for phase, at in sorted(moments.items(), key=lambda item: item[1]):
        story.event(f"incident.{phase.rstrip('_')}", at=at)
    return story


WHOLE = {"fault": 100, "detected": 110, "decided": 112, "executed": 120, "verified": 125}


def in_time(story: Story, objective: float = 900) -> Verdict:
    return story.judge(within_rto, objective_seconds=objective)


class TestRto:
    def test_is_measured_from_the_fault_to_the_verified_service_and_split_in_four(self) -> None:
        verdict = in_time(incident(**WHOLE))
        assert verdict.outcome is PROVEN
        assert verdict.numbers == {
            "detect_seconds": 10,
            "decide_seconds": 2,
            "execute_seconds": 8,
            "verify_seconds": 5,
            "rto_seconds": 25,
            "objective_seconds": 900,
        }

    @pytest.mark.parametrize(("objective", "outcome"), [(25, PROVEN), (24.999, REFUTED), (0, REFUTED)])
    def test_is_refuted_beyond_the_objective(self, objective: float, outcome: Outcome) -> None:
        assert in_time(incident(**WHOLE), objective).outcome is outcome

    def test_runs_to_the_first_verified_service_after_the_last_act_on_the_fault(self) -> None:
        story = incident(**WHOLE, executed_=130, verified_=150)
        story.event("incident.verified", at=300)
        assert in_time(story).numbers["rto_seconds"] == 50

    @pytest.mark.parametrize(
        "act", ["writes.grant", "maintenance.end", "migration.roll_back", "backup.restore"]
    )
    @pytest.mark.parametrize("ends", [Kind.OK, Kind.FAIL, Kind.UNKNOWN])
    def test_a_service_that_was_verified_before_another_act_on_the_fault_is_not_back_yet(
        self, act: str, ends: Kind
    ) -> None:
        story = incident(**WHOLE)
        story.act(act, ends, at=140)
        story.event("incident.verified", at=160)
        assert in_time(story).numbers["rto_seconds"] == 60

    def test_other_acts_do_not_put_it_off(self) -> None:
        story = incident(**WHOLE)
        story.act("backup.take", at=140)
        story.event("incident.verified", at=160)
        assert in_time(story).numbers["rto_seconds"] == 25

    def test_runs_from_the_first_fault(self) -> None:
        assert in_time(incident(**WHOLE, fault_=115)).numbers["rto_seconds"] == 25

    def test_is_refuted_when_the_service_was_looked_at_and_never_verified(self) -> None:
        story = incident(fault=100, executed=120)
        story.act("service.verify", Kind.FAIL, at=140, found="/health answers 500")
        verdict = in_time(story)
        assert (verdict.outcome, verdict.findings) == (REFUTED, ("/health answers 500",))

    def test_is_refuted_when_nothing_was_done_and_the_service_was_looked_at(self) -> None:
        story = incident(fault=100)
        story.act("service.verify", Kind.OK, at=140)
        assert in_time(story).outcome is REFUTED

    def test_is_unknown_when_nobody_looked_whether_it_is_back(self) -> None:
        assert in_time(incident(fault=100, executed=120)).outcome is UNKNOWN
        before = incident(fault=100)
        before.act("service.verify", Kind.FAIL, at=105)
        before.event("incident.executed", at=120)
        assert in_time(before).outcome is UNKNOWN

    def test_is_unknown_without_a_fault(self) -> None:
        assert in_time(incident(executed=120, verified=125)).outcome is UNKNOWN
        assert in_time(Story()).outcome is UNKNOWN

    def test_a_verification_from_before_the_fault_does_not_count(self) -> None:
        story = incident(verified=50, fault=100, executed=120)
        story.act("service.verify", Kind.FAIL, at=140)
        assert in_time(story).outcome is REFUTED

    def test_marks_that_are_missing_leave_their_part_out(self) -> None:
        verdict = in_time(incident(fault=100, executed=120, verified=125))
        assert verdict.numbers["rto_seconds"] == 25
        assert "detect_seconds" not in verdict.numbers
        assert verdict.numbers["verify_seconds"] == 5

    def test_clients_at_work_must_have_been_served_after_it(self) -> None:
        story = incident(**WHOLE)
        story.traffic(
            read(101), read(126), read(101, name="other"), read(126, "failed", name="other"), at=200
        )
        verdict = in_time(story)
        assert (verdict.outcome, verdict.findings) == (REFUTED, ("other: no read was served",))

    @pytest.mark.parametrize("late", [(), (read(126, "failed"),), (read(124.95),), (write(126),)])
    def test_is_refuted_when_no_read_was_served_after_it(self, late: tuple[Any, ...]) -> None:
        story = incident(**WHOLE)
        story.traffic(read(101), *late, at=200)
        assert in_time(story).outcome is REFUTED

    def test_is_unknown_when_the_reading_client_ended_early(self) -> None:
        story = incident(**WHOLE)
        story.traffic(read(101), findings=("list orders broke off: ValueError",), at=200)
        assert in_time(story).outcome is UNKNOWN

    def test_is_proven_when_every_kind_of_read_was_served(self) -> None:
        story = incident(**WHOLE)
        story.traffic(read(101), read(126), at=200)
        assert in_time(story).outcome is PROVEN

    def test_writes_that_were_acknowledged_before_the_fault_must_be_again(self) -> None:
        story = incident(**WHOLE)
        story.traffic(write(90), read(101), write(126, "failed"), read(126), at=200)
        verdict = in_time(story)
        assert verdict.outcome is REFUTED
        assert "no write was acknowledged" in verdict.findings[0]

    @pytest.mark.parametrize(
        "writes", [(), (write(90),), (write(101, "failed"), write(126, "failed")), (write(90), write(127))]
    )
    def test_writes_that_nobody_tried_or_that_never_went_do_not_refute(self, writes: tuple[Any, ...]) -> None:
        story = incident(**WHOLE)
        story.traffic(*writes, read(101), read(126), at=200)
        assert in_time(story).outcome is PROVEN

    def test_is_unknown_when_the_writing_client_ended_early(self) -> None:
        story = incident(**WHOLE)
        story.traffic(
            write(90),
            write(126, "failed"),
            read(126),
            findings=("write orders broke off: ValueError",),
            at=200,
        )
        assert in_time(story).outcome is UNKNOWN

    def test_clients_that_had_ended_before_say_nothing(self) -> None:
        story = Story()
        story.traffic(read(90), at=95)
        for phase, at in WHOLE.items():
            story.event(f"incident.{phase}", at=at)
        assert in_time(story).outcome is PROVEN

    def test_an_attachment_that_cannot_be_had_is_unknown(self) -> None:
        story = incident(**WHOLE)
        story.traffic(read(126), at=200)
        story.attachments.values.clear()
        assert in_time(story).outcome is UNKNOWN

    @given(st.lists(st.floats(101, 1000), min_size=1, max_size=5), st.floats(1, 1000))
    def test_more_looks_never_make_the_service_seem_back_earlier(
        self, looks: list[float], objective: float
    ) -> None:
        story = incident(fault=100, executed=100.5)
        for at in sorted(looks):
            story.event("incident.verified", at=at)
        verdict = in_time(story, objective)
        assert verdict.numbers["rto_seconds"] == pytest.approx(min(looks) - 100)
        assert verdict.outcome is (PROVEN if verdict.numbers["rto_seconds"] <= objective else REFUTED)  # type: ignore[operator]  # a number


class TestSmokePasses:
    @staticmethod
    def of(ends: Kind = Kind.OK, **data: Any) -> Story:
        story = Story()
        story.act("service.verify", Kind.FAIL, found="it was broken")
        story.act("migration.apply")
        story.act("service.verify", ends, **data)
        return story

    def test_is_proven_by_the_newest_verification_and_names_what_ran(self) -> None:
        verdict = self.of(checks=["health of api", "smoke tests"]).judge(smoke_passes)
        assert verdict.outcome is PROVEN
        assert "health of api, smoke tests" in verdict.reason

    def test_is_refuted_when_the_newest_failed(self) -> None:
        verdict = self.of(Kind.FAIL, found="/health answers 500").judge(smoke_passes)
        assert verdict.outcome is REFUTED
        assert "/health answers 500" in verdict.reason

    def test_is_unknown_when_it_was_cut_short(self) -> None:
        assert self.of(Kind.UNKNOWN).judge(smoke_passes).outcome is UNKNOWN

    @pytest.mark.parametrize("data", [{}, {"checks": []}, {"checks": "all"}])
    def test_is_unknown_when_nothing_ran(self, data: dict[str, Any]) -> None:
        assert self.of(**data).judge(smoke_passes).outcome is UNKNOWN

    @pytest.mark.parametrize("act", CHANGES)
    @pytest.mark.parametrize("ends", [Kind.OK, Kind.FAIL])
    def test_is_unknown_when_something_was_done_since(self, act: str, ends: Kind) -> None:
        story = self.of(checks=["smoke tests"])
        story.act(act, ends)
        assert story.judge(smoke_passes).outcome is UNKNOWN

    def test_is_unknown_when_the_service_was_never_verified(self) -> None:
        assert Story().judge(smoke_passes).outcome is UNKNOWN


class TestSmokeFailedBefore:
    @staticmethod
    def of(ends: Kind, *, fault: bool = True) -> Verdict:
        story = Story()
        if fault:
            story.event("incident.fault")
        story.act("service.verify", ends, found="smoke tests ended with 1")
        story.event("incident.executed")
        story.act("service.verify", Kind.OK, checks=["smoke tests"])
        return story.judge(smoke_failed_before)

    def test_is_proven_when_the_first_look_failed(self) -> None:
        assert self.of(Kind.FAIL).outcome is PROVEN

    def test_is_refuted_when_the_first_look_passed(self) -> None:
        assert self.of(Kind.OK).outcome is REFUTED

    def test_is_unknown_when_the_first_look_was_cut_short(self) -> None:
        assert self.of(Kind.UNKNOWN).outcome is UNKNOWN

    def test_is_unknown_when_the_first_look_came_after_the_remedy(self) -> None:
        story = Story()
        story.event("incident.fault")
        story.event("incident.executed")
        story.act("service.verify", Kind.FAIL)
        assert story.judge(smoke_failed_before).outcome is UNKNOWN

    def test_is_unknown_when_the_first_look_came_before_the_fault(self) -> None:
        story = Story()
        story.act("service.verify", Kind.FAIL)
        story.event("incident.fault")
        assert story.judge(smoke_failed_before).outcome is UNKNOWN

    def test_is_unknown_without_a_fault_or_a_look(self) -> None:
        assert self.of(Kind.FAIL, fault=False).outcome is UNKNOWN
        assert incident(fault=100).judge(smoke_failed_before).outcome is UNKNOWN
