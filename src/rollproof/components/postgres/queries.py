"""The catalog queries of this room: in sql/, so that a DBA can read them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from psycopg import sql


@cache
def query(name: str) -> sql.SQL:
    """The query in `sql/<name>.sql`. Raises FileNotFoundError for one that is not there."""
    return sql.SQL(files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8"))
