"""The models seen from outside: which keys a table may hold, and what a value should be, in plain words.

One description serves the error messages and the reference page, so that they cannot disagree.
"""

from __future__ import annotations

import datetime as dt
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import annotated_types
from pydantic import BaseModel

from rollproof.model.spec import Date, TimeOfDay
from rollproof.model.system import Command, Identifier, QualifiedName, Seconds
from rollproof.model.tomllines import KeyPath

Hint = Any
"""A type as it is written in a model: `str`, `tuple[Identifier, ...]`, `Seed | None`…"""

_ALIASES = (
    (TimeOfDay, "a time of day in quotes, from 00:00 to 24:00"),
    (Date, "a day in quotes, such as 2026-12-24"),
    (Seconds, "a duration such as 30s, 15m or 1h30m"),
    (Identifier, "a plain SQL name: letters, digits, _ and $, not a digit first, at most 63"),
    (QualifiedName, "a table's name with its schema, such as public.migrations"),
    (Command, "a list of at least one text: the program, then its arguments"),
)
_WORDS: Mapping[object, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    object: "any value",
    dt.date: "a date such as 2027-03-31",
}


def _origin(hint: Hint) -> object:
    return get_origin(hint)


@cache
def keys_of(model: type[BaseModel]) -> Mapping[str, Hint]:
    """The keys that a file may write in this model's table, each with its type as declared.

    Fields of type Path are not among them: the reader sets those, files hold texts.
    """
    hints = get_type_hints(model, include_extras=True)
    return {name: hints[name] for name in model.model_fields if hints[name] is not Path}


def without_none(hint: Hint) -> Hint:
    """`X` for `X | None`: a file cannot write null."""
    if _origin(hint) in (Union, types.UnionType):
        rest = [arm for arm in get_args(hint) if arm is not type(None)]
        return rest[0] if len(rest) == 1 else hint
    return hint


def bare(hint: Hint) -> Hint:
    """Without `| None` and without what `Annotated` adds."""
    hint = without_none(hint)
    return bare(get_args(hint)[0]) if _origin(hint) is Annotated else hint


def model_of(hint: Hint) -> type[BaseModel] | None:
    """The model of a table, or None when the type is not a table's."""
    kind = bare(hint)
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def inside(hint: Hint, key: str | int) -> Hint | None:
    """The type of what stands under `key` in a value of type `hint`; None when nothing may."""
    if model := model_of(hint):
        return keys_of(model).get(str(key))
    arguments = get_args(bare(hint))
    kind = _origin(bare(hint))
    if kind is dict and isinstance(key, str):
        return arguments[1]
    return arguments[0] if kind is tuple and isinstance(key, int) else None


def hint_at(root: Hint, path: KeyPath) -> Hint | None:
    """The type of what stands at `path`, or None."""
    hint = root
    for key in path:
        hint = inside(hint, key)
        if hint is None:
            return None
    return hint


def describe(hint: Hint) -> str:
    """What a value should be, in plain words: `a whole number from 13 to 30`."""
    hint = without_none(hint)
    for alias, words in _ALIASES:
        if hint is alias:
            return words
    if model := model_of(hint):
        return f"a table with the keys {', '.join(keys_of(model))}"
    if _origin(hint) is Annotated:
        return _limited(hint)
    return _plain(hint)


def _plain(hint: Hint) -> str:
    arguments = get_args(hint)
    match _origin(hint):
        case origin if origin is Literal:
            return f"one of: {', '.join(repr(value) for value in arguments)}"
        case origin if origin is tuple:
            return f"a list; each {_table_or(arguments[0])}"
        case origin if origin is dict:
            return f"a table; each value {_table_or(arguments[1])}"
    return _WORDS.get(hint, "a value")


def _table_or(hint: Hint) -> str:
    return "a table" if model_of(hint) else describe(hint)


def _limited(hint: Hint) -> str:
    words = describe(get_args(hint)[0])
    limits = _limits(hint)
    if "pattern" in limits and limits["pattern"] == r"^[a-z][a-z0-9-]*$":
        words = f"small letters, digits and -, a letter first, at most {limits.get('most', 'any')}"
    elif "pattern" in limits:
        words += f" of the form {limits['pattern']}"
    if "low" in limits and "high" in limits:
        words += f" from {limits['low']} to {limits['high']}"
    elif "low" in limits:
        words += f" of at least {limits['low']}"
    return words


def _limits(hint: Hint) -> dict[str, object]:
    found: dict[str, object] = {}
    for extra in get_args(hint)[1:]:
        for item in getattr(extra, "metadata", [extra]):
            match item:
                case annotated_types.Ge(ge=low):
                    found["low"] = low
                case annotated_types.Le(le=high):
                    found["high"] = high
                case annotated_types.MaxLen(max_length=most):
                    found["most"] = most
                case _ if getattr(item, "pattern", None):
                    found["pattern"] = item.pattern
    return found


@dataclass(frozen=True, slots=True)
class Written:
    """One key that a file really holds, with the model it belongs to and its declared type."""

    path: KeyPath
    model: type[BaseModel] | None
    hint: Hint
    value: object

    def is_field(self, model: type[BaseModel], name: str) -> bool:
        return self.model is model and self.path[-1] == name


def written(root: type[BaseModel], data: Mapping[str, object]) -> Iterator[Written]:
    """Every declared key of `data`, from the outside in; right or wrong, unknown keys left out."""
    return _written((), root, None, data)


def _written(path: KeyPath, hint: Hint, owner: type[BaseModel] | None, value: object) -> Iterator[Written]:
    if path:
        yield Written(path, owner, hint, value)
    for key, item in _children(value):
        below = inside(hint, key)
        if below is not None:
            yield from _written((*path, key), below, model_of(hint), item)


def _children(value: object) -> list[tuple[str | int, object]]:
    match value:
        case dict():
            return list(value.items())
        case list():
            return list(enumerate(value))
    return []


def homes_of(root: type[BaseModel], key: str) -> list[str]:
    """The tables in which `key` is known: `[objectives]`, `[[traffic]]`, `[service.…]`."""
    return [name for name, model in tables(root) if name and key in keys_of(model)]


def tables(root: Hint, name: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Every table a file may hold, as its header would be written, with its model; the root first."""
    model = model_of(root)
    assert model is not None
    yield name, model
    for key, hint in keys_of(model).items():
        inner = name.strip("[]") + "." + key if name else key
        kind, arguments = _origin(bare(hint)), get_args(bare(hint))
        if model_of(hint):
            yield from tables(hint, f"[{inner}]")
        elif kind is dict and model_of(arguments[1]):
            yield from tables(arguments[1], f"[{inner}.NAME]")
        elif kind is tuple and model_of(arguments[0]):
            yield from tables(arguments[0], f"[[{inner}]]")
