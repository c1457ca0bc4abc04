"""What adapters of SQL tools do alike with files: reading them, noticing what is odd about their names."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rollproof.errors import MigrationError
from rollproof.migrations.script import Mode, Script
from rollproof.migrations.tools.base import parents_of

_LONGEST_MANIFEST = 1_000_000
"""bytes; a larger go.mod or Cargo.toml is not read"""


def read_script(path: Path, mode: Mode) -> Script:
    """The file as its tool runs it. Raises MigrationError."""
    return replace(Script.read(path), mode=mode)


def no_script(path: Path, mode: Mode) -> Script:
    """What stands for a file that the tool can do without: it runs nothing."""
    return Script(path=path, text="", mode=mode)


def names_in(folder: Path, *, tool: str) -> list[str]:
    """Names of the files in a folder, sorted; hidden ones left out. Raises MigrationError."""
    try:
        return sorted(
            entry.name for entry in folder.iterdir() if not entry.name.startswith(".") and entry.is_file()
        )
    except OSError as error:
        raise refusal(
            f"the folder cannot be read: {error.strerror}",
            where=str(folder),
            remedy=f"name the folder with the migrations of {tool}",
        ) from error


def refusal(found: str, *, where: str, remedy: str) -> MigrationError:
    """The error of an adapter that cannot make sense of the files."""
    return MigrationError(found, doing="loading the migration files", where=where, remedy=remedy)


def nothing_here(folder: Path, *, tool: str, example: str) -> MigrationError:
    """The error for a folder without a single migration."""
    return refusal(
        f"there is no migration of {tool} here: nothing is named like {example}",
        where=str(folder),
        remedy="name the folder with the migrations as PATH, or another tool with --tool",
    )


def odd_widths(written: Iterable[str]) -> list[str]:
    """A warning when numbers are zero-padded to different widths: listings show another order."""
    texts = list(written)
    padded = {len(text) for text in texts if text.startswith("0")}
    others = {len(text) for text in texts} - padded
    if len(padded) > 1 or any(other < width for width in padded for other in others):
        return ["the numbers have different widths; the order is that of the numbers, not of a file listing"]
    return []


def marked(scripts: Iterable[Script | None], tool: str) -> list[str]:
    """Warnings for files with a byte order mark, which these tools send to the server as it is."""
    return [
        f"{script.path.name} begins with a byte order mark, which {tool} sends along and the server refuses"
        for script in scripts
        if script and script.bom
    ]


def manifest_names(folder: Path, root: Path, manifest: str, word: str) -> bool:
    """Whether that file, in the folder or above it up to the root of the search, holds the word."""
    return any(_holds(parent / manifest, word) for parent in parents_of(folder, root))


def _holds(path: Path, word: str) -> bool:
    try:
        if path.stat().st_size > _LONGEST_MANIFEST:
            return False
        return word in path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def toml_of(path: Path) -> Mapping[str, Any] | None:
    """A TOML file's content; None when there is none or it cannot be read as one."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None
