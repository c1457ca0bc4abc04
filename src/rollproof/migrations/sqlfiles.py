"""Numbered SQL files with rollback scripts beside them and a ledger table: `010_create_plans.sql`."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection

from rollproof.errors import AttemptFailed, MigrationError
from rollproof.migrations.execute import ScriptRun
from rollproof.migrations.ledger import Ledger
from rollproof.migrations.model import Having, Migration, MigrationHistory
from rollproof.migrations.patterns import FilePattern
from rollproof.migrations.source import Runner
from rollproof.migrations.sqlfolder import SqlFolder
from rollproof.model.names import split_name
from rollproof.model.system import Migrations


def _enters_itself(migration: Migration) -> str | None:
    """The table into which a script inserts its own name, by its text."""
    names = "|".join(re.escape(name) for name in (migration.id, migration.id.rpartition(".")[0]))
    inserts = re.finditer(r"(?i)\binsert\s+into\s+([^\s(]+)([^;]*)", migration.up.text)
    return next((found[1] for found in inserts if re.search(f"'(?:{names})'", found[2])), None)


@dataclass(frozen=True)
class SqlFiles:
    """The history in one folder.

    Attributes:
        folder: where the files are.
        settings: file name patterns and ledger, as the system file declares them.
    """

    folder: Path
    settings: Migrations

    tool = "sql-files"

    def close(self) -> None:
        """Nothing was started."""

    @cached_property
    def _history(self) -> MigrationHistory:
        return SqlFolder(self.folder, self.settings).history()

    @cached_property
    def ledger(self) -> Ledger:
        """The table that lists what has been applied."""
        return Ledger(self.settings.ledger, self.settings.ledger_column)

    @cached_property
    def scripts_write_ledger(self) -> bool:
        """True when any script of the history writes the ledger: then nothing else ever does.

        Otherwise whoever runs the scripts keeps the ledger, and here that is this source.
        """
        table = re.escape(split_name(self.settings.ledger)[-1].replace('"', '""'))
        writes = re.compile(
            r"(?i)\b(?:insert\s+into|delete\s+from(?:\s+only)?|copy|merge\s+into)\s+"
            rf'(?:[^\s(]*[."])?{table}(?!\w)'
        )
        scripts = (s for m in self._history for s in (m.up, m.down, m.reverse) if s)
        return any(writes.search(script.text) for script in scripts)

    def load(self) -> MigrationHistory:
        """All migrations, ordered by number.

        Raises:
            MigrationError: the folder is missing or holds no migration, two files have one number,
                a rollback script fits no migration or a second one fits the same, a file cannot be
                read, is empty or not UTF-8, or a file name pattern is none; or the scripts enter
                their names in another table than the ledger.
        """
        if not self.scripts_write_ledger and (table := self._other_ledger()):
            raise MigrationError(
                f"the scripts enter their names in {table}, not in {self.settings.ledger}",
                doing="looking for the ledger of applied migrations",
                where=str(self.folder),
                remedy="name the right table as `ledger` in [database.migrations]",
            )
        return self._history

    def _other_ledger(self) -> str | None:
        """The table that most of the scripts, at least two, enter their own names in."""
        tables = Counter(table for m in self._history if (table := _enters_itself(m)))
        table, times = (tables.most_common(1) or [("", 0)])[0]
        return table if times > max(1, len(self._history) // 2) else None

    def applied(self, conn: Connection[Any]) -> list[str]:
        """What the ledger lists, in its order. Raises MigrationError; see `Ledger.read`."""
        return self.ledger.read(conn)

    def apply(self, migration: Migration, runner: Runner) -> ScriptRun:
        """Runs the file forward, and records it where the scripts leave that to the runner."""
        run = runner.run(migration.up)
        if not self.scripts_write_ledger:
            self._keep_ledger(runner, migration, "record")
        return run

    def roll_back(self, migration: Migration, runner: Runner) -> ScriptRun:
        """Runs the rollback script."""
        return self._go_back(migration, runner, "down")

    def revert(self, migration: Migration, runner: Runner) -> ScriptRun:
        """Runs the reversing script."""
        return self._go_back(migration, runner, "reverse")

    def _go_back(self, migration: Migration, runner: Runner, which: Having) -> ScriptRun:
        script = migration.script(which)
        if script is None:
            raise self._no_way_back(migration, which)
        run = runner.run(script)
        if not self.scripts_write_ledger:
            self._keep_ledger(runner, migration, "strike")
        return run

    def _keep_ledger(self, runner: Runner, migration: Migration, what: str) -> None:
        try:
            with runner.connect() as conn:
                (self.ledger.record if what == "record" else self.ledger.strike)(conn, migration.id)
        except psycopg.Error as error:
            raise AttemptFailed(
                f"the ledger could not be written: {type(error).__name__} {error.sqlstate or ''}".rstrip(),
                doing=f"keeping the ledger after {migration.id}",
                where=self.settings.ledger,
                remedy="the script itself has run; correct the ledger before anything else",
                facts={"sqlstate": error.sqlstate, "indeterminate": int(error.sqlstate is None)},
            ) from error

    def _no_way_back(self, migration: Migration, which: Having) -> MigrationError:
        pattern = FilePattern.compile(self.settings.rollback if which == "down" else self.settings.reverse)
        digits = migration.id[: len(migration.id) - len(migration.id.lstrip("0123456789"))]
        name = pattern.fill(number=digits or str(migration.number), name=migration.name)
        word = "rollback" if which == "down" else "reversing"
        return MigrationError(
            f"{migration.id} has no {word} script",
            doing="looking for a way back",
            where=str(self.folder),
            remedy=f"write one and call it {name}",
        )
