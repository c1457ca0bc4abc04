"""What every adapter offers, where it looks for its tool's files, and which adapters there are."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from pathlib import Path
from typing import Protocol, cast

from rollproof.migrations.source import MigrationSource
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.migrations.tools.sqltool import SqlTool

__all__ = ["Certainty", "Folder", "Found", "SqlTool", "ToolAdapter", "adapters", "survey"]

_PACKAGE = "rollproof.migrations.tools"
_MODULES = (
    "numbered",
    "pairs",
    "diesel",
    "sqlx",
    "goose",
    "dbmate",
    "sql_migrate",
    "sqitch",
    "flyway",
    "prisma",
    "alembic",
    "django",
    "command",
)
DEPTH = 8
"""how many folders deep a repository is searched"""
MOST_FOLDERS = 20_000
"""how many folders are looked at; a repository with more needs to be told where its migrations are"""
_SKIPPED = frozenset(
    "node_modules bower_components vendor third_party venv env site-packages __pycache__ target dist".split()
)


class Certainty(IntEnum):
    """How sure an adapter is that a place is its own; of several tools the surest has it."""

    POSSIBLE = 1
    """the files' names would do for other tools too"""
    LIKELY = 2
    """the names are this tool's, by its own convention"""
    SURE = 3
    """the tool's own configuration is there, or a marker that no other tool has"""


@dataclass(frozen=True, slots=True)
class Found:
    """A place that an adapter takes for a history of its tool.

    Attributes:
        tool: the tool's name, as `--tool` has it.
        path: what the adapter's `open` wants: the folder of the migrations, or a configuration file.
        why: what was recognised, a few words.
    """

    tool: str
    path: Path
    why: str
    certainty: Certainty = Certainty.LIKELY


class ToolAdapter(Protocol):
    """What a module of an adapter holds."""

    NAME: str
    """the tool's name, as `--tool` and system files have it"""

    def find(self, root: Path) -> list[Found]:
        """Places below `root`, itself included, that look like this tool's; looks names up by `survey`."""
        ...

    def open(self, path: Path, settings: ToolSettings) -> MigrationSource:
        """The history at `path`: a Found's, or one that a person has named.

        Raises:
            MigrationError: there is no history of this tool, or a setting is missing.
        """
        ...


def adapters() -> dict[str, ToolAdapter]:
    """Every adapter by its tool's name."""
    found = (_import(f"{_PACKAGE}.{name}") for name in _MODULES)
    return {adapter.NAME: adapter for adapter in found if adapter is not None}


def _import(name: str) -> ToolAdapter | None:
    """The module; None when there is no such module at all."""
    try:
        return cast(ToolAdapter, importlib.import_module(name))
    except ModuleNotFoundError as error:
        if error.name == name:
            return None
        raise


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder of a repository, with the names in it, sorted; hidden ones too.

    Attributes:
        depth: 0 for the root of the search.
    """

    path: Path
    files: tuple[str, ...]
    folders: tuple[str, ...]
    depth: int


@lru_cache(maxsize=4)
def survey(root: Path) -> tuple[Folder, ...]:
    """The folders of a repository from the top, read once for all adapters.

    Left out are hidden folders, installed packages and build output, links to folders, other checkouts
    of the repository (`git worktree`), whatever is deeper than `DEPTH` and all after `MOST_FOLDERS`.
    `survey.cache_clear()` makes it look again.
    """
    found: list[Folder] = []
    waiting = [(root, 0)]
    for path, depth in waiting:
        if len(found) == MOST_FOLDERS:
            break
        folder, below = _look(path, depth)
        found.append(folder)
        if depth < DEPTH:
            waiting.extend((path / name, depth + 1) for name in below)
    return tuple(found)


def _look(path: Path, depth: int) -> tuple[Folder, list[str]]:
    """One folder, and the names of those in it that are worth a look. Unreadable ones are empty."""
    try:
        with os.scandir(path) as entries:
            listed = sorted((entry.name, _is_folder(entry), entry.is_symlink()) for entry in entries)
    except OSError:
        listed = []
    files = tuple(name for name, is_folder, _ in listed if not is_folder)
    folders = tuple(name for name, is_folder, _ in listed if is_folder)
    if depth and ".git" in files and _is_other_checkout(path / ".git"):
        return Folder(path, (), (), depth), []
    below = [name for name, is_folder, link in listed if is_folder and not link and _worth(name)]
    # An environment of Python's holds this file, whatever it is called.
    return Folder(path, files, folders, depth), [] if "pyvenv.cfg" in files else below


def _is_other_checkout(pointer: Path) -> bool:
    """Whether a folder is another checkout of the repository, by `git worktree`, such as of a release."""
    try:
        return "/worktrees/" in pointer.read_text("utf-8", "replace").replace("\\", "/")
    except OSError:
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """False for a link that leads round in a circle, which is an error of its own when it is asked."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _worth(name: str) -> bool:
    return not name.startswith(".") and name.lower() not in _SKIPPED


def parents_of(path: Path, root: Path) -> Iterator[Path]:
    """The folder itself and those above it, up to the root of the search."""
    yield path
    for parent in path.parents:
        if path == root or not parent.is_relative_to(root):
            return
        yield parent
