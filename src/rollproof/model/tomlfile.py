"""Reading a TOML file that a person wrote: whatever is wrong with it as a file gets a clear error."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rollproof.errors import SystemFileError
from rollproof.model.mistakes import Mistake, say_key
from rollproof.model.secrets import secret_in
from rollproof.model.tomllines import KeyPositions, Position

LARGEST_FILE = 1024 * 1024
"""bytes; a system file has a few thousand"""
MISTAKES_LISTED = 50
LONGEST_LINE = 200
_QUOTED = re.compile(r"'([^']*)'")
_PLACE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True)
class TomlFile:
    """A file whose TOML is sound.

    Attributes:
        path: as it was named.
        shown: the path for messages: relative to the working folder when it is inside it.
        text: its content, line ends as line feeds.
        data: what it says.
    """

    path: Path
    shown: str
    text: str
    data: Mapping[str, object]

    @cached_property
    def positions(self) -> KeyPositions:
        return KeyPositions(self.text)

    def refuse(self, mistakes: Sequence[Mistake]) -> SystemFileError:
        """One error that lists every mistake, a line each, in the order of the file."""
        placed = sorted({(m.line or self.positions.of(m.path).line, self._say(m)) for m in mistakes})
        lines = [f"{self.shown}:{line}: {said}" for line, said in placed]
        if len(lines) > MISTAKES_LISTED:
            more = len(lines) - MISTAKES_LISTED
            lines[MISTAKES_LISTED:] = [f"{self.shown}: … and {more} more mistakes"]
        return SystemFileError("\n".join(lines), facts={"mistakes": len(placed)})

    @staticmethod
    def _say(mistake: Mistake) -> str:
        return f"{say_key(mistake.path)}: {mistake.found}" if mistake.path else mistake.found


def read_toml(path: Path, *, remedy: str = "") -> TomlFile:
    """Reads one TOML file.

    Args:
        remedy: what to do when there is no such file.

    Raises:
        SystemFileError: missing, a folder, unreadable, not UTF-8, empty, over 1 MiB or not TOML;
            for the last with line, column and the line itself.
    """
    shown = shown_path(path)
    text = _decoded(_bytes_of(path, shown, remedy), shown).replace("\r\n", "\n")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(shown, text, error) from None
    except RecursionError:
        raise SystemFileError("lists or tables are nested too deeply to be read", where=shown) from None
    if not data:
        raise SystemFileError(
            "the file is empty" if not text.strip() else "the file holds nothing but comments",
            where=shown,
            remedy="at least a [system] table with a name belongs in it",
        )
    return TomlFile(path, shown, text, data)


def shown_path(path: Path) -> str:
    """A path for a message: relative to the working folder when it is inside it."""
    absolute = os.path.abspath(path)  # noqa: PTH100  # resolve() would follow links, which people do not see
    here = Path.cwd()
    return str(Path(absolute).relative_to(here)) if Path(absolute).is_relative_to(here) else str(path)


def _bytes_of(path: Path, shown: str, remedy: str) -> bytes:
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            inside = path / "system.toml"
            hint = f"did you mean {shown_path(inside)}?" if inside.is_file() else remedy
            raise SystemFileError("this is a folder, a TOML file is expected", where=shown, remedy=hint)
        if not stat.S_ISREG(kind):
            raise SystemFileError("this is not a regular file", where=shown, remedy=remedy)
        with path.open("rb") as file:
            body = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise SystemFileError("there is no such file", where=shown, remedy=remedy) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SystemFileError(f"the file cannot be read ({reason})", where=shown, remedy=remedy) from None
    if len(body) > LARGEST_FILE:
        raise SystemFileError("the file is over 1 MiB, so it is hardly meant as settings", where=shown)
    return body


def _decoded(body: bytes, shown: str) -> str:
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SystemFileError("the file is UTF-16", where=shown, remedy="save it as UTF-8")
    try:
        return body.decode("utf-8-sig")  # some editors on Windows put a byte order mark first
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise SystemFileError(
            f"byte 0x{body[error.start]:02x} is not UTF-8", where=f"{shown}:{line}", remedy="save it as UTF-8"
        ) from None


def _syntax_error(shown: str, text: str, error: tomllib.TOMLDecodeError) -> SystemFileError:
    found, place = _PLACE.sub("", str(error)), _place(text, str(error))
    if found.startswith(("Cannot ", "Duplicate ")):
        found, place = _twice(text) or (_dotted(found), place)
    line = text.split("\n")[place.line - 1]
    quoted = line.replace("\t", " ") + "\n    " + " " * (place.column - 1) + "^"
    if secret_in(line) or len(line) > LONGEST_LINE:
        quoted = "(the line is not shown: it is very long or seems to hold a secret)"
    return SystemFileError(
        f"not valid TOML: {found[:1].lower()}{found[1:]}\n    {quoted}",
        where=f"{shown}:{place.line}:{place.column}",
    )


def _place(text: str, message: str) -> Position:
    found = _PLACE.search(message)
    if found and found[1]:
        return Position(int(found[1]), int(found[2]))
    lines = text.rstrip("\n").split("\n")
    return Position(len(lines), len(lines[-1]) + 1)


def _dotted(message: str) -> str:
    """tomllib names a key as a Python tuple; here it is named as in the file."""
    return re.sub(r"\(('[^()]*)\)", lambda found: f"[{'.'.join(_QUOTED.findall(found[1]))}]", message)


def _twice(text: str) -> tuple[str, Position] | None:
    """A key given twice is named; tomllib only says that something cannot be overwritten."""
    for path, first, second in KeyPositions(text).repeated:
        return f"{say_key(path)} is given twice, first on line {first.line}", second
    return None
