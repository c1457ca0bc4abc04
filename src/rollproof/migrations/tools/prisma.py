"""Prisma: `20240101120000_create_users/migration.sql`, and `down.sql` beside it where somebody wrote one.

Rules as of Prisma 6: schema-engine/connectors/schema-connector/src/migrations_directory.rs, and
sql-schema-connector/src/apply_migration.rs and sql_migration_persistence.rs. `prisma migrate` itself goes
one way only; a `down.sql` is what `prisma migrate diff --script` writes for `prisma db execute`.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from psycopg import Connection

from rollproof.errors import MigrationError
from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.migrations.script import Mode, Script
from rollproof.migrations.source import MigrationSource
from rollproof.migrations.tools.base import Certainty, Folder, Found, SqlTool, survey
from rollproof.migrations.tools.files import marked, nothing_here, read_script, refusal, toml_of
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.migrations.tools.sqlledger import RowLedger, composed

NAME = "prisma"
UP, DOWN = "migration.sql", "down.sql"
_LOCK = "migration_lock.toml"
_LEDGER = "_prisma_migrations"
_POSTGRES = ("postgresql", "postgres", "cockroachdb")
_DEFINITION = """(
    id                      VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum                VARCHAR(64) NOT NULL,
    finished_at             TIMESTAMPTZ,
    migration_name          VARCHAR(255) NOT NULL,
    logs                    TEXT,
    rolled_back_at          TIMESTAMPTZ,
    started_at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count     INTEGER NOT NULL DEFAULT 0
)"""


def find(root: Path) -> list[Found]:
    """Folders of folders with a `migration.sql`, unless their lock file names another server."""
    folders = {folder.path: folder for folder in survey(root)}
    places = {folder.path.parent for folder in folders.values() if UP in folder.files and folder.path != root}
    found = (_found(folders[place]) for place in sorted(places & folders.keys()))
    return [item for item in found if item is not None]


def _found(folder: Folder) -> Found | None:
    provider = _provider(folder.path)
    if provider in _POSTGRES:
        return Found(NAME, folder.path, f"{UP} in folders, and {_LOCK} names PostgreSQL", Certainty.SURE)
    return Found(NAME, folder.path, f"a folder with {UP} for each migration") if provider is None else None


def _provider(folder: Path) -> str | None:
    """Which server the lock file names; None where it names none."""
    provider = (toml_of(folder / _LOCK) or {}).get("provider")
    return provider if isinstance(provider, str) else None


def open(path: Path, settings: ToolSettings) -> MigrationSource:  # noqa: A001  # the interface's word
    """The history in that folder."""
    return Prisma(path, settings)


class Prisma(SqlTool):
    """Each script is one message; the ledger is written beside it, in a transaction of its own."""

    tool = NAME

    @cached_property
    def ledger(self) -> PrismaLedger:
        names = {migration.id: migration.id for migration in self.load()}
        return PrismaLedger(
            RowLedger(
                table=f"public.{_LEDGER}",
                written=_LEDGER,
                definition=_DEFINITION,
                key="migration_name",
                keys=names,
                order=("started_at",),
            )
        )

    def how_to_write_down(self, migration: Migration) -> str:
        return (
            f"prisma migrate goes one way only: write {migration.where / DOWN} for `prisma db execute`, "
            "as `prisma migrate diff --script` does"
        )

    def read(self) -> MigrationHistory:
        """All folders, ordered by name.

        Raises:
            MigrationError: no such folder or no migration in it, a folder without migration.sql, a file
                that cannot be read, or a lock file that names another server.
        """
        self._expect_postgres()
        migrations = tuple(_migration(number, folder) for number, folder in enumerate(self._folders(), 1))
        scripts = [script for migration in migrations for script in (migration.up, migration.down)]
        return MigrationHistory(
            migrations,
            ledger=f"public.{_LEDGER}",
            warnings=tuple(marked(scripts, NAME)),
            where=str(self.path),
        )

    def _expect_postgres(self) -> None:
        provider = _provider(self.path)
        if provider is not None and provider not in _POSTGRES:
            raise refusal(
                f"these migrations are for {provider}",
                where=str(self.path / _LOCK),
                remedy="Rollproof verifies histories for PostgreSQL; name a folder with one",
            )

    def _folders(self) -> list[Path]:
        try:
            folders = sorted(
                entry for entry in self.path.iterdir() if entry.is_dir() and not entry.name.startswith(".")
            )
        except OSError as error:
            raise refusal(
                f"the folder cannot be read: {error.strerror}",
                where=str(self.path),
                remedy="name the folder that holds a folder for each migration",
            ) from error
        if not any((folder / UP).exists() for folder in folders):
            raise nothing_here(self.path, tool=NAME, example=f"20240101120000_create_users/{UP}")
        for folder in folders:
            if not (folder / UP).exists():
                raise _no_script(folder)
        return folders


def _no_script(folder: Path) -> MigrationError:
    return refusal(
        f"the folder holds no {UP}, and Prisma refuses the whole history for it (P3015)",
        where=str(folder),
        remedy=f"write its {UP}, or move the folder elsewhere",
    )


def _migration(number: int, folder: Path) -> Migration:
    down = folder / DOWN
    _, _, name = folder.name.partition("_")
    return Migration(
        id=folder.name,
        number=number,
        name=name or folder.name,
        up=read_script(folder / UP, Mode.SIMPLE),
        down=read_script(down, Mode.SIMPLE) if down.exists() else None,
        path=folder,
    )


@dataclass(frozen=True)
class PrismaLedger:
    """The tool's own table: a row for each attempt, with the SHA-256 of its script."""

    plain: RowLedger

    @property
    def table(self) -> str:
        return self.plain.table

    def create(self) -> str:
        return self.plain.create()

    def record(self, migration: Migration) -> str:
        return composed(
            "INSERT INTO {} (id, checksum, finished_at, migration_name, applied_steps_count) "
            "VALUES ({id}, {checksum}, pg_catalog.now(), {name}, 1);",
            _LEDGER,
            id=str(uuid.uuid4()),
            checksum=_checksum(migration.up),
            name=migration.id,
        )

    def strike(self, migration: Migration) -> str:
        return self.plain.strike(migration)

    def read(self, conn: Connection[Any], history: MigrationHistory) -> list[str]:
        return self.plain.read(conn, history)


def _checksum(script: Script) -> str:
    """Of the file as it is."""
    return script.digest or hashlib.sha256(script.text.encode()).hexdigest()


__all__ = ["NAME", "Prisma", "PrismaLedger", "find", "open"]
