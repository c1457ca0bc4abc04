"""Which row of a ledger is which migration's, whichever tool wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rollproof.components.postgres.acts.listing import is_row_of
from rollproof.migrations.model import Migration
from rollproof.migrations.script import Script

FILE = Migration("003_add_notes.sql", 3, "add_notes", Script(Path("003_add_notes.sql"), ""))
APP = Migration("shop.0003_notes", 9, "notes", Script(Path("0003_notes.py"), ""))
VERSION = Migration("20240101_notes", 20240101, "notes", Script(Path("20240101_notes.up.sql"), ""))


@pytest.mark.parametrize(
    ("row", "migration", "column", "its"),
    [
        ({"id": 7, "migration_name": "003_add_notes.sql"}, FILE, "migration_name", True),
        ({"id": 3, "migration_name": "004_more.sql"}, FILE, "migration_name", False),
        (
            {"id": 3, "migration_name": "004_more.sql", "by": "003_add_notes.sql"},
            FILE,
            "migration_name",
            False,
        ),
        ({"id": 1, "app": "shop", "name": "0003_notes"}, APP, None, True),
        ({"id": 9, "app": "shop", "name": "0004_more"}, APP, None, False),
        ({"id": 1, "app": "blog", "name": "0003_notes"}, APP, None, False),
        ({"version": 20240101, "dirty": False}, VERSION, None, True),
        ({"version": 20240102, "dirty": False}, VERSION, None, False),
        ({"version_id": 3, "is_applied": True}, FILE, None, True),
        ({"id": 3, "note": "none"}, FILE, None, False),
    ],
)
def test_a_row_is_a_migrations_only_by_what_names_it(
    row: dict[str, Any], migration: Migration, column: str | None, its: bool
) -> None:
    assert is_row_of(row, migration, column) is its
