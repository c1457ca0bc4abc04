"""The tables whose rows are digested, and how each is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from psycopg import Cursor, sql
from psycopg.rows import dict_row

from rollproof.errors import AttemptFailed
from rollproof.fingerprint.queries import query
from rollproof.fingerprint.snapshot import Connection, major_of, snapshot

ALIAS = "t"
"""What a table is called in queries: `ORDER BY t.id` is the column, while `id` may be an output's name."""


class KeyKind(StrEnum):
    """How a key column's values are sorted and shown."""

    INTEGER = "integer"
    """in clear, as a number"""
    UUID = "uuid"
    """in clear, as text"""
    HIDDEN = "hidden"
    """as a digest: it may be personal data"""


@dataclass(frozen=True, slots=True)
class UserTable:
    """A table that holds rows, a partitioned one as a whole.

    Attributes:
        qualified: schema and name, quoted where SQL needs it.
        columns: all columns, in the byte order of their names.
        key: primary key columns in key order; empty without one.
        clear: columns whose values may be shown, as keys of rows, and how they sort.
        leaves: the local partitions to read instead, when some of the others are foreign.
        sent: columns whose binary form says as much as their text; a digest of it takes half the time.
    """

    qualified: str
    schema: str
    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...] = ()
    clear: tuple[tuple[str, KeyKind], ...] = ()
    partitioned: bool = False
    leaves: tuple[tuple[str, str], ...] = ()
    sent: frozenset[str] = frozenset()

    def kinds_of(self, columns: Iterable[str]) -> tuple[KeyKind, ...]:
        """How the values of each column are sorted and shown."""
        clear = dict(self.clear)
        return tuple(clear.get(column, KeyKind.HIDDEN) for column in columns)

    def source(self) -> sql.Composable:
        """What stands behind FROM, called `ALIAS`: never the rows of tables that inherit from this one."""
        if not self.leaves:
            only = sql.SQL("" if self.partitioned else "ONLY ")
            table = sql.Identifier(self.schema, self.name)
            return sql.SQL("{}{} AS {}").format(only, table, sql.Identifier(ALIAS))
        columns = sql.SQL(", ").join(map(sql.Identifier, self.columns))
        parts = [
            sql.SQL("SELECT {} FROM ONLY {}").format(columns, sql.Identifier(*leaf)) for leaf in self.leaves
        ]
        return sql.SQL("({}) AS {}").format(sql.SQL(" UNION ALL ").join(parts), sql.Identifier(ALIAS))


LARGE_OBJECTS = UserTable(
    "pg_catalog.pg_largeobject",
    "pg_catalog",
    "pg_largeobject",
    ("data", "loid", "pageno"),
    ("loid", "pageno"),
    (("loid", KeyKind.INTEGER), ("pageno", KeyKind.INTEGER)),
)
"""The pages of large objects, as a table among the others when there are any."""


def user_tables(conn: Connection) -> list[UserTable]:
    """All tables with rows of their own, by schema and name; see sql/user_tables.sql for what is left out.

    Raises:
        AttemptFailed: there are large objects that this role may not read.
        PreconditionNotMet, EnvironmentUnavailable: as `snapshot`.
    """
    with snapshot(conn, doing="listing the tables"):
        return read_tables(conn)


def read_tables(conn: Connection) -> list[UserTable]:
    """`user_tables`, inside a snapshot that is already open."""
    cursor = conn.cursor(row_factory=dict_row)
    cursor.execute(query("user_tables", major=major_of(conn)))
    rows, leaves, (large,) = _results(cursor)
    local: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for leaf in leaves:
        local.setdefault((leaf["root_schema"], leaf["root"]), []).append((leaf["schema"], leaf["name"]))
    tables = [_table(row, local.get((row["schema"], row["name"]), [])) for row in rows]
    readable = [
        table
        for table, row in zip(tables, rows, strict=True)
        if table.leaves or not row["has_foreign_leaves"]
    ]
    return readable + _large_objects(large)


def _results(cursor: Cursor[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    results = [cursor.fetchall()]
    while cursor.nextset():
        results.append(cursor.fetchall())
    return results


def _table(row: dict[str, Any], leaves: list[tuple[str, str]]) -> UserTable:
    clear = [(column, KeyKind.INTEGER) for column in row["integers"]]
    clear += [(column, KeyKind.UUID) for column in row["uuids"]]
    return UserTable(
        row["qualified"],
        row["schema"],
        row["name"],
        tuple(row["columns"]),
        tuple(row["key"]),
        tuple(clear),
        row["partitioned"],
        tuple(leaves),
        frozenset(row["sent"]),
    )


def _large_objects(found: dict[str, Any]) -> list[UserTable]:
    if not found["present"]:
        return []
    if not found["readable"]:
        raise AttemptFailed(
            "there are large objects, and this role may not read their pages",
            where="pg_largeobject",
            remedy="connect as a superuser, or GRANT SELECT ON pg_largeobject",
        )
    return [LARGE_OBJECTS]
