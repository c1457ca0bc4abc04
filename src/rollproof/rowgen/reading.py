"""What the filler reads of the catalogs, in few round trips."""

# ruff: noqa: S608  names and values go through name() and quoted(), which quote them; composing is too slow here
from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg import Cursor, pq, sql
from psycopg.rows import dict_row

from rollproof.errors import PreconditionNotMet
from rollproof.fingerprint.snapshot import Connection
from rollproof.rowgen.rowsource import name
from rollproof.rowgen.shapes import Shape, shape_of
from rollproof.rowgen.sqltext import sql_text
from rollproof.rowgen.types import Type, type_of

LIMITS = "SET LOCAL statement_timeout = '10s'; SET LOCAL lock_timeout = '5s'"
"""A trigger may wait, or never end."""
TOGETHER = 16
"""Tables in one statement that asks whether they are empty."""
MOST_KEYS = 10_000
"""Rows of one table that are looked through for those that were made up."""
_numbers = itertools.count(1)


class Reader:
    """Reads the shapes of tables, types, and which tables are empty; its statements stay prepared."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._prefix = f"rollproof_fill_{next(_numbers)}"
        self._serial = itertools.count(1)
        self._types: dict[int, Type] = {}
        self.forget()

    def forget(self) -> None:
        """Makes all statements anew: somebody deallocated them, or a table is other than was told."""
        self._ready = False
        self._groups: dict[str, tuple[int, ...]] = {}
        self._dropped: list[str] = []

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One that names everything in full, and nothing stays open after.

        Raises PreconditionNotMet when the connection is in a transaction already.
        """
        if self._conn.info.transaction_status != pq.TransactionStatus.IDLE:
            raise PreconditionNotMet("the connection is in a transaction", doing="filling the tables")
        with self._transaction(self._settings()):
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction to make rows in: names mean what they mean to the database's own functions."""
        with self._transaction([LIMITS]):
            yield

    @contextmanager
    def _transaction(self, settings: Sequence[str]) -> Iterator[None]:
        try:
            self.run([*(["BEGIN"] if self._conn.autocommit else []), *settings])
            yield
            self._conn.commit()
        except BaseException:
            if not self._conn.closed:
                self._conn.rollback()
            raise

    def _settings(self) -> list[str]:
        settings = ["SET LOCAL search_path = 'pg_catalog'", "SET LOCAL plan_cache_mode = force_generic_plan"]
        if self._ready:
            return settings
        self._ready = True
        left = self._left_over()
        shapes = f"PREPARE {self._prefix}_shapes (text[]) AS {sql_text('shapes', named=True)}"
        types = f"PREPARE {self._prefix}_types (bigint[]) AS {sql_text('types')}"
        return [*left, *settings, shapes, types]

    def _left_over(self) -> list[str]:
        text = "SELECT name FROM pg_catalog.pg_prepared_statements WHERE name ^@ {}"
        query = sql.SQL(text).format(f"{self._prefix}_").as_string(self._conn)
        return [f"DEALLOCATE {row['name']}" for row in self.run([query])[0]]

    def run(self, statements: Sequence[str]) -> list[list[dict[str, Any]]]:
        """All statements in one message; the rows of each that has any."""
        cursor = self._conn.cursor(row_factory=dict_row)
        cursor.execute(";\n".join(statements).encode(), prepare=False)
        return list(_results(cursor))

    def shapes(self, names: Collection[str] | None) -> list[Shape]:
        """The tables of these names that there are; all for None."""
        if names is None:
            return [shape_of(row) for row in self.run([sql_text("shapes")])[-1]]
        call = sql.SQL("EXECUTE {} ({})").format(sql.Identifier(f"{self._prefix}_shapes"), list(names))
        return [shape_of(row) for row in self.run([call.as_string(self._conn)])[-1]]

    def types(self, shapes: Iterable[Shape]) -> Mapping[int, Type]:
        """The types of their columns and what those are made of; what users made is read anew."""
        needed = {column.type for shape in shapes for column in shape.columns}
        unknown = [oid for oid in needed if oid not in self._types or not self._types[oid].built_in]
        if unknown:
            call = sql.SQL("EXECUTE {} ({})").format(sql.Identifier(f"{self._prefix}_types"), unknown)
            found = self.run([call.as_string(self._conn)])[-1]
            self._types.update((row["oid"], type_of(row)) for row in found)
        return self._types

    def keys(self, shape: Shape) -> list[dict[str, str]]:
        """The primary keys of a table's rows, as texts; of `MOST_KEYS` rows, where there are more."""
        columns = ", ".join(f"{name(column)}::text" for column in shape.primary_key)
        only = "" if shape.kind == "p" else "ONLY "
        table = f"{only}{name(shape.schema, shape.name)}"
        rows = self.run([f"SELECT ARRAY[{columns}]::text[] AS key FROM {table} LIMIT {MOST_KEYS}"])[-1]
        return [dict(zip(shape.primary_key, row["key"], strict=True)) for row in rows]

    def empty(self, shapes: Mapping[int, Shape], touched: Collection[int]) -> set[int]:
        """Those of these tables that hold no row. touched: oids of tables that are other than they were."""
        new = self._regrouped(shapes, set(touched))
        texts = [f"DEALLOCATE {name}" for name in self._dropped]
        texts += [f"PREPARE {name} AS {_asking(shapes, group)}" for name, group in new.items()]
        self._dropped = []
        self._groups.update(new)
        texts += [f"EXECUTE {name}" for name in self._groups]
        return {row["oid"] for rows in self.run(texts) for row in rows} if texts else set()

    def _regrouped(self, shapes: Mapping[int, Shape], touched: set[int]) -> dict[str, tuple[int, ...]]:
        """Drops the statements that are no longer right; what is to be prepared in their place."""
        groups = self._groups.items()
        kept = {n: group for n, group in groups if not touched & set(group) and set(group) <= shapes.keys()}
        if len(kept) * TOGETHER > 2 * len(shapes) + 4 * TOGETHER:
            kept = {}
        self._dropped += [name for name in self._groups if name not in kept]
        self._groups = kept
        known = {oid for group in kept.values() for oid in group}
        missing = [oid for oid in shapes if oid not in known]
        parts = [tuple(missing[at : at + TOGETHER]) for at in range(0, len(missing), TOGETHER)]
        return {f"{self._prefix}_{next(self._serial)}": part for part in parts}


def _asking(shapes: Mapping[int, Shape], group: Sequence[int]) -> str:
    return " UNION ALL ".join(_is_empty(shapes[oid]) for oid in group)


def _is_empty(shape: Shape) -> str:
    only = "" if shape.kind == "p" else "ONLY "
    return f"SELECT {shape.oid} AS oid WHERE NOT EXISTS (SELECT FROM {only}{name(shape.schema, shape.name)})"


def _results(cursor: Cursor[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    more: bool | None = True
    while more:
        if cursor.description is not None:
            yield cursor.fetchall()
        more = cursor.nextset()
