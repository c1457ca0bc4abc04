"""Keys are found where they are written, however the file is styled."""

from __future__ import annotations

import itertools
import json
import tomllib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.model.tomllines import START, KeyPath, KeyPositions, Position

EXAMPLE = '''\
title = "a"
owner.name = "b"
"odd.key" = { inner = 1, deep.er = [1,
  { z = 2 } ] }
[database]
text = """
[not.a.table]
nor = "a key"
"""
[database.seed]
after = '010' # sql = "no"
[[traffic]]
kind = "read"
[traffic.body]
a = 1
[[traffic]]
kind = "write"
"é" = "\\u00e9"
'''


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        (("title",), 1, 1),
        (("owner", "name"), 2, 1),
        (("odd.key", "inner"), 3, 15),
        (("odd.key", "deep", "er"), 3, 26),
        (("odd.key", "deep", "er", 1, "z"), 4, 5),
        (("database",), 5, 1),
        (("database", "seed", "after"), 11, 1),
        (("traffic", 0, "kind"), 13, 1),
        (("traffic", 0, "body", "a"), 15, 1),
        (("traffic", 1), 16, 1),
        (("traffic", 1, "é"), 18, 1),
    ],
)
def test_each_way_of_writing_a_key_is_found(path: KeyPath, line: int, column: int) -> None:
    assert KeyPositions(EXAMPLE).of(path) == Position(line, column)


def test_what_is_not_written_is_placed_at_its_nearest_parent() -> None:
    positions = KeyPositions(EXAMPLE)
    assert positions.of(("database", "seed", "sql")).line == 10
    assert positions.of(("nothing", "here")) == START


def test_text_in_a_multi_line_string_is_no_key() -> None:
    assert ("not", "a", "table") not in KeyPositions(EXAMPLE)
    assert ("database", "nor") not in KeyPositions(EXAMPLE)


def test_columns_count_characters_not_bytes() -> None:
    assert KeyPositions('"é" = { b = 1 }').of(("é", "b")) == Position(1, 9)


def test_a_key_given_twice_is_reported_with_both_places() -> None:
    assert KeyPositions("[t]\na = 1\nb.c = 2\na = 3\n").repeated == [
        (("t", "a"), Position(2, 1), Position(4, 1))
    ]


def test_two_keys_under_one_dotted_parent_are_not_a_repetition() -> None:
    assert KeyPositions("a.b = 1\na.c = 2\n").repeated == []


def test_broken_text_is_survived() -> None:
    assert KeyPositions("[x\n= = =\nb = 1").of(("b",)).line >= 1


# A document is a tree whose leaves are written with a marker of their own. Wherever a leaf's key is
# written, its marker stands in the same line: an oracle that knows nothing of TOML.

_names = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=5
) | st.sampled_from(["a", "b-1", "a.b", "#", "[x]", 'q"', "'", "=", "é", " "])
_trees = st.recursive(
    st.sampled_from(["basic", "literal", "lines", "number"]),
    lambda inner: (
        st.dictionaries(_names, inner, min_size=1, max_size=3) | st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=12,
)
_documents = st.dictionaries(_names, _trees, min_size=1, max_size=4)


class Author:
    """Writes a tree as TOML in one of its many styles."""

    def __init__(self, data: st.DataObject) -> None:
        self.draw = data.draw
        self.markers = itertools.count(100_000)
        self.lines: list[str] = []

    def key(self, name: str) -> str:
        bare = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
        return name if bare and self.draw(st.booleans()) else json.dumps(name, ensure_ascii=False)

    def table(self, path: list[str], tree: dict[str, object]) -> None:
        later = []
        for name, value in tree.items():
            if (isinstance(value, dict) or _is_tables(value)) and self.draw(st.booleans()):
                later.append((name, value))
            else:
                self.pair([self.key(name)], value)
        for name, value in later:
            self.section([*path, self.key(name)], value)

    def section(self, path: list[str], value: object) -> None:
        for entry in value if isinstance(value, list) else [value]:
            marks = ("[[", "]]") if isinstance(value, list) else ("[", "]")
            self.lines += ["# [no.table]", f"{marks[0]}{'.'.join(path)}{marks[1]} # x = 1"]
            self.table(path, entry)

    def pair(self, keys: list[str], value: object) -> None:
        if isinstance(value, dict) and len(value) == 1 and self.draw(st.booleans()):
            [(name, inner)] = value.items()
            self.pair([*keys, self.key(name)], inner)
        else:
            self.lines.append(f"{' . '.join(keys)} = {self.value(value)}")

    def value(self, value: object) -> str:
        match value:
            case dict():
                pairs = [f"{self.key(name)} = {self.value(inner)}" for name, inner in value.items()]
                return "{ " + ", ".join(pairs) + " }"
            case list():
                between = ",\n  # a = 1\n  " if self.draw(st.booleans()) else ", "
                return "[" + between.join(map(self.value, value)) + "]"
        marker = f"{next(self.markers)}"
        return {
            "basic": f'"{marker} \\"x = 1"',
            "literal": f"'{marker} # x'",
            "lines": f'"""{marker}\n[no]\nno = 1\n"""',
            "number": marker,
        }[str(value)]


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _leaves(path: KeyPath, value: object) -> Iterator[tuple[KeyPath, str]]:
    match value:
        case dict():
            for name, inner in value.items():
                yield from _leaves((*path, name), inner)
        case list():
            for index, inner in enumerate(value):
                yield from _leaves((*path, index), inner)
        case _:
            yield path, str(value)[:6]


@given(tree=_documents, data=st.data())
def test_every_leaf_of_any_document_is_found_in_its_own_line(
    tree: dict[str, object], data: st.DataObject
) -> None:
    author = Author(data)
    author.table([], tree)
    text = "\n".join(author.lines)
    lines = text.split("\n")
    positions = KeyPositions(text)
    for path, marker in _leaves((), tomllib.loads(text)):
        assert path in positions
        assert marker in lines[positions.of(path).line - 1]
    assert positions.repeated == []
