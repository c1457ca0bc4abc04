"""Does a column's new type hold every value of its old one? From the types' names alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from pglast import ast, parse_sql
from pglast.parser import ParseError

_SERIAL = {"serial": "int4", "serial4": "int4", "bigserial": "int8", "serial8": "int8", "smallserial": "int2"}
_DIGITS = {"int2": 5, "int4": 10, "int8": 19}
_WIDER = {
    ("int2", "int4"),
    ("int2", "int8"),
    ("int4", "int8"),
    ("int2", "float4"),
    ("int2", "float8"),
    ("int4", "float8"),
    ("float4", "float8"),
    ("date", "timestamp"),
    ("cidr", "inet"),
    ("jsonb", "json"),
}
_NARROWER = {
    ("int4", "int2"),
    ("int8", "int2"),
    ("int8", "int4"),
    ("float8", "float4"),
    ("timestamp", "date"),
    ("timestamptz", "date"),
    ("timestamp", "time"),
    ("timestamptz", "time"),
    ("json", "jsonb"),
    ("numeric", "float8"),
    ("numeric", "float4"),
    ("int8", "float8"),
    ("int8", "float4"),
    ("int4", "float4"),
    ("float8", "numeric"),
    ("text", "bpchar"),
    ("varchar", "bpchar"),
}
_TEXTS = ("text", "varchar", "bpchar")
_PRECISE = ("timestamp", "timestamptz", "time", "timetz", "interval")


class Fit(Enum):
    """How two types of a column relate."""

    HOLDS = "holds every value"
    NARROWS = "cannot hold every value"
    UNSURE = "nobody can tell from the names"


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A type as PostgreSQL stores it: `varchar(50)` is ("varchar", (50,))."""

    name: str
    modifiers: tuple[int, ...] = ()
    array: bool = False

    def __str__(self) -> str:
        modifiers = f"({','.join(map(str, self.modifiers))})" if self.modifiers else ""
        return f"{self.name}{modifiers}{'[]' if self.array else ''}"

    @classmethod
    def of(cls, node: Any) -> ColumnType | None:
        """From the parser's TypeName; None for `%TYPE` and modifiers that are no plain numbers."""
        if node is None or node.pct_type or not node.names:
            return None
        parts = [part.sval for part in node.names]
        name = parts[-1] if parts[0] == "pg_catalog" or len(parts) == 1 else ".".join(parts)
        modifiers = tuple(_number(item) for item in node.typmods or ())
        if None in modifiers:
            return None
        return cls(
            _SERIAL.get(name, name), tuple(m for m in modifiers if m is not None), bool(node.arrayBounds)
        )

    @classmethod
    def parse(cls, text: str) -> ColumnType | None:
        """From a type's name as format_type() gives it: `character varying(50)`; None for no type."""
        try:
            select: Any = parse_sql(f"SELECT NULL::{text}")[0].stmt
        except ParseError:
            return None
        return cls.of(select.targetList[0].val.typeName)


def _number(node: Any) -> int | None:
    value = getattr(node, "val", None) if isinstance(node, ast.A_Const) else None
    return value.ival if isinstance(value, ast.Integer) else None


def fit(before: ColumnType | None, after: ColumnType | None) -> Fit:
    """Whether `after` holds every value of `before`; `before` None when nobody knows it."""
    if after is None:
        return Fit.UNSURE
    if after == before or (_unlimited_text(after) and not after.array):
        return Fit.HOLDS
    if before is None:
        return Fit.HOLDS if after == ColumnType("numeric") else Fit.UNSURE
    if before.array != after.array:
        return Fit.UNSURE
    if before.array and _unlimited_text(after):
        return Fit.HOLDS
    return _fit_scalar(before, after)


def _unlimited_text(kind: ColumnType) -> bool:
    return kind.name in ("text", "varchar") and not kind.modifiers


def _fit_scalar(before: ColumnType, after: ColumnType) -> Fit:
    if after.name == "numeric" and before.name in ("numeric", *_DIGITS):
        return _yes(_numeric_holds(before, after))
    if before.name in _TEXTS and after.name in ("varchar", "bpchar"):
        return _yes(_length(before) <= _length(after) and (after.name, before.name) not in _PADDED)
    if before.name == after.name and after.name in (*_PRECISE, "bit", "varbit"):
        return _yes(not after.modifiers or (bool(before.modifiers) and before.modifiers <= after.modifiers))
    pair = (before.name, after.name)
    if pair in _WIDER or pair in _NARROWER:
        return _yes(pair in _WIDER and not after.modifiers)
    return Fit.NARROWS if before.name == "numeric" and after.name in _DIGITS else Fit.UNSURE


_PADDED = {("bpchar", "text"), ("bpchar", "varchar")}


def _yes(holds: bool) -> Fit:
    return Fit.HOLDS if holds else Fit.NARROWS


def _length(kind: ColumnType) -> int:
    if kind.modifiers:
        return kind.modifiers[0]
    return 1 if kind.name == "bpchar" else 1 << 30


def _numeric_holds(before: ColumnType, after: ColumnType) -> bool:
    if not after.modifiers:
        return True
    whole, scale = after.modifiers[0], (*after.modifiers, 0)[1]
    if before.name in _DIGITS:
        return whole - scale >= _DIGITS[before.name] and scale >= 0
    if not before.modifiers:
        return False
    old_whole, old_scale = before.modifiers[0], (*before.modifiers, 0)[1]
    return scale >= old_scale and whole - scale >= old_whole - old_scale
