"""Taking back several migrations in one go: to a named one, or all of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rollproof.components.postgres.acts.staging import Staging
from rollproof.components.postgres.admin import connected
from rollproof.components.postgres.bench import Bench
from rollproof.components.postgres.observers import observe, observe_in
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed, MigrationError, NotApplicable
from rollproof.fingerprint import snapshot
from rollproof.migrations.back import BackTo, farthest_back, without_way_back
from rollproof.migrations.model import Migration
from rollproof.model.json import Json, JsonObject


@dataclass(frozen=True)
class StageReversible(Staging):
    """The newest release of which every migration has a way back."""

    def run(self, drill: Drill) -> JsonObject:
        migrations = drill.use(Bench).templates.history.migrations
        stuck = without_way_back(migrations)
        count = migrations.index(stuck[0]) if stuck else len(migrations)
        if not count:
            raise NotApplicable(
                f"{stuck[0].id}, the first migration, has no way back: nothing can be taken back"
            )
        self.clone(drill, count)
        return {"count": count}


@dataclass(frozen=True)
class StageIrreversible(Staging):
    """The current release, if one of its migrations has no way back."""

    def run(self, drill: Drill) -> JsonObject:
        migrations = drill.use(Bench).templates.history.migrations
        if not without_way_back(migrations):
            raise NotApplicable(f"every migration of {drill.system.name} has a way back")
        self.clone(drill, len(migrations))
        return {}


@dataclass(frozen=True)
class TakeBack(Act):
    """Takes migrations back, newest first, as the tool does it; refused before the first when one cannot be.

    Tools find that out on their way, when those after it are gone already.

    Attributes:
        everything: all of them; else as many of the newest as can be taken back by naming one.
    """

    name = "migration.take_back"
    everything: bool = False

    def prepare(self, drill: Drill) -> None:
        bench = drill.use(Bench)
        bench.applied = bench.templates.history.migrations[: len(bench.expected)]
        everything = BackTo(None, tuple(reversed(bench.applied)))
        bench.back = everything if self.everything else _named(drill, bench.applied)

    def describe(self, drill: Drill) -> JsonObject:
        back = drill.use(Bench).going_back
        going: list[Json] = [migration.id for migration in back.plan]
        return {"migrations": going, "migration": back.target.id if back.target else "zero"}

    def run(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        plan = bench.going_back.plan
        _look_at_goal(drill)
        observe(drill, "deployed", against=["before"])
        refuse_without_way_back(plan)
        started = time.monotonic_ns()
        try:
            _take_back(bench)
        except MigrationError as error:
            doing = f"taking {len(plan)} migrations back"
            raise AttemptFailed(error.found, doing=doing, where=error.where, remedy=error.remedy) from error
        gone = {migration.id for migration in plan}
        bench.expected = tuple(name for name in bench.expected if name not in gone)
        drill.incident("executed")
        return {"seconds": (time.monotonic_ns() - started) / 1e9, "count": len(plan)}


def _named(drill: Drill, applied: Sequence[Migration]) -> BackTo:
    back = farthest_back(applied, by_app=hasattr(drill.use(Bench).templates.source, "roll_back_to"))
    if back is None:
        raise NotApplicable(f"no two of the newest migrations of {drill.system.name} can be taken back")
    return back


def refuse_without_way_back(plan: Sequence[Migration]) -> None:
    """Raises AttemptFailed when one of them cannot be taken back."""
    for migration in without_way_back(plan)[:1]:
        raise AttemptFailed(
            f"{migration.id} has no way back{': ' if migration.irreversible else ''}{migration.irreversible}",
            doing=f"taking {len(plan)} migrations back",
            where=str(migration.where),
            remedy="go back no further than to it, and beyond by restoring a backup",
        )


def _look_at_goal(drill: Drill) -> None:
    """What the database should be afterwards: the release that has just the migrations that stay."""
    bench = drill.use(Bench)
    stay = len(bench.expected) - len(bench.going_back.plan)
    with (
        connected(bench.server, bench.templates.at(stay), autocommit=False) as conn,
        snapshot(conn, doing="observing the release that is gone back to"),
    ):
        observe_in(drill, conn, "before")


def _take_back(bench: Bench) -> None:
    source, back = bench.templates.source, bench.going_back
    runner = bench.templates.runner(bench.name, limit=bench.limit)
    native = getattr(source, "roll_back_to", None)
    if native is None:
        for migration in back.plan:
            source.roll_back(migration, runner)
    elif back.target is not None:
        app, _, name = back.target.id.partition(".")
        native(app, name, runner)
    else:
        for app in dict.fromkeys(migration.id.partition(".")[0] for migration in back.plan):
            native(app, None, runner)


def staying(drill: Drill) -> list[Json]:
    """Ids of the migrations that stay, in order."""
    bench = drill.use(Bench)
    going = {migration.id for migration in bench.going_back.plan}
    return [migration.id for migration in bench.applied if migration.id not in going]
