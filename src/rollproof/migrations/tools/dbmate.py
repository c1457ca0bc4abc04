"""dbmate: `20240102030405_name.sql` with `-- migrate:up` and `-- migrate:down`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from rollproof.migrations.model import Migration
from rollproof.migrations.script import Mode, Script
from rollproof.migrations.source import MigrationSource
from rollproof.migrations.tools.base import Found
from rollproof.migrations.tools.markers import Refusal, Span, lines
from rollproof.migrations.tools.sections import (
    FileScripts,
    SectionTool,
    entries,
    marked_folders,
    refuse_twice,
)
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.migrations.tools.sqlledger import RowLedger

NAME = "dbmate"
_LEDGER = "public.schema_migrations"
_FILE = re.compile(r"(\d+)(.*)\.sql")
_UP = re.compile(r"(?m)^--\s*migrate:up(?:\s*$|\s+\S+)")
_DOWN = re.compile(r"(?m)^--\s*migrate:down(?:\s*$|\s+\S+)")
_NO_TRANSACTION = re.compile(r"(?:^|\s)transaction:false(?:\s|$)")


def find(root: Path) -> list[Found]:
    """Folders with a SQL file that has one of dbmate's directives."""
    return marked_folders(root, NAME, has_marker, "`-- migrate:up` in its files")


def open(path: Path, settings: ToolSettings) -> MigrationSource:  # noqa: A001  # the interface's word
    """The history in a folder; of a repository, that in `db/migrations`."""
    usual = path / "db" / "migrations"
    return Dbmate(usual if usual.is_dir() else path, settings)


def has_marker(text: str) -> bool:
    """True when the text has one of the directives."""
    return bool(_UP.search(text) or _DOWN.search(text))


@dataclass(frozen=True, slots=True)
class Block:
    """From one directive to the next: what dbmate sends in one message, the directive's line included."""

    span: Span
    transaction: bool


@dataclass(frozen=True, slots=True)
class DbmateText:
    """A file taken apart.

    Attributes:
        up, down: in the order in which they are sent; a file may hold several pairs, whose downs are
            sent from the last to the first.
        refusal: why dbmate would not run the file; None when it would.
    """

    up: tuple[Block, ...] = ()
    down: tuple[Block, ...] = ()
    refusal: Refusal | None = None


def read_dbmate(text: str, *, bom: bool = False) -> DbmateText:
    """Takes a file apart; never fails. The rules are those of dbmate 2.

    Args:
        bom: the file has a byte order mark, behind which dbmate sees no directive.
    """
    ups = [found.start() for found in _UP.finditer(text) if not (bom and found.start() == 0)]
    pairs = [_pair(text, start, end) for start, end in pairwise([*ups, len(text)])]
    blocks = DbmateText(
        tuple(block for up, _ in pairs for block in up),
        tuple(block for _, down in reversed(pairs) for block in down),
    )
    refusal = _refusal(text, ups, bom=bom)
    if not ups:
        downs = tuple(Block((found.start(), len(text)), True) for found in _DOWN.finditer(text))[:1]
        return DbmateText((Block((0, len(text)), True),), downs, refusal)
    return replace(blocks, refusal=refusal)


def _pair(text: str, start: int, end: int) -> tuple[list[Block], list[Block]]:
    down = _DOWN.search(text, start, end)
    middle = down.start() if down else end
    return [_block(text, start, middle)], [_block(text, middle, end)] if down else []


def _block(text: str, start: int, end: int) -> Block:
    first = text[start:end].partition("\n")[0]
    return Block((start, end), not _NO_TRANSACTION.search(first))


def _refusal(text: str, ups: list[int], *, bom: bool) -> Refusal | None:
    if not ups:
        hint = "; a byte order mark hides its first line" if bom else ""
        return Refusal(1, f"there is no `-- migrate:up` in it{hint}", "begin the forward part with that line")
    for line in lines(text[: ups[0]], bom=bom):
        if line.text.strip() and not line.comment:
            return Refusal(
                line.number, "there is SQL before `-- migrate:up`", "put it under that line, or take it out"
            )
    for start, end in pairwise([*ups, len(text)]):
        downs = [found.start() for found in _DOWN.finditer(text, start, end)]
        if len(downs) > 1:
            return Refusal(
                _line(text, downs[1]), "`-- migrate:down` is there twice", "keep one for each `-- migrate:up`"
            )
        if not downs and len(ups) > 1:
            return Refusal(
                _line(text, start), "this `-- migrate:up` has no `-- migrate:down`", "write one, be it empty"
            )
    return None


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


class Dbmate(SectionTool):
    """The history in one folder."""

    tool = NAME
    lost_without_path = False

    @property
    def table(self) -> str:
        return self.settings.ledger or _LEDGER

    @cached_property
    def ledger(self) -> RowLedger:
        return RowLedger(
            table=self.table,
            definition="(version varchar PRIMARY KEY)",
            key="version",
            keys={migration.id: _version(migration.where) for migration in self.load()},
        )

    def files(self) -> list[FileScripts]:
        return list(self._each())

    def _each(self) -> Iterator[FileScripts]:
        taken: dict[str, Path] = {}
        found = [path for path in entries(self.path) if _FILE.fullmatch(path.name)]
        for number, path in enumerate(found, start=1):
            refuse_twice(taken, _version(path), path, NAME)
            yield self._file(path, number)

    def _file(self, path: Path, number: int) -> FileScripts:
        file = Script.read(path)
        found = read_dbmate(file.text, bom=file.bom)
        alone = found.up and not found.down and not found.refusal
        note = "it has no `-- migrate:down`: since version 2 dbmate does not even apply it" if alone else ""
        migration = Migration(
            id=path.name,
            number=number,
            name=_name(path),
            up=_script(file, found.up),
            down=_script(file, found.down) if found.down else None,
            note=f"line {found.refusal.line}: {found.refusal.found}" if found.refusal else note,
        )
        refusals = {"up": found.refusal, "down": found.refusal} if found.refusal else {}
        warnings = (f"{path.name}: {note}",) if note else ()
        return FileScripts(migration, refusals, warnings)

    def how_to_write_down(self, migration: Migration) -> str:
        return f"write `-- migrate:down` at the end of {migration.where.name}, and under it what undoes it"


def _script(file: Script, blocks: tuple[Block, ...]) -> Script:
    """The blocks of one direction. Of several each has a transaction of its own, be it the message's."""
    start = min(block.span[0] for block in blocks)
    end = max(block.span[1] for block in blocks)
    part = replace(
        file, text=_only(file.text, start, end, blocks), first_line=_line(file.text, start), bom=False
    )
    if len(blocks) == 1:
        return replace(part, mode=Mode.TRANSACTION if blocks[0].transaction else Mode.SIMPLE)
    spans = tuple((block.span[0] - start, block.span[1] - start) for block in blocks)
    return replace(part, mode=Mode.AUTOCOMMIT, statements=spans)


def _only(text: str, start: int, end: int, blocks: tuple[Block, ...]) -> str:
    """The text between two offsets, with all but line ends blanked outside the blocks."""
    pieces, at = [], start
    for block_start, block_end in sorted(block.span for block in blocks):
        pieces += [re.sub(r"[^\n]", " ", text[at:block_start]), text[block_start:block_end]]
        at = block_end
    return "".join(pieces)


def _version(path: Path) -> str:
    found = _FILE.fullmatch(path.name)
    assert found is not None
    return found[1]


def _name(path: Path) -> str:
    return path.stem[len(_version(path)) :].lstrip("_-. ")
