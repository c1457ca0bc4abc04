"""All the way up, all the way down and up again: rollbacks as a release that is taken back runs them.

What one step at a time cannot show: a rollback that is right by itself and wrong after those that
follow it. On the way up what each migration changed is written down, so that on the way down the state
that is wanted is known at each step without keeping all states: memory holds two of them.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import IO, Any

from rollproof.errors import RollproofError
from rollproof.migrations.model import Migration
from rollproof.model.fingerprint import Difference, DifferenceClass, Fingerprint
from rollproof.model.rows import RowChanges
from rollproof.rowgen.rowstate import RowState
from rollproof.walk.changes import Changes, changes, lost
from rollproof.walk.faults import of_rows
from rollproof.walk.model import RevisionResult
from rollproof.walk.observer import State
from rollproof.walk.outcome import as_many
from rollproof.walk.step import Step
from rollproof.walk.track import Ran, Track

_COPIES = 8
"""Copies that are kept on the way up, at most twice as many for a while: they shorten a rebuild below."""

_NEAR = 8
"""So few migrations are applied again without a copy in between."""

Delta = Mapping[Any, tuple[Any, Any]]
"""Key -> what was there before and after; None for nothing."""


def delta(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> Delta:
    """What differs between two mappings; quick where values are shared because nothing changed."""
    changed = {
        key: (value, now)
        for key, value in before.items()
        if (now := after.get(key)) is not value and now != value
    }
    return changed | {key: (None, value) for key, value in after.items() if key not in before}


def applied(mapping: Mapping[Any, Any], change: Delta, *, forward: bool) -> dict[Any, Any]:
    """The other side of a delta."""
    found = dict(mapping)
    for key, sides in change.items():
        value = sides[forward]
        if value is None:
            found.pop(key, None)
        else:
            found[key] = value
    return found


class Diary:
    """The states on the way up, each as what is other than in the one before it.

    Of the catalogs in a file without a name; of the rows in memory: those that no migration touched are
    shared between all states.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `close`
        self._places: dict[str, int] = {}
        self._rows: dict[str, Delta] = {}
        self._ends: dict[str, tuple[State, State]] = {}

    def close(self) -> None:
        self._file.close()

    def write(self, name: str, before: State, after: State) -> None:
        """What a migration made of the state before it; again, when that has come out otherwise."""
        self._places[name] = self._file.seek(0, os.SEEK_END)
        pickle.dump(delta(before.facts.facts, after.facts.facts), self._file)
        self._rows[name] = delta(before.rows.states, after.rows.states) if before.rows and after.rows else {}
        self._ends[name] = _bare(before), _bare(after)

    def back(self, name: str, state: State) -> State:
        """The state before a migration, from the one after it."""
        return self._other(name, state, forward=False)

    def forth(self, name: str, state: State) -> State:
        """The state after a migration, from the one before it."""
        return self._other(name, state, forward=True)

    def _other(self, name: str, state: State, *, forward: bool) -> State:
        self._file.seek(self._places[name])
        change: Delta = pickle.load(self._file)  # noqa: S301  # written above, and nobody else has the file
        facts = Fingerprint(applied(state.facts.facts, change, forward=forward))
        rows = RowState(applied(state.rows.states, self._rows[name], forward=forward)) if state.rows else None
        return replace(self._ends[name][forward], facts=facts, rows=rows)


def _bare(state: State) -> State:
    return replace(state, facts=Fingerprint({}), rows=None)


@dataclass
class ToZero:
    """One walk to zero and back. Used once; the track is where it begins, filled."""

    track: Track
    diary: Diary = field(default_factory=Diary)
    steps: dict[str, Step] = field(default_factory=dict)
    went: list[Migration] = field(default_factory=list)
    carried: Changes = field(default_factory=Changes)

    def run(self, migrations: Iterable[Migration]) -> Iterator[RevisionResult]:
        """Results in the order of the history, each when it has been applied again."""
        try:
            wanted = self._down(self._up(migrations))
            yield from self._up_again(wanted)
        finally:
            self.diary.close()

    def _step(self, migration: Migration) -> Step:
        number = self.track.history.position(migration) + 1
        return self.steps.setdefault(migration.id, Step(self.track, migration, number))

    def _up(self, migrations: Iterable[Migration]) -> State:
        """All the way up; the state at the head."""
        before: State | None = None
        for migration in migrations:
            step, spent = self._step(migration), dict(self.track.seconds)
            try:
                forward = step.forward()
            except RollproofError as error:
                step.give_up(error)
                forward = None
            if forward is not None:
                if before is not None:
                    self.diary.write(self.went[-1].id, before, forward.before)
                before = forward.before
                self.went.append(migration)
                step.no_rows += self.track.fill()
                self._keep_copy(spread=self.track.worth_a_copy)
            step.account(spent)
        if before is not None:
            self.diary.write(self.went[-1].id, before, self.track.state)
        return self.track.state

    def _keep_copy(self, *, spread: bool) -> None:
        if spread:
            self.track.keep(beside=True)
            if len(self.track.copies) > 2 * _COPIES:
                self.track.copies.thin()

    def _down(self, wanted: State) -> State:
        """All the way down; the state that is wanted there."""
        for migration in reversed(self.went):
            if migration not in self.track.applied:  # left out when a state was made anew
                continue
            step, spent = self._step(migration), dict(self.track.seconds)
            target = self.diary.back(migration.id, wanted)
            if step.has_down:
                wanted = self._roll_back(step, target)
            else:
                step.without_down()
                wanted = self._find(migration)
            step.account(spent)
        return wanted

    def _roll_back(self, step: Step, wanted: State) -> State:
        track, start = self.track, self.track.state
        ran = track.roll_back(step.migration)
        step.took("down", ran)
        try:
            if ran.error is not None:
                step.rollback_failed(ran.error)
                return self._find(step.migration)
            after = track.look()
        except RollproofError as error:
            step.rollback_failed(error)
            return self._find(step.migration)
        found = self._without_filled(changes(wanted, after))
        new = news(found, self.carried)
        step.rolled_back(new, None if new.none else changes(start, after))
        self.carried, track.state = found, after
        track.applied.pop()
        return wanted

    def _without_filled(self, found: Changes) -> Changes:
        """Rows that were made up after a migration, in a table from before it, are not of its making."""
        filled = self.track.filled
        rows = tuple(change for change in found.rows if lost(change) or change.table not in filled)
        return replace(found, rows=rows)

    def _find(self, migration: Migration) -> State:
        """The clean state before a migration; copies are kept on the way, more the nearer they are."""
        track = self.track
        track.applied = [item for item in track.applied if item.id != migration.id]
        track.copies.forget(beyond=len(track.applied))  # nobody goes back up there, and they hold on to roles
        last: list[State] = []

        def at_each(left: int) -> None:
            state = track.look()
            if last and track.applied:
                self.diary.write(track.applied[-1].id, last[-1], state)
            last[:] = [state]
            self._keep_copy(spread=left >= _NEAR and left & (left - 1) == 0)

        track.rebuild(at_each=at_each)
        self.carried = Changes()
        return track.state

    def _up_again(self, wanted: State) -> Iterator[RevisionResult]:
        """All the way up once more, with rows made up on the way as the first time."""
        for step in self.steps.values():
            spent = dict(self.track.seconds)
            if step.migration in self.went:
                wanted = self.diary.forth(step.migration.id, wanted)
                self._apply_again(step, wanted)
            step.account(spent)
            yield step.result()

    def _apply_again(self, step: Step, wanted: State) -> None:
        track = self.track
        if tables := track.emptied.get(step.migration.id):
            track.observer.empty(tables)
        ran = self._run_again(step.migration)
        step.took("again", ran)
        if ran.error is None:
            track.applied.append(step.migration)
            track.state = track.look()
            track.fill()
            found = self._comparable(changes(wanted, track.state, again=True))
            step.seen = replace(step.seen, again=news(found, self.carried) if step.seen.back else None)
            self.carried = found
            return
        if step.seen.back is not None:
            step.again_failed(ran.error)
        track.applied.append(step.migration)
        track.rebuild()
        self.carried = Changes()

    def _run_again(self, migration: Migration) -> Ran:
        """Made-up rows that are in its way this time, and were not the first time, are taken away."""
        track = self.track
        ran = track.run(track.source.apply, migration)
        if ran.error is None or not of_rows(ran.error) or not (tables := track.held()):
            return ran
        track.observer.empty(tables)
        return track.run(track.source.apply, migration)

    def _comparable(self, found: Changes) -> Changes:
        """Without what need not come out the same.

        Made-up rows are compared by their number: what is in them may depend on what was there. Where a
        migration failed, or was tried twice, on the first way up, sequences may stand further on.
        """
        filled = self.track.filled
        rows = tuple(change for change in found.rows if not (change.table in filled and as_many(change)))
        kept = found.differences
        if self.track.failed or self.track.emptied:
            kept = tuple(item for item in kept if item.klass is not DifferenceClass.SEQUENCE_STATE)
        return replace(found, differences=kept, rows=rows)


def news(found: Changes, carried: Changes) -> Changes:
    """What is other now and was not so before: the rest is the doing of a later migration."""
    old = {_of(item) for item in (*carried.differences, *carried.order)}
    tables = {change.table: change for change in carried.rows}
    return replace(
        found,
        differences=tuple(item for item in found.differences if _of(item) not in old),
        order=tuple(item for item in found.order if _of(item) not in old),
        rows=tuple(change for change in found.rows if _worse(change, tables.get(change.table))),
        ledger_lost=found.ledger_lost and not carried.ledger_lost,
    )


def _of(item: Difference) -> tuple[str, str, str | None]:
    return item.kind, item.name, item.attribute


def _worse(change: RowChanges, before: RowChanges | None) -> bool:
    if before is None:
        return True
    more = change.lost > before.lost or change.changed > before.changed or change.added > before.added
    return (
        more
        or change.missing_table > before.missing_table
        or bool(set(change.lost_columns) - set(before.lost_columns))
    )
