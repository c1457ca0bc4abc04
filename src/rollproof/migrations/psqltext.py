r"""What psql makes of a file before the server sees any of it.

A file for psql is not only SQL: it may hold meta-commands (`\set`, `\i`), rows after
`COPY … FROM STDIN`, and `:variables`. A parser of SQL stumbles over all three. `split` blanks them,
character by character, so that every offset, line and column of the rest stays what it was, and
reports what it has blanked. The rules are psql's own (psqlscan.l, psqlscanslash.l of PostgreSQL 17):
quotes, dollar quotes and nested comments hide them; a meta-command ends with its line; `\g` and its
kin end a statement; a statement ends at a semicolon outside parentheses and `BEGIN ATOMIC` bodies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

_TOKEN = re.compile(
    r"""
      (?P<line_comment> --[^\n\r]* )
    | (?P<block_comment> /\* )
    | (?P<string> [eE]'(?:[^'\\]++|\\.|'')*+(?:'|\Z) | '(?:[^']++|'')*+(?:'|\Z) )
    | (?P<quoted> "(?:[^"]++|"")*+(?:"|\Z) )
    | (?P<dollar> \$(?P<tag>(?:[^\W\d]\w*)?)\$ (?s:.*?) (?:\$(?P=tag)\$|\Z) )
    | (?P<word> [^\W\d][\w$]* )
    | (?P<number> \d[\w.]* )
    | (?P<cast> ::|:= )
    | (?P<variable> :(?:'(?P<name1>\w+)'|"(?P<name2>\w+)"|(?P<name3>\w+)|\{\?\w+\}) )
    | (?P<escaped> \\[;:] )
    | (?P<separator> \\\\ )
    | (?P<meta> \\(?P<command>[^\s\\;'"|]*) )
    | (?P<space> \s+ )
    | (?P<plain> [,.=<>+*%^~!@#&|?]+ )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_LINE = re.compile(r"[^\n]+")
_END_OF_DATA = re.compile(r"^\\\.\r?$", re.MULTILINE)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_ARGUMENTS = re.compile(r"""(?:'(?:[^'\\\n]|\\.|'')*'|"[^"\n]*"|`[^`\n]*`|[^\\\n])*""")
_WHOLE_LINE = frozenset({"!", "copy", "ef", "ev", "sf", "sf+", "sv", "sv+", "h", "help", "restrict"})
"""meta-commands that take the rest of the line as it is"""
SENDS = frozenset({"g", "gx", "gset", "gexec", "gdesc", "crosstabview", "watch", "parse", "sendpipeline"})
"""meta-commands that end the statement before them, as a semicolon does"""
_PSQLS_OWN = frozenset(
    "DBNAME HOST PORT USER ENCODING SERVER_VERSION_NAME SERVER_VERSION_NUM VERSION VERSION_NAME "
    "VERSION_NUM ROW_COUNT ERROR SQLSTATE LAST_ERROR_MESSAGE LAST_ERROR_SQLSTATE LASTOID AUTOCOMMIT "
    "ON_ERROR_STOP VERBOSITY SHELL_ERROR SHELL_EXIT_CODE".split()
)


@dataclass(frozen=True, slots=True)
class MetaCommand:
    r"""A `\command` of psql.

    Attributes:
        line: from 1.
        name: without the backslash.
        arguments: the rest of it, stripped.
    """

    line: int
    name: str
    arguments: str = ""

    def __str__(self) -> str:
        return f"\\{self.name} {self.arguments}".rstrip()


@dataclass(frozen=True, slots=True)
class DataBlock:
    """Rows in the file after COPY … FROM STDIN; only how many, never which."""

    line: int
    rows: int


@dataclass(frozen=True, slots=True)
class Statement:
    """What psql sends at once.

    Attributes:
        start, end: offsets of its first character and of its end.
        words: its first words, upper case, at most four: `("CREATE", "UNIQUE", "INDEX", …)`.
        dollar: offset of its first dollar-quoted body, or None.
    """

    start: int
    end: int
    words: tuple[str, ...]
    dollar: int | None = None


@dataclass(frozen=True, slots=True)
class PsqlText:
    """A file taken apart.

    Attributes:
        sql: as long as the file, with everything that is not SQL blanked.
        statements: what psql sends, in order; empty ones left out.
    """

    sql: str = field(repr=False)
    statements: tuple[Statement, ...] = ()
    meta: tuple[MetaCommand, ...] = ()
    data: tuple[DataBlock, ...] = ()
    variables: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """True when psql would do nothing at all."""
        return not self.statements and not self.meta


def split(text: str, known: tuple[str, ...] = ()) -> PsqlText:
    """Takes a file apart; never fails, whatever the text is.

    Args:
        known: variables that are set before psql reads the file, besides its own.
    """
    return _Splitter(text, known).run()


class _Splitter:
    """One pass over the text; `out` collects what the SQL parser will see."""

    def __init__(self, text: str, known: tuple[str, ...] = ()) -> None:
        self.text = text
        self.at = 0
        self.out: list[str] = []
        self.statements: list[Statement] = []
        self.meta: list[MetaCommand] = []
        self.data: list[DataBlock] = []
        self.variables: list[str] = []
        self.known: set[str] = {*_PSQLS_OWN, *known}
        self.any_variable = False
        self.data_waits = False
        self.lines = _LineCounter(text)
        names = (name.removeprefix("_on_") for name in dir(self) if name.startswith("_on_"))
        self._handlers: dict[str, Callable[[re.Match[str], str], None]] = {
            name: getattr(self, f"_on_{name}") for name in names
        }
        self._fresh()

    def _fresh(self) -> None:
        self.start: int | None = None
        self.words: list[str] = []
        self.dollar: int | None = None
        self.parentheses = 0
        self.brackets = 0
        self.body = 0

    def run(self) -> PsqlText:
        for match in self._tokens():
            self._take(match)
        self._end_statement(len(self.text))
        return PsqlText(
            "".join(self.out),
            tuple(self.statements),
            tuple(self.meta),
            tuple(self.data),
            tuple(self.variables),
        )

    def _tokens(self) -> Iterator[re.Match[str]]:
        while match := _TOKEN.match(self.text, self.at):
            yield match

    def _take(self, match: re.Match[str]) -> None:
        self._handlers.get(str(match.lastgroup), self._significant)(match, match.group())

    def _significant(self, match: re.Match[str], piece: str) -> None:
        if self.start is None:
            self.start = match.start()
        self._keep(piece)

    def _keep(self, piece: str) -> None:
        self.out.append(piece)
        self.at += len(piece)

    def _blank(self, piece: str, first: str = "") -> None:
        self.out.append(first + _LINE.sub(lambda line: " " * len(line[0]), piece)[len(first) :])
        self.at += len(piece)

    def _on_space(self, _match: re.Match[str], piece: str) -> None:
        newline = piece.find("\n")
        if self.data_waits and newline >= 0:
            self._keep(piece[: newline + 1])
            self._take_data()
        else:
            self._keep(piece)

    def _on_line_comment(self, _match: re.Match[str], piece: str) -> None:
        self._keep(piece)

    def _on_block_comment(self, match: re.Match[str], _token: str) -> None:
        depth, end = 1, match.end()
        while depth and (edge := _COMMENT_EDGE.search(self.text, end)):
            depth += 1 if edge.group() == "/*" else -1
            end = edge.end()
        self._keep(self.text[match.start() : len(self.text) if depth else end])

    def _on_word(self, match: re.Match[str], piece: str) -> None:
        word = piece.upper()
        self._follow_body(word)
        self.words.append(word)
        self._significant(match, piece)

    def _follow_body(self, word: str) -> None:
        """Semicolons inside `CREATE FUNCTION … BEGIN ATOMIC … END` do not end it."""
        routine = self.words[:1] == ["CREATE"] and {"FUNCTION", "PROCEDURE"} & set(self.words[1:4])
        if not routine or self.parentheses:
            return
        if word == "BEGIN" or (word == "CASE" and self.body):
            self.body += 1
        elif word == "END" and self.body:
            self.body -= 1

    def _on_dollar(self, match: re.Match[str], piece: str) -> None:
        if self.dollar is None:
            self.dollar = match.start()
        self._significant(match, piece)

    def _on_other(self, match: re.Match[str], piece: str) -> None:
        if piece in "()":
            self.parentheses = max(0, self.parentheses + (1 if piece == "(" else -1))
        if piece in "[]":
            self.brackets = max(0, self.brackets + (1 if piece == "[" else -1))
        if piece == ";" and not self.parentheses and not self.body:
            self._end_statement(match.start())
            self._keep(piece)
            return
        self._significant(match, piece)

    def _on_escaped(self, match: re.Match[str], piece: str) -> None:
        r"""`\;` sends two statements at once; `\:` is a colon that starts no variable."""
        if piece == "\\;":
            self._end_statement(match.start())
        self.out.append(" " + piece[1])
        self.at += 2

    def _on_separator(self, _match: re.Match[str], piece: str) -> None:
        self._blank(piece)

    def _on_variable(self, match: re.Match[str], piece: str) -> None:
        name = match["name1"] or match["name2"] or match["name3"]
        if name and not self._is_set(name):
            # psql leaves a variable that nobody has set as it stands; it may be an array slice.
            self._significant(match, ":")
            return
        if self.start is None:
            self.start = match.start()
        self.variables.append(name or piece[3:-1])
        self.out.append(" " + piece[1:] if name else " TRUE".ljust(len(piece)))
        self.at += len(piece)

    def _is_set(self, name: str) -> bool:
        r"""After `\gset` any name may be set, but none begins with a digit; in brackets it is a slice."""
        return name in self.known or (self.any_variable and not self.brackets and not name[0].isdigit())

    def _on_meta(self, match: re.Match[str], piece: str) -> None:
        name = match["command"]
        end = self._line_end(match.end())
        if name not in _WHOLE_LINE:
            found = _ARGUMENTS.match(self.text, match.end(), end)
            end = found.end() if found else end
        arguments = self.text[match.end() : end].strip()
        self.meta.append(MetaCommand(self.lines.at(match.start()), name, arguments))
        self._set(name, arguments)
        sends = name in SENDS
        if sends:
            self._end_statement(match.start())
        self._blank(self.text[match.start() : end], ";" if sends else "")
        if name == "copy" and re.search(r"(?i)\bfrom\s+p?stdin\b", arguments):
            self.data_waits = "pstdin" not in arguments.lower()

    def _set(self, name: str, arguments: str) -> None:
        if name in ("set", "prompt", "getenv") and arguments:
            self.known.add(arguments.split()[0 if name != "prompt" else -1])
        self.any_variable |= name == "gset"

    def _line_end(self, offset: int) -> int:
        end = self.text.find("\n", offset)
        return len(self.text) if end < 0 else end

    def _end_statement(self, end: int) -> None:
        if self.start is not None:
            words = tuple(self.words)
            self.statements.append(Statement(self.start, end, words[:4], self.dollar))
            self.data_waits |= _copies_from_stdin(words)
        self._fresh()

    def _take_data(self) -> None:
        """Blanks the rows up to the line `\\.` or the end of the file."""
        self.data_waits = False
        start = self.at
        marker = _END_OF_DATA.search(self.text, start)
        rows_end = marker.start() if marker else len(self.text)
        rows = self.text[start:rows_end]
        self._blank(self.text[start : marker.end() if marker else rows_end])
        unended = bool(rows) and not rows.endswith("\n")
        self.data.append(DataBlock(self.lines.at(start), rows.count("\n") + unended))


def _copies_from_stdin(words: tuple[str, ...]) -> bool:
    return words[:1] == ("COPY",) and ("FROM", "STDIN") in pairwise(words)


class _LineCounter:
    """Line numbers of growing offsets, counted once: a file with 10^5 commands stays linear."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.offset = 0
        self.line = 1

    def at(self, offset: int) -> int:
        self.line += self.text.count("\n", self.offset, offset)
        self.offset = offset
        return self.line
