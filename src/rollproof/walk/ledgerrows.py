"""The rows of the tool's own table, remembered and put back.

After a rollback that did nothing, and a second up that failed for that very reason, everything is as it was
but for the tool's own record, which says that the migration is not applied. To put that right by hand is
what its users do then, and takes a millisecond where a database made anew takes two hundred.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import Connection, sql
from psycopg.rows import tuple_row

from rollproof.model.names import split_name

_MOST = 5000
"""rows of a ledger that are remembered; more are not worth the time at each migration"""
_TIED = (
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE contype = 'f'"
    " AND %s::pg_catalog.regclass IN (conrelid, confrelid))"
)
_READ = "SELECT rollproof_row::text FROM {} AS rollproof_row LIMIT {}"
_DELETE = "DELETE FROM {}"
_INSERT = (
    "INSERT INTO {} OVERRIDING SYSTEM VALUE"
    " SELECT (rollproof_line.one::{}).* FROM unnest(%s::text[]) AS rollproof_line (one)"
)


@dataclass(frozen=True, slots=True)
class LedgerRows:
    """All rows of the ledger at one moment, as the server writes them."""

    table: str
    rows: tuple[str, ...] = field(repr=False)


def remember(conn: Connection[Any], table: str) -> LedgerRows | None:
    """The rows of it now; None when there is no such table, or there are too many."""
    query = sql.SQL(_READ).format(_name(table), sql.Literal(_MOST + 1))
    try:
        found = conn.cursor(row_factory=tuple_row).execute(query).fetchall()
    except psycopg.DatabaseError:
        return None
    return LedgerRows(table, tuple(row[0] for row in found)) if len(found) <= _MOST else None


def put_back(conn: Connection[Any], remembered: LedgerRows) -> bool:
    """Whether the table holds these rows again. One of several tables that hang together is left alone."""
    name = _name(remembered.table)
    try:
        with conn.transaction():
            cursor = conn.cursor(row_factory=tuple_row)
            if (cursor.execute(_TIED, [name.as_string(conn)]).fetchone() or (True,))[0]:
                return False
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(sql.SQL(_DELETE).format(name))
            cursor.execute(sql.SQL(_INSERT).format(name, name), [list(remembered.rows)])
    except psycopg.DatabaseError:
        return False
    return True


def _name(table: str) -> sql.Identifier:
    return sql.Identifier(*(split_name(table) if "." in table else (table,)))
