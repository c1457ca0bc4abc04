"""The SQL files beside this module."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def query(name: str) -> bytes:
    """The text of `sql/NAME.sql`; a SELECT that a DBA may run in psql as it stands."""
    return files(__package__).joinpath("sql", f"{name}.sql").read_bytes()
