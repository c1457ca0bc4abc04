"""golang-migrate: `000001_create_users.up.sql` beside `000001_create_users.down.sql`.

Rules as of its v4: source/parse.go, source/migration.go and database/postgres/postgres.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from psycopg import Connection, sql

from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.migrations.script import Mode, Script
from rollproof.migrations.source import MigrationSource
from rollproof.migrations.sqlfolder import gaps
from rollproof.migrations.tools.base import Certainty, Folder, Found, SqlTool, survey
from rollproof.migrations.tools.files import (
    manifest_names,
    marked,
    names_in,
    no_script,
    nothing_here,
    odd_widths,
    read_script,
    refusal,
)
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.migrations.tools.sqlledger import composed, rows
from rollproof.model.names import split_name

NAME = "golang-migrate"
_FILE = re.compile(r"(?P<version>[0-9]+)_(?P<name>.*)\.(?P<direction>up|down)\.(?P<ending>.*)")
_ENDINGS = frozenset({"sql", "pgsql", "psql", "postgres", "postgresql"})
_YES = frozenset({"1", "t", "true"})
_HIGHEST = 2**63 - 1
_MAY_DROP_LEDGER = re.compile(r"(?i)\bdrop\s+(?:schema|owned)\b|\bschema_migrations\b")


def find(root: Path) -> list[Found]:
    """Folders with at least one `NNN_name.up.sql`."""
    return [_found(folder, root) for folder in survey(root) if any(map(_is_up, folder.files))]


def _is_up(name: str) -> bool:
    found = _FILE.fullmatch(name)
    return bool(found and found["direction"] == "up" and found["ending"] in _ENDINGS)


def _found(folder: Folder, root: Path) -> Found:
    if manifest_names(folder.path, root, "go.mod", "golang-migrate/migrate"):
        return Found(NAME, folder.path, "NNN_name.up.sql, and go.mod names golang-migrate", Certainty.SURE)
    return Found(NAME, folder.path, "NNN_name.up.sql files")


def open(path: Path, settings: ToolSettings) -> MigrationSource:  # noqa: A001  # the interface's word
    """The history in that folder."""
    return GolangMigrate(path, settings)


@dataclass(frozen=True, slots=True)
class _File:
    version: int
    written: str
    name: str
    path: Path


class GolangMigrate(SqlTool):
    """Pairs of files, each sent as one message.

    Options: `x-multi-statement` (`true`: cut at every semicolon, wherever it stands, and sent piece by
    piece) and `x-migrations-table`, as in the tool's database address.
    """

    tool = NAME

    @property
    def multi(self) -> bool:
        """Whether the tool cuts files at semicolons."""
        return self.settings.options.get("x-multi-statement", "").lower() in _YES

    @cached_property
    def ledger(self) -> VersionLedger:
        return VersionLedger(_table(self.settings), {m.id: m.number for m in self.load()})

    def how_to_write_down(self, migration: Migration) -> str:
        return f"write {migration.id}.down.sql beside it; without one golang-migrate undoes nothing"

    def joined(self, script: Script) -> bool:
        """The tool writes the ledger afterwards; where it is gone by then, the script's effects stay."""
        return super().joined(script) and not _MAY_DROP_LEDGER.search(script.text)

    def read(self) -> MigrationHistory:
        """All pairs, ordered by version.

        A version without an up file counts, as it does for the tool: going up does nothing, and going
        down runs its script.

        Raises:
            MigrationError: no such folder, no migration, a version that two files of one direction
                bear, or a file that cannot be read.
        """
        found, warnings = self._files()
        versions = sorted({version for files in found.values() for version in files})
        if not versions:
            raise nothing_here(self.path, tool=NAME, example="000001_create_users.up.sql")
        migrations = tuple(self._migration(version, found) for version in versions)
        each = [file for files in found.values() for file in files.values()]
        return MigrationHistory(
            migrations,
            ledger=_table(self.settings),
            warnings=(
                *warnings,
                *gaps(versions),
                *odd_widths(file.written for file in found["up"].values()),
                *_misnamed(versions, found),
                *marked((script for m in migrations for script in (m.up, m.down)), NAME),
                *_subfolders(self.path, len(each)),
            ),
            where=str(self.path),
        )

    def _files(self) -> tuple[dict[str, dict[int, _File]], list[str]]:
        found: dict[str, dict[int, _File]] = {"up": {}, "down": {}}
        ignored = []
        for name in names_in(self.path, tool=NAME):
            match = _FILE.fullmatch(name)
            if match is None or int(match["version"]) > _HIGHEST:
                ignored += [name] if name.lower().endswith(".sql") else []
                continue
            file = _File(int(match["version"]), match["version"], match["name"], self.path / name)
            _add(found[match["direction"]], file)
        return found, [f"{name} is not named like NNN_name.up.sql and is ignored" for name in ignored]

    def _migration(self, version: int, found: Mapping[str, Mapping[int, _File]]) -> Migration:
        up, down = found["up"].get(version), found["down"].get(version)
        file = up or down
        assert file is not None
        return Migration(
            id=f"{file.written}_{file.name}",
            number=version,
            name=file.name,
            up=self._script(up.path)
            if up
            else no_script(self.path / f"{file.written}_{file.name}.up.sql", Mode.SIMPLE),
            down=self._script(down.path) if down else None,
            path=file.path,
            note="" if up else "there is no up file; going down runs the down file all the same",
        )

    def _script(self, path: Path) -> Script:
        script = read_script(path, Mode.AUTOCOMMIT if self.multi else Mode.SIMPLE)
        return replace(script, statements=cut_at_semicolons(script.text)) if self.multi else script


def cut_at_semicolons(text: str) -> tuple[tuple[int, int], ...]:
    """Offsets of what stands between semicolons, in quotes and comments too, as the tool cuts files."""
    ends = [found.end() for found in re.finditer(";", text)]
    pieces = zip([0, *ends], [*ends, len(text)], strict=True)
    return tuple((start, end) for start, end in pieces if text[start:end].strip())


def _add(files: dict[int, _File], file: _File) -> None:
    if other := files.get(file.version):
        raise refusal(
            f"version {file.version} is taken twice: {other.path.name} and {file.path.name}",
            where=str(file.path),
            remedy="give one of them a number of its own; golang-migrate refuses the folder as it is",
        )
    files[file.version] = file


def _table(settings: ToolSettings) -> str:
    table = settings.ledger or settings.options.get("x-migrations-table") or "schema_migrations"
    return table if "." in table else f"public.{table}"


def _misnamed(versions: Iterable[int], found: Mapping[str, Mapping[int, _File]]) -> list[str]:
    """Pairs whose halves are called differently, and downs without an up."""
    said = []
    for version in versions:
        up, down = found["up"].get(version), found["down"].get(version)
        if down and up is None:
            said.append(f"{down.path.name} has no up file of the same version")
        elif up and down and up.name != down.name:
            said.append(f"{up.path.name} and {down.path.name} have one version but different names")
    return said


def _subfolders(folder: Path, files: int) -> list[str]:
    """Folders with migrations below that one, which the tool does not read."""
    below = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and files]
    return [
        f"{entry.name} is a folder with migrations in it; golang-migrate reads no folders below its own"
        for entry in below
        if any(_FILE.fullmatch(child.name) for child in entry.iterdir())
    ]


@dataclass(frozen=True)
class VersionLedger:
    """One row at most: the newest version, and whether a migration has failed half-way.

    The tool writes (version, dirty) before a migration and (version, not dirty) after it. Only the
    second is kept here, where it can be in the script's own transaction: on success there is no
    difference, and after a failure nothing is asked of the table.
    """

    table: str
    versions: Mapping[str, int]

    def create(self) -> str:
        return composed(
            "CREATE TABLE IF NOT EXISTS {} (version bigint not null primary key, dirty boolean not null);",
            self.table,
        )

    def record(self, migration: Migration) -> str:
        return self._set(self.versions[migration.id])

    def strike(self, migration: Migration) -> str:
        return self._set(self._before[self.versions[migration.id]])

    @cached_property
    def _before(self) -> dict[int, int | None]:
        versions = sorted(self.versions.values())
        return dict(zip(versions, [None, *versions], strict=False))

    def _set(self, version: int | None) -> str:
        # The tool truncates; of a table with one row nobody can tell, and this is several times as fast.
        emptied = composed("DELETE FROM {};", self.table)
        if version is None:
            return emptied
        entry = composed(
            "INSERT INTO {} (version, dirty) VALUES ({version}, false);", self.table, version=version
        )
        return f"{emptied} {entry}"

    def read(self, conn: Connection[Any], history: MigrationHistory) -> list[str]:
        """All up to the version in the table: the tool knows no other."""
        query = sql.SQL("SELECT version FROM {}").format(sql.Identifier(*split_name(self.table)))
        found = [int(row[0]) for row in rows(conn, query, self.table)]
        newest = max(found, default=-1)
        known = [m.id for m in history if m.number <= newest]
        strange = [
            str(version) for version in found if version >= 0 and version not in self.versions.values()
        ]
        return [*known, *strange]
