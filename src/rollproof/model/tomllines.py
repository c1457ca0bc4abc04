"""Where in a TOML text each key stands.

`tomllib` decides what a text means but tells no positions. tree-sitter's TOML grammar tells positions
and is used for nothing else: a key that it cannot place is reported at its nearest parent.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import tree_sitter_toml
from tree_sitter import Language, Node, Parser

KeyPath = tuple[str | int, ...]
"""Keys from the document's root down; a whole number is an index into a list, counted from 0."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a text; both count from 1, columns in characters."""

    line: int
    column: int


START = Position(1, 1)


class KeyPositions:
    """The place of every key, table and list entry of one TOML text."""

    def __init__(self, text: str) -> None:
        self._lines = text.encode().split(b"\n")
        self._found: dict[KeyPath, Position] = {}
        self._repeated: list[tuple[KeyPath, Position, Position]] = []
        self._entries: dict[KeyPath, int] = {}
        self._read(_parser().parse(text.encode()).root_node)

    def of(self, path: KeyPath) -> Position:
        """Where `path` is written; its nearest parent's place when it is not written at all."""
        while path:
            if path in self._found:
                return self._found[path]
            path = path[:-1]
        return START

    def __contains__(self, path: KeyPath) -> bool:
        return path in self._found

    @property
    def paths(self) -> Mapping[KeyPath, Position]:
        """Everything that was found, in the order of the text."""
        return self._found

    @property
    def repeated(self) -> list[tuple[KeyPath, Position, Position]]:
        """Keys given more than once, each with its first and its second place."""
        return self._repeated

    def _read(self, document: Node) -> None:
        for node in document.named_children:
            match node.type:
                case "pair":
                    self._pair((), node)
                case "table":
                    self._body(self._table(node), node)
                case "table_array_element":
                    self._body(self._entry(node), node)

    def _body(self, path: KeyPath, table: Node) -> None:
        for node in table.named_children:
            if node.type == "pair":
                self._pair(path, node)

    def _table(self, node: Node) -> KeyPath:
        path: KeyPath = ()
        for key in _header(node):
            path = self._newest((*path, key))
            self._found.setdefault(path, self._position(node))
        return path

    def _entry(self, node: Node) -> KeyPath:
        *parents, last = _header(node) or [""]
        path: KeyPath = ()
        for key in parents:
            path = self._newest((*path, key))
            self._found.setdefault(path, self._position(node))
        path = (*path, last)
        self._found.setdefault(path, self._position(node))
        self._entries[path] = self._entries.get(path, 0) + 1
        path = self._newest(path)
        self._found.setdefault(path, self._position(node))
        return path

    def _newest(self, path: KeyPath) -> KeyPath:
        """A header that passes through an array of tables means that array's newest entry."""
        return (*path, self._entries[path] - 1) if path in self._entries else path

    def _pair(self, path: KeyPath, node: Node) -> None:
        key, value = node.named_children[0], node.named_children[-1]
        for part in _keys(key):
            path = (*path, part)
            known = self._found.setdefault(path, self._position(key))
        if path and known != self._position(key):
            self._repeated.append((path, known, self._position(key)))
        self._value(path, value)

    def _value(self, path: KeyPath, node: Node) -> None:
        if node.type == "inline_table":
            self._body(path, node)
        elif node.type == "array":
            for index, item in enumerate(_items(node)):
                self._found.setdefault((*path, index), self._position(item))
                self._value((*path, index), item)

    def _position(self, node: Node) -> Position:
        row, column = node.start_point
        return Position(row + 1, len(self._lines[row][:column].decode(errors="replace")) + 1)


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_toml.language()))


def _items(array: Node) -> Iterator[Node]:
    return (node for node in array.named_children if node.type not in ("comment", "ERROR"))


def _header(node: Node) -> list[str]:
    named = [child for child in node.named_children if child.type.endswith("_key")]
    return _keys(named[0]) if named else []


def _keys(node: Node) -> list[str]:
    """The parts of a key, unquoted by tomllib itself; as written when it is not a key after all."""
    text = (node.text or b"").decode(errors="replace")
    try:
        value: object = tomllib.loads(f"{text} = 0")
    except (tomllib.TOMLDecodeError, RecursionError):
        return [text]
    keys = []
    while isinstance(value, dict):
        key, value = next(iter(value.items()))
        keys.append(key)
    return keys
