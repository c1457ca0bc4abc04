"""What all tools have in common whose migrations are SQL scripts: the order of script and ledger."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import psycopg
from psycopg import Connection

from rollproof.errors import AttemptFailed, MigrationError
from rollproof.migrations.direct import DirectRunner
from rollproof.migrations.execute import PsqlRunner, ScriptRun
from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.migrations.psqltext import split
from rollproof.migrations.script import Mode, Script
from rollproof.migrations.source import Runner
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.migrations.tools.sqlledger import ToolLedger
from rollproof.model.names import split_name

_CONTROLS = frozenset("BEGIN START COMMIT END ROLLBACK ABORT PREPARE SAVEPOINT RELEASE".split())
_MAY_CONTROL = re.compile(rf"(?i)\b(?:{'|'.join(sorted(_CONTROLS))})\b")
_MAY_STAND_ALONE = re.compile(
    r"(?i)\b(?:concurrently|vacuum|database|tablespace|system|reindex|cluster|subscription|discard)\b"
)
"""words of what refuses to share a message with another statement"""
_GONE = frozenset({"42P01", "3F000"})
"""undefined table, no such schema"""
_WANTS_PSQL = re.compile(r"(?im)^\s*\\|\bfrom\s+stdin\b")


class SqlTool(ABC):
    """A history of SQL scripts with the tool's own ledger.

    A tool says how to `read` its files and what its `ledger` is. Where the tool writes the ledger in the
    script's own transaction, the statement is appended to the script; otherwise it is sent afterwards.

    Attributes:
        path: the folder of the migrations, or the file that lists them.
    """

    tool: ClassVar[str]

    def __init__(self, path: Path, settings: ToolSettings) -> None:
        self.path = path.absolute()
        self.settings = settings
        self._prepared: set[tuple[str, int, str]] = set()

    @abstractmethod
    def read(self) -> MigrationHistory:
        """Reads the files. Raises MigrationError. Called once."""

    @property
    @abstractmethod
    def ledger(self) -> ToolLedger:
        """The tool's own table. It may use `self.load()`."""

    @cached_property
    def _history(self) -> MigrationHistory:
        return self.read()

    def load(self) -> MigrationHistory:
        """The history, in order. Raises MigrationError: nothing was touched."""
        return self._history

    def close(self) -> None:  # noqa: B027  # most have nothing to end
        """Nothing was started."""

    def applied(self, conn: Connection[Any]) -> list[str]:
        """Ids of the applied migrations. Raises MigrationError."""
        return self.ledger.read(conn, self.load())

    def prepare(self, runner: Runner) -> None:
        """Makes the ledger as the tool does before its first migration. Raises AttemptFailed."""
        self._write(self.ledger.create(), runner, "making the ledger")
        self._prepared.add(_place(runner))

    def apply(self, migration: Migration, runner: Runner) -> ScriptRun:
        """Runs it forward and records it. Raises AttemptFailed."""
        self._expect_ledger(migration, runner)
        return self._run(migration.up, self.ledger.record(migration), runner, migration)

    def roll_back(self, migration: Migration, runner: Runner) -> ScriptRun:
        """Runs its rollback script and strikes it from the ledger.

        Raises:
            AttemptFailed: the script or the ledger failed.
            MigrationError: it has no rollback script.
        """
        if migration.down is None:
            raise self.no_way_back(migration)
        return self._run(migration.down, self.ledger.strike(migration), runner, migration)

    def revert(self, migration: Migration, runner: Runner) -> ScriptRun:
        """Raises MigrationError: these tools know one way back only."""
        raise MigrationError(
            f"{migration.id} has no reversing script: {self.tool} knows none",
            doing="looking for a way back",
            where=str(migration.where),
            remedy="roll it back, or put the data back by a migration of its own",
        )

    def no_way_back(self, migration: Migration) -> MigrationError:
        """The error for a migration without a rollback script; tools say how to write one."""
        return MigrationError(
            f"{migration.id} has no rollback script",
            doing="looking for a way back",
            where=str(migration.where),
            remedy=self.how_to_write_down(migration),
        )

    def how_to_write_down(self, migration: Migration) -> str:
        """What a person has to write, and where."""
        return "write one"

    def joined(self, script: Script) -> bool:
        """True when the ledger's statement goes with the script: in its transaction, or right after it."""
        if script.mode is Mode.PSQL or _WANTS_PSQL.search(script.text):
            return False
        return script.mode is not Mode.SIMPLE or _shares_its_message(script.text)

    def _expect_ledger(self, migration: Migration, runner: Runner) -> None:
        """A database is known by its name, which another may bear by the time the history starts anew."""
        if _place(runner) not in self._prepared or self.load().position(migration) == 0:
            self.prepare(runner)

    def _run(self, script: Script, statement: str, runner: Runner, migration: Migration) -> ScriptRun:
        runner = able(runner, script)
        if isinstance(runner, PsqlRunner) or not self.joined(script):
            run = runner.run(script)
            self._write(statement, runner, f"keeping the ledger after {migration.id}")
        else:
            run = self._run_joined(script, statement, runner, migration)
        return self._without_ledger(run)

    def _run_joined(self, script: Script, statement: str, runner: Runner, migration: Migration) -> ScriptRun:
        try:
            return runner.run(_with(script, statement))
        except AttemptFailed as error:
            if not self._of_ledger(error, script):
                raise
            doing, state = f"keeping the ledger after {migration.id}", error.facts.get("sqlstate")
            raise self._ledger_failed(error.found, doing, str(state) if state else None) from error

    def _of_ledger(self, error: AttemptFailed, script: Script) -> bool:
        """Whether it is the appended statement that failed: by its line, or by the table that it names."""
        line, last = error.facts.get("line"), script.text.count("\n") + script.first_line
        if isinstance(line, int) and line > last + 1:
            return True
        gone = error.facts.get("sqlstate") in _GONE
        return gone and self._bare_name in error.found and self._bare_name not in script.text

    @property
    def _bare_name(self) -> str:
        return split_name(self.ledger.table)[-1]

    def _write(self, statement: str, runner: Runner, doing: str) -> None:
        try:
            with runner.connect() as conn:
                conn.execute("SET client_min_messages = warning; " + statement)
        except psycopg.Error as error:
            found = f"{error.sqlstate or ''} {error.diag.message_primary or type(error).__name__}".strip()
            raise self._ledger_failed(found, doing, error.sqlstate) from error

    def _ledger_failed(self, found: str, doing: str, sqlstate: str | None = None) -> AttemptFailed:
        return AttemptFailed(
            f"the ledger could not be written, at which {self.tool} stops: {found}",
            doing=doing,
            where=self.ledger.table,
            remedy="keep migrations away from the tool's own table, and search_path as it was",
            facts={"sqlstate": sqlstate, "indeterminate": int(sqlstate is None)},
        )

    def _without_ledger(self, run: ScriptRun) -> ScriptRun:
        """Locks on the tool's own table are no business of the migration."""
        if run.locks is None:
            return run
        table = self.ledger.table
        held = tuple(lock for lock in run.locks.held if not lock.relation.startswith(table))
        return replace(run, locks=replace(run.locks, held=held))


def _place(runner: Runner) -> tuple[str, int, str]:
    return runner.server.host, runner.server.port, runner.database


def able(runner: Runner, script: Script) -> Runner:
    """A runner that sends the script as its tool does: psql runs whole files, and in its own way."""
    if script.mode is Mode.PSQL or not isinstance(runner, PsqlRunner):
        return runner
    return DirectRunner(runner.server, runner.database, limit=runner.limit, user=runner.user)


def _shares_its_message(text: str) -> bool:
    """Whether another statement may follow in the same message, and its transaction: a cheap look first."""
    controls, alone = bool(_MAY_CONTROL.search(text)), bool(_MAY_STAND_ALONE.search(text))
    if not controls and not alone:
        return True
    statements = split(text).statements
    if controls and any(_CONTROLS & set(statement.words[:1]) for statement in statements):
        return False
    return not alone or len(statements) > 1


def _with(script: Script, statement: str) -> Script:
    """The script with a statement after it, on a line of its own: a script may end in a comment.

    The semicolon ends a last statement that lacks one.
    """
    text = f"{script.text}\n;\n{statement}\n"
    pieces = script.statements
    if pieces is not None:
        pieces = (*pieces, (len(text) - len(statement) - 1, len(text)))
    return replace(script, text=text, statements=pieces, digest="")
