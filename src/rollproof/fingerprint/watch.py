"""The fingerprint of a database again and again, each time from the last one and what changed since.

`take_fingerprint` reads all catalogs, which takes tens of milliseconds; a walk through a history does so
three times for each migration, which often changes one table. A look reads anew only what may have changed:

1. *Scan* (incremental_scan.py, sql/watch_scan.sql). One prepared statement reads the catalogs and reports the
   rows that were written since the last look, by xmin, and how many rows there are. A row was written since
   when its transaction is not older than the oldest one that was running at the last look: that one may have
   committed later, although its number is lower than others that were visible by then. The newest number
   would be the wrong marker, and so would the snapshot's list of running transactions, which does not hold
   subtransactions. Lost rows show in the count, and are found by comparing the keys that are kept.
   Updates in place, as VACUUM and ANALYZE make them, leave xmin alone: no fact reads what they write.
2. *Reach* (incremental_reach.py, sql/watch_reach.sql). A new name or type also changes the text of views,
   indexes, constraints, triggers, policies and functions: whatever depends on a changed row, to any depth.
3. *Read* (incremental_statements.py). The full fingerprint's own statements, restricted to these objects and
   sent in one pipeline. What few databases have is read as a whole when its catalogs changed.

Where the reach is not clear the whole fingerprint is read: a schema with a new name, a role or tablespace
that was renamed or dropped, an object of the server itself, an extension that lost a member, a new operator
class or collation. Slow is better than wrong. What is shared by all databases, or hidden from all but
superusers, is little, and its result is compared at every look; so is where sequences stand, which no
catalog knows.

Limits. Rows that somebody deletes by hand from pg_attribute, pg_index or pg_depend, with nothing else
changed, and an array of regclass constants in an expression, which names tables without depending on them,
are not followed; `check` tells. While a transaction stays open, what was written since it began is read
again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Cursor, RawCursor, pq
from psycopg.rows import tuple_row

from rollproof.errors import AttemptFailed, PreconditionNotMet
from rollproof.fingerprint.catalog import fact_of, state_queries, states_of, take_fingerprint
from rollproof.fingerprint.incremental_reach import Reached, reach
from rollproof.fingerprint.incremental_relations import Relations
from rollproof.fingerprint.incremental_scan import Changes, Kept, read_scan
from rollproof.fingerprint.incremental_statements import GRANTED, Statement, statements
from rollproof.fingerprint.incremental_store import WHOLE, Entry, FactStore
from rollproof.fingerprint.queries import query
from rollproof.fingerprint.snapshot import explained, major_of
from rollproof.model.fingerprint import Fact, Fingerprint

_DOING = "taking the database's fingerprint"
_SCHEMAS = "schemas 1"
_TABLES = "tables 1"
_COMMENTS = "comments 1"
_STATES = "sequence states"
_BEGIN = """
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
{settings}
SET LOCAL plan_cache_mode = force_generic_plan;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
"""
"""The settings of every snapshot; prepared statements planned once, not for each set of objects; and as for
few: joined by index, where a hash would take in all of pg_class or pg_depend."""
_ALL_AT_ONCE = "SET LOCAL enable_hashjoin TO DEFAULT; SET LOCAL enable_mergejoin TO DEFAULT;\n"
_MARKER = "SELECT pg_snapshot_xmin(pg_current_snapshot())::xid::text"
_SHOWN = 10
_FEW, _SHARE = 150, 3
"""Beyond so many objects, and one of how many of all, reading everything at once is quicker."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the last look left behind, besides the facts."""

    kept: Kept
    relations: Relations

    def there(self, statement: Statement, oids: Collection[int]) -> Collection[int]:
        """Those of these objects that a statement may have something to say about."""
        if statement.kinds:
            return self.relations.of_kinds(statement.kinds, oids)
        if statement.name == _COMMENTS:
            return self.kept.commented(oids)
        return oids if statement.catalog == GRANTED else self.kept.living(statement.catalog, oids)


class CatalogWatch:
    """Looks at one database, for as long as one connection to it lasts.

    Give it a connection that does nothing but read, since psycopg forgets all prepared statements after a
    ROLLBACK or DROP, and the next look has to plan them again.

    Args:
        conn: outside any transaction at every look; autocommit or not. After a look no transaction and no
            lock is left.
        ignore_schemas: as in `take_fingerprint`.

    Raises:
        EnvironmentUnavailable: the server is older than 13.
    """

    def __init__(self, conn: psycopg.Connection[Any], *, ignore_schemas: Collection[str] = ()) -> None:
        self._conn = conn
        self._ignored = frozenset(ignore_schemas)
        self._major = major_of(conn)
        self.forget()

    def forget(self) -> None:
        """Starts over: the next look takes everything anew, as after the database was replaced."""
        self._known: _Known | None = None
        self._store = FactStore(ignored=self._ignored, source=self._conn.info.dbname)
        self._questions: list[bytes] = []
        self._states: list[tuple[Any, ...]] = []

    def look(self) -> Fingerprint:
        """The fingerprint that `take_fingerprint` would take now; the last one itself when nothing changed.

        Facts that are what they were at the last look are the same objects as then. After an error the
        watch starts over.

        Raises:
            PreconditionNotMet: the connection is in a transaction.
            EnvironmentUnavailable, AttemptFailed: as `take_fingerprint`.
            ValueError: two facts bear the same kind and name.
        """
        try:
            with self._reading() as cursor:
                if self._known is None:
                    self._known = self._start(cursor)
                else:
                    self._advance(cursor, self._known)
                self._read_states(cursor)
                return self._store.settle()
        except BaseException:
            self.forget()
            raise

    def rewritten(self) -> tuple[str, ...]:
        """Tables, materialized views and indexes whose storage was made anew between the last two looks.

        They are the same objects (oids) with another relfilenode, as after VACUUM FULL, CLUSTER, REINDEX,
        TRUNCATE or a change of type that rewrites. Qualified names as of now, sorted. Empty after one look.
        """
        return self._known.relations.rewritten if self._known else ()

    def changed_tables(self) -> frozenset[str]:
        """Tables, views and the like whose catalog rows, or parts, changed between the last two looks.

        New and dropped ones too; a renamed one by both names, qualified. All of them after one look alone.
        What only depends on a change, as a view on a table does, is not listed.
        """
        return self._known.relations.changed if self._known else frozenset()

    def check(self) -> None:
        """Takes the full fingerprint and compares it with the last look, when nothing was changed in between.

        Raises:
            AttemptFailed: they differ; the error names the facts.
        """
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

    def _start(self, cursor: Cursor[Any]) -> _Known:
        (marker,) = cursor.execute(_MARKER).fetchone() or ("",)
        scan = read_scan(cursor, major=self._major, marker=marker)
        known = _Known(Kept(cursor, scan, major=self._major), Relations(cursor, major=self._major))
        self._read_all(cursor)
        return known

    def _advance(self, cursor: Cursor[Any], known: _Known) -> None:
        scan = read_scan(cursor, major=self._major, marker=known.kept.marker)
        changes = known.kept.advance(cursor, scan)
        if not changes:
            known.relations.rest()
            return
        unclear = known.relations.advance(cursor, changes) or changes.unclear
        reached = None if unclear else reach(cursor, changes, major=self._major)
        if reached is None or len(reached) > max(_FEW, known.kept.size // _SHARE):
            self._read_all(cursor)
        else:
            self._read_changed(cursor, known, changes, reached)

    def _read_all(self, cursor: Cursor[Any]) -> None:
        everything = statements(self._major)
        whole = "\n;\n".join(statement.whole for statement in everything)
        cursor.execute(_ALL_AT_ONCE + whole, prepare=False)
        results = [(statement, rows) for statement, rows in zip(everything, _results(cursor), strict=True)]
        results.sort(key=lambda result: result[0].name != _SCHEMAS)
        for statement, rows in results:
            self._replace(statement, None, rows)
        self._list_sequences(cursor)

    def _read_changed(self, cursor: Cursor[Any], known: _Known, changes: Changes, reached: Reached) -> None:
        due = self._due(changes, self._with_replica_identity(reached))
        with self._conn.pipeline():
            asked = [(statement, oids, self._ask(known, statement, oids)) for statement, oids in due]
            for statement, oids, answer in asked:
                self._replace(statement, oids, _rows(answer) if answer else ())
        if known.relations.sequences_changed or "pg_depend" in changes.fresh:
            self._list_sequences(cursor)

    def _due(self, changes: Changes, reached: Reached) -> Iterator[tuple[Statement, Collection[int] | None]]:
        """Each statement that may say something new, and of which objects; None: of all."""
        for statement in statements(self._major):
            if not statement.catalog:
                if self._is_due(statement, changes, reached):
                    yield statement, None
            elif oids := reached.oids.get(statement.catalog):
                yield statement, oids

    def _ask(self, known: _Known, statement: Statement, oids: Collection[int] | None) -> Cursor[Any] | None:
        """The answer, or None when there is nothing to ask about: what is gone needs no question."""
        cursor = RawCursor(self._conn, row_factory=tuple_row)
        if oids is None:
            return cursor.execute(statement.whole, prepare=True)
        there = known.there(statement, oids)
        return cursor.execute(statement.only, (list(there),), prepare=True) if there else None

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
        self._questions = state_queries(cursor, major=self._major, ignored=self._ignored)

    def _read_states(self, cursor: Cursor[Any]) -> None:
        states: list[tuple[Any, ...]] = []
        for question in self._questions:
            states += cursor.execute(question, prepare=True).fetchall()
        if states != self._states:
            self._states = states
            self._store.replace(
                _STATES, None, [(WHOLE, Entry(None, None, fact)) for fact in states_of(states)]
            )


def _rows(cursor: Cursor[Any]) -> list[dict[str, Any]]:
    rows = cursor.fetchall()
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in rows]


def _results(cursor: Cursor[Any]) -> Iterator[list[dict[str, Any]]]:
    more: bool | None = True
    while more:
        if cursor.description is not None:
            yield _rows(cursor)
        more = cursor.nextset()


def _same(one: Fact | None, other: Fact | None) -> bool:
    return one == other and (one is None or other is None or one.parent == other.parent)
