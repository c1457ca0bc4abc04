"""Going back several migrations: which go, and how far one can go; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rollproof.migrations.model import Migration


@dataclass(frozen=True, slots=True)
class BackTo:
    """Where to go back to, and what goes.

    Attributes:
        target: the newest migration that stays because it was named; None: none stays.
        plan: those that go, newest first.
    """

    target: Migration | None
    plan: tuple[Migration, ...]


def without_way_back(migrations: Sequence[Migration]) -> list[Migration]:
    """Those of them that nothing takes back, in the same order."""
    return [migration for migration in migrations if migration.down is None]


def farthest_back(applied: Sequence[Migration], *, by_app: bool = False) -> BackTo | None:
    """The farthest that naming one migration takes back two or more, all of which have a way back.

    What stays is a release that there was: the first so many of those applied.

    Args:
        applied: in order.
        by_app: the tool goes back one app at a time, and takes along what depends on what goes.
    """
    stuck = without_way_back(applied)
    first = applied.index(stuck[-1]) if stuck else 0
    for place in range(first, len(applied) - 2):
        tail = applied[place + 1 :]
        for target in _targets(applied, place) if by_app else [applied[place]]:
            if not by_app or _taken_along(applied, target) == {migration.id for migration in tail}:
                return BackTo(target, tuple(reversed(tail)))
    return None


def _targets(applied: Sequence[Migration], place: int) -> Iterator[Migration]:
    """The newest of each app among those that would stay."""
    seen = set()
    for migration in reversed(applied[: place + 1]):
        app = migration.id.partition(".")[0]
        if app not in seen:
            seen.add(app)
            yield migration


def _taken_along(applied: Sequence[Migration], target: Migration) -> set[str]:
    """Ids of what goes when an app goes back to `target`: the newer ones of it, and what needs them."""
    app, place = target.id.partition(".")[0], applied.index(target)
    gone: set[str] = set()
    for migration in applied[place + 1 :]:
        same = migration.id.partition(".")[0] == app
        if same or gone.intersection(migration.parents):
            gone.add(migration.id)
    return gone
