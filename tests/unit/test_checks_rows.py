"""Rows: unchanged, explained, and their loss named; judged on literal histories."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.checks.rows import loss_named, no_unexplained_rows, rows_unchanged
from rollproof.journal import Kind
from rollproof.model.rows import RowChanges
from rollproof.model.verdict import Outcome
from rollproof.workload.operations import Operation
from tests.unit.histories import LEDGER, Story, read, table, write

INCOMPLETE = RowChanges("shop.orders", incomplete="rows were only counted")
LOSING = [
    RowChanges("shop.orders", lost=1, lost_keys=("id=4",)),
    RowChanges("shop.orders", changed=2, changed_keys=("id=4", "id=5")),
    RowChanges("shop.orders", lost_columns={"total": 7}),
    RowChanges("shop.orders", lost=10, missing_table=True),
    RowChanges("shop.orders", missing_table=True),
    RowChanges("shop.orders", lost=1, incomplete="rows were only counted"),
]

_COUNTS = st.integers(0, 5)
_CHANGES = st.builds(
    RowChanges,
    st.sampled_from(["shop.orders", "shop.items", LEDGER]),
    lost=_COUNTS,
    changed=_COUNTS,
    added=_COUNTS,
    lost_columns=st.dictionaries(st.sampled_from("ab"), st.integers(1, 5)),
    missing_table=st.booleans(),
    incomplete=st.sampled_from(["", "", "rows were only counted"]),
)


class TestUnchanged:
    @staticmethod
    def of(*changes: RowChanges, tables: Iterable[Any] = (table(), table("shop.items", 5))) -> Story:
        story = Story()
        story.observe("before", tables=tables)
        story.compare(changes=changes)
        return story

    def test_is_proven_with_the_number_of_rows_and_tables(self) -> None:
        verdict = self.of().judge(rows_unchanged)
        assert (verdict.outcome, verdict.numbers) == (Outcome.PROVEN, {"rows": 15, "tables": 2})

    def test_added_rows_are_no_change_of_those_from_before(self) -> None:
        assert self.of(RowChanges("shop.orders", added=3)).judge(rows_unchanged).outcome is Outcome.PROVEN

    @pytest.mark.parametrize("change", LOSING, ids=str)
    def test_is_refuted_by_whatever_is_lost_or_changed(self, change: RowChanges) -> None:
        verdict = self.of(change).judge(rows_unchanged)
        assert verdict.outcome is Outcome.REFUTED
        assert "shop.orders" in verdict.findings[0]

    @given(st.lists(_CHANGES, max_size=4), st.sampled_from(LOSING), st.integers(0, 4))
    def test_a_losing_table_in_any_history_refutes(
        self, others: list[RowChanges], losing: RowChanges, place: int
    ) -> None:
        story = self.of(*others[:place], losing, *others[place:])
        assert story.judge(rows_unchanged, ledger=LEDGER).outcome is Outcome.REFUTED

    @given(st.lists(_CHANGES, max_size=4))
    def test_is_proven_exactly_when_nothing_is_lost_and_all_could_be_compared(
        self, changes: list[RowChanges]
    ) -> None:
        counting = [change for change in changes if change.table != LEDGER]
        expected = (
            Outcome.REFUTED
            if any(change.loses for change in counting)
            else Outcome.UNKNOWN
            if any(change.incomplete for change in counting)
            else Outcome.PROVEN
        )
        assert self.of(*changes).judge(rows_unchanged, ledger=LEDGER).outcome is expected

    def test_the_ledger_is_judged_apart_however_its_name_is_quoted(self) -> None:
        change = RowChanges('public."Migrations"', lost=1)
        story = self.of(change, tables=[table(), table('public."Migrations"', 3)])
        verdict = story.judge(rows_unchanged, ledger="public.Migrations")
        assert (verdict.outcome, verdict.numbers["rows"]) == (Outcome.PROVEN, 10)
        assert story.judge(rows_unchanged, ledger="public.migrations").outcome is Outcome.REFUTED

    def test_is_unknown_when_rows_could_not_be_compared(self) -> None:
        verdict = self.of(INCOMPLETE).judge(rows_unchanged)
        assert verdict.outcome is Outcome.UNKNOWN
        assert "rows were only counted" in verdict.findings[0]

    @pytest.mark.parametrize("tables", [[], [table(rows=0)], [table(LEDGER, 7)]])
    def test_is_unknown_when_there_were_no_rows_before(self, tables: list[object]) -> None:
        assert self.of(tables=tables).judge(rows_unchanged, ledger=LEDGER).outcome is Outcome.UNKNOWN

    @pytest.mark.parametrize("missing", ["observe", "observe.compare"])
    def test_is_unknown_when_something_was_not_recorded(self, missing: str) -> None:
        story = self.of()
        story.events = [event for event in story.events if event.act != missing]
        assert story.judge(rows_unchanged).outcome is Outcome.UNKNOWN

    def test_is_unknown_when_an_attachment_is_not_what_it_should_be(self) -> None:
        story = self.of()
        for name in story.attachments.values:
            story.attachments.values[name] = {"not": "a list"}
        assert story.judge(rows_unchanged).outcome is Outcome.UNKNOWN


class TestUnexplained:
    @staticmethod
    def of(
        *operations: Operation,
        added: int,
        name: str = "shop.orders",
        lost: tuple[Operation, ...] = (),
        there: tuple[str, ...] = (),
        **more: Any,
    ) -> Story:
        """Observed at 10 seconds; `operations` by the clients."""
        story = Story()
        story.observe("before", tables=[table()], at=10)
        story.traffic(*operations)
        story.writes(acknowledged=len(operations), lost=lost, unexplained=there)
        story.compare(changes=[RowChanges(name, added=added, **more)])
        return story

    @pytest.mark.parametrize("added", [0, 1, 2])
    def test_rows_that_clients_wrote_are_explained(self, added: int) -> None:
        verdict = self.of(write(11), write(12), read(13), added=added).judge(no_unexplained_rows)
        assert (verdict.outcome, verdict.numbers) == (Outcome.PROVEN, {"rows_written": 2})

    def test_one_row_more_is_refuted_with_its_table(self) -> None:
        verdict = self.of(write(11), write(12), added=3).judge(no_unexplained_rows)
        assert verdict.outcome is Outcome.REFUTED
        assert verdict.findings == ("shop.orders: 1 rows that no client wrote",)

    def test_a_write_that_ended_before_the_observation_explains_nothing(self) -> None:
        assert self.of(write(8), write(9.85), added=1).judge(no_unexplained_rows).outcome is Outcome.REFUTED

    def test_a_write_that_ended_after_the_observation_explains_a_row(self) -> None:
        assert self.of(write(9.95), added=1).judge(no_unexplained_rows).outcome is Outcome.PROVEN

    @pytest.mark.parametrize("outcome", ["failed", "indeterminate"])
    def test_a_write_that_nobody_acknowledged_explains_a_row_only_when_it_was_found(
        self, outcome: Any
    ) -> None:
        tried = write(11, outcome, token="abc")  # noqa: S106  a client's token
        assert self.of(tried, added=1).judge(no_unexplained_rows).outcome is Outcome.REFUTED
        assert self.of(tried, added=1, there=("abc",)).judge(no_unexplained_rows).outcome is Outcome.PROVEN

    def test_a_lost_write_does_not_excuse_a_row_made_up_in_its_place(self) -> None:
        one, other = write(11), write(12)
        story = self.of(one, other, added=2, lost=(one,))
        assert story.judge(no_unexplained_rows).outcome is Outcome.REFUTED

    def test_a_write_lost_from_before_the_observation_takes_nothing_away(self) -> None:
        old, new = write(5), write(11)
        assert self.of(old, new, added=1, lost=(old,)).judge(no_unexplained_rows).outcome is Outcome.PROVEN

    def test_writes_into_another_table_explain_nothing(self) -> None:
        story = self.of(write(11, table="shop.items"), added=1)
        assert story.judge(no_unexplained_rows).outcome is Outcome.REFUTED

    @pytest.mark.parametrize(
        ("table_of_the_client", "name"),
        [("public.order", 'public."order"'), ("shop.Orders", 'shop."Orders"'), ("a.b", "a.b")],
    )
    def test_a_table_is_recognised_however_its_name_is_quoted(
        self, table_of_the_client: str, name: str
    ) -> None:
        story = self.of(write(11, table=table_of_the_client), added=1, name=name)
        assert story.judge(no_unexplained_rows).outcome is Outcome.PROVEN

    def test_the_ledger_may_have_new_rows(self) -> None:
        story = self.of(added=1, name=LEDGER)
        assert story.judge(no_unexplained_rows, ledger=LEDGER).outcome is Outcome.PROVEN

    def test_without_clients_no_row_may_appear(self) -> None:
        story = Story()
        story.observe("before", tables=[table()])
        story.compare()
        assert story.judge(no_unexplained_rows).outcome is Outcome.PROVEN
        story.compare(changes=[RowChanges("shop.orders", added=1)])
        assert story.judge(no_unexplained_rows).outcome is Outcome.REFUTED

    def test_is_unknown_when_rows_could_not_be_compared(self) -> None:
        story = self.of(added=0, incomplete="rows were only counted")
        assert story.judge(no_unexplained_rows).outcome is Outcome.UNKNOWN

    @pytest.mark.parametrize("missing", ["observe", "observe.compare", "observe.writes"])
    def test_is_unknown_when_something_was_not_recorded(self, missing: str) -> None:
        story = self.of(write(11), added=1)
        story.events = [event for event in story.events if event.act != missing]
        assert story.judge(no_unexplained_rows).outcome is Outcome.UNKNOWN

    def test_since_a_backup_means_since_its_snapshot_not_since_its_end(self) -> None:
        story = Story()
        story.observe("backup", tables=[table()], at=20)
        story.event("backup.take", Kind.OK, at=21, started_ns=str(10 * 10**9))
        story.traffic(write(12), write(8))
        story.writes(acknowledged=2)
        story.compare(against="backup", changes=[RowChanges("shop.orders", added=1)])
        assert story.judge(no_unexplained_rows, against="backup").outcome is Outcome.PROVEN
        story.compare(against="backup", changes=[RowChanges("shop.orders", added=2)])
        assert story.judge(no_unexplained_rows, against="backup").outcome is Outcome.REFUTED


class TestLossNamed:
    @staticmethod
    def of(then: list[RowChanges], now: list[RowChanges]) -> Story:
        story = Story()
        story.compare("deployed", "before", changes=then)
        story.compare("after", "before", changes=now)
        return story

    DROPPED = RowChanges("shop.orders", lost_columns={"phone": 800})
    GONE = RowChanges("shop.items", lost=5, missing_table=True)

    def test_is_proven_when_as_much_is_lost_as_the_migration_destroyed_and_names_it(self) -> None:
        verdict = self.of([self.DROPPED, self.GONE], [self.DROPPED, self.GONE]).judge(loss_named)
        assert verdict.outcome is Outcome.PROVEN
        assert verdict.findings == ("shop.orders.phone: 800 lost", "shop.items: 5 lost")
        assert verdict.numbers == {"destroyed": 805, "left_lost": 805}

    def test_is_proven_when_some_came_back_and_says_how_many(self) -> None:
        verdict = self.of([self.DROPPED, self.GONE], [self.DROPPED]).judge(loss_named)
        assert verdict.outcome is Outcome.PROVEN
        assert "brings back 5" in verdict.reason

    @pytest.mark.parametrize(
        "now",
        [
            RowChanges("shop.orders", lost_columns={"phone": 801}),
            RowChanges("shop.orders", lost_columns={"phone": 800, "name": 1}),
            RowChanges("shop.orders", lost=1, lost_columns={"phone": 800}),
            RowChanges("shop.other", lost=1),
            RowChanges("shop.other", changed=1),
            RowChanges("shop.items", lost=6),
        ],
        ids=str,
    )
    def test_is_refuted_when_more_is_lost(self, now: RowChanges) -> None:
        verdict = self.of([self.DROPPED, self.GONE], [now]).judge(loss_named)
        assert verdict.outcome is Outcome.REFUTED

    def test_is_refuted_when_the_rollback_loses_what_the_migration_left_alone(self) -> None:
        assert self.of([], [RowChanges("shop.orders", lost=1)]).judge(loss_named).outcome is Outcome.REFUTED

    def test_is_refuted_when_as_many_but_other_rows_are_lost(self) -> None:
        then = RowChanges("shop.orders", lost=2, lost_keys=("id=1", "id=2"))
        now = RowChanges("shop.orders", lost=2, lost_keys=("id=2", "id=3"))
        verdict = self.of([then], [now]).judge(loss_named)
        assert verdict.outcome is Outcome.REFUTED
        assert verdict.findings == ("shop.orders: 1 rows that the migration had left",)

    def test_rows_overwritten_count_as_lost(self) -> None:
        change = RowChanges("shop.orders", changed=4)
        assert self.of([change], [change]).judge(loss_named).outcome is Outcome.PROVEN
        more = RowChanges("shop.orders", changed=5)
        assert self.of([change], [more]).judge(loss_named).outcome is Outcome.REFUTED

    def test_a_column_that_comes_back_empty_overwrites_no_more_rows_than_it_had_values(self) -> None:
        """Of a very large table only the rows that differ are known once the column is there again."""
        for changed, outcome in ((800, Outcome.PROVEN), (801, Outcome.REFUTED)):
            now = RowChanges("shop.orders", changed=changed)
            assert self.of([self.DROPPED], [now]).judge(loss_named).outcome is outcome

    @pytest.mark.parametrize(
        "then", [[], [RowChanges("shop.orders", added=3)], [RowChanges(LEDGER, changed=1)]]
    )
    def test_is_unknown_when_the_migration_destroyed_nothing(self, then: list[RowChanges]) -> None:
        assert self.of(then, []).judge(loss_named, ledger=LEDGER).outcome is Outcome.UNKNOWN

    def test_is_unknown_when_it_is_not_known_what_the_migration_destroyed(self) -> None:
        then = [self.DROPPED, RowChanges("shop.items", lost=1, incomplete="rows were only counted")]
        assert self.of(then, [self.GONE]).judge(loss_named).outcome is Outcome.UNKNOWN
        assert self.of(then, []).judge(loss_named).outcome is Outcome.UNKNOWN

    def test_is_unknown_when_it_is_not_known_what_is_left_lost(self) -> None:
        assert self.of([self.DROPPED], [INCOMPLETE]).judge(loss_named).outcome is Outcome.UNKNOWN

    def test_the_ledger_is_judged_apart(self) -> None:
        now = [self.DROPPED, RowChanges(LEDGER, lost=1)]
        assert self.of([self.DROPPED], now).judge(loss_named, ledger=LEDGER).outcome is Outcome.PROVEN

    @pytest.mark.parametrize("label", ["deployed", "after"])
    def test_is_unknown_without_one_of_the_two_measurements(self, label: str) -> None:
        story = self.of([self.DROPPED], [self.DROPPED])
        story.events = [event for event in story.events if event.data.get("label") != label]
        assert story.judge(loss_named).outcome is Outcome.UNKNOWN
