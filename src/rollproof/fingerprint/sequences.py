"""Sequences that stand before the highest value of the column that they feed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row, tuple_row

from rollproof.fingerprint.queries import query
from rollproof.fingerprint.snapshot import Connection, major_of, snapshot

_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class SequenceBehind:
    """A sequence that will hand out values which its column holds already.

    Attributes:
        sequence, column: qualified names.
        next_value: what the sequence hands out next.
        furthest: the column's highest value; its lowest for a sequence that descends.
    """

    sequence: str
    column: str
    next_value: int
    furthest: int

    def __str__(self) -> str:
        return (
            f"sequence {self.sequence}: next value {self.next_value}, but {self.column} holds {self.furthest}"
        )


def sequences_behind(conn: Connection) -> list[SequenceBehind]:
    """Sequences whose next value is not beyond every value of a column that they feed.

    A sequence feeds a column that owns it (serial, identity) or whose default calls nextval. Left
    out: sequences that cycle, and columns that hold no number. Reads each such column's highest
    value: quick with an index on it, the whole table without.

    Raises:
        AttemptFailed: a table or sequence may not be read, or row-level security would hide rows.
        PreconditionNotMet, EnvironmentUnavailable: as `snapshot`.
    """
    with snapshot(conn, doing="comparing sequences with the columns that they feed"):
        listing = conn.cursor(row_factory=dict_row).execute(query("sequence_columns", major=major_of(conn)))
        pairs = listing.fetchall()
        found: list[SequenceBehind] = []
        for start in range(0, len(pairs), _AT_ONCE):
            questions = sql.SQL(" UNION ALL ").join(map(_question, pairs[start : start + _AT_ONCE]))
            found += [_behind(row) for row in conn.cursor(row_factory=tuple_row).execute(questions)]
    return found


def _question(pair: Mapping[str, Any]) -> sql.Composed:
    rising = pair["increment"] > 0
    return sql.SQL(
        "SELECT format('%I.%I', {schema}, {name}), format('%I.%I.%I', {of}, {table}, {column}),"
        " next, furthest"
        " FROM (SELECT last_value::numeric + CASE WHEN is_called THEN {increment} ELSE 0 END AS next,"
        " (SELECT {extreme}({field})::numeric FROM {relation}) AS furthest FROM {sequence}) AS state"
        " WHERE next {before} furthest"
    ).format(
        schema=sql.Literal(pair["schema"]),
        name=sql.Literal(pair["sequence"]),
        of=sql.Literal(pair["table_schema"]),
        table=sql.Literal(pair["table"]),
        column=sql.Literal(pair["column"]),
        increment=sql.Literal(pair["increment"]),
        extreme=sql.SQL("max" if rising else "min"),
        field=sql.Identifier(pair["column"]),
        relation=sql.Identifier(pair["table_schema"], pair["table"]),
        sequence=sql.Identifier(pair["schema"], pair["sequence"]),
        before=sql.SQL("<=" if rising else ">="),
    )


def _behind(row: tuple[Any, ...]) -> SequenceBehind:
    sequence, column, next_value, furthest = row
    return SequenceBehind(sequence, column, int(next_value), int(furthest))
