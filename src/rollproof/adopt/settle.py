"""Nothing is written that could not be read back: a table with a mistake becomes a comment that says why."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

from rollproof.adopt.blocks import Block
from rollproof.adopt.render import block_text, system_text
from rollproof.errors import SystemFileError
from rollproof.model.secrets import secret_in
from rollproof.model.system import System
from rollproof.model.systemfile import system_in
from rollproof.model.tomlfile import TomlFile

_ROUNDS = 200


def settled(blocks: Sequence[Block], path: Path) -> tuple[str, System, list[str]]:
    """The text of the file, what it is read as, and notes on tables that could not be kept.

    Args:
        path: of the file to be; nothing needs to be there.
    """
    kept, notes = _without_secrets(blocks)
    for _ in range(_ROUNDS):
        text = system_text(kept)
        file = TomlFile(path, path.name, text, tomllib.loads(text))
        try:
            return text, system_in(file), notes
        except SystemFileError as error:
            kept = _with_one_off(kept, text, str(error), notes)
    raise AssertionError("tables are only ever taken out, so this ends")


def _without_secrets(blocks: Sequence[Block]) -> tuple[list[Block], list[str]]:
    kept, notes = [], []
    for block in blocks:
        if what := next(filter(None, map(secret_in, block_text(block).splitlines())), None):
            notes.append(f"{block.shown}: left out, since it would repeat what looks like {what}")
        else:
            kept.append(block)
    return kept, notes


def _with_one_off(blocks: list[Block], text: str, error: str, notes: list[str]) -> list[Block]:
    """The first table that a mistake is in becomes a comment."""
    line, found = _place(error)
    at = _block_at(blocks, text, line)
    notes.append(f"{blocks[at].shown}: {found}")
    tidy = blocks[at].without(found.rstrip("."))
    return [*blocks[:at], tidy, *blocks[at + 1 :]]


def _place(error: str) -> tuple[int, str]:
    """Line and words of the first mistake, which reads `name:line: key: words`."""
    first = error.splitlines()[0]
    _, line, found = first.split(":", 2)
    return int(line), found.strip()


def _block_at(blocks: Sequence[Block], text: str, line: int) -> int:
    """The table that a line of the text belongs to; never one that is off or required."""
    able = [i for i, block in enumerate(blocks) if not block.off and block.header != ("system",)]
    starts = {i: _start(text, blocks[i]) for i in able}
    before = [i for i in able if starts[i] <= line]
    return max(before, key=lambda i: starts[i]) if before else able[0]


def _start(text: str, block: Block) -> int:
    return text.count("\n", 0, text.find(block_text(block))) + 1
