"""One SQL script as it lies on disk, decoded; reading it explains what is wrong with the file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from rollproof.errors import MigrationError

_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_DOING = "reading the migration files"


class Mode(StrEnum):
    """How a tool sends a script to the server."""

    PSQL = "psql"
    """`psql -f`: each statement by itself, meta-commands and rows of COPY FROM stdin honoured"""
    TRANSACTION = "transaction"
    """all statements in one transaction that the tool opens and commits"""
    SIMPLE = "simple"
    """the whole text in one message: one transaction, unless the text has BEGIN or COMMIT of its own"""
    AUTOCOMMIT = "autocommit"
    """each statement by itself, without psql"""


@dataclass(frozen=True, slots=True)
class Script:
    """A SQL file, or a section of one.

    Attributes:
        path: the file, absolute when it was read from disk.
        text: its content without byte order mark and with `\\n` line ends, so that line numbers
            are psql's; what runs is the file itself.
        digest: SHA-256 of the file's bytes, in hex: what was judged is what may run.
        bom: True when the file starts with a UTF-8 byte order mark.
        crlf: True when it has Windows line ends.
        mode: how the script's own tool runs it.
        first_line: line of the file, from 1, that the text begins on; more than 1 when the file holds
            both directions and this is a section of it.
        statements: what the tool sends, each piece in one message of its own, as offsets of start and end
            into the text; None when the tool leaves that to the mode. Tools that split files by rules of
            their own split some of them wrongly, and then the server's error is what happens.
        variables: psql variables that the tool sets before it runs the file.
        folder: working folder for `\\i`; None: the runner's choice.
    """

    path: Path
    text: str = field(repr=False)
    digest: str = ""
    bom: bool = False
    crlf: bool = False
    mode: Mode = Mode.PSQL
    first_line: int = 1
    statements: tuple[tuple[int, int], ...] | None = None
    variables: tuple[tuple[str, str], ...] = ()
    folder: Path | None = None

    @classmethod
    def read(cls, path: Path) -> Script:
        """The file, decoded.

        Raises:
            MigrationError: not a regular file, not readable, not UTF-8, or it holds a NUL byte.
        """
        raw = _bytes(path)
        body = raw.removeprefix(_UTF8_BOM)
        text = _decode(path, body)
        return cls(
            path=path,
            text=text.replace("\r\n", "\n"),
            digest=hashlib.sha256(raw).hexdigest(),
            bom=len(body) != len(raw),
            crlf="\r\n" in text,
        )

    @property
    def known(self) -> tuple[str, ...]:
        """Names of the psql variables that are set before it runs."""
        return tuple(name for name, _ in self.variables)

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.path.name

    def line_at(self, offset: int) -> int:
        """Line, from 1, of the character at `offset`."""
        return self.text.count("\n", 0, offset) + 1

    def column_at(self, offset: int) -> int:
        """Column, from 1, of the character at `offset`."""
        return offset - (self.text.rfind("\n", 0, offset) + 1) + 1

    def in_file(self, line: int) -> int:
        """Line of the file of a line of the text; both from 1."""
        return line + self.first_line - 1

    def where(self, line: int | None = None, column: int | None = None) -> str:
        """`path:line:column`, the way editors open it."""
        return ":".join(str(part) for part in (self.path, line, column) if part is not None)


def _bytes(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "not a regular file"
        raise _unreadable(path, f"this is {kind}, where a SQL file was expected", "move it elsewhere")
    try:
        return path.read_bytes()
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise _unreadable(
            path, f"the file cannot be read: {why}", "make it readable for this user"
        ) from error


def _decode(path: Path, body: bytes) -> str:
    if body.startswith(_UTF16_BOMS):
        raise _unreadable(path, "the file is UTF-16, not UTF-8", _convert(path, "UTF-16"))
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        line, column = _position(body, error.start)
        found = f"byte 0x{body[error.start]:02X} at line {line}, column {column} is not UTF-8"
        raise _unreadable(path, found, _convert(path, "LATIN1"), line) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise _unreadable(
            path, f"line {line} holds a NUL byte, which no SQL text has", "write it again as text", line
        )
    return text


def _position(body: bytes, offset: int) -> tuple[int, int]:
    start = body.rfind(b"\n", 0, offset) + 1
    return body.count(b"\n", 0, offset) + 1, len(body[start:offset].decode("utf-8")) + 1


def _convert(path: Path, encoding: str) -> str:
    return f"convert it: iconv -f {encoding} -t UTF-8 {path.name}"


def _unreadable(path: Path, found: str, remedy: str, line: int | None = None) -> MigrationError:
    where = f"{path}:{line}" if line else str(path)
    return MigrationError(found, doing=_DOING, where=where, remedy=remedy, facts={"line": line})
