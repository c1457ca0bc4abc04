"""What saboteurs of dumps, and of migrations taken back several at a time, do that SQL alone cannot."""

from __future__ import annotations

from pathlib import Path

from rollproof.components.postgres.acts import listing, plain, several
from rollproof.components.postgres.backup import DUMP_SECONDS
from rollproof.components.postgres.bench import Bench
from rollproof.components.postgres.programs import run_program
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from tests.sabotage.hooks import _patched


def goes_on_after_errors(drill: Drill, act: Act) -> None:
    """psql as it is without ON_ERROR_STOP: it goes on, and ends with 0."""
    _patched(drill, plain, "psql_options", list)


def keeps_what_went_in(drill: Drill, act: Act) -> None:
    """It stops at the first error, and what went in before stays."""
    _patched(drill, plain, "psql_options", lambda: ["-v", "ON_ERROR_STOP=1"])


def end_unread(drill: Drill, act: Act) -> None:
    """Nobody looks whether the dump is whole."""

    def content(path: Path) -> None:
        pass

    _patched(drill, plain, "expect_whole", content)


def emptiness_unasked(drill: Drill, act: Act) -> None:
    """Nobody looks whether the database is empty."""
    _patched(drill, plain, "expect_empty", lambda bench, database: None)


def restored_over_all(drill: Drill, act: Act) -> None:
    """Neither that, nor does psql stop."""
    emptiness_unasked(drill, act)
    goes_on_after_errors(drill, act)


def dump_without_rows(drill: Drill, act: Act) -> None:
    """The dump lacks one table's rows."""
    bench, dump = drill.use(Bench), drill.use(plain.Dump)
    arguments = [f"--exclude-table-data={bench.spec.critical_tables[0]}", f"--file={dump.file}"]
    run_program(bench.server, bench.name, "pg_dump", arguments, limit=DUMP_SECONDS, doing="sabotage")


def ways_back_unread(drill: Drill, act: Act) -> None:
    """The tool finds out on its way that one migration cannot be taken back."""
    _patched(drill, several, "refuse_without_way_back", lambda plan: None)


def entered_by_hand(drill: Drill, act: Act) -> None:
    """The next migration is in the ledger, and was never applied."""
    listing.ListsWhatNeverRan().inject(drill)


def schema_unseen(drill: Drill, act: Act) -> None:
    """Nobody looks whether the schema is that of what is listed."""
    _patched(drill, listing, "_untrue", lambda bench, known: [])
