"""What became of the clients' writes, judged on literal histories."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.checks.registry import Check
from rollproof.checks.writes import (
    NEVER_SENT,
    loss_bounded,
    no_acknowledged_write_lost,
    no_write_got_in,
    writes_resumed,
)
from rollproof.journal import Kind
from rollproof.model.verdict import Outcome, Verdict
from rollproof.workload.operations import Operation
from tests.unit.histories import SECOND, Story, read, write

PROVEN, REFUTED, UNKNOWN = Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN
BROKE_OFF = "place order broke off: ValueError"
READER_BROKE_OFF = "list orders broke off: ValueError"


class TestNoneLost:
    @staticmethod
    def of(
        *operations: Operation,
        lost: tuple[Operation, ...] = (),
        findings: tuple[str, ...] = (),
        executed: float | None = 20,
    ) -> Verdict:
        story = Story()
        if executed is not None:
            story.event("incident.executed", at=executed)
        story.traffic(*operations, findings=findings, at=40)
        acknowledged = sum(one.outcome == "ok" and one.kind == "write" for one in operations)
        story.writes(acknowledged=acknowledged, lost=lost, seconds=1.5)
        return story.judge(no_acknowledged_write_lost)

    def test_is_proven_when_all_that_were_acknowledged_are_there(self) -> None:
        verdict = self.of(write(1), write(2, "failed"), write(30), read(3))
        assert verdict.outcome is PROVEN
        assert verdict.numbers["writes_acknowledged"] == 2

    def test_is_refuted_by_one_that_is_not_with_its_table_and_the_recovery_point(self) -> None:
        gone = write(2)
        verdict = self.of(write(1), gone, lost=(gone,))
        assert verdict.outcome is REFUTED
        assert verdict.findings == ("place order into shop.orders: 1 lost",)
        assert verdict.numbers["rpo_seconds"] == 1.5

    @pytest.mark.parametrize("operations", [(), (read(1),), (write(1, "failed"), write(2, "indeterminate"))])
    def test_is_unknown_when_none_was_acknowledged(self, operations: tuple[Operation, ...]) -> None:
        assert self.of(*operations).outcome is UNKNOWN

    def test_is_unknown_when_all_were_acknowledged_after_the_rollback(self) -> None:
        assert self.of(write(25), write(30)).outcome is UNKNOWN
        assert self.of(write(25), write(30), executed=None).outcome is PROVEN

    def test_is_unknown_when_a_writing_client_ended_early(self) -> None:
        verdict = self.of(write(1), findings=(BROKE_OFF,))
        assert (verdict.outcome, verdict.findings) == (UNKNOWN, (BROKE_OFF,))

    def test_is_unknown_when_a_client_ended_early_that_did_nothing_to_tell_its_kind_by(self) -> None:
        assert self.of(write(1), findings=("new client could not be ended",)).outcome is UNKNOWN

    def test_a_reading_client_that_ended_early_takes_nothing_away(self) -> None:
        assert self.of(write(1), read(1), findings=(READER_BROKE_OFF,)).outcome is PROVEN

    def test_a_lost_write_is_refuted_whoever_ended_early(self) -> None:
        gone = write(2)
        assert self.of(gone, lost=(gone,), findings=(BROKE_OFF,)).outcome is REFUTED

    def test_is_unknown_when_nobody_looked(self) -> None:
        story = Story()
        story.traffic(write(1))
        assert story.judge(no_acknowledged_write_lost).outcome is UNKNOWN

    def test_is_unknown_when_the_clients_left_no_record(self) -> None:
        story = Story()
        story.event("incident.executed")
        story.writes(acknowledged=4)
        assert story.judge(no_acknowledged_write_lost).outcome is UNKNOWN

    @given(st.lists(st.integers(1, 39), unique=True, min_size=1), st.data())
    def test_one_lost_write_among_any_others_refutes(self, moments: list[int], data: st.DataObject) -> None:
        operations = [write(moment) for moment in moments]
        lost = data.draw(st.lists(st.sampled_from(operations), unique=True, min_size=1))
        assert self.of(*operations, lost=tuple(lost)).outcome is REFUTED


class TestLossBounded:
    """The backup's snapshot is at 10 seconds, the restore is over at 20."""

    @staticmethod
    def of(
        *operations: Operation,
        lost: tuple[Operation, ...] = (),
        findings: tuple[str, ...] = (),
        restore: Kind | None = Kind.OK,
        backup: bool = True,
    ) -> Verdict:
        story = Story()
        if backup:
            story.act("backup.take", at=12, started_ns=str(10 * SECOND))
        if restore is not None:
            story.act("backup.restore", restore, at=20)
        story.traffic(*operations, findings=findings, at=40)
        story.writes(acknowledged=len(operations), lost=lost, seconds=3.0)
        return story.judge(loss_bounded)

    def test_is_proven_when_only_writes_since_the_backup_are_lost_and_counts_them(self) -> None:
        gone = write(11)
        verdict = self.of(write(1), gone, write(30), lost=(gone,))
        assert verdict.outcome is PROVEN
        assert verdict.numbers == {"writes_lost": 1, "writes_after_backup": 1, "rpo_seconds": 3.0}
        assert verdict.findings == ("place order into shop.orders: 1 lost",)

    def test_is_refuted_when_an_older_write_is_lost(self) -> None:
        old = write(9)
        assert self.of(old, write(11), lost=(old, write(11))).outcome is REFUTED

    def test_is_refuted_when_a_write_is_lost_that_was_made_after_the_restore(self) -> None:
        late = write(21)
        verdict = self.of(write(11), late, lost=(late,))
        assert verdict.outcome is REFUTED
        assert "after the restore" in verdict.reason

    def test_a_write_that_was_sent_before_the_restore_was_over_may_be_lost_though_acknowledged_after(
        self,
    ) -> None:
        late = write(19.95)
        assert self.of(write(11), late, lost=(late,)).outcome is PROVEN

    @pytest.mark.parametrize("operations", [(write(1),), (write(1), write(30)), (write(11, "failed"),)])
    def test_is_unknown_when_there_was_nothing_to_lose(self, operations: tuple[Operation, ...]) -> None:
        assert self.of(*operations).outcome is UNKNOWN

    @pytest.mark.parametrize("restore", [None, Kind.FAIL, Kind.UNKNOWN])
    def test_is_unknown_when_no_restore_succeeded(self, restore: Kind | None) -> None:
        assert self.of(write(11), restore=restore).outcome is UNKNOWN

    def test_is_unknown_without_a_backup(self) -> None:
        assert self.of(write(11), backup=False).outcome is UNKNOWN

    def test_a_backup_taken_after_the_restore_is_not_the_one_that_was_restored(self) -> None:
        story = Story()
        story.act("backup.take", at=12, started_ns=str(10 * SECOND))
        story.act("backup.restore", at=20)
        story.act("backup.take", at=31, started_ns=str(30 * SECOND))
        gone = write(11)
        story.traffic(gone, at=40)
        story.writes(acknowledged=1, lost=(gone,))
        assert story.judge(loss_bounded).outcome is PROVEN

    def test_is_unknown_when_a_writing_client_ended_early(self) -> None:
        assert self.of(write(11), findings=(BROKE_OFF,)).outcome is UNKNOWN

    def test_is_unknown_when_nobody_looked(self) -> None:
        assert Story().judge(loss_bounded).outcome is UNKNOWN


class TestNoneGotIn:
    """Writes are revoked from 10 to 20 seconds."""

    @staticmethod
    def of(
        *operations: Operation,
        there: tuple[str, ...] = (),
        findings: tuple[str, ...] = (),
        without: str = "",
    ) -> Verdict:
        story = Story()
        story.act("writes.revoke", at=10)
        story.act("writes.grant", at=20)
        story.traffic(*operations, findings=findings, at=40)
        story.writes(acknowledged=0, unexplained=there)
        story.events = [event for event in story.events if event.act != without]
        return story.judge(no_write_got_in)

    REFUSED = write(12, "failed", error="42501")

    def test_is_proven_when_all_attempts_were_refused_and_says_how_many(self) -> None:
        verdict = self.of(write(5), self.REFUSED, write(13, "indeterminate", error="HTTP 500"), write(25))
        assert verdict.outcome is PROVEN
        assert verdict.numbers == {"writes_tried": 2, "window_seconds": 10.0}

    def test_is_refuted_by_one_that_was_acknowledged(self) -> None:
        verdict = self.of(self.REFUSED, write(13), write(14))
        assert verdict.outcome is REFUTED
        assert verdict.findings == ("place order: 2",)

    @pytest.mark.parametrize("outcome", ["failed", "indeterminate"])
    def test_is_refuted_by_one_that_was_found_whatever_its_answer_was(self, outcome: Any) -> None:
        assert self.of(write(13, outcome, token="abc"), there=("abc",)).outcome is REFUTED  # noqa: S106

    def test_what_began_before_or_ended_after_is_no_attempt_of_that_time(self) -> None:
        assert self.of(self.REFUSED, write(9.95), write(19.95), read(13)).outcome is PROVEN

    @pytest.mark.parametrize("operations", [(), (read(12),), (write(5), write(25))])
    def test_is_unknown_when_nobody_tried(self, operations: tuple[Operation, ...]) -> None:
        assert self.of(*operations).outcome is UNKNOWN

    @pytest.mark.parametrize("error", sorted(NEVER_SENT))
    def test_is_unknown_when_no_attempt_reached_the_system(self, error: str) -> None:
        assert self.of(write(12, "failed", error=error)).outcome is UNKNOWN
        assert self.of(write(12, "failed", error=error), self.REFUSED).outcome is PROVEN

    def test_is_unknown_when_a_writing_client_ended_early(self) -> None:
        assert self.of(self.REFUSED, findings=(BROKE_OFF,)).outcome is UNKNOWN
        assert self.of(self.REFUSED, read(1), findings=(READER_BROKE_OFF,)).outcome is PROVEN

    @pytest.mark.parametrize(
        "missing", ["writes.revoke", "writes.grant", "traffic.finished", "observe.writes"]
    )
    def test_is_unknown_when_something_was_not_recorded(self, missing: str) -> None:
        assert self.of(self.REFUSED, without=missing).outcome is UNKNOWN

    def test_is_unknown_when_the_revoke_failed(self) -> None:
        story = Story()
        story.act("writes.revoke", Kind.FAIL, at=10)
        story.act("writes.grant", at=20)
        story.traffic(self.REFUSED, at=40)
        story.writes(acknowledged=0)
        assert story.judge(no_write_got_in).outcome is UNKNOWN


class TestResumed:
    """Writes are allowed again from 20 seconds on."""

    @staticmethod
    def of(
        *operations: Operation,
        act: str = "writes.grant",
        ends: Kind = Kind.OK,
        findings: tuple[str, ...] = (),
        finished: float = 40,
    ) -> Verdict:
        story = Story()
        if finished < 20:
            story.traffic(*operations, findings=findings, at=finished)
        story.act(act, ends, at=20)
        if finished >= 20:
            story.traffic(*operations, findings=findings, at=finished)
        return story.judge(writes_resumed)

    @pytest.mark.parametrize("act", ["writes.grant", "maintenance.end"])
    def test_is_proven_when_every_kind_was_acknowledged_again(self, act: str) -> None:
        verdict = self.of(write(1), write(21), write(22, name="refund"), read(23), act=act)
        assert (verdict.outcome, verdict.numbers) == (PROVEN, {"writes": 2})

    def test_is_refuted_when_one_kind_was_not(self) -> None:
        verdict = self.of(write(21), write(1, name="refund"), write(22, "failed", name="refund"))
        assert (verdict.outcome, verdict.findings) == (REFUTED, ("refund",))

    def test_is_refuted_when_clients_at_work_do_not_even_try(self) -> None:
        assert self.of(write(1), read(30)).outcome is REFUTED

    def test_a_write_sent_before_is_none_of_the_new_ones(self) -> None:
        assert self.of(write(19.95)).outcome is REFUTED

    def test_counts_from_the_last_of_several_acts(self) -> None:
        story = Story()
        story.act("maintenance.end", at=20)
        story.act("writes.grant", at=30)
        story.traffic(write(21), at=40)
        assert story.judge(writes_resumed).outcome is REFUTED

    @pytest.mark.parametrize("operations", [(), (read(21),)])
    def test_is_unknown_when_no_client_writes(self, operations: tuple[Operation, ...]) -> None:
        assert self.of(*operations).outcome is UNKNOWN

    def test_is_unknown_when_the_clients_had_ended_by_then(self) -> None:
        assert self.of(write(1), finished=15).outcome is UNKNOWN

    def test_is_unknown_when_a_silent_client_ended_early(self) -> None:
        assert self.of(write(1), findings=(BROKE_OFF,)).outcome is UNKNOWN

    @pytest.mark.parametrize("ends", [Kind.FAIL, Kind.UNKNOWN])
    def test_is_unknown_when_writing_was_never_allowed_again(self, ends: Kind) -> None:
        assert self.of(write(21), ends=ends).outcome is UNKNOWN

    def test_is_unknown_without_traffic(self) -> None:
        story = Story()
        story.act("writes.grant")
        assert story.judge(writes_resumed).outcome is UNKNOWN


@pytest.mark.parametrize(
    "check", [no_acknowledged_write_lost, loss_bounded, no_write_got_in, writes_resumed], ids=lambda c: c.id
)
def test_an_empty_history_shows_nothing(check: Check) -> None:
    assert Story().judge(check).outcome is UNKNOWN
