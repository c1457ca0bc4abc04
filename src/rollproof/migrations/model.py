"""A migration history as plain, frozen data, whichever tool it was written for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from rollproof.errors import MigrationError
from rollproof.migrations.classification import Classification, Kind
from rollproof.migrations.kinds import Background, classify_or_explain
from rollproof.migrations.script import Script

__all__ = ["Having", "Migration", "MigrationHistory", "Script"]

Having = Literal["down", "reverse"]


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of a history and the ways back.

    Attributes:
        id: its name in the ledger; for numbered SQL files the file's name, `.sql` included.
        number: the number that orders it; for tools without numbers, its place from 1.
        name: what it says it does, without the number.
        up: the forward script.
        down: the rollback script, None when nobody has written one.
        reverse: the script that puts changed data back, None when there is none.
        path: the file or folder that a person edits; None when it is the up script's own.
        parents: ids of the migrations that it says it follows, where the tool has a graph.
        stated: what it does, told by the tool itself because its scripts are no SQL; None: read the text.
        irreversible: why the tool refuses to roll it back, in its own words; empty when it does not.
        note: what else a person should know of it, such as "offline only"; empty mostly.
    """

    id: str
    number: int
    name: str
    up: Script
    down: Script | None = None
    reverse: Script | None = None
    path: Path | None = None
    parents: tuple[str, ...] = ()
    stated: Classification | None = None
    irreversible: str = ""
    note: str = ""

    @property
    def where(self) -> Path:
        """The file or folder to open in an editor."""
        return self.path or self.up.path

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other texts that a ledger, a system file or a person may name it by."""
        stem = self.id.rpartition(".")[0] or self.id
        names = [stem, self.name, stem.removesuffix(f"_{self.name}"), self.id.partition(" ")[0]]
        return tuple(dict.fromkeys(filter(None, names)))

    @property
    def way_back(self) -> Script | None:
        """The rollback script, or else the one that puts changed data back."""
        return self.down or self.reverse

    def script(self, which: Having) -> Script | None:
        """The way back of that sort."""
        return self.down if which == "down" else self.reverse


@dataclass(frozen=True)
class MigrationHistory:
    """All migrations in the order in which they are applied.

    Attributes:
        migrations: in order; the source that loaded them decides it, numbers decide it for SQL files.
        ledger: qualified name of the table that lists the applied ones; writes to it are no change.
        warnings: what is odd about the files but does not stop anything, one sentence each.
        where: the folder, for errors.
    """

    migrations: tuple[Migration, ...]
    ledger: str = "public.migrations"
    warnings: tuple[str, ...] = ()
    where: str = field(default="", compare=False)

    def __iter__(self) -> Iterator[Migration]:
        return iter(self.migrations)

    def __len__(self) -> int:
        return len(self.migrations)

    @cached_property
    def _names(self) -> dict[str, list[Migration]]:
        names: dict[str, list[Migration]] = {}
        for migration in self.migrations:
            for name in dict.fromkeys([migration.id, *migration.aliases, str(migration.number)]):
                names.setdefault(name, []).append(migration)
        return names

    @cached_property
    def _places(self) -> dict[str, int]:
        return {migration.id: place for place, migration in enumerate(self.migrations)}

    def find(self, wanted: str | int) -> Migration | None:
        """The migration with that id, number or name; None when there is none or more than one."""
        text = str(wanted).strip()
        if text in self._places:
            return self.migrations[self._places[text]]
        found = self._names.get(text) or self._names.get(text.lstrip("0") if text.isdecimal() else text, [])
        return found[0] if len(found) == 1 else None

    def named(self, wanted: str | int) -> Migration:
        """The migration with that id, number (leading zeros or none) or name.

        Raises:
            MigrationError: there is none, or the name fits several.
        """
        if migration := self.find(wanted):
            return migration
        several = self._names.get(str(wanted), [])
        found = f"{len(several)} migrations are called" if several else "there is no migration"
        raise MigrationError(
            f"{found} {wanted!r}",
            doing="looking a migration up",
            where=self.where,
            remedy=f"name one of: {', '.join(migration.id for migration in self.migrations)}",
        )

    def position(self, migration: Migration) -> int:
        """How many migrations come before it. Raises MigrationError when it is none of this history."""
        return self._places[self.named(migration.id).id]

    def before(self, migration: Migration) -> tuple[Migration, ...]:
        """Those applied before it, in order."""
        return self.migrations[: self.position(migration)]

    def after(self, migration: Migration) -> tuple[Migration, ...]:
        """Those applied after it, in order."""
        return self.migrations[self.position(migration) + 1 :]

    @cached_property
    def classifications(self) -> tuple[Classification, ...]:
        """What each migration's text says it is, in order; read once, each with those before it known.

        A script that cannot be parsed is "undecided from the text", with the parser's message as the
        reason; `rollproof.migrations.kinds.validate` raises for it.
        """
        background = Background()
        return tuple(
            migration.stated or classify_or_explain(migration.up, ledger=self.ledger, background=background)
            for migration in self.migrations
        )

    def classification(self, migration: Migration) -> Classification:
        """What that migration's text says it is."""
        return self.classifications[self.position(migration)]

    def newest(
        self, kind: Kind | str | Collection[Kind] | None = None, *, having: Having | None = None
    ) -> Migration | None:
        """The newest migration of that kind that has that way back; None when there is none.

        Args:
            kind: as the text says; one, one of several, or any when None. Raises ValueError for a
                word that is no kind.
            having: "down" or "reverse" when only one with such a script will do.
        """
        wanted = frozenset([Kind(kind)] if isinstance(kind, str) else kind or Kind)
        for migration in reversed(self.migrations):
            if having and migration.script(having) is None:
                continue
            if self.classification(migration).kind in wanted:
                return migration
        return None
