"""One migration: up, down, compare, up again, compare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from rollproof.errors import EnvironmentUnavailable, RollproofError
from rollproof.migrations.locks.model import LockReport
from rollproof.migrations.model import Migration
from rollproof.migrations.observed import observed_kind
from rollproof.migrations.script import Script
from rollproof.model.fingerprint import Difference
from rollproof.rowgen.rowstate import discards
from rollproof.walk.causes import Attribution
from rollproof.walk.changes import Changes, changes
from rollproof.walk.faults import (
    consequence,
    environment_remedy,
    failure_of,
    refuses_rows,
    rests_on,
    rows_stayed,
    says_no_way_back,
)
from rollproof.walk.model import Again, Failure, Finding, NoRows, Outcome, RevisionResult
from rollproof.walk.observer import State
from rollproof.walk.outcome import Seen, again_of, again_rows, outcome_of
from rollproof.walk.standins import INSTALL, OWN_UUIDS, STOOD_IN, made_empty, own_uuids, provided
from rollproof.walk.track import LEDGER_LOST, Forward, Ran, Track
from rollproof.walk.untried import untried

_UNREACHABLE = "nobody can connect to the database any more once it has run"


@dataclass
class Step:
    """Walks one migration and gathers what there is to say of it. Used once.

    `run` is the usual way, one step at a time; a walk that goes another way uses the parts.
    """

    track: Track
    migration: Migration
    number: int
    seen: Seen = field(default_factory=Seen)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    no_rows: list[NoRows] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    locks: dict[str, LockReport] = field(default_factory=dict)
    kind: str = ""
    discards: tuple[str, ...] = ()

    def run(self) -> RevisionResult:
        """Never raises for what a migration does; the track is in a clean state afterwards."""
        spent = dict(self.track.seconds)
        try:
            self._walk()
        except RollproofError as error:
            self.give_up(error)
        self.account(spent)
        return self.result()

    def account(self, spent: Mapping[str, float]) -> None:
        """Puts down what the track has noted, and what it took since it had `spent` so much."""
        self.notes += self.track.observer.take_notes()
        for name, total in self.track.seconds.items():
            if total > spent[name]:
                key = "rebuild" if name == "copies" else name
                self.seconds[key] = self.seconds.get(key, 0.0) + total - spent[name]

    def _walk(self) -> None:
        track = self.track
        forward = self.forward()
        if forward is None:
            return
        clean = track.state
        if self.has_down:
            self._down(forward.before, clean)
        else:
            self.without_down()
        self.no_rows += track.fill()
        if track.worth_a_copy:
            track.keep()

    def forward(self) -> Forward | None:
        """Applies it and notes what that did; None when it cannot be applied: then the state is as before."""
        forward = self.track.up(self.migration)
        if forward.after is None:
            self._cannot_be_applied(forward)
            return None
        self.track.applied.append(self.migration)
        self.track.state = forward.after
        self._applied(forward, forward.after)
        return forward

    def _cannot_be_applied(self, forward: Forward) -> None:
        error = forward.ran.error
        assert error is not None
        self._fail(error, "up", self.migration.up)
        self.seen = replace(self.seen, up_failed=True)
        if forward.stayed:
            self.notes.append(rows_stayed(forward.stayed))
        if not self.seen.environment:
            self._rests_on_another(error)
        if self.seen.environment:
            self.track.lacking[self.migration.id] = self.seen.environment
        self.track.failed.append(self.migration)

    def _rests_on_another(self, error: RollproofError) -> None:
        """What rests on a migration that cannot be tried here cannot be tried here either."""
        if note := consequence(error, self.track.failed):
            self.notes.append(note)
        cause = rests_on(error, self.track.failed)
        remedy = self.track.lacking.get(cause.id, "") if cause else ""
        if remedy:
            self.seen = replace(self.seen, environment=remedy)
            self.failures[-1] = replace(self.failures[-1], remedy=remedy)

    def _applied(self, forward: Forward, clean: State) -> None:
        before = forward.before
        self.took("up", forward.ran)
        self.notes += forward.ran.run.notes if forward.ran.run else ()
        up = changes(before, clean)
        new = set(clean.rows.tables) - set(before.rows.tables) if before.rows and clean.rows else set()
        self.seen = replace(self.seen, up=up, new_tables=frozenset(new))
        self.kind = self._kind(up)
        self._note_standins(up)
        if before.rows and clean.rows:
            self.discards = discards(before.rows, clean.rows)
        if up.ledger_lost:
            self.notes.append(LEDGER_LOST)
        for table, found in forward.emptied.items():
            why = f"{self.migration.id} cannot be applied while it holds made-up rows: {found}"
            self.no_rows.append(NoRows(table, why))

    def _note_standins(self, up: Changes) -> None:
        server = self.track.server
        for name in made_empty(server, up.differences):
            found = f'extension "{name}" is not available'
            path = str(self.migration.up.path)
            self.failures.append(Failure("up", found, sqlstate="0A000", path=path, remedy=INSTALL))
            self.notes.append(STOOD_IN.format(name))
            self.seen = replace(self.seen, unproven=INSTALL)
        if own_uuids(server, up.differences):
            self.notes.append(OWN_UUIDS)

    @property
    def has_down(self) -> bool:
        return self.migration.way_back is not None and not self.migration.irreversible

    def without_down(self) -> None:
        """Notes that there is no way back."""
        self.seen = replace(self.seen, no_down=True)
        if self.migration.irreversible:
            self.notes.append(f"it says that it cannot be rolled back: {self.migration.irreversible}")

    def _down(self, before: State, clean: State) -> None:
        track = self.track
        ran = track.roll_back(self.migration)
        self.took("down", ran)
        if ran.error is not None:
            track.settle(clean)
            self.rollback_failed(ran.error, runs_empty=track.rolls_back_empty(self.migration, ran.error))
            return
        after = track.look()
        back = changes(before, after)
        self.rolled_back(back, None if back.none else changes(clean, after))
        self._again(clean)

    def rollback_failed(self, error: RollproofError, *, runs_empty: bool = False) -> None:
        """Notes that the rollback ended in an error, or says that there is none.

        Args:
            runs_empty: without the made-up rows it runs.
        """
        script = self.migration.way_back
        if says_no_way_back(error, script) and not runs_empty:
            self.seen = replace(self.seen, no_down=True)
            self.notes.append(f"its rollback says that there is none: {error.found}")
            return
        self.seen = replace(self.seen, down_failed=True)
        self._fail(error, "down", script)
        if runs_empty:
            self.notes.append(refuses_rows(error))

    def rolled_back(self, back: Changes, undone: Changes | None) -> None:
        """Notes what is other after the rollback than before the migration, and what the rollback changed."""
        self._rewritten("down")
        self.seen = replace(self.seen, back=back, undone=undone)
        if back.ledger_lost and not (self.seen.up and self.seen.up.ledger_lost):
            self.notes.append(f"its rollback: {LEDGER_LOST}")

    def _again(self, clean: State) -> None:
        track = self.track
        ran = track.run(track.source.apply, self.migration, locks=False)  # seen the first time
        self.took("again", ran)
        if ran.error is not None:
            self.again_failed(ran.error)
            track.settle(clean)
            return
        state = track.look()
        again = changes(clean, state, again=True)
        self.seen = replace(self.seen, again=again)
        if again.differences or again.order or again.ledger_lost or again_rows(self.seen):
            track.rebuild()
        else:
            track.state = state

    def again_failed(self, error: RollproofError) -> None:
        """Notes that it could not be applied a second time."""
        self.seen = replace(self.seen, again_failed=True)
        self._fail(error, "again", self.migration.up, environment=False)

    def give_up(self, error: RollproofError) -> None:
        """Nobody can look at the database any more: the walk goes on without this migration."""
        track = self.track
        gone = isinstance(error, EnvironmentUnavailable)
        failure = failure_of(error, "compare", self.migration.up)
        self.failures.append(
            replace(failure, found=f"{_UNREACHABLE}: {error.found}" if gone else error.found)
        )
        applied = self.migration in track.applied
        if self.seen.back is None and not self.seen.no_down:
            self.seen = replace(self.seen, up_failed=not applied, down_failed=applied)
        track.applied = [item for item in track.applied if item.id != self.migration.id]
        if self.migration not in track.failed:
            track.failed.append(self.migration)
        self.notes.append("the migrations after it are walked without it")
        track.rebuild()

    def _fail(
        self, error: RollproofError, phase: str, script: Script | None, *, environment: bool = True
    ) -> None:
        failure = failure_of(error, phase, script)
        remedy = self._environment_remedy(error, script) if environment else ""
        if remedy:
            self.seen = replace(self.seen, environment=remedy)
        self.failures.append(replace(failure, remedy=remedy or failure.remedy))

    def _environment_remedy(self, error: RollproofError, script: Script | None) -> str:
        empty = provided(self.track.server)
        there = [name for name in self._extensions() if name not in empty]
        return environment_remedy(error, script, there, empty)

    def _extensions(self) -> list[str]:
        facts = self.track.state.facts.facts
        empty = provided(self.track.server)
        return [
            bare for kind, name in facts if kind == "extension" and (bare := name.strip('"')) not in empty
        ]

    def took(self, phase: str, ran: Ran) -> None:
        """Puts down what a script took, and the locks that it held."""
        self.seconds[phase] = ran.seconds
        if ran.run is not None and ran.run.locks is not None and phase != "again":
            self.locks[phase] = ran.run.locks
            if phase == "up":
                self._rewritten(phase)

    def _rewritten(self, phase: str) -> None:
        rewritten = self.track.observer.rewritten()
        if (report := self.locks.get(phase)) and rewritten and not report.rewritten:
            self.locks[phase] = replace(report, rewritten=rewritten)

    def _kind(self, up: Changes) -> str:
        everything = (*up.differences, *up.order)
        renamed: tuple[tuple[str, str], ...] = ()
        if _may_be_renamed(everything):
            renamed = self.track.history.classification(self.migration).renamed
        observed = observed_kind(everything, up.rows, ledger=self.track.history.ledger, renamed=renamed)
        return observed.kind.value

    def _untried(self) -> tuple[str, ...]:
        up, settings = self.seen.up, self.track.settings
        return untried(self.track.history, self.migration, up) if up and settings.rows else ()

    def result(self) -> RevisionResult:
        """All of it, as the walk's answer."""
        migration, seen = self.migration, self.seen
        outcome, again = outcome_of(seen), again_of(seen)
        back, second = seen.back or Changes(), seen.again or Changes()
        causes = Attribution(migration)
        rows = again_rows(seen) if seen.again else ()
        self.notes += [f"applied again, the rows of {change.table} are other" for change in rows]
        if back.ledger_lost:
            self.notes.append(
                f"after the rollback the tool's own table, {self.track.history.ledger}, is missing"
            )
        return RevisionResult(
            migration.id,
            self.number,
            outcome,
            self.kind,
            str(migration.where),
            differences=causes.of_rollback((*back.differences, *back.order)),
            rows=back.rows,
            discards=self.discards,
            no_rows=tuple(dict.fromkeys(self.no_rows)),
            again=again,
            again_differences=_plain((*second.differences, *second.order)) if again is not Again.SAME else (),
            failures=tuple(self.failures),
            locks=self.locks,
            seconds=self.seconds,
            untried=self._untried(),
            notes=tuple(dict.fromkeys((*self.notes, *_asides(migration, outcome, back)))),
        )


def _asides(migration: Migration, outcome: Outcome, back: Changes) -> Iterable[str]:
    if migration.note:
        yield migration.note
    if any(item.kind in ("role", "role membership", "role setting") for item in back.differences):
        yield "roles belong to the whole server: other databases see what is left of them too"
    if not outcome.sound or back.notes:
        yield from back.notes


def _may_be_renamed(differences: Iterable[Difference]) -> bool:
    """Something missing and something added of one kind: the text has to tell whether it is the same."""
    missing = {item.kind for item in differences if item.attribute is None and item.after is None}
    added = {item.kind for item in differences if item.attribute is None and item.before is None}
    return bool(missing & added)


def _plain(differences: Iterable[Difference]) -> tuple[Finding, ...]:
    return tuple(map(Finding, differences))
