"""What a walk is told to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from rollproof.errors import MigrationError
from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.migrations.source import MigrationSource

Reopen = Callable[[], MigrationSource]
"""Opens the same history anew; each process of a walk has a source of its own, so it must be picklable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkSettings:
    """What is walked, and how.

    Attributes:
        since: only the migrations after this one are judged; those before are applied, and that is all.
        only: only these are judged, by id, number or name; empty for all.
        to_zero: all the way up, all the way down and up again, in place of one step at a time.
        rows: fill the tables with made-up rows, and compare rows. Without, a loss of data goes unseen.
        rows_per_table: how many rows an empty table gets.
        seed: of the rows' values; the same seed makes the same rows.
        limit: seconds after which a script counts as hanging and is ended.
        workers: how many processes walk at the same time; more than one needs `reopen`.
        locks: see which locks each script takes.
        blocked: read and write from a second connection meanwhile, and measure how long that has to wait.
        user: role that runs the migrations; the server's own when None.
        owner: owner of the database; `user` or the server's own when None.
        roles: created, able to log in and nothing more, before the first migration.
        ignore_schemas: schemas that are not compared, such as a tool's own.
        reopen: opens the source anew, for the other processes.
    """

    since: str | None = None
    only: tuple[str, ...] = ()
    to_zero: bool = False
    rows: bool = True
    rows_per_table: int = 3
    seed: int = 0
    limit: float = 60.0
    workers: int = 1
    locks: bool = True
    blocked: bool = False
    user: str | None = None
    owner: str | None = None
    roles: tuple[str, ...] = ()
    ignore_schemas: tuple[str, ...] = ()
    reopen: Reopen | None = field(default=None, repr=False)


def wanted(history: MigrationHistory, settings: WalkSettings) -> tuple[Migration, ...]:
    """The migrations that are to be judged, in order.

    Raises MigrationError when the history is empty, or there is no such migration as `since` or `only` name.
    """
    if not history.migrations:
        raise MigrationError(
            "there is no migration",
            doing="looking for the history",
            where=history.where,
            remedy="name the folder of the migrations, and their tool with --tool",
        )
    chosen = history.migrations
    if settings.since is not None:
        chosen = history.after(history.named(settings.since))
    if settings.only:
        ids = {history.named(name).id for name in settings.only}
        chosen = tuple(migration for migration in chosen if migration.id in ids)
    return chosen
