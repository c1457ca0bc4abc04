"""A script cut into the messages in which its tool sends it to the server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice, pairwise, zip_longest

from rollproof.errors import MigrationError
from rollproof.migrations.failure import Step, steps
from rollproof.migrations.psqltext import DataBlock, PsqlText, Statement, split
from rollproof.migrations.script import Mode, Script

_BOM = "\ufeff"
_LONG = 20_000
"""characters; a longer script in one transaction is sent whole: cutting it up costs more than it tells"""
_MAY_END = re.compile(r"(?i)\b(?:commit|rollback|abort|end|prepare)\b")
_BEFORE_WORDS = re.compile(r"(?:\s|--[^\n]*|/\*.*?\*/)*", re.DOTALL)
_WORD = re.compile(r"[^\W\d][\w$]*")
_FROM_STDIN = re.compile(r"(?i)\bfrom\s+stdin\b")

split_once = lru_cache(maxsize=8)(split)
"""`split`, remembering the last few texts: a script is run, run again, and asked about"""


@dataclass(frozen=True, slots=True)
class Piece:
    """One message.

    Attributes:
        sql: what is sent.
        start: offset in the script's text of its first character.
        step: the statement that it is; None when it holds the whole script.
        rows: what COPY FROM STDIN gets; None: it gets nothing, and the server is told so.
        parts: the statements in it where they are more than one, with offsets in the script's text.
    """

    sql: str = field(repr=False)
    start: int = 0
    step: Step | None = None
    rows: str | None = field(default=None, repr=False)
    parts: tuple[Statement, ...] = ()

    def offset(self, position: int) -> int:
        """Offset in the script's text of the server's `position`, which counts from 1 what was sent."""
        before = self.sql[: position - 1].removeprefix(_BOM)
        return self.start + len(before.replace("\r\n", "\n"))


@dataclass(frozen=True, slots=True)
class Sending:
    """All messages of a script, in order.

    Attributes:
        transaction: True when the tool opens a transaction before them and commits it after.
    """

    pieces: tuple[Piece, ...]
    transaction: bool = False


def needs_psql(script: Script) -> bool:
    r"""True when psql would make something else of the text than the statements that stand in it.

    That is: meta-commands, variables that are set, `\;`, and rows that belong to no COPY before them.
    """
    if script.mode is not Mode.PSQL:
        return False
    text = split_once(script.text, script.known)
    if text.sql == script.text:
        return False
    return bool(text.meta or text.variables) or not _only_rows_blanked(script, text)


def section(script: Script) -> str | None:
    """What psql gets by its standard input where the text is not all of its file; None where it is."""
    try:
        whole = script.first_line == 1 and Script.read(script.path).text == script.text
    except MigrationError:
        whole = False
    return None if whole else _line_ends(script, 0, len(script.text))


def _only_rows_blanked(script: Script, text: PsqlText) -> bool:
    rows = {line for block in text.data for line in range(block.line, block.line + block.rows + 1)}
    pairs = zip_longest(script.text.split("\n"), text.sql.split("\n"), fillvalue="")
    kept = all(old == new for line, (old, new) in enumerate(pairs, 1) if line not in rows)
    copies = sum(_copies(script, step) for step in steps(script, text))
    return kept and copies == len(text.data)


def _copies(script: Script, step: Step) -> bool:
    found = step.statement
    return found.words[:1] == ("COPY",) and bool(_FROM_STDIN.search(script.text, found.start, found.end))


def cut(script: Script) -> Sending:
    """The messages in which the script goes to the server.

    A byte order mark goes along unless psql takes it off, and Windows line ends stay as they are in the
    file: a tool that reads its files otherwise says so by the script's `bom` and `crlf`, and one that
    splits them otherwise by its `statements`.
    """
    transaction = script.mode is Mode.TRANSACTION
    if script.statements is not None:
        return Sending(tuple(_as_told(script, script.statements)), transaction)
    if script.mode is Mode.SIMPLE or (transaction and _better_whole(script)):
        return Sending((Piece(_sent(script, 0, len(script.text))),), transaction)
    return Sending(tuple(_statements(script, split_once(script.text))), transaction)


def _better_whole(script: Script) -> bool:
    """Whatever is psql's own is the server's to refuse, where it stands."""
    if script.bom or (len(script.text) > _LONG and not _MAY_END.search(script.text)):
        return True
    return split_once(script.text).sql != script.text


def _as_told(script: Script, spans: Sequence[tuple[int, int]]) -> Iterator[Piece]:
    """The pieces that the tool sends, in its order, which may be another than the text's."""
    whole = PsqlText("", tuple(_one(script.text, start, end) for start, end in spans))
    in_order = all(one.start <= next_one.start for one, next_one in pairwise(whole.statements))
    for step in steps(script, whole):
        found = step.statement
        placed = step if in_order else at_lines(script, step, found)
        parts = _several(script.text, found.start, found.end)
        yield Piece(_sent(script, found.start, found.end), found.start, placed, parts=parts)


def _several(text: str, start: int, end: int) -> tuple[Statement, ...]:
    """The statements of a piece with a semicolon before its end; most have none, and taking apart is slow."""
    found = inside(text, start, end) if 0 <= text.find(";", start, end) < end - 1 else ()
    return found if len(found) > 1 else ()


def _one(text: str, start: int, end: int) -> Statement:
    """A piece as if it were one statement, which it need not be; only its first words are looked at."""
    skipped = _BEFORE_WORDS.match(text, start, end)
    words = islice(_WORD.finditer(text, skipped.end() if skipped else start, end), 4)
    return Statement(start, end, tuple(word[0].upper() for word in words))


def inside(text: str, start: int, end: int) -> tuple[Statement, ...]:
    """The statements in a piece, as psql would find them, with offsets in the whole text."""
    return tuple(
        replace(
            found,
            start=found.start + start,
            end=found.end + start,
            dollar=None if found.dollar is None else found.dollar + start,
        )
        for found in split(text[start:end]).statements
    )


def at_lines(script: Script, step: Step, statement: Statement) -> Step:
    """The step as that statement of it, with its lines in the file."""
    first = script.in_file(script.line_at(statement.start))
    lines = script.text.count("\n", statement.start, max(statement.start, statement.end - 1))
    return replace(step, statement=statement, first_line=first, last_line=first + lines)


def _statements(script: Script, text: PsqlText) -> Iterator[Piece]:
    blocks = iter(text.data if script.mode is Mode.PSQL else ())
    for step in steps(script, text):
        found = step.statement
        start = 0 if script.bom and not step.committed and found is text.statements[0] else found.start
        block = next(blocks, None) if text.data and _copies(script, step) else None
        yield Piece(_sent(script, start, found.end), start, step, _rows(script, block) if block else None)


def _rows(script: Script, block: DataBlock) -> str:
    lines = script.text.split("\n")
    start = sum(len(line) + 1 for line in lines[: block.line - 1])
    rows = sum(len(line) + 1 for line in lines[block.line - 1 :][: block.rows])
    return _line_ends(script, start, min(start + rows, len(script.text)))


def _sent(script: Script, start: int, end: int) -> str:
    mark = _BOM if script.bom and start == 0 and script.mode is not Mode.PSQL else ""
    return mark + (_line_ends(script, start, end) if script.crlf else script.text[start:end])


def _line_ends(script: Script, start: int, end: int) -> str:
    """That part of the text with the line ends that it has in the file."""
    text = script.text[start:end]
    if not script.crlf:
        return text
    windows = _windows_lines(script)
    first = script.text.count("\n", 0, start)
    *lines, last = text.split("\n")
    ended = [f"{line}\r\n" if windows[first + at] else f"{line}\n" for at, line in enumerate(lines)]
    return "".join([*ended, last])


@lru_cache(maxsize=4)
def _windows_lines(script: Script) -> list[bool]:
    """Of each line of the text: whether it ends the Windows way. All of them when there is no such file."""
    here = script.text.split("\n")
    try:
        there = script.path.read_bytes().decode("utf-8-sig").split("\n")[script.first_line - 1 :]
    except (OSError, UnicodeDecodeError):
        return [True] * len(here)
    same = [line.removesuffix("\r") for line in there[: len(here) - 1]] == here[:-1]
    return [line.endswith("\r") for line in there[: len(here)]] if same else [True] * len(here)
