"""sqlx: `20230101_create_users.up.sql` and `.down.sql`, or `20230101_create_users.sql` without a way back.

Rules as of sqlx 0.9: sqlx-core/src/migrate/source.rs and config/migrate.rs, sqlx-postgres/src/migrate.rs.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from psycopg import Connection

from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.migrations.script import Mode, Script
from rollproof.migrations.source import MigrationSource
from rollproof.migrations.tools.base import Certainty, Folder, Found, SqlTool, parents_of, survey
from rollproof.migrations.tools.files import (
    manifest_names,
    marked,
    names_in,
    no_script,
    nothing_here,
    refusal,
    toml_of,
)
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.migrations.tools.sqlledger import RowLedger, composed

NAME = "sqlx"
_LEDGER = "_sqlx_migrations"
_DEFINITION = (
    "(version BIGINT PRIMARY KEY, description TEXT NOT NULL, "
    "installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), success BOOLEAN NOT NULL, "
    "checksum BYTEA NOT NULL, execution_time BIGINT NOT NULL)"
)
_FILE = re.compile(r"(?P<version>[^_]*)_(?P<name>.*?)(?P<direction>\.up|\.down|)\.sql")
_NUMBERED = re.compile(r"[0-9]+_.*\.sql")
_NO_TRANSACTION = "-- no-transaction"
_OTHERS = ("+goose", "+migrate", "migrate:up")
_CONFIG = "sqlx.toml"
_LEVELS = 5
"""how many folders up sqlx.toml is looked for"""
_READ = 4000
"""bytes of a file that are looked at for another tool's marks"""


def find(root: Path) -> list[Found]:
    """Folders with numbered SQL files in a project that names sqlx in its Cargo.toml or has its cache."""
    named = {place for folder in survey(root) if _CONFIG in folder.files for place in _named_by(folder.path)}
    return [
        Found(NAME, folder.path, f"numbered SQL files, and {why}", Certainty.SURE)
        for folder in survey(root)
        if (first := _first(folder))
        and (why := "sqlx.toml names it" if folder.path in named else _project(folder, root))
        and not _another(folder.path / first)
    ]


def _named_by(folder: Path) -> list[Path]:
    """The folder of the migrations that a sqlx.toml names."""
    named = _migrate_table(folder).get("migrations-dir")
    return [(folder / named).resolve(), folder / named] if isinstance(named, str) else []


def _migrate_table(folder: Path) -> Mapping[str, Any]:
    table = (toml_of(folder / _CONFIG) or {}).get("migrate")
    return table if isinstance(table, dict) else {}


@dataclass(frozen=True, slots=True)
class _Config:
    """What sqlx.toml says of the ledger. table: as it is written there. schemas: made before the ledger."""

    table: str = _LEDGER
    schemas: tuple[str, ...] = ()

    @classmethod
    def of(cls, folder: Path) -> _Config:
        """The nearest sqlx.toml at or above the migrations, not beyond the repository."""
        for place in (folder, *folder.parents[:_LEVELS]):
            if (place / _CONFIG).is_file():
                return cls._read(_migrate_table(place))
            if (place / ".git").exists():
                break
        return cls()

    @classmethod
    def _read(cls, table: Mapping[str, Any]) -> _Config:
        name, schemas = table.get("table-name"), table.get("create-schemas")
        listed = [one for one in schemas if isinstance(one, str)] if isinstance(schemas, list) else []
        return cls(name if isinstance(name, str) and name else _LEDGER, tuple(listed))

    @property
    def parts(self) -> tuple[str, ...]:
        """The table's name, unquoted: sqlx puts the text of sqlx.toml into its SQL as it is."""
        return tuple(_unquoted(part) for part in _PARTS.findall(self.table)) or (_LEDGER,)

    @property
    def qualified(self) -> str:
        """As the catalog has it."""
        return _joined(self.parts if len(self.parts) > 1 else ("public", *self.parts))


_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
_PARTS = re.compile(r'"(?:[^"]|"")+"|[^."]+')


def _joined(parts: tuple[str, ...]) -> str:
    """One name of several parts; those in quotes that need them."""
    quoted = (part if _PLAIN.fullmatch(part) else '"' + part.replace('"', '""') + '"' for part in parts)
    return parts[0] if len(parts) == 1 else ".".join(quoted)


def _unquoted(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part.strip().lower()


def _first(folder: Folder) -> str | None:
    return next((name for name in folder.files if _NUMBERED.fullmatch(name)), None)


def _project(folder: Folder, root: Path) -> str:
    if manifest_names(folder.path, root, "Cargo.toml", "sqlx"):
        return "Cargo.toml names sqlx"
    caches = (".sqlx", "sqlx-data.json", "sqlx.toml")
    above = parents_of(folder.path, root)
    return next((f"{name} is there" for place in above for name in caches if (place / name).exists()), "")


def _another(path: Path) -> bool:
    """Whether a file is marked as another tool's."""
    try:
        with path.open("rb") as file:
            head = file.read(_READ).decode("utf-8", errors="replace")
    except OSError:
        return False
    return any(mark in head for mark in _OTHERS)


def open(path: Path, settings: ToolSettings) -> MigrationSource:  # noqa: A001  # the interface's word
    """The history in that folder."""
    return Sqlx(path, settings)


@dataclass(frozen=True, slots=True)
class _File:
    version: int
    written: str
    name: str
    direction: str
    path: Path


class Sqlx(SqlTool):
    """Each script is one message, in a transaction with the ledger unless `-- no-transaction` begins it."""

    tool = NAME

    @cached_property
    def ledger(self) -> SqlxLedger:
        history, config = self.load(), self._config
        written = _joined(config.parts)
        return SqlxLedger(
            RowLedger(
                table=config.qualified,
                written=written,
                definition=_DEFINITION,
                key="version",
                keys={migration.id: migration.number for migration in history},
            ),
            written,
            config.schemas,
        )

    @cached_property
    def _config(self) -> _Config:
        return _Config.of(self.path)

    def how_to_write_down(self, migration: Migration) -> str:
        if migration.up.name.endswith(".up.sql"):
            return f"write {migration.id}.down.sql beside it"
        return f"make it reversible: {migration.id}.up.sql and {migration.id}.down.sql (sqlx migrate add -r)"

    def read(self) -> MigrationHistory:
        """All versions, in order.

        Raises:
            MigrationError: no such folder or no migration in it, a SQL file whose name does not begin
                with a number and `_`, two files of one direction for one version, or an unreadable file.
        """
        files = [file for name in names_in(self.path, tool=NAME) if (file := self._file(name))]
        by_version: dict[int, dict[str, _File]] = defaultdict(dict)
        for file in files:
            _add(by_version[file.version], file)
        if not by_version:
            raise nothing_here(self.path, tool=NAME, example="20230101120000_create_users.up.sql")
        migrations = tuple(_migration(by_version[version], self.path) for version in sorted(by_version))
        return MigrationHistory(
            migrations,
            ledger=self._config.qualified,
            warnings=(
                *(f"{m.where.name} has no up file of the same version" for m in migrations if m.note),
                *marked((script for m in migrations for script in (m.up, m.down)), NAME),
            ),
            where=str(self.path),
        )

    def _file(self, name: str) -> _File | None:
        match = _FILE.fullmatch(name)
        if match is None:
            return None
        if not re.fullmatch(r"\+?[0-9]+", match["version"]):
            raise refusal(
                f"{match['version']!r} is no version, and sqlx refuses the whole folder for it",
                where=str(self.path / name),
                remedy="begin the name with a number and _, or move the file elsewhere",
            )
        direction = match["direction"].removeprefix(".")
        return _File(int(match["version"]), match["version"], match["name"], direction, self.path / name)


def _add(files: dict[str, _File], file: _File) -> None:
    forward = {"", "up"} if file.direction != "down" else {"down"}
    if other := next((files[direction] for direction in forward & set(files)), None):
        raise refusal(
            f"version {file.version} is taken twice: {other.path.name} and {file.path.name}",
            where=str(file.path),
            remedy="give one of them a version of its own",
        )
    files[file.direction] = file


def _migration(files: Mapping[str, _File], folder: Path) -> Migration:
    up, down = files.get("up") or files.get(""), files.get("down")
    file = up or down
    assert file is not None
    return Migration(
        id=f"{file.written}_{file.name}",
        number=file.version,
        name=file.name,
        up=_script(up.path) if up else no_script(folder / f"{file.written}_{file.name}.up.sql", Mode.SIMPLE),
        down=_script(down.path) if down else None,
        path=file.path,
        note="" if up else "there is no up file; going down runs the down file all the same",
    )


def _script(path: Path) -> Script:
    script = Script.read(path)
    alone = script.text.startswith(_NO_TRANSACTION) and not script.bom
    return replace(script, mode=Mode.SIMPLE if alone else Mode.TRANSACTION)


@dataclass(frozen=True)
class SqlxLedger:
    """The tool's own table: a row for each version, with the SHA-384 of its file."""

    plain: RowLedger
    written: str = _LEDGER
    schemas: tuple[str, ...] = ()

    @property
    def table(self) -> str:
        return self.plain.table

    def create(self) -> str:
        schemas = [composed("CREATE SCHEMA IF NOT EXISTS {};", _unquoted(one)) for one in self.schemas]
        return " ".join([*schemas, self.plain.create()])

    def record(self, migration: Migration) -> str:
        return composed(
            "INSERT INTO {} (version, description, success, checksum, execution_time) "
            "VALUES ({version}, {description}, TRUE, {checksum}, {nanoseconds});",
            self.written,
            version=migration.number,
            description=migration.name.replace("_", " "),
            checksum=_checksum(migration.up),
            nanoseconds=-1,
        )

    def strike(self, migration: Migration) -> str:
        return self.plain.strike(migration)

    def read(self, conn: Connection[Any], history: MigrationHistory) -> list[str]:
        return self.plain.read(conn, history)


def _checksum(script: Script) -> bytes:
    """Of the file as it is; of the text for a file that is not there."""
    try:
        return hashlib.sha384(script.path.read_bytes()).digest()
    except OSError:
        return hashlib.sha384(script.text.encode()).digest()
