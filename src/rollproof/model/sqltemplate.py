"""SQL with `{token}` in it, made into a query with parameters.

A `{token}` on its own becomes one parameter. Inside a quoted literal (`'order-{token}'`, `$$…$$`) the
whole literal becomes the parameter, so that it keeps its place and type. `%` stays what it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

TOKEN = "{token}"  # noqa: S105  # the placeholder, not a secret

# PostgreSQL manual, 4.1 "Lexical Structure"; nested comments are rare enough to end at the first */
_PIECES = re.compile(
    r"""
    (?P<escaped>  \b[eE]'(?:[^'\\]|''|\\.)*' )
  | (?P<literal>  '(?:[^']|'')*' )
  | (?P<dollar>   (?P<tag>\$(?:[A-Za-z_][A-Za-z0-9_]*)?\$) .*? (?P=tag) )
  | (?P<identifier> "(?:[^"]|"")*" )
  | (?P<comment>  --[^\n]* | /\*.*?\*/ )
  | (?P<token>    \{token\} )
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class SqlTemplate:
    """A query for psycopg.

    Attributes:
        query: with `%(p0)s`… for parameters and every other `%` doubled.
        texts: what each parameter is, `{token}` still in it.
    """

    query: str
    texts: Mapping[str, str]

    @classmethod
    def of(cls, text: str) -> SqlTemplate:
        """Raises ValueError when `{token}` stands where no parameter can: in a "name" or an E'…' literal."""
        texts: dict[str, str] = {}
        query, end = "", 0
        for found in _PIECES.finditer(text):
            query += text[end : found.start()].replace("%", "%%")
            content = _parameter(found)
            if content is None:
                query += found[0].replace("%", "%%")
            else:
                name = f"p{len(texts)}"
                texts[name] = content
                query += f"%({name})s"
            end = found.end()
        return cls(query + text[end:].replace("%", "%%"), texts)

    def parameters(self, token: str) -> dict[str, str]:
        """The parameters of one operation."""
        return {name: text.replace(TOKEN, token) for name, text in self.texts.items()}


def _parameter(found: re.Match[str]) -> str | None:
    """The text that a piece becomes as a parameter; None when it stays as it is written."""
    piece = found[0]
    if TOKEN not in piece or found["comment"]:
        return None
    if found["token"]:
        return TOKEN
    if found["literal"]:
        return piece[1:-1].replace("''", "'")
    if tag := found["tag"]:
        return piece[len(tag) : -len(tag)]
    what = "a quoted name" if found["identifier"] else "an E'…' literal"
    raise ValueError(f"{{token}} cannot stand inside {what}")
