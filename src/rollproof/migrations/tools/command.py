"""Any tool by its command lines: one to go up, one to go back, and one that lists, or file names as ids."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import psycopg
from psycopg import Connection
from psycopg.rows import tuple_row

from rollproof.errors import AttemptFailed, MigrationError
from rollproof.migrations.blocking import blockers, end_backend, say_waiting
from rollproof.migrations.classification import Classification, Kind
from rollproof.migrations.execute import ScriptRun
from rollproof.migrations.ledger import Ledger
from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.migrations.script import Script
from rollproof.migrations.source import MigrationSource, Runner
from rollproof.migrations.tools.address import INHERITED, environment_of, filled, places
from rollproof.migrations.tools.base import Found
from rollproof.migrations.tools.files import names_in, refusal
from rollproof.migrations.tools.program import Ended, run_program
from rollproof.migrations.tools.settings import SECONDS, ToolSettings
from rollproof.model.durations import say_duration

NAME = "command"
_UNREAD = Classification(Kind.UNDECIDED)
_NO_MIGRATION = re.compile(
    r"(?i)(?:index|readme|mod|lib|init|__init__|\.).*|.*\.(?:md|txt|json|lock|toml|ya?ml)"
)
_DOWN = re.compile(r"(?i).*[._-](?:down|undo|rollback|revert)\.[^.]+")
_UP = re.compile(r"(?i)(.*)[._-]up(\.[^.]+)")
_STARTED = """SELECT pid FROM pg_catalog.pg_stat_activity
 WHERE datname = pg_catalog.current_database() AND backend_start >= %s AND backend_type = 'client backend'
   AND application_name NOT LIKE 'rollproof%%'"""
"""Backends that began in this database since then; Rollproof's own are known by their name"""
_GRACE = 10.0
"""seconds that a backend gets to disappear once it has been told to"""


def find(root: Path) -> list[Found]:
    """Nothing: only a person can say which command lines these are."""
    del root
    return []


def open(path: Path, settings: ToolSettings) -> MigrationSource:  # noqa: A001  # the interface's word
    """The history of a tool that runs in that folder. Raises MigrationError when a command is missing."""
    for name, command in (("up", settings.up), ("down", settings.down)):
        if not command:
            raise refusal(
                f"the tool `command` needs a command line `{name}`",
                where=str(path),
                remedy=f'declare it as a list of arguments: {name} = ["npx", "migrate", "{name}"]',
            )
    return CommandLines(path, settings)


class CommandLines:
    """A tool that is run as its users run it. It makes its own connections, by PG* or DATABASE_URL.

    Attributes:
        path: the folder to run in; without a `list` command its files are the migrations.
    """

    tool = NAME

    def __init__(self, path: Path, settings: ToolSettings) -> None:
        self.path = path.absolute()
        self.settings = settings

    def close(self) -> None:
        """Nothing is left running."""

    @cached_property
    def _history(self) -> MigrationHistory:
        ids = self._listed() if self.settings.list else self._files()
        if not ids:
            raise refusal(
                "there is not one migration",
                where=str(self.path),
                remedy="give a `list` command that prints the ids in order, one a line",
            )
        migrations = (self._migration(place, name) for place, name in enumerate(ids, start=1))
        return MigrationHistory(tuple(migrations), ledger=self._ledger_name, where=str(self.path))

    @property
    def _ledger_name(self) -> str:
        return self.settings.ledger or "public.migrations"

    def load(self) -> MigrationHistory:
        """The ids that the `list` command prints, or the names of the folder's files, in order.

        Raises:
            MigrationError: there is none, one occurs twice, or listing failed.
            EnvironmentUnavailable: the program cannot be started.
        """
        return self._history

    def _listed(self) -> list[str]:
        command = filled(self.settings.list, {"python": sys.executable})
        ended = run_program(
            command, cwd=self.path, environment=_without_database(), limit=self.settings.limit
        )
        if ended.exit_code != 0:
            raise refusal(
                f"listing the migrations failed: {_how(ended, self.settings.limit)}: {ended.last_words}",
                where=f"{command[0]} in {self.path}",
                remedy="run the `list` command by hand; it gets no database",
            )
        ids = [line.strip() for line in ended.stdout.splitlines() if line.strip()]
        if twice := next((name for name in ids if ids.count(name) > 1), None):
            raise refusal(f"{twice!r} is listed twice", where=str(self.path), remedy="list each id once")
        return ids

    def _files(self) -> list[str]:
        """File names without their endings, numbers in them ordered as numbers; ways back left out."""
        names = [n for n in names_in(self.path, tool=NAME) if not _NO_MIGRATION.fullmatch(n)]
        ahead = [name for name in names if not _DOWN.fullmatch(name)]
        return list(dict.fromkeys(_stem(name) for name in sorted(ahead, key=_natural)))

    @cached_property
    def _places(self) -> dict[str, Path]:
        """The file of each id that is a file's name."""
        return {_stem(name): self.path / name for name in reversed(names_in(self.path, tool=NAME))}

    def _migration(self, place: int, name: str) -> Migration:
        path = self._places.get(name, self.path)
        script = Script(path=path, text="")
        return Migration(id=name, number=place, name=name, up=script, down=script, path=path, stated=_UNREAD)

    def applied(self, conn: Connection[Any]) -> list[str]:
        """What the ledger lists. Raises MigrationError when none is named."""
        if self.settings.ledger is None:
            raise MigrationError(
                "nobody has said where this tool records what it has applied",
                doing="reading the ledger of applied migrations",
                where=str(self.path),
                remedy="name its table as `ledger` and the column with the ids as `ledger_column`",
            )
        return Ledger(self.settings.ledger, self.settings.ledger_column).read(conn)

    def apply(self, migration: Migration, runner: Runner) -> ScriptRun:
        """Runs `up`. Raises AttemptFailed, EnvironmentUnavailable."""
        return self._run(self.settings.up, "applying", migration, runner)

    def roll_back(self, migration: Migration, runner: Runner) -> ScriptRun:
        """Runs `down`, which goes back one. Raises AttemptFailed, EnvironmentUnavailable."""
        return self._run(self.settings.down, "rolling back", migration, runner)

    def revert(self, migration: Migration, runner: Runner) -> ScriptRun:
        """Raises MigrationError: there is no such command."""
        del runner
        raise MigrationError(
            f"{migration.id} has no reversing script",
            doing="looking for a way back",
            where=str(self.path),
            remedy="roll it back",
        )

    def _limit(self, runner: Runner) -> float:
        """The user's own; otherwise the shorter of the two defaults."""
        given = self.settings.limit
        return given if given != SECONDS else min(given, runner.limit)

    def _run(self, command: Sequence[str], doing: str, migration: Migration, runner: Runner) -> ScriptRun:
        words = filled(command, {**places(runner), "id": migration.id})
        environment = environment_of(runner, self.settings.environment)
        limit = self._limit(runner)
        since = _now(runner)
        try:
            ended = run_program(words, cwd=self.path, environment=environment, limit=limit)
        except BaseException:
            _end_backends(runner, since)
            raise
        if ended.exit_code == 0:
            return ScriptRun(ended.seconds)
        blame = _end_backends(runner, since) if ended.exit_code is None else ""
        raise AttemptFailed(
            f"{_how(ended, limit)}{blame}; the last it said: {ended.last_words}",
            doing=f"{doing} {migration.id} by {command[0]}",
            where=str(self.path),
            remedy="run the command by hand to see all that it says",
            facts={
                "exit_code": ended.exit_code,
                "timed_out": int(ended.exit_code is None),
                "sqlstate": _sqlstate(ended.tail),
            },
        )


def _how(ended: Ended, limit: float) -> str:
    if ended.exit_code is None:
        return f"it did not end within {say_duration(limit)} and was ended"
    if ended.exit_code < 0:
        return f"it was ended by signal {-ended.exit_code}"
    return f"it ended with exit code {ended.exit_code}"


def _sqlstate(said: str) -> str | None:
    """The server's code where the tool prints it as most do: `SQLSTATE: 42P07`, `(SQLSTATE 42P07)`."""
    found = re.search(r"(?i)\bSQLSTATE\W{1,3}([0-9A-Z]{5})\b", said)
    return found[1] if found else None


def _without_database() -> dict[str, str]:
    return {name: os.environ[name] for name in INHERITED if name in os.environ}


def _now(runner: Runner) -> datetime:
    with runner.connect() as conn:
        row = conn.cursor(row_factory=tuple_row).execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        return cast(datetime, row[0])


def _end_backends(runner: Runner, since: datetime) -> str:
    """Ends what the server still does for a program that is gone; says who was to blame for waiting."""
    said = ""
    with suppress(psycopg.Error, AttemptFailed), runner.connect() as conn:
        pids = [row[0] for row in conn.cursor(row_factory=tuple_row).execute(_STARTED, [since])]
        found = [blocker for pid in pids for blocker in blockers(conn, pid)]
        said = f" ({say_waiting(found, waited=0.0)})" if found else ""
        for pid in pids:
            end_backend(conn, pid, within=_GRACE)
    return said


def _stem(name: str) -> str:
    """`20230101_users.up.sql` and `20230101_users.ts` without what tells direction and language."""
    return _UP.sub(r"\1\2", name).rpartition(".")[0] or name


def _natural(name: str) -> list[tuple[int, str]]:
    """Numbers as numbers: `9_a` before `10_b`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name) if part]
