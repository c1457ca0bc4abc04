"""Django: run by itself, with the project's own settings and migrations, in its own interpreter.

django_places         where the project is         django_program          runs it, there
django_source         the history                  django_program_project  its settings, without its database
django_target         what it is led to instead    django_program_session  its connection and its history
django_kinds          what a migration does        django_program_states   its models at each migration
                                                   django_program_facts    what its operations do
"""

from __future__ import annotations

from pathlib import Path

from rollproof.migrations.source import MigrationSource
from rollproof.migrations.tools.base import Found
from rollproof.migrations.tools.django_places import TOOL, find_places, place_of
from rollproof.migrations.tools.django_source import DjangoSource
from rollproof.migrations.tools.settings import ToolSettings

NAME = TOOL


def find(root: Path) -> list[Found]:
    """Every manage.py of Django's; else files that name the settings for pytest; else apps by themselves."""
    return find_places(root)


def open(path: Path, settings: ToolSettings) -> MigrationSource:  # noqa: A001  as every adapter names it
    """The history of the project at a path. Raises MigrationError."""
    return DjangoSource(place_of(path, settings), settings)
