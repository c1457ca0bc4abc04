"""What tools with both directions in one file share: lines, statement ends, sections and refusals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from rollproof.migrations.script import Mode, Script

Span = tuple[int, int]
"""offsets of the first character and of the end"""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file. `number` is from 1; `start` and `end` are offsets, the line end left out."""

    number: int
    start: int
    end: int
    text: str

    @property
    def comment(self) -> bool:
        """True when nothing but a `--` comment is on it."""
        return self.text.lstrip().startswith("--")

    @property
    def ends_statement(self) -> bool:
        """True when its last word before a `--` comment ends with a semicolon.

        That is the rule of goose and of sql-migrate, which took it over: quotes, dollar quotes and
        block comments are not looked at, and only a word that *begins* with `--` begins a comment.
        """
        last = ""
        for word in self.text.split():
            if word.startswith("--"):
                break
            last = word
        return last.endswith(";")


def lines(text: str, *, bom: bool = False) -> Iterator[Line]:
    """The lines of a text; an empty rest after the last line end is none.

    Args:
        bom: the file has a byte order mark. These tools do not skip it: a marker behind one is none.
    """
    start = 0
    for number, piece in enumerate(text.split("\n"), start=1):
        end = start + len(piece)
        if start < len(text):
            yield Line(number, start, end, f"\ufeff{piece}" if bom and number == 1 else piece)
        start = end + 1


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the tool itself would not run a section.

    Attributes:
        line: of the file, from 1.
        found: one sentence without a full stop.
        remedy: what to do next.
    """

    line: int
    found: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Section:
    """One direction of a file.

    Attributes:
        first_line: line of the file that the text begins on, from 1.
        text: its lines; what the tool drops is blanked, so that lines and columns stay what they are.
        statements: what the tool sends, each by itself, as offsets into `text`.
        transaction: True when the tool wraps all of it in one transaction.
        refusal: why the tool would not run it; None when it would.
    """

    first_line: int
    text: str = field(repr=False)
    statements: tuple[Span, ...] = ()
    transaction: bool = True
    refusal: Refusal | None = None

    def script(self, file: Script) -> Script:
        """It as a script of that file. These tools send neither its byte order mark nor its `\\r`."""
        return replace(
            file,
            text=self.text,
            first_line=self.first_line,
            statements=self.statements,
            mode=Mode.TRANSACTION if self.transaction else Mode.AUTOCOMMIT,
            bom=False,
            crlf=False,
        )


def trim(text: str, span: Span) -> Span:
    """The span without the space around what it holds."""
    piece = text[span[0] : span[1]]
    start = span[0] + len(piece) - len(piece.lstrip())
    return start, max(start, span[0] + len(piece.rstrip()))
