"""Schema, grants, ledger, applying again, nothing touched: judged on literal histories."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.checks.database import (
    grants_restored,
    ledger_clean,
    nothing_touched,
    reapplicable,
    schema_restored,
)
from rollproof.checks.registry import Check
from rollproof.journal import Kind
from rollproof.model.fingerprint import Difference, DifferenceClass
from rollproof.model.rows import RowChanges
from rollproof.model.verdict import Outcome
from tests.unit.histories import FACTS, LEDGER, Story, differs, moved, table

PROVEN, REFUTED, UNKNOWN = Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN
ACCESS = [
    differs("on table shop.orders to app", None, {"SELECT": "granted"}, None, kind="grant"),
    differs("for tables by shop", "SELECT", "granted", None, kind="default privilege"),
    differs("shop.orders", "owner", "shop", "app", kind="table"),
    differs("app", "superuser", False, True, kind="role"),
]
SCHEMA = [
    differs(),
    differs("shop.orders.total", None, {"type": "numeric"}, None, kind="column"),
    differs("shop.left_over", None, None, {"owner": "shop"}, kind="table"),
]
HARMLESS = [
    differs("shop.orders", "column order", ["a", "b"], ["b", "a"], klass=DifferenceClass.COLUMN_ORDER),
    differs("shop.orders_fk", "name", "orders_fk", "orders_fk1", klass=DifferenceClass.GENERATED_NAME),
    differs("shop.price(int)", "body", "a b", "a  b", kind="function", klass=DifferenceClass.WHITE_SPACE),
    moved("shop.orders_id_seq", 5, 9),
]


def compared(*differences: Difference, against: str = "before", **more: object) -> Story:
    story = Story()
    story.observe(against, **more)  # type: ignore[arg-type]  # observe's own
    story.observe("after")
    story.compare(against=against, differences=differences)
    return story


@pytest.mark.parametrize("check", [schema_restored, grants_restored])
class TestSchemaAndGrants:
    def test_are_proven_when_no_fact_differs(self, check: Check) -> None:
        verdict = compared().judge(check)
        assert (verdict.outcome, verdict.numbers["facts"]) == (PROVEN, len(FACTS))

    def test_are_unknown_without_a_comparison(self, check: Check) -> None:
        story = Story()
        story.observe("before")
        assert story.judge(check).outcome is UNKNOWN

    def test_are_unknown_without_the_observation_they_are_compared_with(self, check: Check) -> None:
        story = Story()
        story.compare()
        assert story.judge(check).outcome is UNKNOWN

    def test_are_unknown_when_the_fingerprint_is_empty(self, check: Check) -> None:
        assert compared(facts=()).judge(check).outcome is UNKNOWN

    def test_are_unknown_when_the_attachment_is_gone(self, check: Check) -> None:
        story = compared()
        story.attachments.values.clear()
        assert story.judge(check).outcome is UNKNOWN

    def test_are_judged_by_the_newest_comparison(self, check: Check) -> None:
        story = compared(*SCHEMA, *ACCESS)
        story.compare()
        assert story.judge(check).outcome is PROVEN
        story.compare(differences=[*SCHEMA, *ACCESS])
        assert story.judge(check).outcome is REFUTED

    def test_are_judged_against_what_was_asked_for(self, check: Check) -> None:
        story = compared(*SCHEMA, *ACCESS)
        story.observe("backup")
        story.compare(against="backup")
        assert story.judge(check).outcome is REFUTED
        assert story.judge(check, against="backup").outcome is PROVEN

    @pytest.mark.parametrize("difference", HARMLESS, ids=lambda d: d.klass.value)
    def test_are_proven_when_only_order_names_or_sequences_differ(
        self, check: Check, difference: Difference
    ) -> None:
        assert compared(difference).judge(check).outcome is PROVEN


@pytest.mark.parametrize("difference", SCHEMA, ids=str)
def test_a_difference_of_the_schema_refutes_the_schema_and_not_the_grants(difference: Difference) -> None:
    verdict = compared(difference).judge(schema_restored)
    assert verdict.outcome is REFUTED
    assert verdict.findings == (str(difference),)
    assert compared(difference).judge(grants_restored).outcome is PROVEN


@pytest.mark.parametrize("difference", ACCESS, ids=str)
def test_a_difference_of_access_refutes_the_grants_and_not_the_schema(difference: Difference) -> None:
    assert compared(difference).judge(grants_restored).outcome is REFUTED
    assert compared(difference).judge(schema_restored).outcome is PROVEN


@given(st.lists(st.sampled_from(HARMLESS)), st.sampled_from([*SCHEMA, *ACCESS]), st.randoms())
def test_no_harmless_difference_ever_hides_a_real_one(
    harmless: list[Difference], real: Difference, random: object
) -> None:
    differences = [*harmless, real]
    random.shuffle(differences)  # type: ignore[attr-defined]  # a Random
    story = compared(*differences)
    assert REFUTED in {story.judge(check).outcome for check in (schema_restored, grants_restored)}
    assert story.judge(nothing_touched).outcome is REFUTED


def test_what_is_harmless_is_named_all_the_same() -> None:
    verdict = compared(*HARMLESS).judge(schema_restored)
    assert len(verdict.findings) == 3
    assert verdict.numbers["order_or_name_only"] == 3


class TestLedger:
    @staticmethod
    def of(before: list[str], after: list[str], deployed: list[str] | None = None) -> Story:
        story = Story()
        story.observe("before", ledger=before)
        if deployed is not None:
            story.observe("deployed", ledger=deployed)
        story.observe("after", ledger=after)
        return story

    def test_is_clean_when_it_lists_what_it_listed(self) -> None:
        verdict = self.of(["1", "2"], ["2", "1"], ["1", "2", "3"]).judge(ledger_clean, migration="3")
        assert (verdict.outcome, verdict.numbers) == (PROVEN, {"migrations": 2})

    def test_is_clean_when_nothing_was_deployed_and_nothing_changed(self) -> None:
        assert self.of(["1"], ["1"]).judge(ledger_clean, migration="3").outcome is PROVEN

    @pytest.mark.parametrize(
        ("after", "finding"),
        [
            (["1", "2", "3"], ""),
            (["1"], "no longer listed: 2"),
            (["1", "2", "4"], "listed now, not before: 4"),
            (["1", "2", "2"], "listed now, not before: 2"),
            ([], "no longer listed: 1"),
        ],
    )
    def test_is_not_clean_when_it_lists_anything_else(self, after: list[str], finding: str) -> None:
        verdict = self.of(["1", "2"], after, ["1", "2", "3"]).judge(ledger_clean, migration="3")
        assert verdict.outcome is REFUTED
        assert finding in "\n".join(verdict.findings)

    def test_that_never_listed_the_migration_shows_nothing(self) -> None:
        assert self.of(["1"], ["1"], ["1"]).judge(ledger_clean, migration="3").outcome is UNKNOWN

    @pytest.mark.parametrize("label", ["before", "after"])
    def test_that_was_not_read_is_unknown(self, label: str) -> None:
        story = Story()
        story.observe(label, ledger=["1"])
        assert story.judge(ledger_clean, migration="3").outcome is UNKNOWN

    def test_without_a_list_is_unknown(self) -> None:
        story = self.of(["1"], ["1"])
        story.event("observe.ledger", label="after")
        assert story.judge(ledger_clean, migration="3").outcome is UNKNOWN


class TestReapplicable:
    @staticmethod
    def of(
        *,
        again: tuple[Difference, ...] = (),
        rows: tuple[RowChanges, ...] = (),
        left: tuple[Difference, ...] = (),
        left_rows: tuple[RowChanges, ...] = (),
        made: tuple[RowChanges, ...] = (),
        ends: Kind = Kind.OK,
        facts: object = FACTS,
    ) -> Story:
        story = Story()
        story.observe("before", tables=[table(), table(LEDGER)])
        story.observe("deployed", facts=facts)  # type: ignore[arg-type]  # facts
        story.compare("deployed", "before", changes=made)
        story.compare("after", "before", differences=left, changes=left_rows)
        story.act("migration.reapply", ends, found="relation exists already")
        story.compare("reapplied", "deployed", differences=again, changes=rows)
        return story

    def test_is_proven_when_both_ups_end_alike(self) -> None:
        assert self.of().judge(reapplicable).outcome is PROVEN

    def test_is_refuted_when_it_cannot_be_applied(self) -> None:
        verdict = self.of(ends=Kind.FAIL).judge(reapplicable)
        assert verdict.outcome is REFUTED
        assert "relation exists already" in verdict.reason

    def test_is_unknown_when_applying_it_was_cut_short(self) -> None:
        assert self.of(ends=Kind.UNKNOWN).judge(reapplicable).outcome is UNKNOWN

    @pytest.mark.parametrize("missing", ["migration.reapply", "observe", "observe.compare"])
    def test_is_unknown_when_something_was_not_recorded(self, missing: str) -> None:
        story = self.of()
        story.events = [event for event in story.events if event.act != missing]
        assert story.judge(reapplicable).outcome is UNKNOWN

    def test_is_unknown_when_the_fingerprint_is_empty(self) -> None:
        assert self.of(facts=()).judge(reapplicable).outcome is UNKNOWN

    @pytest.mark.parametrize("difference", [*SCHEMA, *ACCESS], ids=str)
    def test_is_refuted_when_schema_or_access_end_otherwise(self, difference: Difference) -> None:
        assert self.of(again=(difference,)).judge(reapplicable).outcome is REFUTED

    def test_is_not_held_to_account_for_what_the_rollback_left(self) -> None:
        assert self.of(again=(SCHEMA[0],), left=(SCHEMA[0],)).judge(reapplicable).outcome is PROVEN

    @pytest.mark.parametrize("difference", HARMLESS, ids=lambda d: d.klass.value)
    def test_is_proven_when_only_order_names_or_sequences_differ(self, difference: Difference) -> None:
        assert self.of(again=(difference,)).judge(reapplicable).outcome is PROVEN

    @pytest.mark.parametrize(
        "change",
        [
            RowChanges("shop.orders", lost=1, added=1),
            RowChanges("shop.orders", changed=1, changed_keys=("id=1",)),
            RowChanges("shop.orders", lost_columns={"total": 3}),
            RowChanges("shop.orders", lost=10, missing_table=True),
            RowChanges("shop.new", lost=2, added=1),
            RowChanges("shop.new", lost=2, missing_table=True),
        ],
        ids=str,
    )
    def test_is_refuted_when_rows_end_otherwise(self, change: RowChanges) -> None:
        assert self.of(rows=(change,)).judge(reapplicable).outcome is REFUTED

    def test_is_proven_when_only_the_ledger_or_what_the_rollback_spoilt_ends_otherwise(self) -> None:
        changes = (RowChanges(LEDGER, changed=1), RowChanges("shop.orders", lost=4))
        story = self.of(rows=changes, left_rows=(RowChanges("shop.orders", lost=4),))
        assert story.judge(reapplicable, ledger=LEDGER).outcome is PROVEN

    def test_is_proven_when_a_new_table_has_as_many_rows_under_other_keys(self) -> None:
        change = RowChanges("shop.new", lost=5, added=5)
        assert self.of(rows=(change,)).judge(reapplicable).outcome is PROVEN

    def test_is_proven_when_the_rows_that_it_adds_to_an_older_table_are_made_anew(self) -> None:
        made = RowChanges("shop.orders", added=3, added_keys=("id=11", "id=12", "code=x"))
        again = RowChanges(
            "shop.orders", lost=2, added=2, changed=1, lost_keys=("id=11", "id=12"), changed_keys=("code=x",)
        )
        assert self.of(rows=(again,), made=(made,)).judge(reapplicable).outcome is PROVEN

    @pytest.mark.parametrize(
        "again",
        [
            RowChanges("shop.orders", lost=1, added=1, lost_keys=("id=4",)),
            RowChanges("shop.orders", lost=2, added=1, lost_keys=("id=11", "id=12")),
            RowChanges("shop.orders", lost=4, added=4),
            RowChanges("shop.orders", changed=1, changed_keys=("id=4",)),
        ],
        ids=str,
    )
    def test_is_refuted_when_other_rows_of_an_older_table_end_otherwise(self, again: RowChanges) -> None:
        made = RowChanges("shop.orders", added=3, added_keys=("id=11", "id=12", "id=13"))
        assert self.of(rows=(again,), made=(made,)).judge(reapplicable).outcome is REFUTED

    def test_is_unknown_when_rows_could_not_be_compared(self) -> None:
        change = RowChanges("shop.orders", incomplete="rows were only counted")
        assert self.of(rows=(change,)).judge(reapplicable).outcome is UNKNOWN


class TestNothingTouched:
    @staticmethod
    def of(*changes: RowChanges, differences: tuple[Difference, ...] = (), **more: object) -> Story:
        story = Story()
        story.observe("before", **more)  # type: ignore[arg-type]  # observe's own
        story.compare(differences=differences, changes=changes)
        return story

    def test_is_proven_when_nothing_differs(self) -> None:
        assert self.of().judge(nothing_touched).outcome is PROVEN

    @pytest.mark.parametrize("difference", [*SCHEMA, *ACCESS, *HARMLESS], ids=str)
    def test_is_refuted_by_any_difference(self, difference: Difference) -> None:
        assert self.of(differences=(difference,)).judge(nothing_touched).outcome is REFUTED

    @pytest.mark.parametrize(
        "change",
        [
            RowChanges("a.b", lost=1),
            RowChanges("a.b", changed=1),
            RowChanges("a.b", added=1),
            RowChanges("a.b", lost_columns={"c": 1}),
            RowChanges("a.b", missing_table=True),
            RowChanges("a.b", added=1, incomplete="rows were only counted"),
        ],
        ids=str,
    )
    def test_is_refuted_by_any_row(self, change: RowChanges) -> None:
        assert self.of(change).judge(nothing_touched).outcome is REFUTED

    def test_is_unknown_when_rows_could_not_be_compared(self) -> None:
        change = RowChanges("a.b", incomplete="the digests differ, and no row was found that does")
        assert self.of(change).judge(nothing_touched).outcome is UNKNOWN

    def test_is_unknown_when_there_was_nothing_or_nothing_was_seen(self) -> None:
        assert self.of(facts=()).judge(nothing_touched).outcome is UNKNOWN
        assert Story().judge(nothing_touched).outcome is UNKNOWN
