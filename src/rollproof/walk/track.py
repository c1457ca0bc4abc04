"""One database on its way through a history: migrations applied, rows made, clean states found again."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg

from rollproof.components.postgres.admin import failed
from rollproof.environments.base import PostgresServer
from rollproof.errors import EnvironmentUnavailable, RollproofError
from rollproof.fingerprint.watch import Memory
from rollproof.migrations.ahead import Ahead
from rollproof.migrations.direct import DirectRunner
from rollproof.migrations.execute import ScriptRun
from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.migrations.source import MigrationSource
from rollproof.walk.changes import changes
from rollproof.walk.copies import Base, Copies
from rollproof.walk.faults import of_rows, state_of
from rollproof.walk.model import NoRows
from rollproof.walk.observer import Observer, State
from rollproof.walk.record import Record
from rollproof.walk.settings import WalkSettings
from rollproof.walk.standins import provide
from rollproof.walk.workdatabase import Copy, WorkDatabase

_WORTH, _UNNEEDED = 10.0, 40.0
"""A copy is kept once applying everything since the last one again would take so many times as long; the
second number holds as long as none was needed, which is so for most histories to their end."""
_COPY_GUESS = 0.1
"""seconds that a copy of a small database takes, until one has been measured"""
_NAMED = re.compile(r'(?:relation|table|column "[^"]+" of relation) "?([\w$.]+)"?')
_OF_ROWS = ("22", "23", "P0", "")
"""SQLSTATE classes of errors that rows may cause; a tool's own error has none"""


LEDGER_LOST = "it drops the tool's own table, so that the tool no longer knows what is applied"


@dataclass(frozen=True)
class Ran:
    """A script that was run: what it took, or why it failed."""

    seconds: float
    run: ScriptRun | None = None
    error: RollproofError | None = None


@dataclass(frozen=True)
class Forward:
    """A migration applied, or not.

    Attributes:
        before, after: the states around it; after is None when it failed.
        emptied: tables that had to be emptied first, and the error that they made otherwise.
        stayed: tables that held rows all the same, when it failed without the made-up ones too.
    """

    ran: Ran
    before: State
    after: State | None = None
    emptied: Mapping[str, str] = field(default_factory=dict)
    stayed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Start:
    """Where a track begins, if not with an empty database; it can be sent to another process."""

    copy: Copy | None = None
    applied: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()
    made: bytes | None = None
    lacking: tuple[tuple[str, str], ...] = ()


class Track:
    """One database, what has been applied to it, and the clean state it is in.

    Attributes:
        applied: in order. failed: those that could not be applied and are left out.
        lacking: of those, which needs something that is not here -> what to do about it.
        state: the clean state: everything in `applied` is applied and the tables are filled.
        seconds: where the time went, by what.
    """

    def __init__(
        self,
        source: MigrationSource,
        server: PostgresServer,
        settings: WalkSettings,
        history: MigrationHistory,
        start: Start | None = None,
    ) -> None:
        begin = start or Start()
        self.source, self.server, self.settings, self.history = source, server, settings, history
        self.ahead = Ahead()
        self.database = WorkDatabase(server, settings)
        self.observer = Observer(server, settings, ledger=history.ledger, meanwhile=self.ahead.advance)
        self.applied = [history.named(name) for name in begin.applied]
        self.failed = [history.named(name) for name in begin.failed]
        self.filled: set[str] = set(begin.filled)
        self.emptied: dict[str, tuple[str, ...]] = {}
        self.seconds = {"rebuild": 0.0, "copies": 0.0, "rows": 0.0, "compare": 0.0}
        self._copy_seconds = self._keep_seconds = _COPY_GUESS
        self._debt = 0.0
        self._rebuilt = False
        self.state = self._begin(begin)
        self.record = Record(source, server, self.observer)
        first = Base(begin.copy, len(self.applied), self.state.server, begin.made, self.observer.remembered())
        self.copies = Copies(server, first)
        self.unfilled: dict[str, str] = {}
        self.lacking: dict[str, str] = dict(begin.lacking)
        self._from_the_start = False
        self._told: set[str] = set()
        self.at_start = self.state.server

    def _begin(self, begin: Start) -> State:
        try:
            self._open(begin.copy, begin.made)
            return self.observer.look()
        except BaseException:
            self.observer.close()
            self.database.drop()
            raise

    def close(self, *, put_back: bool = True) -> None:
        """Drops what was made; with `put_back` the server's roles and settings are what they were."""
        self.ahead.close()
        self.observer.close()
        with suppress(RollproofError, psycopg.Error):
            self.copies.forget()
        with suppress(RollproofError, psycopg.Error):
            self.database.drop()
        if put_back and self.server.private:
            with suppress(RollproofError, psycopg.Error):
                self.observer.database, self.observer.memory = "postgres", None
                self.observer.put_back(self.at_start)
        self.observer.close()

    def look(self) -> State:
        """What is there now. Raises EnvironmentUnavailable, AttemptFailed."""
        started = time.monotonic()
        try:
            return self.observer.look()
        finally:
            self.seconds["compare"] += time.monotonic() - started

    def run(
        self,
        action: Callable[[Migration, DirectRunner], ScriptRun],
        migration: Migration,
        *,
        locks: bool | None = None,
    ) -> Ran:
        """Runs one direction of a migration; a failure is an answer too. locks: see them; None: as set."""
        ran = self._run(action, migration, locks=locks)
        if ran.error is not None and self._only_copies_hold_the_role(ran.error):
            self.copies.forget()
            ran = self._run(action, migration, locks=locks)
        if ran.error is not None and provide(self.server, ran.error, migration.up.text):
            if not ran.error.facts.get("committed_statements"):
                return self.run(action, migration, locks=locks)
            self._from_the_start = True
        return ran

    def roll_back(self, migration: Migration) -> Ran:
        """Runs its rollback script, or the one that puts its data back where that is the only way."""
        source = self.source
        self.record.note(self.applied)
        return self.run(source.revert if migration.down is None else source.roll_back, migration)

    def rolls_back_empty(self, migration: Migration, error: RollproofError) -> bool:
        """True when a rollback that ended in this error runs without the made-up rows.

        Tried from the clean state, which is there again afterwards; only where rows may be the reason.
        """
        tables = self.held() if of_rows(error) else ()
        if not tables:
            return False
        self._empty(tables)
        ran = self.roll_back(migration)
        self.rebuild()
        return ran.error is None

    def up(self, migration: Migration) -> Forward:
        """Applies it, if need be with tables emptied of made-up rows; after a failure the state is as before.

        Raises EnvironmentUnavailable when the database cannot be looked at any more.
        """
        before = self.state
        self.record.note(self.applied)
        ran = self.run(self.source.apply, migration)
        if ran.error is None:
            return Forward(ran, before, self.look())
        if self._from_the_start:  # with an extension that was missing, and with nothing left half-way
            self._from_the_start = False
            self.return_to(before)
            return self.up(migration)
        stayed: tuple[str, ...] = ()
        for tables in self._worth_emptying(ran.error):
            self.return_to(before)
            self._empty(tables)
            before, stayed = self.state, self._not_empty()
            second = self.run(self.source.apply, migration)
            if second.error is None:
                self.emptied[migration.id] = tables
                return Forward(second, before, self.look(), dict.fromkeys(tables, ran.error.found))
        self.return_to(before)
        self.fill()
        return Forward(ran, before, stayed=stayed)

    def fill(self) -> tuple[NoRows, ...]:
        """Gives every empty table rows; those that could not be given any, and could before or are new."""
        started = time.monotonic()
        try:
            report = self.observer.fill(self.state)
        except EnvironmentUnavailable:
            raise
        except RollproofError as error:
            return self._note_unfilled((NoRows("every table", error.found),))
        finally:
            self.seconds["rows"] += time.monotonic() - started
        self.filled |= self.observer.filled()
        if report.made:
            self.state = self.look()
        self._debt += time.monotonic() - started
        for note in [f"rows of {table}: {text}" for table, text in report.notes.items()]:
            if note not in self._told:
                self._told.add(note)
                self.observer.notes.append(note)
        return self._note_unfilled(report.not_made)

    def _note_unfilled(self, not_made: tuple[NoRows, ...]) -> tuple[NoRows, ...]:
        new = tuple(item for item in not_made if self.unfilled.get(item.table) != item.why)
        self.unfilled = {item.table: item.why for item in not_made}
        return new

    def settle(self, clean: State, now: State | None = None) -> None:
        """Makes the state `clean` again, by the shortest way."""
        try:
            found = now or self.look()
            other = changes(clean, found)
            if other.none and self.record.is_right(self.database.name, self.applied, self.failed):
                moved = self.observer.put_sequences_back(clean.facts, found.facts)
                self.state = self.look() if moved else found
                return
            if other.ledger_lost:
                self.observer.notes.append(LEDGER_LOST)
        except RollproofError:  # nobody can connect, or read it: a new one will do
            self.observer.close()
        self.rebuild()

    def return_to(self, before: State) -> None:
        """After a script that failed: mostly nothing of it stays."""
        self.settle(before)

    def rebuild(self, *, at_each: Callable[[int], None] | None = None) -> None:
        """Makes the clean state anew: the last copy, and everything after it applied again.

        A migration that cannot be applied this time is left out from then on.

        Args:
            at_each: called with how many are still to be applied, first before any is.
        """
        started, spent_before = time.monotonic(), dict(self.seconds)
        self._rebuilt = True
        base = self.copies.nearest(len(self.applied))
        self._open(base.copy, base.made, base.memory)
        self.observer.put_back(base.server)
        replayed, self.applied = self.applied[base.count :], self.applied[: base.count]
        begun = time.monotonic()
        for place, migration in enumerate(replayed):
            if at_each:
                at_each(len(replayed) - place)
            self._replay(migration)
        if at_each:
            at_each(0)
        if replayed and not at_each and time.monotonic() - begun > self._copy_seconds:
            self._keep_and_look()
        else:
            self.state = self.look()
        self.fill()
        spent = time.monotonic() - started
        self.seconds = {**spent_before, "rebuild": spent_before["rebuild"] + spent}

    def keep(self, *, beside: bool = False) -> None:
        """Keeps a copy of the clean state, if one can be made, in place of the one before or `beside` it."""
        if not self.can_be_copied:
            return
        started, compared = time.monotonic(), self.seconds["compare"]
        self._keep_and_look(beside=beside)
        self._keep_seconds = time.monotonic() - started
        self.seconds["compare"] = compared
        self.seconds["copies"] += self._keep_seconds

    def _keep_and_look(self, *, beside: bool = False) -> None:
        self.ahead.close()
        self.observer.leave()
        copy, self._copy_seconds = self.database.copy()
        if not beside:
            self.copies.forget()
        self.state = self.look()
        made, memory = self.observer.made, self.observer.remembered()
        self.copies.add(Base(copy, len(self.applied), self.state.server, made, memory))
        self._debt = 0.0

    def hand_over(self) -> Start:
        """Where another track may go on: a copy of the clean state, which whoever takes it drops."""
        names = [item.id for item in self.applied], [item.id for item in self.failed]
        copy = None
        if self.applied:
            self.ahead.close()
            self.observer.close()
            copy, _ = self.database.copy()
            self.state = self.look()
        filled, lacking = tuple(sorted(self.filled)), tuple(self.lacking.items())
        return Start(copy, tuple(names[0]), tuple(names[1]), filled, self.observer.made, lacking)

    @property
    def worth_a_copy(self) -> bool:
        """True now and then, so that all copies cost little and a rebuild never much."""
        return self._debt > (_WORTH if self._rebuilt else _UNNEEDED) * self._keep_seconds

    @property
    def can_be_copied(self) -> bool:
        """Whether a copy would have all that the clean state has; CREATE DATABASE copies no subscription."""
        return all(kind != "subscription" for kind, _ in self.state.facts.facts)

    def _run(
        self,
        action: Callable[[Migration, DirectRunner], ScriptRun],
        migration: Migration,
        *,
        locks: bool | None = None,
    ) -> Ran:
        started = time.monotonic()
        try:
            run = action(migration, self.runner(locks=self.settings.locks if locks is None else locks))
        except RollproofError as error:
            return Ran(time.monotonic() - started, error=error)
        except psycopg.Error as error:  # a source that lets it through: the walk goes on all the same
            found = failed(error, doing=f"running {migration.id}")
            return Ran(time.monotonic() - started, error=found)
        self._debt += run.seconds
        return Ran(run.seconds, run)

    def runner(self, *, locks: bool) -> DirectRunner:
        """For one script, which has a connection of its own; its locks are looked at with the observer's."""
        limit, user = self.settings.limit, self.settings.user
        return DirectRunner(
            self.server,
            self.database.name,
            limit=limit,
            user=user,
            locks=locks,
            blocked=locks and self.settings.blocked,
            observer=self.observer.connection,
            ahead=self.ahead,
        )

    def _open(self, copy: Copy | None, made: bytes | None, memory: Memory | None = None) -> None:
        self.ahead.close()
        self.observer.leave()
        self.observer.made, self.observer.memory = made, memory
        self.database.create(copy)
        self.observer.database = self.database.name
        if copy is None:
            self._before_first()

    def _before_first(self) -> None:
        """What a history begins on and no migration of it makes; where that fails, the first one will too."""
        before_first = getattr(self.source, "before_first", None)
        if before_first is None:
            return
        try:
            before_first(self.runner(locks=False))
        except RollproofError as error:
            self.observer.notes.append(f"what comes before the first migration failed: {error.found}")

    def _only_copies_hold_the_role(self, error: RollproofError) -> bool:
        """A role cannot be dropped while a copy of the database, which only this walk has, refers to it."""
        return len(self.copies) > 0 and state_of(error) == "2BP01" and "role" in error.found

    def _replay(self, migration: Migration) -> None:
        if tables := self.emptied.get(migration.id):
            self.observer.empty(tables)
        ran = self._run(self.source.apply, migration, locks=False)
        if ran.error is not None:
            self.failed.append(migration)
            self.observer.notes.append(f"{migration.id} could not be applied once more: {ran.error.found}")
            self.copies.forget(beyond=len(self.applied))  # what is left out from now on is in the others
            return
        self.applied.append(migration)
        with suppress(EnvironmentUnavailable):
            self.observer.fill(None)
            self.filled |= self.observer.filled()

    def _empty(self, tables: tuple[str, ...]) -> None:
        self.observer.empty(tables)
        self.state = self.look()

    def held(self) -> tuple[str, ...]:
        """Tables that hold made-up rows now."""
        rows = self.state.rows
        return tuple(sorted(name for name in self.filled if rows.tables.get(name))) if rows else ()

    def _not_empty(self) -> tuple[str, ...]:
        rows = self.state.rows
        return tuple(sorted(name for name, count in rows.tables.items() if count)) if rows else ()

    def _worth_emptying(self, error: RollproofError) -> Iterator[tuple[str, ...]]:
        """First the table that the error names, then all: made-up rows must not fail an honest migration."""
        rows = self.state.rows
        if rows is None or isinstance(error, EnvironmentUnavailable) or error.facts.get("timed_out"):
            return
        state = state_of(error)
        if not any(state.startswith(part) if part else not state for part in _OF_ROWS) and state != "55006":
            return
        there = self.held()
        named = {name.rpartition(".")[2] for name in _NAMED.findall(error.found)}
        first = tuple(table for table in there if table.rpartition(".")[2].strip('"') in named)
        yield from dict.fromkeys(tables for tables in (first, there) if tables)
