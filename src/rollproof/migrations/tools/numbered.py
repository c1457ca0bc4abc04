"""Numbered SQL files with rollback scripts beside them: `010_plans.sql`, `011_rollback_010.sql`."""

from __future__ import annotations

from pathlib import Path

from rollproof.errors import MigrationError
from rollproof.migrations.patterns import FilePattern, forward
from rollproof.migrations.source import MigrationSource
from rollproof.migrations.sqlfiles import SqlFiles
from rollproof.migrations.tools.base import Certainty, Folder, Found, survey
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.model.system import Migrations

NAME = "sql-files"
_DOWN = FilePattern.compile(Migrations.model_fields["rollback"].default)


def find(root: Path) -> list[Found]:
    """Folders with numbered SQL files, at least one of them a rollback script by the default pattern."""
    return [
        Found(NAME, folder.path, "numbered SQL files with rollback scripts", Certainty.POSSIBLE)
        for folder in survey(root)
        if _looks_right(folder)
    ]


def _looks_right(folder: Folder) -> bool:
    names = [name for name in folder.files if name.lower().endswith(".sql")]
    back = [name for name in names if _DOWN.match(name)]
    return bool(back) and any(forward(name) for name in names if name not in back)


def open(path: Path, settings: ToolSettings) -> MigrationSource:  # noqa: A001  # the interface's word
    """The history in that folder. Raises MigrationError when it is no folder."""
    if not path.is_dir():
        raise MigrationError(
            "this is not a folder",
            doing="opening the migrations of sql-files",
            where=str(path),
            remedy="name the folder with the numbered SQL files",
        )
    return SqlFiles(path, declared(settings))


def declared(settings: ToolSettings) -> Migrations:
    """The settings in the words of a system file."""
    return Migrations(
        path=str(settings.path or "."),
        ledger=settings.ledger or Migrations.model_fields["ledger"].default,
        ledger_column=settings.ledger_column,
        rollback=settings.rollback,
        reverse=settings.reverse,
    )
