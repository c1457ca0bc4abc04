"""A table's rows as lines of hashes, sorted by key, so that two moments can be merged line by line.

A line is the key's columns, the row's hash and, in smaller tables, the hash of each column, all
separated by tabs. Integer and uuid key columns stand in clear and sort as what they are; others are
128-bit hashes. A table without a key is listed by its rows' hashes alone. NULL is `\\N`. No line
holds a value of any other column.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from psycopg import sql

from rollproof.fingerprint.rows import row_hash
from rollproof.fingerprint.snapshot import Connection
from rollproof.fingerprint.tables import ALIAS, KeyKind, UserTable

NULL = b"\\N"
_SORTED_AT_ONCE = 200_000

Line = list[bytes]


@dataclass(frozen=True, slots=True)
class Layout:
    """What the fields of a listing's lines are.

    Attributes:
        key: the key columns, first in each line.
        kinds: of each key column.
        hashed: the columns that the row's hash is over.
        columns: the columns whose own hashes follow; empty in large tables.
    """

    key: tuple[str, ...]
    kinds: tuple[KeyKind, ...]
    hashed: tuple[str, ...]
    columns: tuple[str, ...]

    def sort_key(self, line: Line) -> tuple[int | bytes, ...]:
        """What the lines are sorted by: numbers as numbers."""
        if not self.key:
            return (line[0],)
        return tuple(
            int(field) if kind is KeyKind.INTEGER else field
            for field, kind in zip(line, self.kinds, strict=False)
        )

    def row(self, line: Line) -> bytes:
        """The row's hash."""
        return line[len(self.key)]

    def column_hashes(self, line: Line) -> dict[str, bytes]:
        """Each column's own hash."""
        return dict(zip(self.columns, line[len(self.key) + 1 :], strict=True))


def read_listing(conn: Connection, table: UserTable, layout: Layout) -> Generator[bytes, None, None]:
    """The lines of a table, from the server, one after the other; nothing is held in memory.

    Close it: until then the connection is in the middle of a COPY, and can do nothing else.
    """
    with conn.cursor() as cursor, cursor.copy(_copy(table, layout)) as copy:
        for line in copy:
            yield bytes(line).rstrip(b"\n")


def write_listing(conn: Connection, table: UserTable, layout: Layout, file: BinaryIO) -> None:
    """The lines of a table, from the server into a file, each with its newline."""
    with conn.cursor() as cursor, cursor.copy(_copy(table, layout)) as copy:
        file.writelines(copy)


def _copy(table: UserTable, layout: Layout) -> sql.Composed:
    keys = [_key_field(column, kind) for column, kind in zip(layout.key, layout.kinds, strict=True)]
    order = [
        sql.Identifier(ALIAS, column) if kind is not KeyKind.HIDDEN else field + sql.SQL(' COLLATE "C"')
        for column, kind, field in zip(layout.key, layout.kinds, keys, strict=True)
    ]
    row = _hex(row_hash(layout.hashed))
    fields = [*keys, row, *map(_column_field, layout.columns)]
    return sql.SQL("COPY (SELECT {} FROM {} ORDER BY {}) TO STDOUT").format(
        sql.SQL(", ").join(fields),
        table.source(),
        sql.SQL(", ").join(order or [row + sql.SQL(' COLLATE "C"')]),
    )


def _key_field(column: str, kind: KeyKind) -> sql.Composable:
    if kind is not KeyKind.HIDDEN:
        return sql.Identifier(column) + sql.SQL("::text")
    halves = [_hex(row_hash([column], seed=seed)) for seed in (0, 1)]
    return sql.SQL("lpad({}, 16, '0') || lpad({}, 16, '0')").format(*halves)


def _column_field(column: str) -> sql.Composed:
    """NULL stays NULL: a row of one column is written `()` when, and only when, it is NULL."""
    text = sql.SQL("nullif(ROW({})::text, '()')").format(sql.Identifier(column))
    return _hex(sql.SQL('hashtextextended({} COLLATE "C", 0)').format(text))


def _hex(number: sql.Composable) -> sql.Composed:
    """Not padded: that would take as long as all the rest of a line."""
    return sql.SQL("to_hex({})").format(number)


def externally_sorted(lines: Iterable[bytes], scratch: Path) -> Iterator[bytes]:
    """The lines in byte order, sorted in pieces on disk so that memory stays bounded."""
    source = iter(lines)
    with ExitStack() as stack:
        pieces: list[Iterable[bytes]] = []
        while some := sorted(islice(source, _SORTED_AT_ONCE)):
            file = stack.enter_context(tempfile.TemporaryFile(dir=scratch))
            file.writelines(line + b"\n" for line in some)
            file.seek(0)
            pieces.append(line.rstrip(b"\n") for line in file)
        yield from heapq.merge(*pieces)
