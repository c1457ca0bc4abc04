"""Values that a condition may accept: the plain one first, then what the condition's literals suggest.

These are guesses. Which of them the condition really accepts is for the server to say, so a wrong guess
costs a little time and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from itertools import islice, pairwise, product
from typing import Any, Protocol, TypeVar

from pglast import parser

from rollproof.fingerprint.meaning import nodes, tree
from rollproof.rowgen.samples import like, matching
from rollproof.rowgen.types import Type
from rollproof.rowgen.values import cast, day, number

_NUMBERS = {"int2", "int4", "int8", "numeric", "float4", "float8", "money", "oid"}
_WHOLE = {"int2": 2**15, "int4": 2**31, "int8": 2**63, "oid": 2**31}
_TEXTS = {"text", "varchar", "bpchar", "citext", "name"}
_TIMES = {"date", "timestamp", "timestamptz"}
_T = TypeVar("_T")
_MOST = 250
_LONGEST = 10_000
_STEPS = tuple(map(Decimal, ("1", "-1", "0.5", "-0.5", "0.1", "-0.1", "0.01", "-0.01")))
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


class Source(Protocol):
    """What `Values` offers here."""

    def value(self, oid: int, modifier: int, n: int, salt: str = "") -> str | None: ...
    def base(self, oid: int, modifier: int) -> tuple[Type, int]: ...

    @property
    def types(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which value: the `n`-th of a type with its modifier; `salt` tells columns apart."""

    oid: int
    modifier: int
    n: int
    salt: str = ""


@dataclass(frozen=True, slots=True)
class Literals:
    """What is written in some conditions."""

    texts: tuple[str, ...] = ()
    numbers: tuple[Decimal, ...] = ()
    regexes: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()


def candidates(values: Source, wanted: Wanted, conditions: Iterable[str]) -> list[str]:
    """SQL of values of a type, without NULL; the `n`-th row's plain value comes first."""
    kind, modifier = values.base(wanted.oid, wanted.modifier)
    plain = values.value(kind.oid, modifier, wanted.n, wanted.salt)
    found = [plain] if plain else []
    written = literals(tuple(conditions))
    found += _suggested(values, kind, replace(wanted, modifier=modifier), written)
    return list(dict.fromkeys(found))[:_MOST]


def _suggested(values: Source, kind: Type, wanted: Wanted, written: Literals) -> Iterator[str]:
    n, modifier = wanted.n, wanted.modifier
    if kind.kind != "e":
        near = (values.value(kind.oid, modifier, n + step, wanted.salt) for step in (1, -1, 400))
        yield from (value for value in near if value)
    if kind.kind == "e":
        yield from (cast(label, kind) for label in _turned(kind.labels, n))
    elif kind.kind == "a":
        yield from _arrays(values, kind, modifier, n, written)
    elif kind.bare in _NUMBERS:
        fits = _fits(kind, modifier)
        yield from (cast(f"{value:f}", kind) for value in _numbers(n, written) if fits(value))
    elif kind.bare in _TEXTS:
        room = modifier - 4 if modifier >= 4 else _LONGEST
        yield from (cast(text, kind) for text in _texts(n, written) if len(text) <= room)
    elif kind.bare in _TIMES:
        yield from (cast(text, kind) for text in _times(n, written))
    elif kind.bare in ("json", "jsonb"):
        yield from (cast(text, kind) for text in _jsons(n, written))
    elif kind.bare == "interval":
        yield from (
            cast(text, kind) for text in ("1 hour", "1 day", "1 month", "1 year", "0", "-1 day", "1 second")
        )


def _turned(items: Sequence[str], n: int) -> list[str]:
    """The same, beginning elsewhere for another row."""
    at = n % len(items) if items else 0
    return [*items[at:], *items[:at]]


def _numbers(n: int, written: Literals) -> Iterator[Decimal]:
    found = sorted(set(written.numbers))
    between = [low + n % (high - low + 1) for low, high in pairwise(found)]
    exact = [found[(n + at) % len(found)] for at in range(len(found))]
    steps = (Decimal(n % 10), Decimal(-(n % 10)), *_STEPS)
    near = [value + step for value in found for step in steps]
    products = [low + high for low in found for high in found][:20]
    some = map(Decimal, (n, 0, 1, -1, 2, 10, 100))
    yield from dict.fromkeys([*between, *exact, *near, *products, *some])


def _fits(kind: Type, modifier: int) -> Callable[[Decimal], bool]:
    """What the type has room for."""
    if kind.bare in _WHOLE:
        most = _WHOLE[kind.bare]
        return lambda value: value == value.to_integral_value() and abs(value) < most
    if kind.bare == "numeric" and modifier >= 4:
        whole = ((modifier - 4) >> 16 & 0xFFFF) - ((modifier - 4) & 0x7FF)
        return lambda value: abs(value) < Decimal(10) ** whole
    return lambda _: True


def _texts(n: int, written: Literals) -> Iterator[str]:
    yield from (text for pattern in written.regexes for m in (n, n + 7, 0) if (text := matching(pattern, m)))
    yield from (like(pattern, n) for pattern in written.patterns)
    yield from _turned(written.texts, n)
    plain = f"Value {number(n)}"
    for wanted in written.numbers:
        for length in (int(wanted), int(wanted) - 1, int(wanted) + 1):
            if 0 < length <= _LONGEST:
                yield f"{plain:x<{length}}"[-length:]
                yield f"{number(n):0{length}d}"[-length:]
    token = str(number(n))
    yield from (plain.lower(), plain.upper(), f"value-{token}", f"value_{token}", f"value{token}", token)
    yield from (f"row{token}@example.org", f"https://example.org/{token}", f"+49{token}{token}", f"#{n:06x}")
    yield from (
        "abc",
        "A",
        "a",
        "AB",
        "ABC",
        "en",
        "1",
        "0",
        "12",
        "123",
        "12345",
        str(day(n)),
        "10:20",
        "{}",
        "[]",
    )
    yield from (
        "/",
        f"/{token}",
        ".",
        "a.b",
        "10.1.2.3",
        f"00000000-0000-4000-8000-0000000{token}",
        "true",
        "",
    )


def _times(n: int, written: Literals) -> Iterator[str]:
    dates = sorted({text for text in written.texts if _DATE.match(text)})
    for text in _turned(dates, n):
        yield text
    for text in _turned(dates, n):
        yield from (f"{_shifted(text, step)}{text[10:]}" for step in (n, -n, 1, -1, 40, -40))
    yield from ("2124-01-15", "1924-01-15", "2024-01-01", "2024-02-01", "infinity")


def _shifted(text: str, days: int) -> str:
    try:
        return str(date.fromisoformat(text[:10]) + timedelta(days=days))
    except (ValueError, OverflowError):
        return str(day(0))


def _jsons(n: int, written: Literals) -> Iterator[str]:
    keys = [
        text
        for text in written.texts
        if text not in ("object", "array", "string", "number", "boolean", "null")
    ]
    keys = [part for key in keys for part in (key.strip("{}").split(",") if key.startswith("{") else [key])]
    kinds: list[Any] = [f"Value {number(n)}", number(n), {}, [], True, keys[n % len(keys)] if keys else "a"]
    yield from (json.dumps(dict.fromkeys(keys, value)) for value in kinds if keys)
    mixed = islice(product(kinds, repeat=len(keys)), 216) if 1 < len(keys) < 4 else ()
    yield from (json.dumps(dict(zip(keys, each, strict=True))) for each in mixed)
    shapes: list[Any] = [{}, [], [f"Value {n}"], f"Value {n}", number(n), True, None, [1, 2]]
    yield from map(json.dumps, shapes)
    yield from (json.dumps(keys), json.dumps([dict.fromkeys(keys, "a")]), json.dumps(keys[:1]))


def _arrays(values: Source, kind: Type, modifier: int, n: int, written: Literals) -> Iterator[str]:
    one = values.value(kind.of, modifier, n)
    if one is None:
        return
    inner = candidates(values, Wanted(kind.of, modifier, n), ())
    base, _ = values.base(kind.of, modifier)
    listed = [
        cast(text, values.types[kind.of]) for text in written.texts if base.bare in _TEXTS or base.kind == "e"
    ]
    listed = [
        text
        for text, raw in zip(listed, written.texts, strict=False)
        if base.kind != "e" or raw in base.labels
    ]
    for items in ([one], listed[:1], listed, inner[:3]):
        if items:
            yield f"CAST(ARRAY[{', '.join(items)}] AS {kind.name})"
    for length in {int(value) for value in written.numbers if 0 < value <= 50}:
        yield f"CAST(ARRAY[{', '.join([one] * length)}] AS {kind.name})"
    yield f"CAST('{{}}' AS {kind.name})"


@cache
def literals(conditions: tuple[str, ...]) -> Literals:
    """What is written in some conditions; nothing for one that cannot be parsed."""
    texts: list[str] = []
    numbers: list[Decimal] = []
    regexes: list[str] = []
    patterns: list[str] = []
    for condition in conditions:
        try:
            parsed = tree(f"SELECT {condition}")
        except (parser.ParseError, RecursionError):
            continue
        for constant in nodes(parsed, "A_Const"):
            _note(constant, texts, numbers)
        for expression in nodes(parsed, "A_Expr"):
            _operands(expression, regexes, patterns)
    return Literals(_once(texts), _once(numbers), _once(regexes), _once(patterns))


def _once(items: Iterable[_T]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(items))


def _note(constant: Any, texts: list[str], numbers: list[Decimal]) -> None:
    if "sval" in constant:
        text = str(constant["sval"].get("sval", ""))
        texts.append(text)
        raw = text
    elif "ival" in constant:
        raw = str(constant["ival"].get("ival", 0))
    elif "fval" in constant:
        raw = str(constant["fval"].get("fval", "0"))
    else:
        return
    try:
        value = Decimal(raw)
    except InvalidOperation:
        return
    if value.is_finite() and abs(value) < 10**15:
        numbers.extend((value, -value) if "sval" not in constant else (value,))


def _operands(expression: Any, regexes: list[str], patterns: list[str]) -> None:
    operator = expression["name"][-1]["String"]["sval"]
    if operator not in ("~", "~*", "~~", "~~*"):
        return
    found = [
        str(constant["sval"].get("sval", ""))
        for constant in nodes(expression.get("rexpr"), "A_Const")
        if "sval" in constant
    ]
    if operator in ("~", "~*"):
        regexes.extend(found)
    else:
        patterns.extend(found)
