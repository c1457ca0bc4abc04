"""What servers and libraries quote of rows and of statements' values in their messages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rollproof.privacy.kinds import Hit, Kind

_WORDS = (
    "=(",
    "contains (",
    "contém (",
    "contient (",
    "contiene (",
    "enthält (",
    "COPY ",
    "invalid",
    "malformed",
    "out of range",
    "JSON data",
    "arameters: ",
    "args=(",
)
_BEGINNINGS = "|".join(
    (
        # the DETAIL of a broken constraint, in the languages that a server of ours is likely to speak
        r"(?:[Kk]ey|[Cc]have|[Cc]lé|[Ll]lave|[Cc]lave|[Cc]hiave|[Ss]chlüssel)[ \u00a0«»]{1,4}"
        r"\([^\n()]*(?:\([^\n()]*\)[^\n()]*)*\) ?= ?\(",
        r"(?:Failing row contains|Registro que falhou contém|La ligne en échec contient"
        r"|La fila que falla contiene|Fehlgeschlagene Zeile enthält|La riga in errore contiene) \(",
        r"Partition key of the failing row contains \([^\n]{0,400}?\) = \(",
        r"(?:invalid input|malformed \w+ literal|out of range)(?: [^\n\":]{0,120})?: \\?\"",
        r"\bvalue \\?\"(?=[^\n\"]{1,200}\" is out of range)",
        r"\bToken \\?\"(?=[^\n\"]{1,200}\" is invalid)",
    )
)
_ENDINGS = r"\) (?:already|is |does|conflicts|já|ya|existe|est|n'|bereits)|\)\.|\\?\"|\\n|\n|\Z"
_ROWS = re.compile(rf"(?:{_BEGINNINGS})((?!\[cut|\\?\")[^\n]+?)(?={_ENDINGS})")

_TO_THE_END = re.compile(
    r"(?:COPY [^\n]{1,200}?, line \d+(?:, column [^\n]{1,100}?)?: \\?\"|JSON data, line \d+: "
    r"|\b[Pp]arameters: |; args=\()"
    r"((?!\[cut|\\?\")(?:(?!\\n|\[cut)[^\n])+)"
)
"""What may hold any sign itself, so that nothing but the line's end is the end of it."""

_STATEMENTS = ("LINE ", "STATEMENT:", "INSTRUÇÃO:", "QUERY:")
_STATEMENT = re.compile(r"(?:LINE \d{1,6}: |\b(?:STATEMENT|INSTRUÇÃO|QUERY): )([^\n]+)")
_LITERAL = re.compile(r"'?\[cut[^\]]*\]'?|'((?:[^'\n]|'')+)(?:'|\Z)")


def rows(text: str) -> Iterator[Hit]:
    """A broken constraint's DETAIL, COPY's CONTEXT, a value of another type, a statement's parameters."""
    if any(word in text for word in _WORDS):
        for match in _ROWS.finditer(text):
            yield Hit(Kind.ROW, *match.span(1))
        for match in _TO_THE_END.finditer(text):
            yield Hit(Kind.ROW, *match.span(1))


def literals(text: str) -> Iterator[Hit]:
    """The texts in a statement that a server repeats: `LINE 1: INSERT INTO people VALUES ('…')`."""
    if any(word in text for word in _STATEMENTS):
        for match in _STATEMENT.finditer(text):
            for literal in _LITERAL.finditer(text, *match.span(1)):
                if literal.group(1):
                    yield Hit(Kind.ROW, *literal.span(1))


_IN_QUOTES = re.compile(r"'(?:[^'\n]|'')*'|\"[^\"\n]*\"")
_TELLING = re.compile(r"[0-9@ ]|.{18}")
_MIXED = re.compile(
    r"(?<![\w./-])(?=[\w.!@#$%&*+/~-]{6,})(?:[A-Za-z_.-]*\d+[A-Za-z!@#$%&*+/~][\w.!@#$%&*+/~-]*)(?!\w)"
)
"""Letters behind digits: `k9Zq77Lw`; not `orders_2024`, nor a name of several such parts."""
_NAME = re.compile(r"(?:[A-Za-z]+\d*|\d+)(?:[_.-](?:[A-Za-z]+\d*|\d+))*[.]?\Z")
_LONG_NUMBER = re.compile(r"(?<![\w.])\d{5,}(?![\w])")


def raised(text: str) -> str:
    """What code of the database's own raised, in its words, without what it may have put into them of rows.

    Texts in quotes that look like data, words of letters behind digits, and long numbers become `…`.
    """
    text = _IN_QUOTES.sub(
        lambda match: "'…'" if _TELLING.search(match.group()[1:-1]) else match.group(), text
    )
    text = _MIXED.sub(lambda match: match.group() if _NAME.match(match.group()) else "…", text)
    return _LONG_NUMBER.sub("…", text)


def statement(text: str) -> str:
    """A statement without those of its texts that look like data."""
    return _IN_QUOTES.sub(_shown, text)


def _shown(match: re.Match[str]) -> str:
    quoted = match.group()
    return "'…'" if quoted[0] == "'" and _TELLING.search(quoted[1:-1]) else quoted
