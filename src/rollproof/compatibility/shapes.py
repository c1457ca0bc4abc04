"""The shape of a JSON answer: which fields it has and of which types, without a single value."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

Shape = Mapping[str, tuple[str, ...]]
"""Types by field: `{"results[].phone": ("text",)}`; the answer itself is `""`."""

NULL = "null"
_NAME = re.compile(r"[A-Za-z_][A-Za-z_-]{0,40}\d{0,2}")
_MOST_KEYS = 60
"""an object with more is a map from somebody's keys, not a record"""


def shape_of(answer: object) -> dict[str, tuple[str, ...]]:
    """Every field's types, sorted. Keys that look like data, such as an address, are `*`."""
    found: dict[str, set[str]] = {}
    for path, value in _fields(answer, ""):
        found.setdefault(path, set()).add(_type(value))
    return {path: tuple(sorted(types)) for path, types in sorted(found.items())}


def _fields(value: object, path: str) -> Iterator[tuple[str, object]]:
    yield path, value
    if isinstance(value, dict):
        record = len(value) <= _MOST_KEYS
        for key, item in value.items():
            name = key if record and _NAME.fullmatch(key) else "*"
            yield from _fields(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for item in value:
            yield from _fields(item, f"{path}[]")


def _type(value: object) -> str:
    match value:
        case None:
            return NULL
        case bool():
            return "true or false"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list():
            return "list"
    return "object"


def broken_fields(before: Shape, after: Shape) -> list[str]:
    """What a reader of the answer would stumble over: fields that are gone, or of another type.

    A list that is empty says nothing of its items' fields. A field that is null now and then is `odd`.
    """
    found = []
    for path, types in before.items():
        now = after.get(path)
        if now is None:
            found += [f"{_said(path)} is gone"] if _owner(path) in after and not path.endswith("[]") else []
        elif (other := set(now) - set(types) - {NULL}) and set(types) != {NULL}:
            found.append(f"{_said(path)} is {' or '.join(sorted(other))}, not {' or '.join(types)}")
    return found


def odd_fields(before: Shape, after: Shape) -> list[str]:
    """What changed and need not break anybody: fields that are new, or null for once."""
    nulls = [path for path in before if NULL in after.get(path, ()) and NULL not in before[path]]
    new = [path for path in after if path not in before and _owner(path) in before]
    return [f"{_said(path)} is null" for path in nulls] + [f"{_said(path)} is new" for path in new]


def _owner(path: str) -> str:
    """What a field is in: `a[].b` is in `a[]`, `a[]` in `a`."""
    return path[:-2] if path.endswith("[]") else path.rpartition(".")[0]


def _said(path: str) -> str:
    return f"field {path}" if path else "the answer"


Place = tuple[tuple[str, str], ...]
"""Where a value is: names of fields, and what tells an item of a list from another."""


def values_of(answer: object) -> dict[Place, object]:
    """Every plain value by where it is; an item of a list by its `id`, where it has one."""
    return dict(_values(answer, ()))


def _values(value: object, place: Place) -> Iterator[tuple[Place, object]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _values(item, (*place, ("field", key)))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            key = item.get("id", number) if isinstance(item, dict) else number
            yield from _values(item, (*place, ("item", repr(key))))
    else:
        yield place, value


def changed_fields(before: Sequence[Mapping[Place, object]], after: Mapping[Place, object]) -> dict[str, int]:
    """In how many places a field has another value than before; only those that stood still before.

    Args:
        before: the same answer, asked for several times.
    """
    first, *others = before
    steady = {
        place: value for place, value in first.items() if all(_same(one, place, value) for one in others)
    }
    changed = [place for place, value in steady.items() if place in after and after[place] != value]
    return dict(sorted(Counter(_field(place) for place in changed).items()))


def _same(answer: Mapping[Place, object], place: Place, value: object) -> bool:
    return place not in answer or answer[place] == value


def _field(place: Place) -> str:
    """Without what tells one item from another, and without keys that look like data."""
    said = ""
    for kind, key in place:
        name = key if _NAME.fullmatch(key) else "*"
        said += "[]" if kind == "item" else f".{name}" if said else name
    return said
