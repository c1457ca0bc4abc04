"""The SQL files beside this module, cut to what a server's major version understands."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_MARK = re.compile(r"--(?: since (?P<since>\d+))?(?: before (?P<before>\d+))?\s*$")


@cache
def query(name: str, *, major: int) -> str:
    """The text of `sql/NAME.sql` for PostgreSQL `major`.

    A line that ends in `-- since 14` is for 14 and later, in `-- before 14` for 13 and earlier,
    in `-- since 15 before 17` for 15 and 16. Every file is one or more statements, each a
    SELECT that a DBA may run in psql as it stands.
    """
    text = files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if _understood(line, major))


def _understood(line: str, major: int) -> bool:
    mark = _MARK.search(line)
    if mark is None:
        return True
    since, before = int(mark["since"] or 0), int(mark["before"] or 1000)
    return since <= major < before
