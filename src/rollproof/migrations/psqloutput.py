"""What psql says, understood without its language, and freed of what may be somebody's data.

With VERBOSITY=verbose psql writes `psql:FILE:LINE: SEVERITY:  SQLSTATE: message` and then fields of
their own: LINE with a caret, DETAIL, HINT, CONTEXT, SCHEMA NAME… The severity comes in the server's
language, so nothing here reads it; the five characters of the SQLSTATE are the same everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import psycopg

_HEADER = re.compile(
    r"^(?:psql:(?P<file>.+?):(?P<line>\d+): )?(?P<severity>[^\s:]{2,20}):  ?"
    r"(?:(?P<state>[0-9A-Z]{5}): )?(?P<message>.*)$"
)
_OWN = re.compile(r"^psql(?::(?P<file>.+?):(?P<line>\d+))?: (?:(?:error|fatal|warning): )?(?P<message>.*)$")
_EXCERPT = re.compile(r"^LINE (\d+): (.*)$")
_FIELD = re.compile(
    r"^(DETAIL|HINT|QUERY|CONTEXT|LOCATION|(?:SCHEMA|TABLE|COLUMN|DATATYPE|CONSTRAINT) NAME):  ?(.*)$"
)
_BLOCK_LINE = re.compile(r"inline_code_block line (\d+)")
_COPY = re.compile(r"COPY ([^,]+), line (\d+)(?:, column ([^:]+))?")
_SAFE_CLASSES = frozenset(
    "00 01 02 08 0A 0B 20 21 24 25 26 28 2B 2D 34 3B 3D 3F 40 42 53 54 55 57 58".split()
)
"""classes of SQLSTATE whose messages name objects and states, never values (manual, appendix A)"""
_RAISED = "exec_stmt_raise"


@dataclass(frozen=True, slots=True)
class ServerMessage:
    """One error, warning or notice, as far as it may be shown.

    Attributes:
        file, line: where psql was; the line is the statement's last.
        state: SQLSTATE, "" for psql's own messages.
        message: as it came; not to be shown, `say` is.
        excerpt_line: the line within the statement, from 1, that the error is in, 0 when not told.
        excerpt: that line's text, without the dots that psql puts where it cuts it.
        caret: position in the excerpt, from 0.
        names: schema, table, column, data type and constraint, where the server told them.
        internal: True when the position is in a statement inside a function, not in the file.
        block_line: line in a DO block's body, 0 when not told.
        raised: True when code raised it with a text of its own.
    """

    message: str = field(repr=False)
    state: str = ""
    severity: str = ""
    file: str = ""
    line: int = 0
    excerpt_line: int = 0
    excerpt: str = field(default="", repr=False)
    caret: int = 0
    names: dict[str, str] = field(default_factory=dict)
    internal: bool = False
    block_line: int = 0
    raised: bool = False

    @property
    def state_name(self) -> str:
        """The condition's name in words: `unique violation`."""
        if self.state in ("", "00000"):
            return ""
        try:
            name = psycopg.errors.lookup(self.state).__name__
        except KeyError:
            return "error"
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()

    def say(self, script: str) -> str:
        """The message, or as much of it as cannot hold a row's value.

        Messages of classes that quote values (22 data exception, 23 integrity constraint, P0 and
        others) become the condition's name and the objects concerned. A text that code raised is
        shown when it stands in the script as it is: then it was put together from nothing else.
        """
        literal = "'" + self.message.replace("'", "''") + "'"
        if not self.state or literal in script:
            return self.message
        if self.raised or self.state[:2] not in _SAFE_CLASSES:
            objects = self._objects()
            text = " (its text is put together while it runs)" if self.raised else ""
            return f"{self.state_name or 'message'}{f' on {objects}' if objects else ''}{text}"
        return self._without_strangers(script) if self.internal else self.message

    def _without_strangers(self, script: str) -> str:
        """Dynamic SQL may be put together from rows: a quoted word stays only if the script has it."""
        return re.sub(r'"([^"]*)"', lambda word: word[0] if word[1] in script else '"…"', self.message)

    def _objects(self) -> str:
        table = ".".join(filter(None, (self.names.get("SCHEMA NAME"), self.names.get("TABLE NAME"))))
        parts = {
            "": table,
            "column ": self.names.get("COLUMN NAME"),
            "constraint ": self.names.get("CONSTRAINT NAME"),
            "type ": self.names.get("DATATYPE NAME"),
            "line of the COPY data: ": self.names.get("COPY LINE"),
        }
        return ", ".join(f"{word}{name}" for word, name in parts.items() if name)


def read_messages(stderr: str) -> list[ServerMessage]:
    """Everything that psql wrote to its error output, in order."""
    return [_message(block) for block in _blocks(stderr.splitlines())]


def _blocks(lines: Iterable[str]) -> Iterator[list[str]]:
    """Each message's first line with the fields that belong to it."""
    block: list[str] = []
    for line in lines:
        if line.startswith("psql:") or _at_commit(line):
            if block:
                yield block
            block = [line]
        elif block:
            block.append(line)
    if block:
        yield block


def _at_commit(line: str) -> bool:
    """`psql -1` commits when the file is over, and names no file any more.

    A line of a text that somebody made up may look the same: only what is never shown in full counts.
    """
    found = _HEADER.match(line)
    return bool(found and found["state"] and found["state"][:2] not in _SAFE_CLASSES)


def _message(block: list[str]) -> ServerMessage:
    header = _HEADER.match(block[0])
    if header is None or not header["state"]:
        own = _OWN.match(block[0])
        text = own["message"] if own else block[0]
        where = (own["file"] or "", int(own["line"] or 0)) if own else ("", 0)
        return ServerMessage(text, file=where[0], line=where[1])
    fields: dict[str, str] = {f[1]: f[2] for line in block[1:] if (f := _FIELD.match(line))}
    excerpt_line, excerpt, caret = _excerpt(block)
    in_block = _BLOCK_LINE.search(_context(block))
    return ServerMessage(
        header["message"],
        state=header["state"],
        severity=header["severity"],
        file=header["file"] or "",
        line=int(header["line"] or 0),
        excerpt_line=excerpt_line,
        excerpt=excerpt,
        caret=caret,
        names=_names(fields),
        internal="QUERY" in fields,
        block_line=int(in_block[1]) if in_block else 0,
        raised=fields.get("LOCATION", "").startswith(_RAISED),
    )


def from_fields(fields: Mapping[str, str]) -> ServerMessage:
    """The same from the fields of the protocol, named as psql prints them, without psql's own line.

    Further fields: `SEVERITY`, `SQLSTATE`, `MESSAGE`, and `FUNCTION`, the server's that reported it.
    """
    in_block = _BLOCK_LINE.search(fields.get("CONTEXT", ""))
    return ServerMessage(
        fields.get("MESSAGE", ""),
        state=fields.get("SQLSTATE", ""),
        severity=fields.get("SEVERITY", ""),
        names=_names(fields),
        internal="QUERY" in fields,
        block_line=int(in_block[1]) if in_block else 0,
        raised=fields.get("FUNCTION", "") == _RAISED,
    )


def _context(block: list[str]) -> str:
    """Where code was, innermost first; a line each."""
    start = next((at for at, line in enumerate(block) if line.startswith("CONTEXT:")), len(block))
    end = next(
        (at for at, line in enumerate(block[start + 1 :], start + 1) if _FIELD.match(line)), len(block)
    )
    return "\n".join(block[start:end])


def _names(fields: Mapping[str, str]) -> dict[str, str]:
    """Objects concerned; those of a failing COPY are only in its context."""
    names = {name: value for name, value in fields.items() if name.endswith(" NAME") and value}
    if copy := _COPY.match(fields.get("CONTEXT", "")):
        found = {"TABLE NAME": copy[1], "COPY LINE": copy[2], "COLUMN NAME": copy[3] or ""}
        names = {name: value for name, value in found.items() if value} | names
    return names


def _excerpt(block: list[str]) -> tuple[int, str, int]:
    for place, line in enumerate(block):
        if found := _EXCERPT.match(line):
            caret_line = block[place + 1] if place + 1 < len(block) else ""
            text, cut = found[2], found[2].startswith("...")
            core = text.removeprefix("...").removesuffix("...") if cut else text.removesuffix("...")
            caret = caret_line.find("^") - found.start(2) - (3 if cut else 0)
            return int(found[1]), core, max(caret, 0)
    return 0, "", 0
