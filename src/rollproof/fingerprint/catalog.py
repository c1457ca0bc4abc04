"""The fingerprint of a database, read from PostgreSQL's own catalogs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from psycopg import Cursor
from psycopg.rows import tuple_row

from rollproof.fingerprint.queries import query
from rollproof.fingerprint.snapshot import Connection, major_of, snapshot
from rollproof.model.fingerprint import Fact, Fingerprint
from rollproof.model.json import Json

QUERIES = (
    "database",
    "schemas",
    "tables",
    "columns",
    "constraints",
    "indexes",
    "sequences",
    "views",
    "functions",
    "triggers",
    "types",
    "operators",
    "foreign",
    "replication",
    "comments",
    "grants",
)
"""Files in sql/. Each statement yields kind, name, schema, parent, and the attributes under their names."""

_LARGEST_INTEGER = 2**53 - 1
_AT_ONCE = 200


def take_fingerprint(conn: Connection, *, ignore_schemas: Collection[str] = ()) -> Fingerprint:
    """Every fact of the database that `conn` is connected to, in one snapshot and three round trips.

    Works on PostgreSQL 13 to 18. Nothing is written and no table is locked. Joins a transaction
    that is already at REPEATABLE READ. Where sequences stand is not part of any snapshot.

    Args:
        ignore_schemas: schemas whose objects, and themselves, are left out.

    Raises:
        PreconditionNotMet: the connection is in a transaction of another isolation level.
        EnvironmentUnavailable: the server is older than 13, or the connection broke.
        AttemptFailed: something may not be read, or changed while it was read.
    """
    with snapshot(conn, doing="taking the database's fingerprint"):
        cursor = conn.cursor(row_factory=tuple_row)
        major = major_of(conn)
        cursor.execute("\n".join(query(name, major=major) for name in QUERIES))
        ignored = frozenset(ignore_schemas)
        rows = _outside(list(rows_of(cursor)), ignored)
        schemas = {row["schema"]: row["name"] for row in rows if row["kind"] == "schema"}
        facts = [fact_of(row, schemas) for row in rows]
        for question in state_queries(cursor, major=major, ignored=ignored):
            facts += states_of(cursor.execute(question))
    return Fingerprint.of(facts, source=conn.info.dbname)


def rows_of(cursor: Cursor[tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    more: bool | None = True
    while more:
        if cursor.description is not None:
            names = [column.name for column in cursor.description]
            yield from (dict(zip(names, row, strict=True)) for row in cursor)
        more = cursor.nextset()


def _outside(rows: list[dict[str, Any]], schemas: Collection[str]) -> list[dict[str, Any]]:
    """Without what is in these schemas, and without what belongs to that, such as a comment on a trigger."""
    inside = {f"{row['kind']} {row['name']}" for row in rows if row["schema"] in schemas}
    return [row for row in rows if row["schema"] not in schemas and row["parent"] not in inside]


def fact_of(row: dict[str, Any], schemas: Mapping[str, str]) -> Fact:
    """A row as a fact. What has no parent of its own goes away with its schema."""
    kind, name, schema, parent = (row.pop(column) for column in ("kind", "name", "schema", "parent"))
    if "attributes" in row and isinstance(row["attributes"], dict):
        row = row["attributes"]
    attributes = {key: json_value(value) for key, value in row.items() if value not in (None, [])}
    if parent is None and kind != "schema" and schema in schemas:
        parent = f"schema {schemas[schema]}"
    return Fact(kind, name, attributes, parent or "")


def json_value(value: Any) -> Json:
    """`value` as JSON can hold it: an integer beyond 2^53 becomes a text."""
    if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        return str(value)
    return value  # type: ignore[no-any-return]  # text, bool, number or a list of texts, as the queries yield


def state_queries(cursor: Cursor[tuple[Any, ...]], *, major: int, ignored: Collection[str]) -> list[bytes]:
    """What to ask to learn where all sequences stand; see sql/sequence_list.sql."""
    cursor.execute(query("sequence_list", major=major), prepare=True)
    asked = [question for schema, question in cursor.fetchall() if schema not in ignored]
    parts = (asked[start : start + _AT_ONCE] for start in range(0, len(asked), _AT_ONCE))
    return [" UNION ALL ".join(part).encode() for part in parts]


def states_of(rows: Iterable[tuple[Any, ...]]) -> list[Fact]:
    """The answers as facts: the value that each sequence hands out next."""
    return [
        Fact("sequence state", name, {"next value": json_value(int(value))}, f"sequence {name}")
        for name, value in rows
    ]
