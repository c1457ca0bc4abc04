"""Taking generated rows away again."""

# ruff: noqa: S608  names and values go through name() and quoted(), which quote them

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from rollproof.fingerprint.snapshot import Connection
from rollproof.rowgen.making import BY_CODE, Memory, Row, said
from rollproof.rowgen.reading import Reader
from rollproof.rowgen.report import FillReport
from rollproof.rowgen.rowsource import name
from rollproof.rowgen.shapes import Shape, in_order
from rollproof.rowgen.values import quoted
from rollproof.walk.model import NoRows


def take_away(conn: Connection, reader: Reader, memories: Sequence[Memory]) -> FillReport:
    """Deletes the rows that were made in these tables, those that refer to others first."""
    by_oid = {memory.shape.oid: memory for memory in memories}
    left = [by_oid[shape.oid] for shape in reversed(in_order(memory.shape for memory in memories))]
    gone: dict[str, int] = {}
    with reader.writing():
        reasons = {m.shape.qualified: _UNTOLD for m in left if _delete(reader, m) is None}
        left = [memory for memory in left if memory.shape.qualified not in reasons]
        for memory in list(left):
            if not (why := _try(conn, reader, [memory], gone)):
                left.remove(memory)
            reasons[memory.shape.qualified] = why
        # What is left may be a circle, whose rows can only go together.
        if len(left) > 1 and not _try(conn, reader, left, gone):
            left = []
    stay = {m.shape.qualified for m in left} | {name for name, why in reasons.items() if why == _UNTOLD}
    return FillReport(gone, tuple(NoRows(table, reasons[table]) for table in sorted(stay)))


_UNTOLD = "the table has no key, and other rows beside the generated ones"


def _try(conn: Connection, reader: Reader, memories: Sequence[Memory], gone: dict[str, int]) -> str:
    """Deletes in one statement, so that keys are looked at when all are gone; why not, or nothing."""
    deletes = [_delete(reader, memory) for memory in memories]
    parts = ", ".join(f"d{at} AS ({delete})" for at, delete in enumerate(deletes))
    shown = " UNION ALL ".join(f"SELECT {at} AS at FROM d{at}" for at in range(len(deletes)))
    try:
        with conn.transaction():
            rows = reader.run([f"WITH {parts} {shown}", "SET CONSTRAINTS ALL IMMEDIATE"])[0]
    except psycopg.Error as error:
        if conn.closed:
            raise
        return said(error).removeprefix(BY_CODE)
    for at, memory in enumerate(memories):
        gone[memory.shape.qualified] = sum(row["at"] == at for row in rows)
        memory.empties()
    return ""


def _delete(reader: Reader, memory: Memory) -> str | None:
    """The statement; None when the generated rows cannot be told from others."""
    shape = memory.shape
    target = ("" if shape.kind == "p" else "ONLY ") + name(shape.schema, shape.name)
    if shape.primary_key and all(memory.rows):
        told = " OR ".join(_is(row, shape) for row in memory.rows)
        return f"DELETE FROM {target} WHERE {told} RETURNING 1"
    count = reader.run([f"SELECT count(*) AS n FROM {target}"])[-1][0]["n"]
    return f"DELETE FROM {target} RETURNING 1" if count == len(memory.rows) else None


def _is(row: Row, shape: Shape) -> str:
    columns = [column for column in row if column in shape.by_name]
    return "(" + (" AND ".join(f"{name(c)} = {quoted(row[c])}" for c in columns) or "false") + ")"
