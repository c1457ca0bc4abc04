"""The fingerprint of a database again and again, each time from the last one and what changed since."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Cursor, RawCursor, pq
from psycopg.rows import tuple_row

from rollproof.errors import AttemptFailed, PreconditionNotMet
from rollproof.fingerprint.catalog import fact_of, states_of, take_fingerprint
from rollproof.fingerprint.incremental_reach import Reached, reach
from rollproof.fingerprint.incremental_relations import Relations
from rollproof.fingerprint.incremental_scan import Changes, Kept, read_scan
from rollproof.fingerprint.incremental_statements import Statement, statements
from rollproof.fingerprint.incremental_store import WHOLE, Entry, FactStore
from rollproof.fingerprint.queries import query
from rollproof.fingerprint.snapshot import explained, major_of
from rollproof.model.fingerprint import Fact, Fingerprint

_DOING = "taking the database's fingerprint"
_SCHEMAS = "schemas 1"
_TABLES = "tables 1"
_STATES = "sequence states"
_BEGIN = """
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
{settings}
SET LOCAL plan_cache_mode = force_generic_plan;
"""
"""The settings of every snapshot; and prepared statements planned once, not for each set of objects."""
_MARKER = "SELECT pg_snapshot_xmin(pg_current_snapshot())::xid::text"
_SHOWN = 10
_MOST = 2000
"""Objects that may be read one by one; beyond that, all at once is quicker."""


class CatalogWatch:
    def __init__(self, conn: psycopg.Connection[Any], *, ignore_schemas: Collection[str] = ()) -> None:
        self._conn = conn
        self._ignored = frozenset(ignore_schemas)
        self._major = major_of(conn)
        self.forget()

    def forget(self) -> None:
        self._kept: Kept | None = None
        self._relations: Relations | None = None
        self._store = FactStore(ignored=self._ignored, source=self._conn.info.dbname)
        self._sequences: list[tuple[Any, ...]] = []

    def look(self) -> Fingerprint:
        try:
            with self._reading() as cursor:
                if self._kept is None:
                    self._start(cursor)
                else:
                    self._advance(cursor, self._kept)
                self._read_states(cursor)
                return self._store.settle()
        except BaseException:
            self.forget()
            raise

    def rewritten(self) -> tuple[str, ...]:
        return self._relations.rewritten if self._relations else ()

    def changed_tables(self) -> frozenset[str]:
        return self._relations.changed if self._relations else frozenset()

    def check(self) -> None:
        incremental = self._store.fingerprint.facts
        full = take_fingerprint(self._conn, ignore_schemas=self._ignored).facts
        differing = [
            f"{kind} {name}"
            for kind, name in sorted({*incremental, *full})
            if not _same(incremental.get((kind, name)), full.get((kind, name)))
        ]
        if differing:
            shown = ", ".join(differing[:_SHOWN]) + (", …" if len(differing) > _SHOWN else "")
            raise AttemptFailed(
                f"the incremental fingerprint is not the full one: {shown}",
                doing=_DOING,
                where=self._conn.info.dbname,
                remedy="this is a defect of Rollproof; report it with the migration that came before",
                facts={"differing": len(differing)},
            )

    @contextmanager
    def _reading(self) -> Iterator[Cursor[Any]]:
        if self._conn.info.transaction_status != pq.TransactionStatus.IDLE:
            raise PreconditionNotMet(
                "the connection is in a transaction",
                doing=_DOING,
                remedy="commit or roll back first, or use a connection of its own",
            )
        settings = query("settings", major=self._major)
        try:
            with self._conn.transaction():
                cursor = RawCursor(self._conn, row_factory=tuple_row)
                cursor.execute(_BEGIN.format(settings=settings), prepare=False)
                yield cursor
        except psycopg.Error as error:
            raise explained(error, doing=_DOING) from error

    def _start(self, cursor: Cursor[Any]) -> None:
        (marker,) = cursor.execute(_MARKER).fetchone() or ("",)
        self._kept = Kept(cursor, read_scan(cursor, major=self._major, marker=marker), major=self._major)
        self._relations = Relations(cursor, major=self._major)
        self._read_all(cursor)

    def _advance(self, cursor: Cursor[Any], kept: Kept) -> None:
        assert self._relations is not None
        scan = read_scan(cursor, major=self._major, marker=kept.marker)
        changes = kept.advance(cursor, scan)
        if not changes:
            self._relations.rest()
            return
        changes.unclear = self._relations.advance(cursor, changes) or changes.unclear
        if changes.unclear:
            self._read_all(cursor)
        else:
            self._read_changed(cursor, changes)

    def _read_all(self, cursor: Cursor[Any]) -> None:
        everything = statements(self._major)
        cursor.execute("\n;\n".join(statement.whole for statement in everything), prepare=False)
        results = [(statement, rows) for statement, rows in zip(everything, _results(cursor), strict=True)]
        results.sort(key=lambda result: result[0].name != _SCHEMAS)
        for statement, rows in results:
            self._replace(statement, None, rows)
        self._list_sequences(cursor)

    def _read_changed(self, cursor: Cursor[Any], changes: Changes) -> None:
        reached = reach(cursor, changes, major=self._major)
        if len(reached) > _MOST:
            self._read_all(cursor)
            return
        reached = self._with_replica_identity(reached)
        for statement in statements(self._major):
            self._read_again(cursor, statement, changes, reached)
        self._list_sequences(cursor)

    def _read_again(
        self, cursor: Cursor[Any], statement: Statement, changes: Changes, reached: Reached
    ) -> None:
        if statement.catalog:
            if oids := reached.oids.get(statement.catalog):
                cursor.execute(statement.only, (list(oids),), prepare=True)
                self._replace(statement, oids, next(_results(cursor)))
        elif self._is_due(statement, changes, reached):
            cursor.execute(statement.whole, prepare=True)
            self._replace(statement, None, next(_results(cursor)))

    def _is_due(self, statement: Statement, changes: Changes, reached: Reached) -> bool:
        if statement.every_look:
            return statement.name in changes.compared
        return reached.rare or (statement.names_others and self._store.has(statement.name))

    def _with_replica_identity(self, reached: Reached) -> Reached:
        """A table that is identified by an index prints its name, but does not depend on it."""
        tables = {
            oid
            for oid, entry in self._store.of(_TABLES)
            if str(entry.fact.attributes.get("replica identity", "")).startswith("index ")
        }
        return reached.also("pg_class", tables) if "pg_class" in reached.oids else reached

    def _replace(
        self, statement: Statement, oids: Collection[int] | None, rows: Iterable[dict[str, Any]]
    ) -> None:
        if statement.name == _SCHEMAS:
            schemas: dict[str, str] = {}
        else:
            schemas = {str(entry.schema): entry.fact.name for _, entry in self._store.of(_SCHEMAS)}
        new = [
            (row.pop("watched_oid", WHOLE), Entry(row["schema"], row["parent"], fact_of(row, schemas)))
            for row in rows
        ]
        self._store.replace(statement.name, oids, new)

    def _list_sequences(self, cursor: Cursor[Any]) -> None:
        cursor.execute(query("sequence_list", major=self._major), prepare=True)
        self._sequences = [row for row in cursor.fetchall() if row[0] not in self._ignored]

    def _read_states(self, cursor: Cursor[Any]) -> None:
        facts = states_of(self._conn.cursor(row_factory=tuple_row), self._sequences, prepare=True)
        self._store.replace(_STATES, None, [(WHOLE, Entry(None, None, fact)) for fact in facts])


def _results(cursor: Cursor[Any]) -> Iterator[list[dict[str, Any]]]:
    more: bool | None = True
    while more:
        if cursor.description is not None:
            names = [column.name for column in cursor.description]
            yield [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        more = cursor.nextset()


def _same(one: Fact | None, other: Fact | None) -> bool:
    return one == other and (one is None or other is None or one.parent == other.parent)
