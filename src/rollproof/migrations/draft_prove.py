"""Drafting a rollback script for a revision of a history, and running it before anybody else does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import Connection, sql

from rollproof.environments.base import PostgresServer
from rollproof.errors import MigrationError, RollproofError
from rollproof.migrations.draft import draft_down
from rollproof.migrations.draft_model import Draft, literal
from rollproof.migrations.execute import ScriptRun
from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.migrations.script import Mode, Script
from rollproof.migrations.source import MigrationSource, Runner
from rollproof.migrations.sqlfiles import SqlFiles
from rollproof.model.fingerprint import Difference
from rollproof.model.names import split_name

if TYPE_CHECKING:
    from rollproof.walk.observer import State
    from rollproof.walk.settings import WalkSettings
    from rollproof.walk.track import Track

__all__ = ["draft", "draft_down"]

_DOING = "drafting a rollback script"


def draft(
    source: MigrationSource,
    server: PostgresServer,
    revision: str,
    *,
    settings: WalkSettings | None = None,
) -> Draft:
    """The rollback script of a migration that has none, tried on a scratch database.

    All migrations before it are applied, the tables are filled with made-up rows, it is applied, and the
    tables that it made are filled as well. The draft is then run; everything has to be as before, and the
    migration has to be applicable again, with the same result.

    Args:
        revision: id, number or name.
        settings: limit, roles and the like; which migrations they name makes no difference.

    Raises:
        MigrationError: there is no such migration, it has a way back, it throws data away, or nobody here
            knows how to undo what it does.
        AttemptFailed: it, or one before it, cannot be applied.
    """
    from rollproof.walk.settings import WalkSettings
    from rollproof.walk.track import Track

    history = source.load()
    migration = history.named(revision)
    _expect_no_way_back(migration)
    track = Track(source, server, settings or WalkSettings(locks=False), history)
    try:
        return _Proof(track, history, migration).run()
    finally:
        track.close()


def _expect_no_way_back(migration: Migration) -> None:
    if migration.down is not None and not migration.irreversible:
        raise MigrationError(
            f"{migration.id} has a way back already",
            doing=_DOING,
            where=str(migration.down.path),
            remedy="`rollproof migrations verify` says whether it works",
        )


@dataclass
class _Proof:
    track: Track
    history: MigrationHistory
    migration: Migration
    kept: str = "[]"
    """the ledger's rows before it, as JSON"""

    def run(self) -> Draft:
        before = self._prepare()
        entries = self._entries()
        forward = self.track.up(self.migration)
        if forward.ran.error is not None or forward.after is None:
            raise forward.ran.error or MigrationError("it could not be applied", doing=_DOING)
        drafted = self._draft(forward.before, forward.after, self._new_entries(entries))
        self.track.state = forward.after
        self.track.fill()
        return self._try(drafted, before=forward.before if forward.emptied else before, after=forward.after)

    def _prepare(self) -> State:
        from rollproof.walk.walk import begin

        for migration in self.history.before(self.migration):
            ran = self.track.run(self.track.source.apply, migration)
            if ran.error is not None:
                raise ran.error
            self.track.applied.append(migration)
        begin(self.track)
        return self.track.state

    def _draft(self, before: State, after: State, last: tuple[str, ...]) -> Draft:
        from rollproof.walk.changes import changes

        return draft_down(
            before.facts,
            after.facts,
            rows=changes(before, after).rows,
            ignore=[self.history.ledger],
            last=last,
            what=self.migration.id,
        )

    def _try(self, drafted: Draft, *, before: State, after: State) -> Draft:
        reasons: list[str] = []
        try:
            reasons += self._roll_back(drafted, before)
            if not reasons:
                reasons += self._apply_again(after)
        except RollproofError as error:
            reasons.append(error.found)
        return replace(drafted, proven=not reasons, unproven=tuple(reasons))

    def _roll_back(self, drafted: Draft, before: State) -> Iterator[str]:
        from rollproof.walk.changes import changes

        with self._ledger_kept():
            ran = self.track.run(self._run_draft(drafted), self.migration)
        if ran.error is not None:
            yield f"running it failed: {ran.error.found}"
            return
        found = changes(before, self.track.look())
        yield from (f"after it: {difference}" for difference in _roots(found.differences))
        yield from (f"after it the rows of {change.table} are other than before" for change in found.rows)

    def _run_draft(self, drafted: Draft) -> Any:
        """By the tool itself where it runs scripts; a tool that runs code of its own cannot run this one."""
        up = self.migration.up
        script = Script(up.path, "\n".join(drafted.statements) + "\n", mode=_in_one(up.mode))

        def run(migration: Migration, runner: Runner) -> ScriptRun:
            if self._is_code or not drafted.statements:
                return runner.run(script)
            return self.track.source.roll_back(replace(migration, down=script, irreversible=""), runner)

        return run

    @property
    def _is_code(self) -> bool:
        return self.migration.stated is not None

    def _apply_again(self, after: State) -> Iterator[str]:
        from rollproof.walk.changes import changes

        ran = self.track.run(self.track.source.apply, self.migration)
        if ran.error is not None:
            yield f"after it, {self.migration.id} cannot be applied again: {ran.error.found}"
            return
        found = changes(after, self.track.look(), again=True)
        yield from (
            f"applied again, it ends elsewhere: {difference}" for difference in _roots(found.differences)
        )

    @contextmanager
    def _ledger_kept(self) -> Iterator[None]:
        """For code, nobody strikes the migration off: the tool's table gets back the rows that it had."""
        yield
        if self._is_code:
            runner = self.track.runner(locks=False)
            with runner.connect() as conn:
                _write_ledger(conn, self.history.ledger, self.kept)

    def _entries(self) -> Counter[str]:
        """What the ledger lists, as its scripts write it; also keeps its rows."""
        with self.track.runner(locks=False).connect() as conn:
            self.kept = _read_ledger(conn, self.history.ledger)
            return self._listed(conn)

    def _listed(self, conn: Connection[Any]) -> Counter[str]:
        source = self.track.source
        if not isinstance(source, SqlFiles) or not source.scripts_write_ledger:
            return Counter()
        # The first migration makes it.
        return Counter(source.ledger.read(conn) if source.ledger.columns(conn) else ())

    def _new_entries(self, before: Counter[str]) -> tuple[str, ...]:
        """Statements that take out what the migration has entered itself."""
        source = self.track.source
        if not isinstance(source, SqlFiles):
            return ()
        with self.track.runner(locks=False).connect() as conn:
            new = self._listed(conn) - before
            table, column = source.ledger.identifier, sql.Identifier(source.ledger.column)
            head = sql.SQL("DELETE FROM {} WHERE {}::text = ").format(table, column).as_string(conn)
        return tuple(f"{head}{literal(entry)};" for entry in sorted(new))


def _roots(differences: Iterable[Difference]) -> list[Difference]:
    """Without those that come and go with another one."""
    listed = list(differences)
    whole = {f"{item.kind} {item.name}" for item in listed if item.attribute is None}
    return [item for item in listed if item.parent not in whole]


def _in_one(mode: Mode) -> Mode:
    """All of the draft or nothing."""
    return Mode.TRANSACTION if mode in (Mode.PSQL, Mode.AUTOCOMMIT) else mode


def _read_ledger(conn: Connection[Any], ledger: str) -> str:
    query = sql.SQL("SELECT coalesce(json_agg(l), '[]')::text FROM {} l").format(_identifier(ledger))
    try:
        row = conn.execute(query).fetchone()
    except psycopg.errors.UndefinedTable:
        return "[]"
    except psycopg.errors.InvalidSchemaName:
        return "[]"
    return str(row[0]) if row else "[]"


def _write_ledger(conn: Connection[Any], ledger: str, rows: str) -> None:
    table = _identifier(ledger)
    with conn.transaction():
        conn.execute(sql.SQL("DELETE FROM {}").format(table))
        conn.execute(
            sql.SQL(
                "INSERT INTO {} OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(NULL::{}, %s)"
            ).format(table, table),
            [rows],
        )


def _identifier(name: str) -> sql.Identifier:
    return sql.Identifier(*split_name(name))
