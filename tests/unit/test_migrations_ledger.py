"""The ledger held against the files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.errors import MigrationError
from rollproof.migrations.ledger import LedgerState, compare_ledger
from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.migrations.script import Script


def migration(number: int) -> Migration:
    name = f"{number:03}_step{number}.sql"
    down = Script(Path(f"/m/{number + 1:03}_rollback_{number:03}.sql"), "SELECT 1")
    return Migration(name, number, f"step{number}", Script(Path(f"/m/{name}"), "SELECT 1"), down)


HISTORY = MigrationHistory(tuple(map(migration, (1, 3, 5, 7))))
IDS = [m.id for m in HISTORY]


def test_a_ledger_that_agrees_has_no_complaints() -> None:
    state = compare_ledger(HISTORY, IDS)
    assert [m.id for m in state.applied] == IDS
    assert not state.pending
    assert not state.complaints
    assert state.newest == HISTORY.named(7)
    state.refuse_unless_safe()


def test_an_empty_ledger_leaves_everything_pending() -> None:
    state = compare_ledger(HISTORY, [])
    assert state.pending == HISTORY.migrations
    assert state.newest is None
    assert not state.complaints


@pytest.mark.parametrize(
    "write", [lambda m: m.id, lambda m: m.id[:-4], lambda m: str(m.number), lambda m: m.name]
)
def test_entries_may_use_any_of_a_migrations_names(write: object) -> None:
    state = compare_ledger(HISTORY, [write(m) for m in HISTORY])  # type: ignore[operator]  # functions above
    assert [m.id for m in state.applied] == IDS
    assert not state.complaints


@pytest.mark.parametrize(
    ("applied", "complaint", "safe"),
    [
        ([*IDS, "009_gone.sql"], "the ledger lists 009_gone.sql for which there is no file", False),
        (
            [IDS[0], IDS[2]],
            "003_step3.sql has a file but is not in the ledger, although newer ones are",
            False,
        ),
        ([IDS[0], IDS[2], IDS[1]], "003_step3.sql was applied after a newer one", True),
        ([IDS[0], IDS[1], IDS[0]], "the ledger lists 001_step1.sql more than once", True),
        (
            [IDS[0], "002_rollback_001.sql"],
            "the ledger lists the rollback script 002_rollback_001.sql as if it were a migration",
            True,
        ),
    ],
)
def test_every_disagreement_is_one_sentence(applied: list[str], complaint: str, safe: bool) -> None:
    state = compare_ledger(HISTORY, applied)
    assert state.complaints == (complaint,)
    if safe:
        state.refuse_unless_safe()
        return
    with pytest.raises(MigrationError) as raised:
        state.refuse_unless_safe(ledger="public.migrations")
    assert raised.value.found == complaint
    assert raised.value.where == "public.migrations"


@given(st.lists(st.sampled_from([*IDS, "x", "002_rollback_001.sql"]), max_size=8))
def test_every_entry_and_every_file_ends_up_in_exactly_one_place(applied: list[str]) -> None:
    state: LedgerState = compare_ledger(HISTORY, applied)
    known = {m.id for m in state.applied}
    assert known | set(state.missing_files) | set(state.ways_back) == set(applied)
    assert known | {m.id for m in state.pending} == set(IDS)
    assert not known & {m.id for m in state.pending}
    assert set(state.skipped) <= {m.id for m in state.pending}
