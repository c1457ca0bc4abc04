"""Making rows in one table at a time, and finding out why none could be made."""

# ruff: noqa: S608  names and values go through name() and quoted(), which quote them; composing is too slow here
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from rollproof.fingerprint.snapshot import Connection
from rollproof.rowgen.reading import Reader
from rollproof.rowgen.rowsource import CannotMake, RowSource, name
from rollproof.rowgen.shapes import Leaf, Shape
from rollproof.rowgen.values import Values

CHOICES = 60
"""Combinations of candidates that are tried one by one where the conditions cannot be asked."""
FURTHER = 100
"""How far on the next numbers are when the first ones are taken."""
_DATA, _INTEGRITY = "22", "23"

Row = Mapping[str, str]
Results = Sequence[Mapping[str, Any]]


@dataclass
class Memory:
    """What was made in one table.

    Attributes:
        number: of the next row. rows: the keys of those that were made, as texts; empty mappings
            where the table has no key. filled: column -> its number in the catalog when it was filled.
        leaves: partitions that a row was made for, or could not be made for as they are.
        owed: columns to fill when what they refer to is there.
        failed: why no row could be made; empty when some were. own: it holds rows, but none that was made.
        key_types: of the columns that tell the rows, when they were made.
    """

    shape: Shape
    number: int = 1
    rows: list[Row] = field(default_factory=list)
    filled: dict[str, int] = field(default_factory=dict)
    leaves: set[int] = field(default_factory=set)
    owed: set[str] = field(default_factory=set)
    failed: str = ""
    own: bool = False
    key_types: dict[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def keys_are_other(self) -> bool:
        """True when its rows are remembered by a key that is another one, or of another type, by now."""
        known = self.shape.by_name
        return any(
            column not in known or (known[column].type, known[column].declared) != was
            for column, was in self.key_types.items()
        )

    def told_by(self, found: Sequence[Row]) -> None:
        """Of the keys that its table holds now, its own: all if there are as many, else the same."""
        old = {tuple(row.values()) for row in self.rows}
        every = len(found) == len(self.rows)
        self.rows = [row for row in found if every or tuple(row.values()) in old]
        self._note_key()

    def _note_key(self) -> None:
        by_name = self.shape.by_name
        columns = (by_name[name] for name in (self.rows[0] if self.rows else ()) if name in by_name)
        self.key_types = {column.name: (column.type, column.declared) for column in columns}

    def inserted(self, results: Results, source: RowSource) -> int:
        """Notes the rows that an INSERT returned; how many."""
        key = self.shape.primary_key
        self.rows += [dict(zip(key, row["rollproof_key"], strict=True)) for row in results]
        self.leaves |= {row["rollproof_leaf"] for row in results}
        self._note_key()
        self.updated(results, source)
        return len(results)

    def updated(self, results: Results, source: RowSource) -> None:
        """Notes what an UPDATE returned."""
        if not results:
            return
        self.failed, self.own = "", False
        self.filled = {column.name: column.number for column in self.shape.columns}
        flags = [all(row["rollproof_null"][at] for row in results) for at in range(len(self.shape.keys))]
        null = [key for key, flag in zip(self.shape.keys, flags, strict=True) if flag]
        self.owed = {column for key in null for column in source.optional(key)}

    @property
    def was_emptied(self) -> bool:
        """True when its rows were taken away, and nothing kept them from being made."""
        return not (self.rows or self.own or self.failed)

    def empties(self) -> None:
        """Notes that the table holds no row any more."""
        self.rows.clear()
        self.key_types.clear()
        self.leaves.clear()
        self.owed.clear()
        self.own = False

    def leaves_to_fill(self, most: int) -> tuple[Leaf, ...]:
        """Partitions without a row yet; those whose rows are elsewhere cannot have one."""
        local = [leaf for leaf in self.shape.leaves if not leaf.foreign]
        return tuple(leaf for leaf in local if leaf.table not in self.leaves)[:most]

    def new_columns(self) -> list[str]:
        """Columns that came, or came again, since rows were made."""
        return [c.name for c in self.shape.written if self.filled.get(c.name) != c.number]


class Maker:
    """Makes rows, one table after the other, each attempt undone when it fails.

    Attributes:
        notes: what had to be done to make rows, by table.
    """

    def __init__(self, conn: Connection, reader: Reader, values: Values, rows: int) -> None:
        self._conn, self._reader, self._values, self._rows = conn, reader, values, rows
        self.notes: dict[str, str] = {}

    def numbers(self, memory: Memory, count: int) -> range:
        return range(memory.number, memory.number + count)

    def insert(self, memory: Memory, leaves: Sequence[Leaf], count: int) -> int:
        """Rows for a table, in a transaction of its own; raises CannotMake with the reason."""
        reasons: list[str] = []
        first = memory.number
        with self._reader.writing():
            for attempt in self._attempts(memory, leaves, count, reasons):
                if attempt:
                    return attempt
        memory.number = first
        raise CannotMake(self._why(memory.shape, reasons))

    def _attempts(
        self, memory: Memory, leaves: Sequence[Leaf], count: int, reasons: list[str]
    ) -> Iterator[int]:
        """How many rows each way of making them made, the plainest way first."""
        source = RowSource(memory.shape, self._values)
        yield self._try(memory, source, leaves, count, reasons)
        memory.number += FURTHER
        yield self._try(memory, source, leaves, count, reasons)
        trigger = bool(reasons) and reasons[0].startswith(BY_CODE)
        if not trigger:
            yield self._one_by_one(memory, leaves, reasons)
        if reasons:
            with self._without_triggers():
                made = self._try(memory, source, leaves, count, reasons)
            if made:
                self.notes[memory.shape.qualified] = (
                    f"its triggers were left out: {reasons[0].removeprefix(BY_CODE)}"
                )
            yield made

    def _try(
        self, memory: Memory, source: RowSource, leaves: Sequence[Leaf], count: int, reasons: list[str]
    ) -> int:
        query = source.insert(self.numbers(memory, count), leaves)
        try:
            with self._conn.transaction():
                results = self._reader.run([query, "SET CONSTRAINTS ALL IMMEDIATE"])[0]
        except psycopg.Error as error:
            if self._conn.closed:
                raise
            reasons.append(said(error))
            return 0
        memory.number += count
        return memory.inserted(results, source)

    def _one_by_one(self, memory: Memory, leaves: Sequence[Leaf], reasons: list[str]) -> int:
        """Rows of any combination of candidates that the table takes; the constraints are asked by trying."""
        made = 0
        for choice in range(CHOICES):
            source = RowSource(memory.shape, self._values, choice=choice)
            made += self._try(memory, source, leaves[:1], 1, reasons)
            if made >= self._rows:
                break
        return made

    @contextmanager
    def _without_triggers(self) -> Iterator[None]:
        """Foreign keys are then not looked at, either; the rows refer to what is there all the same."""
        self._reader.run(["SET LOCAL session_replication_role = replica"])
        yield
        self._reader.run(["SET LOCAL session_replication_role = origin"])

    def _why(self, shape: Shape, reasons: Sequence[str]) -> str:
        """What kept the rows out, most telling first."""
        for key in shape.keys:
            if any(shape.by_name[column].required for column in key.columns) and self.is_empty(
                key.schema, key.target
            ):
                return f"it must refer to {name(key.schema, key.target)}, which holds no row"
        if reasons:
            return reasons[0].removeprefix(BY_CODE)
        return "no value was found that its constraints accept" if shape.checks else "no row was taken"

    def update(self, memory: Memory, texts: Sequence[str], source: RowSource) -> int:
        """Columns of rows that were made before; raises CannotMake with the reason."""
        with self._reader.writing():
            try:
                with self._conn.transaction():
                    results = self._reader.run([*texts, "SET CONSTRAINTS ALL IMMEDIATE"])
            except psycopg.Error as error:
                if self._conn.closed:
                    raise
                raise CannotMake(said(error).removeprefix(BY_CODE)) from error
        found = [row for rows in results for row in rows]
        memory.updated(found, source)
        return len(found)

    def together(self, memories: Sequence[Memory], count: int) -> dict[int, int]:
        """Rows for tables that refer to each other in a circle, in one statement; none if that fails."""
        start = max(memory.number for memory in memories)
        predicted = {memory.shape.oid: RowSource(memory.shape, self._values) for memory in memories}
        sources = [RowSource(memory.shape, self._values, predicted=predicted) for memory in memories]
        inserts = [source.insert(range(start, start + count)) for source in sources]
        parts = ", ".join(f"i{at} AS ({insert})" for at, insert in enumerate(inserts))
        shown = " UNION ALL ".join(f"SELECT {at} AS at, i{at}.* FROM i{at}" for at in range(len(inserts)))
        try:
            with self._reader.writing():
                results = self._reader.run([f"WITH {parts} {shown}", "SET CONSTRAINTS ALL IMMEDIATE"])[0]
        except psycopg.Error:
            if self._conn.closed:
                raise
            return {}
        made = {}
        for at, (memory, source) in enumerate(zip(memories, sources, strict=True)):
            memory.number = start + count
            made[memory.shape.oid] = memory.inserted([row for row in results if row["at"] == at], source)
        return made

    def is_empty(self, schema: str, table: str) -> bool:
        with self._reader.writing():
            rows = self._reader.run([f"SELECT 1 AS one FROM {name(schema, table)} LIMIT 1"])
        return not rows[0]


BY_CODE = "(by a trigger) "


def said(error: psycopg.Error) -> str:
    """The server's message in one line; marked when a function of the database's own raised it."""
    message = (error.diag.message_primary or str(error)).splitlines()[0].strip()
    by_code = bool(error.diag.context) or (error.sqlstate or "")[:2] not in (_DATA, _INTEGRITY)
    return f"{BY_CODE}{message}" if by_code else message
