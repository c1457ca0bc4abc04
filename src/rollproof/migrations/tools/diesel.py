"""diesel, and whoever else keeps a folder for each migration: `2019-01-01-120000_create_posts/up.sql`.

Rules as of diesel_migrations 2: a folder's version is what stands before the first `_`, without dashes,
and versions are ordered as texts.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from pathlib import Path

from rollproof.errors import AttemptFailed
from rollproof.migrations.execute import ScriptRun
from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.migrations.script import Mode, Script
from rollproof.migrations.source import MigrationSource, Runner
from rollproof.migrations.tools.base import Certainty, Folder, Found, SqlTool, survey
from rollproof.migrations.tools.files import (
    manifest_names,
    marked,
    nothing_here,
    read_script,
    refusal,
    toml_of,
)
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.migrations.tools.sqlledger import RowLedger

NAME = "diesel"
_LEDGER = "__diesel_schema_migrations"
_SETUP = "diesel_initial_setup"


def find(root: Path) -> list[Found]:
    """Folders with at least one folder that holds an `up.sql`, and those that a diesel.toml names."""
    folders = {folder.path: folder for folder in survey(root)}
    ups = {f.path.parent for f in folders.values() if "up.sql" in f.files and f.path != root}
    configured = {
        place for folder in folders.values() if "diesel.toml" in folder.files for place in _named_by(folder)
    }
    return [_found(path, root, configured) for path in sorted(ups | (configured & set(folders)))]


def _named_by(folder: Folder) -> list[Path]:
    table = (toml_of(folder.path / "diesel.toml") or {}).get("migrations_directory")
    named = table.get("dir") if isinstance(table, dict) else None
    # Without an entry diesel looks for the nearest folder of that name.
    place = folder.path / named if isinstance(named, str) else folder.path / "migrations"
    return [place] if place.is_dir() else []


def _found(path: Path, root: Path, configured: set[Path]) -> Found:
    if path in configured:
        return Found(NAME, path, "the folder that diesel.toml names", Certainty.SURE)
    if manifest_names(path, root, "Cargo.toml", "diesel"):
        return Found(NAME, path, "up.sql in folders, and Cargo.toml names diesel", Certainty.SURE)
    return Found(NAME, path, "a folder with up.sql for each migration")


def open(path: Path, settings: ToolSettings) -> MigrationSource:  # noqa: A001  # the interface's word
    """The history in that folder."""
    return Diesel(path, settings)


class Diesel(SqlTool):
    """Each script is one message, in one transaction with the ledger unless metadata.toml says otherwise."""

    tool = NAME

    @cached_property
    def ledger(self) -> RowLedger:
        return RowLedger(
            table=f"public.{_LEDGER}",
            written=_LEDGER,
            definition="(version varchar(50) PRIMARY KEY NOT NULL, "
            "run_on timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP)",
            key="version",
            keys={migration.id: version_of(migration.id) for migration in self.load()},
        )

    def how_to_write_down(self, migration: Migration) -> str:
        return f"write {migration.where / 'down.sql'}"

    def read(self) -> MigrationHistory:
        """All folders, ordered by version.

        Raises:
            MigrationError: no such folder or no migration in it, a folder without up.sql, a version
                that two folders bear, or a file that cannot be read.
        """
        folders = self._folders()
        migrations = tuple(_migration(place, folder) for place, folder in enumerate(folders, start=1))
        scripts = [script for m in migrations for script in (m.up, m.down) if script]
        return MigrationHistory(
            migrations,
            ledger=f"public.{_LEDGER}",
            warnings=(
                *(
                    f"{s.path.parent.name}/{s.name} is empty, which diesel refuses"
                    for s in scripts
                    if not s.text
                ),
                *marked(scripts, NAME),
            ),
            where=str(self.path),
        )

    def _folders(self) -> list[Path]:
        try:
            entries = [entry for entry in self.path.iterdir() if not entry.name.startswith(".")]
        except OSError as error:
            raise refusal(
                f"the folder cannot be read: {error.strerror}",
                where=str(self.path),
                remedy="name the folder that holds a folder for each migration",
            ) from error
        by_version: dict[str, list[Path]] = defaultdict(list)
        for entry in sorted(entry for entry in entries if entry.is_dir()):
            by_version[version_of(entry.name)].append(entry)
        if not by_version:
            raise nothing_here(self.path, tool=NAME, example="2019-01-01-120000_create_posts/up.sql")
        return [_only(by_version[version]) for version in sorted(by_version)]

    def apply(self, migration: Migration, runner: Runner) -> ScriptRun:
        _refuse_empty(migration.up)
        return super().apply(migration, runner)

    def roll_back(self, migration: Migration, runner: Runner) -> ScriptRun:
        if migration.down is not None:
            _refuse_empty(migration.down)
        return super().roll_back(migration, runner)


def version_of(name: str) -> str:
    """What diesel's ledger holds for a folder of that name."""
    return name.partition("_")[0].replace("-", "")


def _only(folders: list[Path]) -> Path:
    if len(folders) > 1:
        raise refusal(
            f"version {version_of(folders[0].name)} is taken twice: {folders[0].name} and {folders[1].name}",
            where=str(folders[1]),
            remedy="give one of them a version of its own; diesel would run only one of them",
        )
    if not (folders[0] / "up.sql").exists():
        raise refusal(
            "the folder holds no up.sql, and diesel refuses the whole history for it",
            where=str(folders[0]),
            remedy="write its up.sql, or move the folder elsewhere",
        )
    return folders[0]


def _migration(place: int, folder: Path) -> Migration:
    mode = Mode.TRANSACTION if _in_transaction(folder) else Mode.SIMPLE
    down = folder / "down.sql"
    _, _, name = folder.name.partition("_")
    return Migration(
        id=folder.name,
        number=place,
        name=name or folder.name,
        up=read_script(folder / "up.sql", mode),
        down=read_script(down, mode) if down.exists() else None,
        path=folder,
        note="made by `diesel setup`" if name == _SETUP else "",
    )


def _in_transaction(folder: Path) -> bool:
    """As diesel reads metadata.toml: yes without the file or with a broken one; no without the key in it."""
    metadata = toml_of(folder / "metadata.toml")
    return metadata is None or metadata.get("run_in_transaction") is True


def _refuse_empty(script: Script) -> None:
    if not script.text:
        raise AttemptFailed(
            "the file is empty, and diesel refuses to run an empty file",
            doing=f"running {script.name}",
            where=str(script.path),
            remedy="write what it has to do; a comment alone will do if that is nothing",
            facts={"line": 1, "indeterminate": 0},
        )
