"""Backups and the guard: what it objects to, whether it was heeded, whether the backup restores."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.checks.backup import (
    BackupFacts,
    backup_restores,
    objections,
    rollback_refused,
    unguarded,
)
from rollproof.journal import Kind
from rollproof.model.verdict import Outcome, Verdict
from tests.unit.histories import Story

PROVEN, REFUTED, UNKNOWN = Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN
GOOD = BackupFacts(
    exists=True,
    readable=True,
    bytes=1000,
    unchanged=True,
    major=17,
    server_major=17,
    snapshot_ns=100,
    newest_write_ns=100,
    compared=True,
)
FLAWS = {
    "there is no backup": {"exists": False, "bytes": 0, "readable": False},
    "the backup is empty": {"bytes": 0, "readable": False},
    "cannot be read": {"readable": False, "major": None},
    "is of PostgreSQL 16": {"major": 16},
    "does not tell which PostgreSQL": {"major": None},
    "older than the newest write": {"newest_write_ns": 101},
    "nobody knows when the backup was taken": {"snapshot_ns": None},
    "never been restored": {"compared": False, "unchanged": False},
    "content has changed": {"unchanged": False},
}


class TestObjections:
    def test_there_is_none_to_a_good_backup(self) -> None:
        assert objections(GOOD) == []
        assert objections(replace(GOOD, newest_write_ns=None)) == []

    @pytest.mark.parametrize("flaw", FLAWS)
    def test_each_flaw_is_objected_to_in_its_own_words(self, flaw: str) -> None:
        said = objections(replace(GOOD, **FLAWS[flaw]))  # type: ignore[arg-type]  # its own fields
        assert len(said) == 1
        assert flaw in said[0]

    @given(
        st.builds(
            BackupFacts,
            exists=st.booleans(),
            readable=st.booleans(),
            bytes=st.integers(0, 2),
            unchanged=st.booleans(),
            major=st.sampled_from([None, 16, 17]),
            server_major=st.just(17),
            snapshot_ns=st.sampled_from([None, 99, 100, 101]),
            newest_write_ns=st.sampled_from([None, 100]),
            compared=st.booleans(),
        )
    )
    def test_only_a_backup_without_any_flaw_passes(self, facts: BackupFacts) -> None:
        flawless = (
            facts.exists
            and facts.readable
            and facts.bytes > 0
            and facts.unchanged
            and facts.major == 17
            and facts.compared
            and facts.snapshot_ns is not None
            and (facts.newest_write_ns is None or facts.snapshot_ns >= facts.newest_write_ns)
        )
        assert (objections(facts) == []) is flawless


REASON = "the backup is empty"


class TestRefused:
    @staticmethod
    def judge(story: Story) -> Verdict:
        return story.judge(rollback_refused, because=REASON)

    def test_is_proven_when_the_guard_said_no_for_that_reason_and_was_heeded(self) -> None:
        story = Story()
        story.act("rollback.guard", Kind.FAIL, found=f"{REASON}; and more")
        assert self.judge(story).outcome is PROVEN

    def test_is_refuted_when_the_guard_let_it_through(self) -> None:
        story = Story()
        story.act("rollback.guard")
        assert self.judge(story).outcome is REFUTED

    def test_is_refuted_when_the_guard_had_another_reason(self) -> None:
        story = Story()
        story.act("rollback.guard", Kind.FAIL, found="there is no backup")
        assert self.judge(story).outcome is REFUTED

    @pytest.mark.parametrize("act", ["migration.roll_back", "backup.restore"])
    @pytest.mark.parametrize("ends", [Kind.OK, Kind.FAIL, Kind.UNKNOWN, None])
    @pytest.mark.parametrize("guarded_first", [True, False])
    def test_is_refuted_when_the_rollback_was_begun_all_the_same(
        self, act: str, ends: Kind | None, guarded_first: bool
    ) -> None:
        story = Story()
        if not guarded_first:
            story.act(act, ends)
        story.act("rollback.guard", Kind.FAIL, found=REASON)
        if guarded_first:
            story.act(act, ends)
        verdict = self.judge(story)
        assert (verdict.outcome, verdict.findings) == (REFUTED, (act,))

    def test_an_earlier_rollback_that_the_guard_let_through_is_no_objection(self) -> None:
        story = Story()
        story.act("rollback.guard")
        story.act("migration.roll_back")
        story.act("rollback.guard", Kind.FAIL, found=REASON)
        assert self.judge(story).outcome is PROVEN

    def test_is_unknown_when_the_guard_was_cut_short_or_never_asked(self) -> None:
        story = Story()
        assert self.judge(story).outcome is UNKNOWN
        story.act("rollback.guard", None)
        assert self.judge(story).outcome is UNKNOWN
        story.act("rollback.guard", Kind.UNKNOWN, found=REASON)
        assert self.judge(story).outcome is UNKNOWN


@given(st.lists(st.sampled_from(["yes", "no", "rollback"]), max_size=8))
def test_a_rollback_is_guarded_when_the_guard_said_yes_since_the_one_before(steps: list[str]) -> None:
    story = Story()
    for step in steps:
        if step == "rollback":
            story.act("migration.roll_back")
        else:
            story.act("rollback.guard", Kind.OK if step == "yes" else Kind.FAIL)
    pairs = itertools.pairwise(["no", *steps])
    assert len(unguarded(story.history)) == sum(
        step == "rollback" and before != "yes" for before, step in pairs
    )


class TestRestores:
    def test_is_proven_by_the_newest_proof_with_facts_and_rows(self) -> None:
        story = Story()
        story.act("backup.verify", Kind.FAIL)
        story.act("backup.take")
        story.act("backup.verify", count=200, rows=4000)
        verdict = story.judge(backup_restores)
        assert (verdict.outcome, verdict.numbers) == (PROVEN, {"facts": 200, "rows": 4000})

    def test_is_refuted_when_the_copy_differs(self) -> None:
        story = Story()
        story.act("backup.verify", Kind.FAIL, found="shop.orders: rows differ")
        verdict = story.judge(backup_restores)
        assert verdict.outcome is REFUTED
        assert "rows differ" in verdict.reason

    def test_is_unknown_when_proving_it_was_cut_short(self) -> None:
        story = Story()
        story.act("backup.verify", Kind.UNKNOWN, found="interrupted")
        assert story.judge(backup_restores).outcome is UNKNOWN

    @pytest.mark.parametrize(("facts", "rows"), [(0, 0), (200, 0), (0, 10), (200, None), (None, None)])
    def test_is_unknown_when_the_copy_was_empty(self, facts: int | None, rows: int | None) -> None:
        story = Story()
        story.act("backup.verify", count=facts, rows=rows)
        assert story.judge(backup_restores).outcome is UNKNOWN

    def test_is_unknown_when_a_newer_backup_was_never_restored(self) -> None:
        story = Story()
        story.act("backup.verify", count=200, rows=4000)
        story.act("backup.take", Kind.FAIL)
        assert story.judge(backup_restores).outcome is PROVEN
        story.act("backup.take")
        assert story.judge(backup_restores).outcome is UNKNOWN

    def test_is_unknown_when_nobody_restored_it(self) -> None:
        story = Story()
        story.act("backup.take")
        assert story.judge(backup_restores).outcome is UNKNOWN
