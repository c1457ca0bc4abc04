"""The SQL files beside this module."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

_NAMED = "--named"


@cache
def sql_text(name: str, *, named: bool = False) -> str:
    """The text of `sql/NAME.sql`; every file is one SELECT, with $1, $2… where it takes parameters.

    Args:
        named: with the lines that end in "named", which pick tables by their names. Said in one statement
            for both, the server would go through all tables to find a few.
    """
    text = files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8").strip().rstrip(";")
    return text if named else "\n".join(line for line in text.splitlines() if not line.endswith(_NAMED))
