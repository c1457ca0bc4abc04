"""The walk through a whole history."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from rollproof.environments.base import PostgresServer
from rollproof.migrations.direct import DirectRunner
from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.migrations.source import MigrationSource
from rollproof.walk.model import RevisionResult, WalkResult
from rollproof.walk.parallel import SHORTEST, ServerWideChangeError, walk_in_parallel
from rollproof.walk.settings import Reopen, WalkSettings, wanted
from rollproof.walk.step import Step
from rollproof.walk.track import Track
from rollproof.walk.workdatabase import WorkDatabase
from rollproof.walk.zero import ToZero

Listener = Callable[[RevisionResult], None]
_ALONE = "one process walks alone: {}"
_UNFILLED = "no rows could be made for these tables, so that a loss there would go unseen: {}"
_INTERRUPTED = "interrupted: {done} of {all} migrations were judged"


@dataclass
class Gathered:
    """What a walk has come to so far."""

    results: list[RevisionResult] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    split: Counter[str] = field(default_factory=Counter)
    interrupted: bool = False


def walk(
    source: MigrationSource,
    server: PostgresServer,
    settings: WalkSettings | None = None,
    *,
    on_result: Listener | None = None,
) -> WalkResult:
    """Rolls every migration back, applies it again, and says what that came to.

    All databases that it makes are gone when it returns, whatever happens. On Ctrl-C it returns what
    it has, `interrupted`.

    Args:
        on_result: called with each result as soon as it is known; with several workers in no order.

    Raises:
        MigrationError: the history cannot be read, or there is no such migration as the settings name.
        EnvironmentUnavailable: the server cannot be reached.
        AttemptFailed: a look has missed something that a full fingerprint sees: nothing is proven.
    """
    chosen = settings or WalkSettings()
    started = time.monotonic()
    chosen = probed(source, server, chosen)
    history = source.load()
    judged = wanted(history, chosen)
    gathered = Gathered(warnings=list(history.warnings))
    try:
        if judged:
            _go(source, server, chosen, judged, gathered=gathered, on_result=on_result or (lambda _: None))
        else:
            gathered.warnings.append("there is no migration to judge")
    except KeyboardInterrupt:
        gathered.interrupted = True
        gathered.warnings.append(_INTERRUPTED.format(done=len(gathered.results), all=len(judged)))
    finally:
        source.close()
    gathered.warnings += getattr(source, "remarks", [])
    return WalkResult(
        source.tool,
        history.where,
        tuple(sorted(gathered.results, key=lambda result: result.number)),
        seconds=time.monotonic() - started,
        split=_split(gathered),
        facts={**_facts(server, chosen, history), **getattr(source, "facts", {})},
        warnings=tuple(gathered.warnings),
        interrupted=gathered.interrupted,
        rows_compared=chosen.rows,
    )


def probed(source: MigrationSource, server: PostgresServer, settings: WalkSettings) -> WalkSettings:
    """Lets a source find out what only a database tells; the settings with which others open it alike."""
    probe = getattr(source, "probe", None)
    if probe is None:
        return settings
    database = WorkDatabase(server, settings)
    try:
        database.create()
        ledger = probe(DirectRunner(server, database.name, limit=settings.limit, user=settings.user))
    finally:
        database.drop()
    reopen = partial(_opened_alike, settings.reopen, ledger) if settings.reopen else None
    return replace(settings, reopen=reopen)


def _opened_alike(reopen: Reopen, ledger: str) -> MigrationSource:
    source = reopen()
    keep: Callable[[str], None] = source.keep_ledger  # type: ignore[attr-defined]  # it was probed
    keep(ledger)
    return source


def _go(
    source: MigrationSource,
    server: PostgresServer,
    settings: WalkSettings,
    judged: tuple[Migration, ...],
    *,
    gathered: Gathered,
    on_result: Listener,
) -> None:
    """With several processes where that is possible, and otherwise with one."""
    history, ways = source.load(), [walk_to_zero if settings.to_zero else walk_part]
    if why := alone(settings, judged):
        gathered.warnings.append(why)
    elif settings.workers > 1:
        ways.insert(0, walk_shared)
    for way in ways:
        track, warnings = Track(source, server, settings, history), list[str]()
        try:
            for result in way(track, history.migrations, {item.id for item in judged}, warnings):
                gathered.results.append(result)
                on_result(result)
            track.observer.check()
        except ServerWideChangeError:
            gathered.warnings.append(_ALONE.format("it changes roles or other things that are server-wide"))
        else:
            return
        finally:
            gathered.warnings += warnings
            if track.unfilled:
                gathered.warnings.append(_UNFILLED.format(", ".join(sorted(track.unfilled))))
            track.close()


def alone(settings: WalkSettings, judged: Sequence[Migration]) -> str:
    """Why one process walks although several were wanted; empty when several can, or one was wanted."""
    if settings.workers == 1 or len(judged) < 2 * SHORTEST:
        return ""
    if settings.to_zero:
        return _ALONE.format("the way to zero cannot be shared")
    return "" if settings.reopen else _ALONE.format("the history cannot be opened by another process")


def walk_shared(
    track: Track, migrations: Sequence[Migration], judged: set[str], warnings: list[str]
) -> Iterable[RevisionResult]:
    """As `walk_part`, by several processes. Raises ServerWideChangeError before any result."""
    reopen = track.settings.reopen
    places = [place for place, migration in enumerate(migrations) if migration.id in judged]
    chosen = migrations[places[0] : places[-1] + 1]
    if reopen is None or len(chosen) < 2 * SHORTEST:
        yield from walk_part(track, migrations, judged, warnings)
        return
    for migration in migrations[: places[0]]:
        apply_only(track, migration, warnings, looking=False)
    begin(track)

    def lead(migration: Migration) -> None:
        apply_only(track, migration, [], looking=True)

    for result in walk_in_parallel(track, chosen, reopen, lead):
        if result.id in judged:
            yield result


def walk_part(
    track: Track, migrations: Sequence[Migration], judged: set[str], warnings: list[str]
) -> Iterable[RevisionResult]:
    """Walks some migrations in order, up to the last one that is judged; the others are only applied."""
    left = set(judged)
    begun = bool(track.applied)
    for migration in migrations:
        if not left:
            return
        if migration.id not in judged:
            apply_only(track, migration, warnings, looking=begun)
            continue
        if not begun:
            begin(track)
            begun = True
        left.discard(migration.id)
        number = track.history.position(migration) + 1
        yield Step(track, migration, number).run()


def walk_to_zero(
    track: Track, migrations: Sequence[Migration], judged: set[str], warnings: list[str]
) -> Iterable[RevisionResult]:
    """From the first one that is judged all the way up to the last one, down to the first, and up again."""
    places = [place for place, migration in enumerate(migrations) if migration.id in judged]
    for migration in migrations[: places[0]]:
        apply_only(track, migration, warnings, looking=False)
    begin(track)
    for result in ToZero(track).run(migrations[places[0] : places[-1] + 1]):
        if result.id in judged:
            yield result


def begin(track: Track) -> None:
    """Once the migrations that nobody judges are applied: look, fill, and keep the state to come back to."""
    track.state = track.look()
    track.fill()
    if track.applied:
        track.keep()


def apply_only(track: Track, migration: Migration, warnings: list[str], *, looking: bool) -> None:
    """Applies a migration that nobody judges."""
    if looking:
        forward = track.up(migration)
        error = forward.ran.error
        if forward.after is not None:
            track.state = forward.after
            track.fill()
    else:
        error = track.run(track.source.apply, migration).error
        if error is not None:
            track.rebuild()
    if error is None:
        track.applied.append(migration)
        return
    track.failed.append(migration)
    warnings.append(f"{migration.id}, which is not judged, could not be applied: {error.found}")


def _split(gathered: Gathered) -> Mapping[str, float]:
    for result in gathered.results:
        gathered.split.update(result.seconds)
    return dict(gathered.split)


def _to_zero(settings: WalkSettings) -> str:
    """What is compared on that way, too."""
    rows = "sequences and rows, made-up rows by their number" if settings.rows else "and sequences"
    return f"to zero and back; on the second way up: schema, {rows}"


def _facts(server: PostgresServer, settings: WalkSettings, history: MigrationHistory) -> Mapping[str, str]:
    return {
        "postgres": str(server.major),
        "migrations": str(len(history)),
        "ledger": history.ledger,
        "depth": _to_zero(settings) if settings.to_zero else "one step at a time",
        "rows": f"{settings.rows_per_table} made up for each empty table"
        if settings.rows
        else "not compared",
        "workers": str(settings.workers),
    }
