"""Digests of all rows of a table: equal for two orders of the same rows, other for one changed byte.

The digest is the number of rows and the sum of a 64-bit hash over each row as the server would send
it, as one string of bytes. Not the row itself is hashed: `hash_record_extended` over its columns calls
1.0 and 1.00 equal, misses values swapped between rows when summed, and knows no hash for json, xml,
money, bit or geometric types. A sum, not an exclusive or, so that rows that come twice do not cancel
out. A change is missed with a chance of 2^-64.

Columns are sent in binary, which takes half the time of text, where the binary form says as much: of
types of the server's own. Others are sent as text: the binary form of an enum, a composite or an array
of them has oids in it that change when the type is made anew. Settings that change how a value is
written are pinned (sql/settings.sql). So the digest is of values *and* their types: a column of another
type whose values read the same has another digest, and `text_digest` the same.

Digests may be compared within one architecture only, and between servers that answer alike to
`probe`: they are for the time of a drill, not for the archive.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from psycopg import Cursor, sql
from psycopg.rows import tuple_row

from rollproof.errors import PreconditionNotMet
from rollproof.fingerprint.snapshot import Connection, snapshot
from rollproof.fingerprint.tables import UserTable, read_tables
from rollproof.model.rows import RowDigest, TableRows

_AT_ONCE = 100


def digest_rows(conn: Connection, *, tables: Collection[str] | None = None) -> list[TableRows]:
    """The digest of each table, all from one snapshot, by qualified name.

    Reads every row of every table (benchmarks/rows.md says how fast), in parallel on the server
    and with nothing kept on either side. Partitioned tables are digested as one.

    Args:
        tables: qualified names, quoted as SQL needs them, of the tables wanted; all when None.

    Raises:
        PreconditionNotMet: a table in `tables` does not exist, or as `snapshot`.
        AttemptFailed: a table may not be read, or row-level security would hide some of its rows.
        EnvironmentUnavailable: as `snapshot`.
    """
    with snapshot(conn, doing="digesting the rows"):
        found = read_tables(conn)
        if tables is not None:
            found = _chosen(found, tables)
        return [table_rows(table, digest) for table, digest in read_digests(conn, found)]


def _chosen(found: Sequence[UserTable], wanted: Collection[str]) -> list[UserTable]:
    names = {table.qualified for table in found}
    if missing := sorted(set(wanted) - names):
        raise PreconditionNotMet(
            f"there is no table {', '.join(missing)}",
            doing="digesting the rows",
            remedy='name tables as SQL does: schema.name, "Quoted" where the name needs it',
        )
    return [table for table in found if table.qualified in wanted]


def table_rows(table: UserTable, digest: RowDigest) -> TableRows:
    """A table and its digest, as they are kept and reported."""
    return TableRows(table.qualified, table.columns, table.key, digest)


def read_digests(conn: Connection, tables: Iterable[UserTable]) -> Iterable[tuple[UserTable, RowDigest]]:
    """Each table's digest over its `columns`, inside a snapshot that is already open."""
    wanted = list(tables)
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        cursor = conn.cursor(row_factory=tuple_row)
        cursor.execute(sql.SQL("; ").join(map(_digest_query, some)))
        yield from zip(some, _digests(cursor), strict=True)


def _digest_query(table: UserTable) -> sql.Composed:
    return sql.SQL("SELECT count(*), coalesce(sum({}), 0)::text FROM {}").format(_sent(table), table.source())


def _sent(table: UserTable) -> sql.Composed:
    """SQL: a 64-bit hash of a row as it is sent; of an array of one, as bytes alone have no such hash."""
    fields = (
        sql.SQL("{}{}").format(sql.Identifier(column), sql.SQL("" if column in table.sent else "::text"))
        for column in table.columns
    )
    return sql.SQL("hash_array_extended(ARRAY[record_send(ROW({}))], 0)").format(sql.SQL(", ").join(fields))


def text_digest(conn: Connection, table: UserTable) -> RowDigest:
    """A digest of a table's rows as text alone, whatever the types of its columns; the sum of `row_hash`."""
    query = sql.SQL("SELECT count(*), coalesce(sum({}), 0)::text FROM {}")
    cursor = conn.cursor(row_factory=tuple_row).execute(query.format(row_hash(table.columns), table.source()))
    row = cursor.fetchone()
    assert row is not None
    return RowDigest(*row)


def _digests(cursor: Cursor[tuple[Any, ...]]) -> list[RowDigest]:
    digests = [RowDigest(*row) for row in cursor.fetchall()]
    while cursor.nextset():
        digests += [RowDigest(*row) for row in cursor.fetchall()]
    return digests


def row_hash(columns: Iterable[str], *, seed: int = 0) -> sql.Composed:
    """SQL: a 64-bit hash of the columns' text. "C" because another collation may hash equal what differs."""
    return sql.SQL('hashtextextended(ROW({})::text COLLATE "C", {})').format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Literal(seed)
    )


def probe(conn: Connection) -> str:
    """How this server hashes and writes a known row: digests compare only where it is the same."""
    values = "ROW(-0.0::float8, 1.10::numeric, 'é'::text, '1 day'::interval, now() - now(), 1.5::money)"
    cursor = conn.cursor(row_factory=tuple_row)
    cursor.execute(
        sql.SQL(
            'SELECT hashtextextended(({v})::text COLLATE "C", 0)::text'
            " || hash_array_extended(ARRAY[record_send({v})], 0)::text"
        ).format(v=sql.SQL(values))
    )
    row = cursor.fetchone()
    return str(row[0]) if row else ""
