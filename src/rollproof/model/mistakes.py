"""Mistakes in a file, said in plain words."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rollproof.model.secrets import secret_in
from rollproof.model.shape import bare, describe, hint_at, homes_of, keys_of, model_of
from rollproof.model.tomllines import KeyPath

AnyModel = TypeVar("AnyModel", bound=BaseModel)
_BARE_KEY = re.compile(r"^[A-Za-z0-9_-]+$")
_LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong.

    Attributes:
        path: the key it concerns.
        found: what was found and what is expected, one line.
        line: where, when it is not where `path` is written.
    """

    path: KeyPath
    found: str
    line: int | None = None


def say_key(path: KeyPath) -> str:
    """A key as its file would write it: `traffic[0].body."first name"`."""
    said = ""
    for key in path:
        if isinstance(key, int):
            said += f"[{key}]"
        else:
            said += ("." if said else "") + (key if _BARE_KEY.match(key) else json.dumps(key))
    return said


def say_value(value: object) -> str:
    """A value for a message: short, on one line, and never a secret."""
    match value:
        case bool():
            said = "true" if value else "false"
        case str():
            said = secret_in(value) or repr(_short(value))
        case dict():
            said = "a table"
        case list() | tuple():
            said = f"a list of {len(value)}"
        case dt.datetime() | dt.date() | dt.time():
            said = f"the date {value.isoformat()}"
        case _:
            said = _short(str(value))
    return said


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"


def suggestion(word: str, known: Sequence[str]) -> str:
    """`; did you mean 'tool'?` or nothing."""
    by_small = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), list(by_small), n=1, cutoff=0.6)
    return f"; did you mean {by_small[close[0]]!r}?" if close else ""


def validated(model: type[AnyModel], data: Mapping[str, object]) -> AnyModel | list[Mistake]:
    """`data` as the model, or everything that is wrong with its shape.

    Strict: `"17"` is not a number and `true` is not a duration. It goes through JSON, where lists
    may become tuples and texts paths; what JSON lacks (times, infinity, a date where none is wanted)
    is a mistake of its own.
    """
    unfit = {path: value for path, value in _not_in_json((), data) if not _is_wanted_date(model, path, value)}
    body = json.dumps(data, default=str, ensure_ascii=False)
    try:
        value = model.model_validate_json(body, strict=True)
    except ValidationError as error:
        details = error.errors(include_url=False)
        mistakes = [_explain(model, item) for item in details if tuple(item["loc"]) not in unfit]
    else:
        mistakes = []
    mistakes += [Mistake(path, _unfit(model, path, item)) for path, item in unfit.items()]
    mistakes += [Mistake((key,), _unknown_key(model, (key,))) for key in _reserved(model) if key in data]
    return mistakes or value


def _reserved(model: type[BaseModel]) -> set[str]:
    """Fields of the model that are the reader's, so a file may not hold them."""
    return set(model.model_fields) - set(keys_of(model))


def _not_in_json(path: KeyPath, value: object) -> Iterator[tuple[KeyPath, object]]:
    match value:
        case dict():
            for key, item in value.items():
                yield from _not_in_json((*path, key), item)
        case list():
            for index, item in enumerate(value):
                yield from _not_in_json((*path, index), item)
        case dt.datetime() | dt.date() | dt.time():
            yield path, value
        case float() if not math.isfinite(value):
            yield path, value


def _is_wanted_date(model: type[BaseModel], path: KeyPath, value: object) -> bool:
    return type(value) is dt.date and bare(hint_at(model, path)) is dt.date


def _unfit(model: type[BaseModel], path: KeyPath, value: object) -> str:
    hint = hint_at(model, path)
    wanted = "a text in quotes" if hint in (None, object) else describe(hint)
    return f"found {say_value(value)}, expected {wanted}"


def _explain(model: type[BaseModel], detail: ErrorDetails) -> Mistake:
    path: KeyPath = tuple(detail["loc"])
    match detail["type"]:
        case "extra_forbidden":
            return Mistake(path, _unknown_key(model, path))
        case "missing":
            return Mistake(path, f"missing; expected {describe(hint_at(model, path))}")
        case "value_error":
            return Mistake(path, str(detail["ctx"]["error"]))
        case "too_short":
            return Mistake(path, f"found an empty list, expected {describe(hint_at(model, path))}")
        case "string_too_long":
            most = detail["ctx"]["max_length"]
            return Mistake(path, f"found a text of {len(detail['input'])} characters, at most {most} may be")
    return Mistake(path, _wrong_value(model, path, detail["input"]))


def _wrong_value(model: type[BaseModel], path: KeyPath, value: object) -> str:
    hint = hint_at(model, path)
    wanted = describe(hint)
    close = suggestion(value, re.findall(r"'([^']+)'", wanted)) if isinstance(value, str) else ""
    return f"found {say_value(value)}, expected {wanted}{close}"


def _unknown_key(model: type[BaseModel], path: KeyPath) -> str:
    key = str(path[-1])
    table = model_of(hint_at(model, path[:-1])) or model
    known = list(keys_of(table))
    close = suggestion(key, known)
    homes = homes_of(model, key)
    if not close and homes:
        close = f"; {key!r} belongs in {' or '.join(homes)}"
    return f"unknown key{close} (expected one of: {', '.join(known)})"
