"""Can a script be parsed at all? Asked before anything is touched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pglast import get_postgresql_version, parse_sql
from pglast.parser import ParseError, parse_sql_protobuf

from rollproof.errors import MigrationError
from rollproof.migrations.psqltext import PsqlText, split
from rollproof.migrations.script import Script

PARSER_MAJOR: int = get_postgresql_version()[0]
"""major version of the PostgreSQL whose grammar the installed pglast carries"""


def validate(script: Script) -> PsqlText:
    """Parses a script; returns it taken apart.

    The grammar is PostgreSQL `PARSER_MAJOR`'s. A newer grammar than the server's lets a little pass
    that the server refuses; an older one refuses a little that the server knows. Names, types and
    PL/pgSQL bodies are not looked at: only running the script tells.

    Raises:
        MigrationError: the SQL is not valid; it names file, line, column and the parser's message.
    """
    text = split(script.text, script.known)
    with _explained(script):
        # The tree itself is not wanted here, and it is what takes time.
        parse_sql_protobuf(text.sql)
    return text


def parse(script: Script) -> tuple[PsqlText, tuple[Any, ...]]:
    """The script taken apart, and its statements as syntax trees. Raises as `validate` does."""
    text = split(script.text, script.known)
    with _explained(script):
        return text, tuple(parse_sql(text.sql))


@contextmanager
def _explained(script: Script) -> Iterator[None]:
    try:
        yield
    except ParseError as error:
        raise _invalid(script, error) from error


def _invalid(script: Script, error: ParseError) -> MigrationError:
    message, offset = (*error.args, None)[:2]
    # The parser gives no place for "at end of input".
    place = offset if isinstance(offset, int) else len(script.text.rstrip())
    line, column = script.line_at(place), script.column_at(place)
    variable = script.text[place : place + 1] == ":"
    return MigrationError(
        f"the SQL is not valid: {message}",
        doing=f"parsing it with PostgreSQL {PARSER_MAJOR}'s grammar, before anything was touched",
        where=script.where(line, column),
        remedy="set the psql variable in the script itself (\\set), which is run without any"
        if variable
        else "correct the script; psql would stop at the same place",
        facts={"line": line, "column": column, "sqlstate": "42601"},
    )
