"""sql-migrate: SQL files with `-- +migrate Up` and `-- +migrate Down`, and `dbconfig.yml`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from rollproof.errors import MigrationError
from rollproof.migrations.model import Migration
from rollproof.migrations.script import Script
from rollproof.migrations.source import MigrationSource
from rollproof.migrations.tools.base import Certainty, Found, survey
from rollproof.migrations.tools.sections import LOADING, FileScripts, SectionTool, entries, marked_folders
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.migrations.tools.sql_migrate_text import has_marker, read_sql_migrate
from rollproof.migrations.tools.sqlledger import RowLedger, composed

NAME = "sql-migrate"
CONFIG = "dbconfig.yml"
_TABLE = "gorp_migrations"
_NUMBER = re.compile(r"\d+")
_HIGHEST = 4
"""how many folders above the migrations the configuration is looked for"""


def find(root: Path) -> list[Found]:
    """Folders with a SQL file that has one of sql-migrate's markers, and those that `dbconfig.yml` names."""
    found = {
        item.path: item for item in marked_folders(root, NAME, has_marker, "`-- +migrate Up` in its files")
    }
    for folder in survey(root):
        for place in _named(folder.path) if CONFIG in folder.files else ():
            found.setdefault(place, Found(NAME, place, f"named in {CONFIG}", Certainty.SURE))
    return list(found.values())


def open(path: Path, settings: ToolSettings) -> MigrationSource:  # noqa: A001  # the interface's word
    """The history in a folder, or that which a `dbconfig.yml` names."""
    config = settings.config or (path if path.is_file() else _config_of(path))
    environment = _environment(config, settings.options.get("env")) if config else Environment()
    if path.is_file() or not any(name.suffix == ".sql" for name in path.glob("*.sql")):
        folder = environment.folder or path
        return SqlMigrate(folder, settings, environment)
    return SqlMigrate(path, settings, environment)


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment of a `dbconfig.yml`.

    Attributes:
        folder: of its migrations. table, schema: of its ledger.
    """

    name: str = ""
    folder: Path | None = None
    table: str = _TABLE
    schema: str = ""
    dialect: str = "postgres"

    @property
    def ledger(self) -> str:
        """Qualified name of the ledger."""
        return f"{self.schema or 'public'}.{self.table}"


def read_config(path: Path) -> list[Environment]:
    """The environments of a `dbconfig.yml`, in its order. Raises MigrationError."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        raise MigrationError(
            f"the file is no YAML that can be read: {getattr(error, 'problem', None) or error}",
            doing=LOADING,
            where=f"{path}:{line}" if line else str(path),
            remedy="correct it, or name the folder with the migrations as PATH",
        ) from error
    tables = found.items() if isinstance(found, dict) else ()
    return [_read(path, str(name), table) for name, table in tables if isinstance(table, dict)]


def _read(path: Path, name: str, table: Mapping[str, object]) -> Environment:
    def text(key: str, default: str) -> str:
        return str(table.get(key) or default)

    return Environment(
        name,
        (path.parent / text("dir", "migrations")).resolve(),
        text("table", _TABLE),
        text("schema", ""),
        text("dialect", "postgres"),
    )


def _named(folder: Path) -> list[Path]:
    """Folders with SQL files that the configuration in a folder names; none when it cannot be read."""
    try:
        found = read_config(folder / CONFIG)
    except MigrationError:
        return []
    wanted = [each.folder for each in found if each.dialect == "postgres" and each.folder]
    return [place for place in dict.fromkeys(wanted) if place.is_dir() and any(place.glob("*.sql"))]


def _config_of(folder: Path) -> Path | None:
    """The nearest configuration at or above a folder, within its repository."""
    for place in (folder.absolute(), *folder.absolute().parents)[: _HIGHEST + 1]:
        if (place / CONFIG).is_file():
            return place / CONFIG
        if (place / ".git").exists():
            return None
    return None


def _environment(config: Path, wanted: str | None) -> Environment:
    """The environment that is wanted; else `development`, as sql-migrate has it, else PostgreSQL's first."""
    found = read_config(config)
    by_name = {each.name: each for each in found}
    if wanted and wanted not in by_name:
        raise MigrationError(
            f"there is no environment {wanted!r}",
            doing=LOADING,
            where=str(config),
            remedy=f"name one of: {', '.join(by_name)}",
        )
    postgres = [each for each in found if each.dialect == "postgres"]
    usual = [each for each in postgres if each.name == "development"] or postgres or [Environment()]
    return by_name[wanted] if wanted else usual[0]


@dataclass(frozen=True, kw_only=True)
class GorpLedger(RowLedger):
    """`gorp_migrations`, in a schema that is made along with it where the configuration names one."""

    schema: str = ""

    def create(self) -> str:
        schema = composed("CREATE SCHEMA IF NOT EXISTS {};", self.schema) if self.schema else ""
        return schema + super().create()


class SqlMigrate(SectionTool):
    """The history in one folder."""

    tool = NAME

    def __init__(self, path: Path, settings: ToolSettings, environment: Environment) -> None:
        super().__init__(path, settings)
        self.configured = environment

    @property
    def table(self) -> str:
        return self.settings.ledger or self.configured.ledger

    @cached_property
    def ledger(self) -> GorpLedger:
        return GorpLedger(
            schema="" if self.settings.ledger else self.configured.schema,
            table=self.table,
            definition="(id text NOT NULL PRIMARY KEY, applied_at timestamp with time zone)",
            key="id",
            keys={migration.id: migration.id for migration in self.load()},
            order=("applied_at",),
            others={"applied_at": "now()"},
        )

    def files(self) -> list[FileScripts]:
        return list(self._each())

    def _each(self) -> Iterator[FileScripts]:
        found = [path for path in entries(self.path) if path.name.endswith(".sql")]
        for number, path in enumerate(sorted(found, key=order), start=1):
            yield self._file(path, number)

    def _file(self, path: Path, number: int) -> FileScripts:
        file = Script.read(path)
        found = read_sql_migrate(file.text, bom=file.bom)
        refusal = found.up.refusal
        migration = Migration(
            id=path.name,
            number=number,
            name=path.stem.lstrip("0123456789").lstrip("_-. ") or path.stem,
            up=found.up.script(file),
            down=found.down.script(file) if found.down else None,
            note=f"line {refusal.line}: {refusal.found}; so sql-migrate runs no file at all"
            if refusal
            else "",
        )
        refusals = {"up": refusal, "down": refusal} if refusal else {}
        return FileScripts(migration, refusals, tuple(f"{path.name}: {text}" for text in found.oddities))

    def how_to_write_down(self, migration: Migration) -> str:
        return f"write `-- +migrate Down` at the end of {migration.where.name}, and under it what undoes it"


def order(path: Path) -> tuple[bool, int, str]:
    """Files with a number in front come first, by that number, then all by name."""
    found = _NUMBER.match(path.name)
    return found is None, int(found[0]) if found else 0, path.name
