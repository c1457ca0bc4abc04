"""What sql-migrate makes of a SQL file: which lines are which direction, and what is sent to the server.

The rules are those of sql-migrate 1 (its `sqlparse` package), faults included: a marker is one only as
`-- +migrate Word`, spelled just so; whatever it does not know it passes over; lines that begin with
`-- ` are left out, even within a function's body; and a statement ends with a line whose last word ends
with a semicolon, unless it stands in a `StatementBegin` block.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rollproof.migrations.tools.markers import Line, Refusal, Section, Span, lines, trim

_PREFIX = "-- +migrate "
_KNOWN = ("Up", "Down", "StatementBegin", "StatementEnd")


@dataclass(frozen=True, slots=True)
class SqlMigrateText:
    """A file taken apart.

    Attributes:
        up: forward; without statements when the file has no `-- +migrate Up`.
        down: backward; None when the file has no `-- +migrate Down`.
        oddities: what sql-migrate does with the file that its author will not have meant, a sentence each.
    """

    up: Section
    down: Section | None
    oddities: tuple[str, ...] = ()


def has_marker(text: str) -> bool:
    """True when the text has a line that begins one of the directions."""
    return any(_words(line)[:1] in (["Up"], ["Down"]) for line in lines(text))


def read_sql_migrate(text: str, *, bom: bool = False) -> SqlMigrateText:
    """Takes a file apart; never fails. What sql-migrate refuses of a file it refuses of both directions."""
    reader = _Reader()
    for line in lines(text, bom=bom):
        reader.take(line)
        if reader.refusal:
            break
    else:
        reader.end()
    return _refused(text, reader.refusal) if reader.refusal else reader.result()


def _words(line: Line) -> list[str]:
    return line.text.removeprefix(_PREFIX).split() if line.text.startswith(_PREFIX) else []


def _refused(text: str, refusal: Refusal) -> SqlMigrateText:
    """A file that is refused: its text is kept for what can still be said of it."""
    down = next((line for line in lines(text) if _words(line)[:1] == ["Down"]), None)
    up = Section(1, text[: down.start] if down else text, refusal=refusal)
    return SqlMigrateText(up, Section(down.number, text[down.start :], refusal=refusal) if down else None)


@dataclass
class _Part:
    """The lines of one direction. Statements are the numbers of their first and last lines."""

    transaction: bool = True
    kept: dict[int, str] = field(default_factory=dict)
    statements: list[Span] = field(default_factory=list)
    first: int = 0
    last: int = 0

    def section(self) -> Section:
        """Lines of the other direction between two of its own are blank."""
        numbers = range(self.first, self.last + 1)
        texts = [self.kept.get(number, "") for number in numbers]
        offsets = [0]
        for text in texts:
            offsets.append(offsets[-1] + len(text) + 1)
        whole = "".join(f"{text}\n" for text in texts)
        spans = [
            trim(whole, (offsets[a - self.first], offsets[b - self.first + 1])) for a, b in self.statements
        ]
        kept = tuple(span for span in spans if span[0] < span[1])
        return Section(max(self.first, 1), whole, kept, self.transaction)


class _Reader:
    """One pass over the lines."""

    def __init__(self) -> None:
        self.parts: dict[str, _Part] = {}
        self.direction = ""
        self.in_block = False
        self.block_line = 0
        self.start = 0
        self.pending = 0
        self.refusal: Refusal | None = None
        self.oddities: list[str] = []
        self.lost_line = 0

    def take(self, line: Line) -> None:
        if line.text.startswith(_PREFIX):
            self._mark(line)
        elif line.text.startswith("-- ") or not self.direction:
            self._leave_out(line)
        else:
            self._body(line)

    def _leave_out(self, line: Line) -> None:
        """Comments, and everything before the first direction."""
        if line.text.startswith("-- "):
            self._keep(line.number, "")
        elif line.text.strip() and not line.comment and not self.lost_line:
            self.lost_line = line.number
            self.oddities.append(
                f"line {line.number} stands before any marker, and sql-migrate leaves it out"
            )

    def _keep(self, number: int, text: str) -> None:
        if self.direction:
            part = self.parts[self.direction]
            part.kept[number] = text
            part.first, part.last = part.first or number, number

    def _body(self, line: Line) -> None:
        self._keep(line.number, line.text)
        self.start = self.start or line.number
        if line.text.strip():
            self.pending = self.pending or line.number
        if not self.in_block and line.ends_statement:
            self._finish()

    def _finish(self) -> None:
        """The statement that has begun goes as far as the last line that was kept."""
        if self.start:
            part = self.parts[self.direction]
            part.statements.append((self.start, part.last))
        self.start = self.pending = 0

    def _mark(self, line: Line) -> None:
        word, *options = _words(line) or [""]
        if not word:
            self.refusal = Refusal(
                line.number, "the marker says nothing", f"write one of: {', '.join(_KNOWN)}"
            )
        elif word in ("Up", "Down"):
            self._turn(line, word, options)
        elif word == "StatementBegin" and self.direction:
            self.in_block, self.block_line = True, line.number
        elif word == "StatementEnd" and self.direction:
            if self.in_block:
                self._finish()
            self.in_block = False
        elif word not in _KNOWN:
            self.oddities.append(
                f"line {line.number}: sql-migrate knows no marker {word!r} and passes over it"
            )

    def _turn(self, line: Line, word: str, options: list[str]) -> None:
        if self.pending:
            self.refusal = self._unfinished()
            return
        self.start = 0
        self.direction = word
        part = self.parts.setdefault(word, _Part())
        part.first = part.first or line.number + 1
        part.last = max(part.last, part.first - 1)
        if "notransaction" in options:
            part.transaction = False

    def _unfinished(self) -> Refusal:
        if self.in_block:
            return Refusal(
                self.block_line,
                "a StatementBegin block is not ended",
                "end it with `-- +migrate StatementEnd`",
            )
        return Refusal(
            self.pending,
            "the last statement does not end with a semicolon at the end of a line; "
            "a comment needs a space after its two dashes",
            "end it with one, or put it between StatementBegin and StatementEnd",
        )

    def end(self) -> None:
        """The file is over."""
        if self.in_block or self.pending:
            self.refusal = self._unfinished()
        elif not self.direction:
            self.refusal = Refusal(
                1, "there is neither `-- +migrate Up` nor `-- +migrate Down` in it", "begin it with the first"
            )

    def result(self) -> SqlMigrateText:
        down = self.parts.get("Down")
        if "Up" not in self.parts:
            self.oddities.append("it has no `-- +migrate Up`, and sql-migrate applies nothing")
        up = self.parts.get("Up", _Part(first=1))
        return SqlMigrateText(up.section(), down.section() if down else None, tuple(self.oddities))
