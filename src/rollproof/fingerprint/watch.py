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

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import psycopg

from rollproof.errors import AttemptFailed, PreconditionNotMet
from rollproof.fingerprint.catalog import fact_of, take_fingerprint
from rollproof.fingerprint.incremental_reach import Reached, reach
from rollproof.fingerprint.incremental_relations import Relations
from rollproof.fingerprint.incremental_scan import Changes, Kept, scan_of
from rollproof.fingerprint.incremental_statements import GRANTED, Statement, scan_text, statements
from rollproof.fingerprint.incremental_states import States
from rollproof.fingerprint.incremental_store import WHOLE, Entry, FactStore
from rollproof.fingerprint.pipeline import SYNC, Answer, Ask, Pipeline
from rollproof.fingerprint.snapshot import explained, major_of, setting_text, settings_text
from rollproof.model.fingerprint import Fact, Fingerprint

_DOING = "taking the database's fingerprint"
_SCHEMAS = "schemas 1"
_TABLES = "tables 1"
_COMMENTS = "comments 1"
_CONSTRAINTS = "pg_constraint"
_BEGIN = Ask("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
_COMMIT = Ask("COMMIT")
_PLANNING = {"plan_cache_mode": "force_generic_plan", "enable_hashjoin": "off", "enable_mergejoin": "off"}
"""Beside the settings of every snapshot: statements are planned once, not for each set of objects; and as for
few: joined by index, where a hash would take in all of pg_class or pg_depend."""
_ALL_AT_ONCE = {"enable_hashjoin": "on", "enable_mergejoin": "on"}
_MARKER = "SELECT pg_snapshot_xmin(pg_current_snapshot())::xid::text"
_SHOWN = 10
_FEW, _SHARE = 300, 2
"""Beyond so many objects, and one of how many of all, reading everything at once is quicker."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the last look left behind, besides the facts."""

    kept: Kept
    relations: Relations

    def there(self, statement: Statement, oids: Collection[int]) -> Collection[int]:
        """Those of these objects that a statement may have something to say about."""
        if statement.catalog == _CONSTRAINTS:
            return self.kept.constraints(oids, owned=statement.kinds == "owned")
        if statement.kinds:
            return self.relations.of_kinds(statement.kinds, oids)
        if statement.name == _COMMENTS:
            return self.kept.commented(oids)
        return oids if statement.catalog == GRANTED else self.kept.living(statement.catalog, oids)


@dataclass(frozen=True, slots=True)
class Memory:
    """What a watch knew right after a look, for one that goes on with that database, or with a copy of it.

    A copy by CREATE DATABASE has the same catalogs, to the last oid and transaction number. What was done to
    either since shows in its catalogs, as ever.
    """

    known: _Known = field(repr=False)
    store: FactStore = field(repr=False)
    states: States = field(repr=False)

    def copy(self, pipeline: Pipeline) -> Memory:
        """The same again, which goes its own way from now on, over that connection."""
        store = self.store.copy()
        known = _Known(self.known.kept.copy(), copy(self.known.relations))
        return Memory(known, store, self.states.copy(pipeline, store))


class CatalogWatch:
    """Looks at one database, for as long as one connection to it lasts.

    Give it a connection that does nothing but read, since psycopg forgets all prepared statements after a
    ROLLBACK or DROP, and the next look has to plan them again.

    Args:
        conn: outside any transaction at every look; autocommit or not. After a look no transaction and no
            lock is left.
        ignore_schemas: as in `take_fingerprint`.
        memory: of an earlier watch, with the same schemas ignored: the first look goes on from there.

    Raises:
        EnvironmentUnavailable: the server is older than 13.
    """

    def __init__(
        self,
        conn: psycopg.Connection[Any],
        *,
        ignore_schemas: Collection[str] = (),
        memory: Memory | None = None,
    ) -> None:
        self._conn = conn
        self._ignored = frozenset(ignore_schemas)
        self._major, self._source = major_of(conn), conn.info.dbname
        self._pipeline = Pipeline(conn)
        self.forget()
        if memory is not None:
            self._take_over(memory.copy(self._pipeline))

    def memory(self) -> Memory | None:
        """What it knows since the last look; None before the first one, and after one that failed."""
        if self._known is None:
            return None
        return Memory(self._known, self._store, self._states).copy(self._pipeline)

    def forget(self) -> None:
        """Starts over: the next look takes everything anew, as after the database was replaced."""
        self._known: _Known | None = None
        self._store = FactStore(ignored=self._ignored, source=self._source)
        self._states = States(self._pipeline, self._store, ignored=self._ignored)

    def _take_over(self, memory: Memory) -> None:
        self._known, self._store, self._states = memory.known, memory.store, memory.states

    def look(self) -> Fingerprint:
        """The fingerprint that `take_fingerprint` would take now; the last one itself when nothing changed.

        Facts that are what they were at the last look are the same objects as then. After an error the
        watch starts over.

        Raises:
            PreconditionNotMet: the connection is in a transaction.
            EnvironmentUnavailable, AttemptFailed: as `take_fingerprint`.
            ValueError: two facts bear the same kind and name.
        """
        found = self.look_after(None, lambda _: True)
        assert found is not None
        return found

    def look_after(
        self, first: str | None, judge: Callable[[list[tuple[Any, ...]]], bool]
    ) -> Fingerprint | None:
        """As `look`, with a statement ahead of it in the same message; nothing waits for its answer.

        Args:
            judge: gets the statement's rows; where it says False the look is given up, and None returned.
        """
        self._must_be_idle()
        try:
            with suppress(psycopg.errors.InvalidSqlStatementName):
                return self._look(first, judge)
            self._give_up()  # somebody deallocated the statements; they are made again
            return self._look(first, judge)
        except psycopg.Error as error:
            self._give_up()
            raise explained(error, doing=_DOING) from error
        except BaseException:
            self._give_up()
            raise

    def _look(self, first: str | None, judge: Callable[[list[tuple[Any, ...]]], bool]) -> Fingerprint | None:
        begin = [_BEGIN, Ask(settings_text(self._major, **_PLANNING))]
        known = self._known
        scan = [Ask(scan_text(self._major), (known.kept.marker,))] if known else [Ask(_MARKER)]
        ahead = [Ask(first), SYNC] if first else []
        told, *_, answer = self._pipeline.send([*ahead, *begin, *scan])
        if first and not judge(told.rows):
            self._pipeline.roll_back()
            return None
        if known is None:
            self._known = self._start(str(answer.rows[0][0]))
        else:
            self._advance(answer, known)
        if not self._pipeline.idle:
            self._pipeline.send([_COMMIT])
        return self._store.settle()

    def _must_be_idle(self) -> None:
        if not self._conn.closed and not self._pipeline.idle:
            raise PreconditionNotMet(
                "the connection is in a transaction",
                doing=_DOING,
                remedy="commit or roll back first, or use a connection of its own",
            )

    def _give_up(self) -> None:
        with suppress(psycopg.Error):
            self._pipeline.roll_back()
        self.forget()

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

    def _start(self, marker: str) -> _Known:
        scan = scan_of(self._pipeline.send([Ask(scan_text(self._major), (marker,))])[0])
        kept = Kept(self._pipeline, scan, major=self._major)
        known = _Known(kept, Relations(self._pipeline, major=self._major))
        self._read_all()
        return known

    def _advance(self, answer: Answer, known: _Known) -> None:
        scan = scan_of(answer)
        changes = known.kept.advance(self._pipeline, scan)
        if not changes:
            known.relations.rest()
            self._states.take(self._pipeline.send([*self._states.asks, _COMMIT]))
            return
        unclear = known.relations.advance(self._pipeline, scan, changes) or changes.unclear
        reached = None if unclear else reach(self._pipeline, changes, major=self._major)
        if reached is None or len(reached) > max(_FEW, known.kept.size // _SHARE):
            self._read_all()
        else:
            self._read_changed(known, changes, reached)

    def _read_all(self) -> None:
        everything = statements(self._major)
        asks = [Ask(setting_text(_ALL_AT_ONCE)), *(Ask(statement.whole) for statement in everything)]
        _, *answers = self._pipeline.send(asks)
        results = list(zip(everything, answers, strict=True))
        results.sort(key=lambda result: result[0].name != _SCHEMAS)
        for statement, answer in results:
            self._replace(statement, None, answer.dicts())
        self._states.read()

    def _read_changed(self, known: _Known, changes: Changes, reached: Reached) -> None:
        due = [
            (statement, oids, self._ask(known, statement, oids))
            for statement, oids in self._due(changes, self._with_replica_identity(reached))
        ]
        new_sequences = known.relations.sequences_changed or "pg_depend" in changes.fresh
        last = [] if new_sequences else [*self._states.asks, _COMMIT]
        answers = self._pipeline.send([*(ask for *_, ask in due if ask), *last])
        left = iter(answers)
        for statement, oids, ask in due:
            self._replace(statement, oids, next(left).dicts() if ask else ())
        if new_sequences:
            self._states.read()
        else:
            self._states.take(list(left))

    def _due(self, changes: Changes, reached: Reached) -> Iterator[tuple[Statement, Collection[int] | None]]:
        """Each statement that may say something new, and of which objects; None: of all."""
        for statement in statements(self._major):
            if not statement.catalog:
                if self._is_due(statement, changes, reached):
                    yield statement, None
            elif oids := reached.oids.get(statement.catalog):
                yield statement, oids

    def _ask(self, known: _Known, statement: Statement, oids: Collection[int] | None) -> Ask | None:
        """What to ask, or None when there is nothing to ask about: what is gone needs no question."""
        if oids is None:
            return Ask(statement.whole)
        there = known.there(statement, oids)
        return Ask(statement.only, ("{" + ",".join(map(str, there)) + "}",)) if there else None

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


def _same(one: Fact | None, other: Fact | None) -> bool:
    return one == other and (one is None or other is None or one.parent == other.parent)
