"""The SQL files beside this module."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def sql_text(name: str) -> str:
    """The text of `sql/NAME.sql`; every file is one SELECT, with $1, $2… where it takes parameters."""
    return files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8").strip().rstrip(";")
