"""What every migration tool offers, whichever it is: a history, what is applied, and both directions."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from psycopg import Connection

from rollproof.environments.base import PostgresServer
from rollproof.migrations.execute import ScriptRun
from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.migrations.script import Script
from rollproof.model.system import Migrations


class Runner(Protocol):
    """How scripts reach one database. `PsqlRunner` does it the way a runbook does."""

    @property
    def server(self) -> PostgresServer:
        """Where the database is; a tool that runs its own migrations makes its own connections to it."""
        ...

    @property
    def database(self) -> str: ...

    @property
    def user(self) -> str | None:
        """Role to run as; the server's own when None."""
        ...

    @property
    def limit(self) -> float:
        """Seconds after which a script counts as hanging."""
        ...

    def run(self, script: Script) -> ScriptRun:
        """Runs the file. Raises AttemptFailed."""
        ...

    def connect(self) -> AbstractContextManager[Connection[Any]]:
        """A connection to the same database in autocommit mode, for what is not a script."""
        ...


class MigrationSource(Protocol):
    """A migration history in the files of one tool.

    A tool that runs its own migrations (and needs no script for it) ignores the runner's `run` and
    uses its own means on the database that the runner is for.
    """

    @property
    def tool(self) -> str:
        """The tool's name, as `--tool` and system files have it."""
        ...

    def close(self) -> None:
        """Ends whatever the source has started. It may be called twice."""
        ...

    def load(self) -> MigrationHistory:
        """The history, in order. Raises MigrationError: nothing was touched."""
        ...

    def applied(self, conn: Connection[Any]) -> list[str]:
        """Ids of the applied migrations, in the ledger's order. Raises MigrationError."""
        ...

    def apply(self, migration: Migration, runner: Runner) -> ScriptRun:
        """Runs it forward. Raises AttemptFailed."""
        ...

    def roll_back(self, migration: Migration, runner: Runner) -> ScriptRun:
        """Runs its rollback script. Raises AttemptFailed; MigrationError when it has none."""
        ...

    def revert(self, migration: Migration, runner: Runner) -> ScriptRun:
        """Runs its reversing script. Raises AttemptFailed; MigrationError when it has none."""
        ...


def open_source(settings: Migrations, root: Path) -> MigrationSource:
    """The source that the settings name; `root` is the folder that their paths are relative to."""
    from rollproof.migrations.sqlfiles import SqlFiles
    from rollproof.migrations.tools.choice import find_tool
    from rollproof.migrations.tools.settings import ToolSettings

    if settings.tool == "sql-files":
        return SqlFiles(root / settings.path, settings)
    return find_tool(root, tool=settings.tool, settings=ToolSettings.of_system(settings, root))
