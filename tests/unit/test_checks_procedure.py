"""Order of the procedure, giving up on a lock, kinds and diagnoses: judged on literal histories."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.checks.diagnosis import missing_migration_named, nothing_missing
from rollproof.checks.kinds import kinds_agree
from rollproof.checks.procedure import SAFE_ROLLBACK, gave_up_waiting, procedure_in_order
from rollproof.checks.registry import Check
from rollproof.journal import Kind
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome
from tests.unit.histories import Story

PROVEN, REFUTED, UNKNOWN = Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN


def done(*acts: str) -> Story:
    story = Story()
    for act in acts:
        story.act(act)
    return story


class TestProcedure:
    def test_is_proven_when_every_step_came_after_the_one_before(self) -> None:
        verdict = done(*SAFE_ROLLBACK).judge(procedure_in_order)
        assert (verdict.outcome, verdict.numbers) == (PROVEN, {"steps": len(SAFE_ROLLBACK)})

    @given(st.permutations(SAFE_ROLLBACK))
    def test_any_other_order_is_refuted(self, order: list[str]) -> None:
        expected = PROVEN if tuple(order) == SAFE_ROLLBACK else REFUTED
        assert done(*order).judge(procedure_in_order).outcome is expected

    @pytest.mark.parametrize("left_out", SAFE_ROLLBACK)
    def test_a_step_left_out_is_refuted_and_named(self, left_out: str) -> None:
        verdict = done(*(act for act in SAFE_ROLLBACK if act != left_out)).judge(procedure_in_order)
        assert verdict.outcome is REFUTED
        assert f"{left_out} was left out" in verdict.findings

    @pytest.mark.parametrize("step", SAFE_ROLLBACK)
    @pytest.mark.parametrize(
        ("ends", "outcome"), [(Kind.FAIL, REFUTED), (Kind.UNKNOWN, UNKNOWN), (None, UNKNOWN)]
    )
    def test_a_step_that_did_not_succeed_is_no_step(
        self, step: str, ends: Kind | None, outcome: Outcome
    ) -> None:
        story = Story()
        for act in SAFE_ROLLBACK:
            story.act(act, ends if act == step else Kind.OK)
        assert story.judge(procedure_in_order).outcome is outcome

    def test_a_step_that_began_within_another_is_refuted(self) -> None:
        story = Story()
        first = story.event("one", Kind.BEGIN)
        second = story.event("two", Kind.BEGIN)
        story.event("one", Kind.OK, of=first.seq)
        story.event("two", Kind.OK, of=second.seq)
        assert story.judge(procedure_in_order, steps=["one", "two"]).outcome is REFUTED

    def test_a_step_may_have_been_tried_before(self) -> None:
        story = done("service.verify")
        story.act("backup.take", Kind.FAIL)
        for act in SAFE_ROLLBACK:
            story.act(act)
        assert story.judge(procedure_in_order).outcome is PROVEN

    @pytest.mark.parametrize("act", ["migration.roll_back", "backup.restore"])
    def test_a_rollback_before_its_turn_is_refuted_though_the_procedure_follows(self, act: str) -> None:
        assert done(act, *SAFE_ROLLBACK).judge(procedure_in_order).outcome is REFUTED

    def test_nothing_at_all_is_refuted(self) -> None:
        assert Story().judge(procedure_in_order).outcome is REFUTED

    def test_the_steps_may_be_others(self) -> None:
        assert done("b", "a").judge(procedure_in_order, steps=["b", "a"]).outcome is PROVEN


class TestGaveUp:
    @pytest.mark.parametrize(
        ("ends", "found", "outcome"),
        [
            (Kind.FAIL, "waited 1 s for table a.b, held by nightly-report", PROVEN),
            (Kind.FAIL, "syntax error", REFUTED),
            (Kind.FAIL, "", REFUTED),
            (Kind.OK, "", REFUTED),
            (Kind.UNKNOWN, "waited 1 s for table a.b, held by nightly-report", UNKNOWN),
        ],
    )
    def test_is_proven_only_when_it_failed_and_named_who_held_the_lock(
        self, ends: Kind, found: str, outcome: Outcome
    ) -> None:
        story = Story()
        story.act("migration.roll_back", ends, found=found)
        assert story.judge(gave_up_waiting).outcome is outcome

    def test_is_unknown_when_nothing_was_tried_or_it_never_ended(self) -> None:
        story = Story()
        assert story.judge(gave_up_waiting).outcome is UNKNOWN
        story.act("migration.roll_back", None)
        assert story.judge(gave_up_waiting).outcome is UNKNOWN


class TestKinds:
    @staticmethod
    def of(*disagreements: str, ends: Kind | None = Kind.OK, count: int | None = None) -> Story:
        story = Story()
        begun = story.event("history.walk", Kind.BEGIN)
        for number, disagreement in enumerate(disagreements):
            story.event("migration.kind", migration=f"{number:03}", disagreement=disagreement)
        if ends is not None:
            said = len(disagreements) if count is None else count
            story.event("history.walk", ends, of=begun.seq, count=said)
        return story

    def test_are_proven_when_all_agree(self) -> None:
        verdict = self.of("", "").judge(kinds_agree)
        assert (verdict.outcome, verdict.numbers) == (PROVEN, {"migrations": 2})

    def test_are_refuted_by_one_that_does_not(self) -> None:
        verdict = self.of("", "it drops a column").judge(kinds_agree)
        assert (verdict.outcome, verdict.findings) == (REFUTED, ("001: it drops a column",))

    @pytest.mark.parametrize("ends", [Kind.FAIL, Kind.UNKNOWN, None])
    def test_are_unknown_when_the_walk_stopped_on_its_way(self, ends: Kind | None) -> None:
        assert self.of("", "", ends=ends).judge(kinds_agree).outcome is UNKNOWN
        assert self.of("", "x", ends=ends).judge(kinds_agree).outcome is REFUTED

    def test_are_unknown_when_some_were_not_looked_at(self) -> None:
        assert self.of("", "", count=3).judge(kinds_agree).outcome is UNKNOWN

    def test_are_unknown_when_one_about_rows_found_none(self) -> None:
        story = Story()
        begun = story.event("history.walk", Kind.BEGIN)
        story.event("migration.kind", migration="001", disagreement=None, missing="no row was there")
        story.event("history.walk", Kind.OK, of=begun.seq, count=1)
        verdict = story.judge(kinds_agree)
        assert (verdict.outcome, verdict.findings) == (UNKNOWN, ("001: no row was there",))

    def test_are_unknown_when_there_is_no_migration(self) -> None:
        assert self.of().judge(kinds_agree).outcome is UNKNOWN
        assert Story().judge(kinds_agree).outcome is UNKNOWN


ALL: dict[str, Json] = {"ledger": ["023"], "files": ["023"], "schema": ["023"]}
NONE: dict[str, Json] = {"ledger": [], "files": [], "schema": []}


class TestDiagnosis:
    @staticmethod
    def of(*diagnoses: Any, ends: Kind = Kind.OK) -> Story:
        story = Story()
        for sources in diagnoses:
            story.act("diagnose", ends, sources=sources)
        return story

    def test_names_the_migration_when_all_three_sources_do(self) -> None:
        assert self.of(ALL).judge(missing_migration_named, migration="023").outcome is PROVEN

    def test_counts_as_it_was_before_the_remedy(self) -> None:
        assert self.of(ALL, NONE).judge(missing_migration_named, migration="023").outcome is PROVEN
        assert self.of(NONE, ALL).judge(missing_migration_named, migration="023").outcome is REFUTED

    @pytest.mark.parametrize("source", sorted(ALL))
    @pytest.mark.parametrize("said", [[], ["022"], ["022", "023"], ["023", "023"]])
    def test_is_refuted_when_one_source_says_otherwise(self, source: str, said: Json) -> None:
        verdict = self.of({**ALL, source: said}).judge(missing_migration_named, migration="023")
        assert verdict.outcome is REFUTED
        assert verdict.findings[0].startswith(f"{source} says that")

    @pytest.mark.parametrize("source", sorted(ALL))
    def test_is_refuted_when_it_did_not_look_everywhere(self, source: str) -> None:
        sources = {name: value for name, value in ALL.items() if name != source}
        verdict = self.of(sources).judge(missing_migration_named, migration="023")
        assert (verdict.outcome, verdict.findings) == (REFUTED, (f"not looked at: {source}",))

    @pytest.mark.parametrize("source", sorted(ALL))
    def test_something_is_missing_still_when_one_source_says_so(self, source: str) -> None:
        verdict = self.of(ALL, {**NONE, source: ["023"]}).judge(nothing_missing)
        assert (verdict.outcome, verdict.findings) == (REFUTED, (f"{source} says that 023 is missing",))

    def test_nothing_is_missing_when_all_three_sources_say_so_at_last(self) -> None:
        assert self.of(ALL, NONE).judge(nothing_missing).outcome is PROVEN

    @pytest.mark.parametrize("sources", [{}, {"ledger": []}, {"ledger": [], "files": []}])
    def test_nothing_missing_is_unknown_when_not_all_was_looked_at(self, sources: Json) -> None:
        assert self.of(sources).judge(nothing_missing).outcome is UNKNOWN

    @pytest.mark.parametrize("sources", [None, [], "none", {"ledger": "none", "files": [], "schema": []}])
    @pytest.mark.parametrize("check", [missing_migration_named, nothing_missing], ids=lambda c: c.id)
    def test_a_record_of_another_form_is_unknown(self, sources: Json, check: Check) -> None:
        params: dict[str, Json] = {"migration": "023"} if check is missing_migration_named else {}
        assert self.of(sources).judge(check, **params).outcome is UNKNOWN

    @pytest.mark.parametrize("ends", [Kind.FAIL, Kind.UNKNOWN])
    def test_a_diagnosis_that_failed_is_none(self, ends: Kind) -> None:
        assert self.of(ALL, ends=ends).judge(missing_migration_named, migration="023").outcome is UNKNOWN
        assert self.of(NONE, ends=ends).judge(nothing_missing).outcome is UNKNOWN
