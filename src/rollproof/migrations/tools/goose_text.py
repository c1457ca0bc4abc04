"""What goose makes of a SQL file: which lines are which direction, and what is sent to the server.

The rules are those of goose 3 (its `sqlparser` package), faults included, because a file that goose
splits wrongly fails in the same way when it is deployed: outside `StatementBegin` blocks a statement
ends with a line whose last word ends with a semicolon, be it in the middle of a function's body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rollproof.migrations.tools.envsub import CannotSubstitute, expand
from rollproof.migrations.tools.markers import Line, Refusal, Section, Span, lines, trim


class Marker(StrEnum):
    """The annotations; upper and lower case are the same."""

    UP = "Up"
    DOWN = "Down"
    BEGIN = "StatementBegin"
    END = "StatementEnd"
    NO_TRANSACTION = "NO TRANSACTION"
    ENVSUB_ON = "ENVSUB ON"
    ENVSUB_OFF = "ENVSUB OFF"


_BY_NAME = {marker.value.lower(): marker for marker in Marker}


@dataclass(frozen=True, slots=True)
class GooseText:
    """A file taken apart.

    Attributes:
        up: forward; its refusal says why when goose would not run the file.
        down: backward; None when the file has no `-- +goose Down`.
        unset: variables of the environment that it asks for and that are not set here.
        oddities: what goose does with the file that its author will not have meant, one sentence each.
    """

    up: Section
    down: Section | None
    unset: tuple[str, ...] = ()
    oddities: tuple[str, ...] = ()


def has_marker(text: str) -> bool:
    """True when the text has a line that begins one of the directions."""
    return any(_is_marker(line) and _direction(line) for line in lines(text))


def read_goose(text: str, environment: Mapping[str, str], *, bom: bool = False) -> GooseText:
    """Takes a file apart; never fails, whatever the text is. What goose refuses says so in the section."""
    reader = _Reader(environment)
    try:
        for line in lines(text, bom=bom):
            reader.take(line)
        reader.end()
    except _Refused as refused:
        return _refused(text, refused.refusal)
    return reader.result()


class _Refused(Exception):
    """goose would not run the file in either direction."""

    def __init__(self, line: int, found: str, remedy: str) -> None:
        self.refusal = Refusal(line, found, remedy)
        super().__init__(found)


def _is_marker(line: Line) -> bool:
    return line.comment and "+goose" in line.text


def _direction(line: Line) -> bool:
    try:
        return _marker(line) in (Marker.UP, Marker.DOWN)
    except _Refused:
        return False


def _marker(line: Line) -> Marker:
    if line.text[0] in " \t":
        raise _Refused(line.number, "the annotation does not begin its line", "take out the space before it")
    word = line.text.replace("--", "").replace("+goose", "", 1).strip()
    if found := _BY_NAME.get(word.lower()):
        return found
    raise _Refused(
        line.number,
        f"{word!r} is no annotation of goose" if word else "the annotation is empty",
        f"write one of: {', '.join(_BY_NAME.values())}; or leave out `+goose` in a comment",
    )


def _refused(text: str, refusal: Refusal) -> GooseText:
    """A file that is refused as a whole: its text is kept for what can still be said of it."""
    found = list(lines(text))
    down = next((line for line in found if "+goose" in line.text and "down" in line.text.lower()), None)
    split_at = down.start if down else len(text)
    up = Section(1, text[:split_at], refusal=refusal)
    back = Section(down.number, text[split_at:], refusal=refusal) if down else None
    return GooseText(up, back)


@dataclass
class _Part:
    """A direction that is being read: its text so far, and the statements in it."""

    first_line: int
    pieces: list[str] = field(default_factory=list)
    length: int = 0
    statements: list[Span] = field(default_factory=list)
    start: int | None = None
    start_line: int = 0
    end: int = 0
    refusal: Refusal | None = None

    @property
    def pending(self) -> bool:
        """True when a statement has begun that holds more than space."""
        return self.start is not None and bool("".join(self.pieces)[self.start :].strip())

    def add(self, text: str, *, line: int, statement: bool) -> None:
        """Appends a line; `statement` when it belongs to one."""
        if statement and self.start is None:
            self.start, self.start_line = self.length, line
        self.pieces.append(text + "\n")
        self.length += len(text) + 1
        if statement:
            self.end = self.length - 1

    def finish(self) -> None:
        """The statement that has begun is complete; an empty one is sent too, and does nothing."""
        if self.start is not None:
            self.statements.append((self.start, self.end))
        self.start = None

    def refuse_unfinished(self) -> None:
        """A statement that nothing ends is refused, in this direction only."""
        if self.pending:
            self.refusal = Refusal(
                self.start_line,
                "the last statement does not end with a semicolon at the end of a line",
                "end it with one, or put it between `-- +goose StatementBegin` and `-- +goose StatementEnd`",
            )
        self.start = None

    def section(self, *, transaction: bool) -> Section:
        text = "".join(self.pieces)
        spans = tuple(span for span in (trim(text, span) for span in self.statements) if span[0] < span[1])
        return Section(self.first_line, text, spans, transaction, self.refusal)


class _Reader:
    """One pass over the lines. `part` is None before the first direction."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.up: _Part | None = None
        self.down: _Part | None = None
        self.in_block = False
        self.block_line = 0
        self.after_empty_block = False
        self.transaction = True
        self.substitutes = False
        self.unset: list[str] = []
        self.oddities: list[str] = []

    @property
    def part(self) -> _Part | None:
        return self.down or self.up

    def take(self, line: Line) -> None:
        if _is_marker(line):
            self._mark(line, _marker(line))
        elif self.part is None:
            self._before(line)
        else:
            self._body(self.part, line)

    def _before(self, line: Line) -> None:
        if line.text.strip() and not line.comment:
            hint = " (a byte order mark hides its first line)" if line.text[0] == "\ufeff" else ""
            raise _Refused(
                line.number,
                f"there is SQL before `-- +goose Up`{hint}",
                "begin the file with that line",
            )

    def _body(self, part: _Part, line: Line) -> None:
        if part.start is None and (line.comment or not line.text):
            part.add(line.text, line=line.number, statement=False)
            return
        if self.after_empty_block:
            self._drop(part, line)
            return
        part.add(self._expanded(line), line=line.number, statement=True)
        if not self.in_block and line.ends_statement:
            part.finish()

    def _drop(self, part: _Part, line: Line) -> None:
        """goose takes the line after a block that holds nothing for the rest of that block."""
        self.after_empty_block = False
        if line.text.strip():
            self.oddities.append(
                f"line {line.number} follows an empty StatementBegin block, and goose leaves it out"
            )
        part.add(" " * len(line.text), line=line.number, statement=False)

    def _expanded(self, line: Line) -> str:
        if not self.substitutes:
            return line.text
        try:
            expanded = expand(line.text, self.environment)
        except CannotSubstitute as error:
            raise _Refused(
                line.number,
                f"the environment's variables cannot be filled in: {error}",
                "set the variable, or end the substitution with `-- +goose ENVSUB OFF` before this line",
            ) from error
        self.unset.extend(expanded.unset)
        return expanded.text

    def _mark(self, line: Line, marker: Marker) -> None:
        {
            Marker.UP: self._on_up,
            Marker.DOWN: self._on_down,
            Marker.BEGIN: self._on_begin,
            Marker.END: self._on_end,
        }.get(marker, lambda _: self._on_option(marker))(line)
        if self.part and marker not in (Marker.UP, Marker.DOWN):
            self.part.add(" " * len(line.text), line=line.number, statement=False)

    def _on_option(self, marker: Marker) -> None:
        if marker is Marker.NO_TRANSACTION:
            self.transaction = False
        else:
            self.substitutes = marker is Marker.ENVSUB_ON

    def _on_up(self, line: Line) -> None:
        if self.part:
            raise _Refused(line.number, "`-- +goose Up` is there twice", "keep one of them")
        self.up = _Part(line.number + 1)

    def _on_down(self, line: Line) -> None:
        if self.up is None:
            raise _Refused(
                line.number, "`-- +goose Down` comes before `-- +goose Up`", "put the forward part first"
            )
        if self.down or self.in_block:
            found = (
                "`-- +goose Down` is there twice"
                if self.down
                else "a StatementBegin block is not ended before `-- +goose Down`"
            )
            raise _Refused(
                self.block_line if self.in_block else line.number,
                found,
                "end it with `-- +goose StatementEnd`" if self.in_block else "keep one of them",
            )
        self.up.refuse_unfinished()
        self.after_empty_block = False
        self.down = _Part(line.number + 1)

    def _on_begin(self, line: Line) -> None:
        if self.part is None or self.in_block:
            raise _Refused(
                line.number,
                "StatementBegin stands within another block" if self.part else "StatementBegin before Up",
                "end the block before it with `-- +goose StatementEnd`"
                if self.part
                else "put it behind `-- +goose Up`",
            )
        self.in_block, self.block_line, self.after_empty_block = True, line.number, False

    def _on_end(self, line: Line) -> None:
        if not self.in_block or self.part is None:
            raise _Refused(
                line.number, "StatementEnd ends no block", "put `-- +goose StatementBegin` before it"
            )
        self.in_block = False
        if self.part.start is None:
            self.after_empty_block = True
        self.part.finish()

    def end(self) -> None:
        """The file is over."""
        if self.part is None:
            raise _Refused(1, "there is no `-- +goose Up` in it", "begin the file with that line")
        if self.in_block:
            raise _Refused(
                self.block_line, "a StatementBegin block is not ended", "end it with `-- +goose StatementEnd`"
            )
        self.part.refuse_unfinished()

    def result(self) -> GooseText:
        assert self.up is not None
        return GooseText(
            self.up.section(transaction=self.transaction),
            self.down.section(transaction=self.transaction) if self.down else None,
            tuple(dict.fromkeys(self.unset)),
            tuple(self.oddities),
        )
