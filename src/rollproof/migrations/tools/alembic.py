"""Alembic: run by itself, with the project's own env.py, in the project's own interpreter.

alembic_places       where the configuration and the scripts are   alembic_source        the history
alembic_kinds        what a revision's code does                   alembic_program       runs it, there
alembic_connections  sees to it that it is our database            worker                the process
"""

from __future__ import annotations

from pathlib import Path

from rollproof.migrations.source import MigrationSource
from rollproof.migrations.tools.alembic_places import find_places, place_of
from rollproof.migrations.tools.alembic_source import AlembicSource
from rollproof.migrations.tools.base import Found
from rollproof.migrations.tools.settings import ToolSettings

NAME = "alembic"


def find(root: Path) -> list[Found]:
    """Configuration files that name a script location, and folders of scripts that none names."""
    return find_places(root)


def open(path: Path, settings: ToolSettings) -> MigrationSource:  # noqa: A001  as every adapter names it
    """The history of a configuration file, or of a folder with env.py. Raises MigrationError."""
    return AlembicSource(place_of(path, settings), settings)
