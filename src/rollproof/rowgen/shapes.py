"""What rows of a table must look like to be taken, read from the catalogs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        number: its place in the catalog; a column that was dropped and made again has another.
        type, modifier: of the type, as in pg_attribute. declared: both, as SQL needs them.
        required: NOT NULL. default: its expression, or None.
        written: False for generated columns and identities that are always generated.
    """

    number: int
    name: str
    type: int
    modifier: int
    declared: str
    required: bool
    default: str | None
    written: bool


@dataclass(frozen=True, slots=True)
class Check:
    """A CHECK constraint, or the bound of a partition: true or null for each row."""

    name: str
    columns: tuple[str, ...]
    expression: str


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key; `refers` are the columns of `target` that `columns` must be found in, in order.

    Attributes:
        table: oid of the target, or of the partitioned table that it is part of.
        partitioned: True when the target's partitions hold its rows.
    """

    name: str
    columns: tuple[str, ...]
    deferrable: bool
    table: int
    schema: str
    target: str
    partitioned: bool
    refers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A partition that holds rows. bound: what its rows satisfy; empty when anything goes."""

    table: int
    foreign: bool
    bound: str


@dataclass(frozen=True)
class Shape:
    """One table, a partitioned one as a whole.

    Attributes:
        kind: `r` ordinary, `p` partitioned, `f` foreign.
        plain_only: ON CONFLICT cannot be used: a unique constraint is deferrable, or there are rules.
    """

    oid: int
    qualified: str
    schema: str
    quoted_schema: str
    name: str
    kind: str
    columns: tuple[Column, ...]
    checks: tuple[Check, ...]
    keys: tuple[ForeignKey, ...]
    primary_key: tuple[str, ...]
    plain_only: bool
    leaves: tuple[Leaf, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Column]:
        return {column.name: column for column in self.columns}

    @cached_property
    def written(self) -> tuple[Column, ...]:
        """The columns that may be written to."""
        return tuple(column for column in self.columns if column.written)

    @property
    def refers_to(self) -> frozenset[int]:
        """Oids of the tables that it refers to, without itself."""
        return frozenset(key.table for key in self.keys) - {self.oid}


def shape_of(row: Mapping[str, Any]) -> Shape:
    """A row of sql/shapes.sql."""
    columns = tuple(Column(**column) for column in row["columns"])
    names = {column.number: column.name for column in columns}
    return Shape(
        oid=row["oid"],
        qualified=row["qualified"],
        schema=row["schema"],
        quoted_schema=row["quoted_schema"],
        name=row["name"],
        kind=row["kind"],
        columns=columns,
        checks=tuple(_check(check, names) for check in row["checks"]),
        keys=tuple(_key(key, names) for key in row["keys"]),
        primary_key=tuple(row["primary_key"]),
        plain_only=row["plain_only"],
        leaves=tuple(
            Leaf(leaf["table"], leaf["foreign"], leaf["bound"] or "") for leaf in row["leaves"] or ()
        ),
    )


def _check(check: Mapping[str, Any], names: Mapping[int, str]) -> Check:
    return Check(check["name"], _named(check["columns"], names), check["expression"])


def _named(numbers: Sequence[int], names: Mapping[int, str]) -> tuple[str, ...]:
    return tuple(names[number] for number in numbers if number in names)


def _key(key: Mapping[str, Any], names: Mapping[int, str]) -> ForeignKey:
    columns = _named(key["columns"], names)
    return ForeignKey(**{**key, "columns": columns, "refers": tuple(key["refers"])})


def in_order(shapes: Iterable[Shape]) -> list[Shape]:
    """Those that others refer to first; inside a cycle, those with the fewest keys that must be set."""
    left = {shape.oid: shape for shape in shapes}
    done: list[Shape] = []
    while left:
        free = [shape for shape in left.values() if not shape.refers_to & left.keys()]
        some = free or [min(left.values(), key=lambda shape: (_must(shape, left), shape.qualified))]
        done += [left.pop(shape.oid) for shape in some]
    return done


def _must(shape: Shape, left: Mapping[int, Shape]) -> int:
    """How many of its keys to tables that are `left` cannot be null for now."""
    return sum(
        key.table in left and key.table != shape.oid and any(shape.by_name[c].required for c in key.columns)
        for key in shape.keys
    )
