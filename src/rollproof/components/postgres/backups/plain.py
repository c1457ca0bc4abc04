"""Looking through a dump in plain SQL before psql runs it: is it whole, and does it stay where it is put?

A plain dump is a program: with `pg_dump --create` it connects to the database that it was taken of, and
fills that one in place of the one it was meant for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

COMPLETE = b"-- PostgreSQL database dump complete"
"""pg_dump's last words: what is cut off lacks them."""
HARMLESS = frozenset([b"\\restrict", b"\\unrestrict"])
"""psql's commands that pg_dump writes itself, to keep others from being run."""
LONGEST = 2**16
"""bytes of a statement that are kept to tell what it does"""
_END = 64
_NEXT = re.compile(
    rb"--|/\*|(?<![\w\x80-\xff$])[eE]'|'|\"|(?<![\w\x80-\xff$])\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$|\\\S*|[;()]"
)
_LEFT_ESCAPED, _LEFT_COMMENT = re.compile(rb"\\.|'", re.DOTALL), re.compile(rb"/\*|\*/")
_ATOMIC = re.compile(
    rb"\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:FUNCTION|PROCEDURE)\b.*\bBEGIN\s+ATOMIC\b",
    re.IGNORECASE | re.DOTALL,
)
"""A body that is no text: its statements end with semicolons, and it with END."""
_ENDS = re.compile(rb"\s*END\b", re.IGNORECASE)
_ELSEWHERE = re.compile(
    rb"\s*(?:(?:CREATE|DROP|ALTER)\s+"
    rb"(?:DATABASE|ROLE|USER(?!\s+MAPPING)|GROUP|TABLESPACE|SYSTEM|SUBSCRIPTION)\b"
    rb"|(?:GRANT|REVOKE|COMMENT|SECURITY\s+LABEL)\b.*\bON\s+(?:DATABASE|TABLESPACE|SUBSCRIPTION)\b"
    rb"|(?:BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK|ABORT|PREPARE\s+TRANSACTION)\b)",
    re.IGNORECASE | re.DOTALL,
)
"""Statements that reach beyond the database that they are run in, or out of psql's hands."""
_NAME = rb'(?:"(?:[^"]|"")*"|[\w$\x80-\xff]+)'
_COPY = re.compile(rb"\s*COPY\s+(?:ONLY\s+)?(" + _NAME + rb"\." + _NAME + rb")?", re.IGNORECASE)
_STDIN = re.compile(rb"\bFROM\s+stdin\b[^;]*$", re.IGNORECASE)
_INSERT = re.compile(rb"\s*INSERT\s+INTO\s+(" + _NAME + rb"\." + _NAME + rb")", re.IGNORECASE)
_OUTSIDE = rb"(?:[^'\";\\$/-]|-(?!-)|/(?!\*))*+"
_ONE_ROW = re.compile(
    rb"INSERT INTO ([\w\x80-\xff]+\.[\w\x80-\xff]+) "
    + _OUTSIDE
    + rb"(?:'[^'\\]*'"
    + _OUTSIDE
    + rb")*+;\r?\n?\Z"
)
"""A row in a line of its own, as `pg_dump --inserts` writes most: seen at once, for there are many."""
_NONCONFORMING = re.compile(rb"\s*SET\s+standard_conforming_strings\s*(?:=|TO)\s*'?off", re.IGNORECASE)


@dataclass
class Look:
    """What was found in a plain dump, line by line.

    Attributes:
        lines: so far.
        stray: what would reach elsewhere, and in which line; empty when nothing does.
        copied, inserted: tables with rows in it, as they are written there.
    """

    lines: int = 0
    stray: str = ""
    copied: set[bytes] = field(default_factory=set)
    inserted: set[bytes] = field(default_factory=set)
    complete: bool = False
    _inside: bytes = b""
    _depth: int = 0
    _brackets: int = 0
    _copying: bool = False
    _atomic: bool = False
    _escapes: bool = False
    _head: bytes = b""
    _end: bytes = b""

    @property
    def whole(self) -> bool:
        """Whether it ends as pg_dump ends one, and in the midst of nothing."""
        return self.complete and not (
            self._inside or self._depth or self._copying or self._atomic or self._head.strip()
        )

    @property
    def with_rows(self) -> set[bytes]:
        return self.copied | self.inserted

    def read(self, lines: Iterable[bytes]) -> Look:
        """Looks at all of them; stops at the first that reaches elsewhere."""
        for line in lines:
            self._line(line)
            if self.stray:
                break
        return self

    def _line(self, line: bytes) -> None:
        self.lines += 1
        if self._copying:
            self._copying = line.rstrip(b"\r\n") != b"\\."
            return
        if self._between and (found := _ONE_ROW.match(line)):
            self.inserted.add(found[1])
            return
        at = 0
        while at < len(line) and not self.stray:
            at = self._leave(line, at) if self._inside or self._depth else self._go_on(line, at)

    @property
    def _between(self) -> bool:
        """Whether the line before ended a statement, or was none."""
        inside = self._inside or self._depth or self._brackets or self._atomic or self._escapes
        return not (inside or self._head.strip())

    def _go_on(self, line: bytes, at: int) -> int:
        """Outside of quotes and comments: up to what comes next, and into it. Returns where to go on."""
        found = _NEXT.search(line, at)
        self._add(line[at : found.start()] if found else line[at:])
        if found is None:
            return len(line)
        token = found[0]
        match token[:1]:
            case b"-":
                self.complete = self.complete or line[found.start() :].startswith(COMPLETE)
                return len(line)
            case b"/":
                self._depth = 1
            case b"\\":
                return self._command(token, line)
            case b"(" | b")":
                self._brackets += 1 if token == b"(" else -1
                self._add(token)
            case b";" if self._brackets > 0:  # a rule's commands
                self._add(token)
            case b";":
                self._statement()
            case _:
                self._enter(token)
        return found.end()

    def _add(self, text: bytes) -> None:
        if len(self._head) < LONGEST:
            self._head += text
        self._end = (self._end + text)[-_END:]

    def _enter(self, token: bytes) -> None:
        escaped = len(token) == 2 and token[1:] == b"'"
        self._inside = b"e'" if escaped or (token == b"'" and self._escapes) else token
        self._add(b"'" if token.endswith(b"'") else token if token == b'"' else b"$$")

    def _command(self, token: bytes, line: bytes) -> int:
        if token not in HARMLESS:
            self.stray = f"line {self.lines} has {token.decode('utf-8', 'replace')}, a command to psql"
        return len(line)

    def _leave(self, line: bytes, at: int) -> int:
        """Within quotes or a comment: to its end, or to the line's."""
        if self._depth:
            return self._leave_comment(line, at)
        if self._inside == b"e'":
            return self._leave_escaped(line, at)
        end = line.find(self._inside, at)
        text = line[at:] if end < 0 else line[at : end + len(self._inside)]
        if self._inside == b'"':
            self._add(text)
        if end < 0:
            return len(line)
        end += len(self._inside)
        self._inside = b""
        return end

    def _leave_escaped(self, line: bytes, at: int) -> int:
        found = _LEFT_ESCAPED.search(line, at)
        if found is None:
            return len(line)
        if found[0] == b"'":
            self._inside = b""
        return found.end()

    def _leave_comment(self, line: bytes, at: int) -> int:
        found = _LEFT_COMMENT.search(line, at)
        if found is None:
            return len(line)
        self._depth += 1 if found[0] == b"/*" else -1
        return found.end()

    def _statement(self) -> None:
        head, end = self._head, self._end
        self._head = self._end = b""
        self._brackets = 0
        if self._atomic:
            self._atomic = _ENDS.match(head) is None
            return
        self._atomic = _ATOMIC.match(head) is not None
        if _NONCONFORMING.match(head):
            self._escapes = True
        if found := _COPY.match(head):
            self._copying = bool(_STDIN.search(end))
            self.copied.add(found[1] or b"")
            if not self._copying:
                self.stray = f"line {self.lines} copies from or to a file of the server"
        elif found := _INSERT.match(head):
            self.inserted.add(found[1])
        elif found := _ELSEWHERE.match(head):
            said = b" ".join(head.split()[:2]).decode("utf-8", "replace")
            self.stray = f"line {self.lines} has {said}, which reaches beyond the database"
