"""Small histories for the tests of the walk: pairs of SQL texts, and a source for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, MigrationError
from rollproof.migrations.execute import ScriptRun
from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.migrations.script import Mode, Script
from rollproof.migrations.source import Runner
from rollproof.walk.model import RevisionResult, WalkResult
from rollproof.walk.settings import WalkSettings
from rollproof.walk.walk import walk

LEDGER = "public.walked"


@dataclass(frozen=True)
class Pair:
    """One migration; `down` None: nobody has written one."""

    up: str
    down: str | None = None
    id: str = ""
    mode: Mode = Mode.SIMPLE
    irreversible: str = ""


@dataclass(frozen=True)
class Texts:
    """A source whose migrations are texts, with a ledger of its own; it can be sent to another process."""

    pairs: tuple[Pair, ...]

    tool = "texts"

    def close(self) -> None:
        """Nothing was started."""

    def load(self) -> MigrationHistory:
        return MigrationHistory(
            tuple(self._migration(number, pair) for number, pair in enumerate(self.pairs, 1)),
            ledger=LEDGER,
            where="texts",
        )

    def _migration(self, number: int, pair: Pair) -> Migration:
        name = pair.id or f"m{number:04d}"
        down = None if pair.down is None else Script(Path(f"/{name}.down.sql"), pair.down, mode=pair.mode)
        up = Script(Path(f"/{name}.up.sql"), pair.up, mode=pair.mode)
        return Migration(name, number, name, up, down, irreversible=pair.irreversible)

    def applied(self, conn: Connection[Any]) -> list[str]:
        return [row[0] for row in conn.execute(f"SELECT id FROM {LEDGER} ORDER BY n").fetchall()]

    def apply(self, migration: Migration, runner: Runner) -> ScriptRun:
        with runner.connect() as conn:
            conn.execute(f"CREATE TABLE IF NOT EXISTS {LEDGER} (n serial PRIMARY KEY, id text UNIQUE)")
        run = runner.run(migration.up)
        self._write(runner, "INSERT INTO public.walked (id) VALUES (%s)", migration)
        return run

    def roll_back(self, migration: Migration, runner: Runner) -> ScriptRun:
        if migration.down is None:
            raise MigrationError(f"{migration.id} has no way back")
        run = runner.run(migration.down)
        self._write(runner, "DELETE FROM public.walked WHERE id = %s", migration)
        return run

    def revert(self, migration: Migration, runner: Runner) -> ScriptRun:
        raise MigrationError(f"{migration.id} cannot be reverted")

    def _write(self, runner: Runner, statement: str, migration: Migration) -> None:
        try:
            with runner.connect() as conn:
                conn.execute(statement.encode(), [migration.id])
        except psycopg.Error as error:
            raise AttemptFailed(f"{error.sqlstate} the ledger could not be written") from error


def pairs(*texts: Pair | tuple[str, str | None]) -> tuple[Pair, ...]:
    return tuple(text if isinstance(text, Pair) else Pair(*text) for text in texts)


def walked(
    server: PostgresServer, history: Sequence[Pair | tuple[str, str | None]], **settings: Any
) -> WalkResult:
    """Walks a history in this process."""
    return walk(Texts(pairs(*history)), server, WalkSettings(**settings))


def last(
    server: PostgresServer, history: Sequence[Pair | tuple[str, str | None]], **settings: Any
) -> RevisionResult:
    """What the walk found of the last migration."""
    return walked(server, history, **settings).migrations[-1]
