"""Putting a release in place: a clone of the right template, and the migration under drill deployed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rollproof.components.postgres.admin import connected, create_database, undo_database
from rollproof.components.postgres.bench import Bench
from rollproof.components.postgres.cloning import take_place, undo_taking_place
from rollproof.components.postgres.kinds import kind_of
from rollproof.components.postgres.observers import observe
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import BadInput, NotApplicable
from rollproof.fingerprint import KeptRows, compare, compare_rows, keep_rows, snapshot, take_fingerprint
from rollproof.migrations.classification import Kind
from rollproof.migrations.model import Migration
from rollproof.migrations.observed import disagreement, observed_kind, untried
from rollproof.model.fingerprint import Fingerprint
from rollproof.model.json import JsonObject
from rollproof.model.rows import RowChanges

KINDS = {"additive": Kind.ADDITIVE, "data-changing": Kind.DATA, "dropping": Kind.DROPPING}
HAVING: dict[str, Callable[[Migration], bool]] = {
    "": lambda migration: True,
    "a rollback script": lambda migration: migration.down is not None,
    "no rollback script": lambda migration: migration.down is None,
    "a reversing script": lambda migration: migration.reverse is not None,
    "no reversing script": lambda migration: migration.reverse is None,
}


def newest(drill: Drill, kind: str, having: str) -> Migration:
    """The newest migration of a kind.

    Raises:
        NotApplicable: the history has none.
        MigrationError: a script on the way to it cannot be parsed, so nobody knows its kind.
    """
    if kind not in KINDS or having not in HAVING:
        known = "; ".join([*KINDS, *filter(None, HAVING)])
        raise BadInput(
            f"no drill knows the migration kind {kind!r} that has {having!r}", remedy=f"say one of: {known}"
        )
    templates = drill.use(Bench).templates
    for migration in reversed(templates.history.migrations):
        if HAVING[having](migration) and kind_of(templates, migration) is KINDS[kind]:
            return migration
    suffix = f" that has {having}" if having else ""
    raise NotApplicable(f"the history of {drill.system.name} has no {kind} migration{suffix}")


def target_id(drill: Drill) -> str:
    """The migration under drill as the ledger names it."""
    return drill.use(Bench).migration.id


def ledger_table(drill: Drill) -> str:
    """The ledger's qualified name."""
    return drill.use(Bench).templates.history.ledger


class Staging(Act):
    """Base: a scenario's own database, cloned from a template."""

    name = "database.stage"
    lacks_a_migration = False
    """whether a table that is not there may be the fault under drill"""

    def describe(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        return {
            "database": bench.name,
            "migration": bench.target.id if bench.target else "",
            "role": "scenario",
        }

    def undo(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        if bench.server.in_place:
            bench.kept = bench.templates.fresh_name("kept")
            return undo_taking_place(bench.server, bench.name, bench.kept)
        return undo_database(bench.server, bench.name)

    def prepare(self, drill: Drill) -> None:
        bench = drill.use(Bench)
        in_place = bench.server.in_place
        bench.database = bench.server.source if in_place else bench.templates.fresh_name("drill")

    def clone(self, drill: Drill, applied: int) -> None:
        """Makes the database hold the first `applied` migrations."""
        bench = drill.use(Bench)
        template = bench.templates.at(applied)
        if bench.server.in_place:
            take_place(bench.server, bench.name, kept=bench.kept, template=template)
        else:
            create_database(bench.server, bench.name, template=template)
        bench.expected = tuple(migration.id for migration in bench.templates.history.migrations[:applied])
        if origin := bench.templates.origin(applied):
            drill.recorder.note("database.origin", {"found": origin.what, "reason": origin.but})
        there = bench.critical_tables_there()
        bench.critical = bench.spec.critical_tables if self.lacks_a_migration else there


@dataclass(frozen=True)
class StageBefore(Staging):
    """The release before the newest migration of a kind."""

    kind: str
    having: str = ""

    def prepare(self, drill: Drill) -> None:
        drill.use(Bench).target = newest(drill, self.kind, self.having)
        super().prepare(drill)

    def run(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        self.clone(drill, bench.templates.history.position(bench.migration))
        return {}


@dataclass(frozen=True)
class StageBeforeNamed(Staging):
    """The release before one migration of the system's own, by number or name."""

    migration: str

    def prepare(self, drill: Drill) -> None:
        bench = drill.use(Bench)
        found = bench.templates.history.find(self.migration)
        if found is None:
            raise NotApplicable(f"the history of {drill.system.name} has no migration {self.migration}")
        bench.target = found
        super().prepare(drill)

    def run(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        self.clone(drill, bench.templates.history.position(bench.migration))
        return {}


@dataclass(frozen=True)
class StageCurrent(Staging):
    """The current release: every migration applied."""

    def run(self, drill: Drill) -> JsonObject:
        self.clone(drill, len(drill.use(Bench).templates.history.migrations))
        return {}


@dataclass(frozen=True)
class StageWithout(Staging):
    """A release whose code expects a migration that was never applied: that is the fault."""

    kind: str
    lacks_a_migration = True

    def prepare(self, drill: Drill) -> None:
        drill.use(Bench).target = newest(drill, self.kind, "")
        super().prepare(drill)

    def run(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        self.clone(drill, bench.templates.history.position(bench.migration))
        bench.expected = (*bench.expected, bench.migration.id)
        drill.incident("fault", cause=f"{bench.migration.id} was never applied")
        return {}


@dataclass(frozen=True)
class StageEmpty(Staging):
    """An empty database, for a walk through the whole history."""

    def run(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        if bench.server.in_place:
            take_place(bench.server, bench.name, kept=bench.kept, template="template0")
        else:
            create_database(bench.server, bench.name)
        return {}


@dataclass(frozen=True)
class Deploy(Act):
    """Deploys the release with the migration under drill, and sees what it did."""

    name = "migration.apply"

    def describe(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        return {"migration": bench.migration.id, "path": bench.migration.up.path.name}

    def run(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        observe(drill, "before")
        seconds = bench.templates.apply(bench.name, bench.migration)
        bench.templates.expect_listed(bench.name, [bench.migration])
        bench.expected = (*bench.expected, bench.migration.id)
        drill.incident("fault", cause=f"{bench.migration.id} was deployed", migration=bench.migration.id)
        observe(drill, "deployed", against=["before"])
        return {"seconds": seconds}


@dataclass(frozen=True)
class WalkForward(Act):
    """Applies the whole history step by step and compares each text with its effect."""

    name = "history.walk"

    def run(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        migrations = bench.templates.history.migrations
        before = _look(bench)
        for position, migration in enumerate(migrations):
            bench.templates.apply(bench.name, migration)
            after = _look(bench, before)
            _note_kind(drill, migration, before, after)
            loaded = bench.templates.load_rows(bench.name, applied=position + 1)
            before = _look(bench, after) if loaded else after
        return {"count": len(migrations)}


@dataclass(frozen=True)
class _Step:
    """One look on the way, and what had changed since the one before."""

    fingerprint: Fingerprint
    rows: KeptRows
    changes: Sequence[RowChanges] = ()


def _look(bench: Bench, before: _Step | None = None) -> _Step:
    """In one snapshot, so that what is kept is what is compared."""
    folder = bench.scratch / f"walk-{bench.templates.fresh_name('look')}"
    with (
        connected(bench.server, bench.name, autocommit=False) as conn,
        snapshot(conn, doing="looking at a step of the history"),
    ):
        fingerprint = take_fingerprint(conn)
        kept = keep_rows(conn, folder, like=[before.rows] if before else [])
        changes = compare_rows(conn, before.rows, digester=bench.digester, now=kept) if before else []
    return _Step(fingerprint, kept, changes)


def _note_kind(drill: Drill, migration: Migration, before: _Step, after: _Step) -> None:
    bench = drill.use(Bench)
    said = bench.templates.history.classification(migration)
    seen = observed_kind(
        compare(before.fingerprint, after.fingerprint),
        after.changes,
        ledger=bench.templates.history.ledger,
        renamed=said.renamed,
    )
    none_there = untried(said, seen)
    drill.recorder.note(
        "migration.kind",
        {
            "migration": migration.id,
            "kind": said.kind.value,
            "found": seen.kind.value,
            "disagreement": None if none_there else disagreement(said, seen),
            "missing": "no row was there that it fits" if none_there else None,
        },
    )
