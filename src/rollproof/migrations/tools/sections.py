"""What the tools share that keep both directions in one file: where such files are, and how they are run."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rollproof.errors import AttemptFailed, MigrationError
from rollproof.migrations.execute import ScriptRun
from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.migrations.script import Script
from rollproof.migrations.source import Runner
from rollproof.migrations.tools.base import Certainty, Found, survey
from rollproof.migrations.tools.markers import Refusal
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.migrations.tools.sqltool import SqlTool

LOADING = "loading the migration files"
_FILES_LOOKED_INTO = 24
"""SQL files of one folder that are opened in search of a marker"""
_SEARCH_PATH = re.compile(
    r"(?i)\bset\s+(?:session\s+)?search_path\s*(?:=|\bto\b)([^;]*);"
    r"|\bset_config\s*\(\s*'search_path'\s*,([^,;]*),\s*false\s*\)"
)
_RESET = re.compile(r"(?i)\b(?:reset\s+(?:search_path|all)|discard\s+all)\b")
_HEAD = 64 * 1024
"""bytes of a file that are read in search of a marker"""


@dataclass(frozen=True, slots=True)
class FileScripts:
    """What one file comes to.

    Attributes:
        migration: as the history has it.
        refusals: why the tool would not run a direction, by `up` and `down`.
        warnings: what is odd about the file but does not stop anything.
    """

    migration: Migration
    refusals: dict[str, Refusal]
    warnings: tuple[str, ...] = ()


class SectionTool(SqlTool):
    """A tool with one file a migration. What the tool refuses of a file fails when it is run, not before."""

    lost_without_path: ClassVar[bool] = True
    """whether the tool loses sight of its own table where search_path is empty, as dumps leave it"""

    def __init__(self, path: Path, settings: ToolSettings) -> None:
        super().__init__(path, settings)
        self._refusals: dict[tuple[str, str], Refusal] = {}

    @abstractmethod
    def files(self) -> list[FileScripts]:
        """All files, in the tool's order. Raises MigrationError."""

    @property
    @abstractmethod
    def table(self) -> str:
        """Qualified name of the ledger."""

    def read(self) -> MigrationHistory:
        found = self.files()
        if not found:
            raise MigrationError(
                f"there is no migration of {self.tool} here",
                doing=LOADING,
                where=str(self.path),
                remedy="name the folder with the migrations as PATH",
            )
        for file in found:
            for direction, refusal in file.refusals.items():
                self._refusals[file.migration.id, direction] = refusal
        return MigrationHistory(
            tuple(file.migration for file in found),
            ledger=self.table,
            warnings=tuple(
                text for file in found for text in (*file.warnings, *self._astray(file.migration))
            ),
            where=str(self.path),
        )

    def _astray(self, migration: Migration) -> Iterator[str]:
        """The ledger is named with its schema here, for what the project's connection has is not known."""
        scripts = (script for script in (migration.up, migration.down) if script)
        left = [path for script in scripts if (path := search_path_left(script.text)) is not None]
        if self.settings.ledger is None and any(path or self.lost_without_path for path in left):
            yield (
                f"{migration.id} leaves a search_path without public behind, "
                f"with which {self.tool} itself may not find its own table"
            )

    def apply(self, migration: Migration, runner: Runner) -> ScriptRun:
        self._refuse(migration, "up")
        return super().apply(migration, runner)

    def roll_back(self, migration: Migration, runner: Runner) -> ScriptRun:
        self._refuse(migration, "down")
        return super().roll_back(migration, runner)

    def joined(self, script: Script) -> bool:
        return script.statements is not None or super().joined(script)

    def _refuse(self, migration: Migration, direction: str) -> None:
        if refusal := self._refusals.get((migration.id, direction)):
            raise AttemptFailed(
                f"{self.tool} refuses the file: {refusal.found}",
                doing=f"reading {migration.where.name}, before anything was run",
                where=f"{migration.where}:{refusal.line}",
                remedy=refusal.remedy,
                facts={"line": refusal.line, "sqlstate": None, "indeterminate": 0, "committed_statements": 0},
            )


def search_path_left(text: str) -> str | None:
    """The search_path that a script leaves behind for the session, without quotes.

    None when it leaves none, puts it back, or `public` is in it.
    """
    found = [each[1] or each[2] or "" for each in _SEARCH_PATH.finditer(text)]
    if not found or re.search(r"(?i)\bpublic\b|\bdefault\b", found[-1]) or _RESET.search(text):
        return None
    return found[-1].strip("'\" ")


def marked_folders(root: Path, tool: str, has_marker: Callable[[str], bool], why: str) -> list[Found]:
    """Folders of the repository with a SQL file that has the tool's marker."""
    return [
        Found(tool, folder.path, why, Certainty.SURE)
        for folder in survey(root)
        if any(has_marker(_head(folder.path / name)) for name in _likeliest(folder.files))
    ]


def _likeliest(names: tuple[str, ...]) -> list[str]:
    found = [name for name in names if name.endswith(".sql")]
    return sorted(found, key=lambda name: (not name[:1].isdigit(), name))[:_FILES_LOOKED_INTO]


def _head(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD).decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    except OSError:
        return ""


def entries(folder: Path) -> Iterator[Path]:
    """The files of a folder by name, hidden ones left out. Raises MigrationError."""
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        why = {FileNotFoundError: "there is no such folder", NotADirectoryError: "this is not a folder"}
        raise MigrationError(
            why.get(type(error), f"the folder cannot be read: {error.strerror}"),
            doing=LOADING,
            where=str(folder),
            remedy="name the folder with the migrations as PATH",
        ) from error
    yield from (path for path in found if path.is_file() and not path.name.startswith("."))


def refuse_twice(taken: dict[str, Path], version: str, path: Path, tool: str) -> None:
    """Notes a version; the second file with one is an error."""
    if other := taken.get(version):
        raise MigrationError(
            f"version {version} is taken twice: {other.name} and {path.name}",
            doing=LOADING,
            where=str(path),
            remedy=f"give one of them a version of its own; {tool} cannot tell them apart",
        )
    taken[version] = path
