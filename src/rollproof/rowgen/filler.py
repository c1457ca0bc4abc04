"""Keeping every table of a database filled with made-up rows while a history changes it."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg
from psycopg import errors

from rollproof.fingerprint.snapshot import Connection, explained
from rollproof.model.fingerprint import Fact, Fingerprint
from rollproof.rowgen.emptying import take_away
from rollproof.rowgen.making import Maker, Memory, Results
from rollproof.rowgen.reading import LIMITS, Reader
from rollproof.rowgen.report import FillReport
from rollproof.rowgen.rowsource import CannotMake, RowSource
from rollproof.rowgen.shapes import Leaf, Shape, in_order
from rollproof.rowgen.values import Values
from rollproof.walk.model import NoRows

__all__ = ["FillReport", "Filler", "changed_tables"]

LEAVES = 12
"""Partitions of one table that get a row of their own, at most."""
_DOING = "filling the tables"
_STALE = (
    errors.UndefinedTable,
    errors.UndefinedColumn,
    errors.UndefinedObject,
    errors.InvalidSchemaName,
    errors.InvalidSqlStatementName,
    errors.DuplicatePreparedStatement,
    errors.FeatureNotSupported,
    errors.WrongObjectType,
    errors.InternalError_,
)
"""What reading ends in when the catalogs are other than was told, or statements were deallocated."""


@dataclass(frozen=True, slots=True)
class _Task:
    """Statements for one table: an INSERT, or an UPDATE for each row that was made before."""

    memory: Memory
    source: RowSource
    texts: tuple[str, ...]
    leaves: tuple[Leaf, ...] = ()
    count: int = 0
    update: bool = False


class Filler:
    """Fills tables with generated rows, and keeps them filled while their schema changes.

    Rows obey the tables' constraints, as far as the server can be asked what those accept; triggers
    run, and are left out only where rows cannot be made with them (`FillReport.notes` says so).
    Identities that are always generated, and generated columns, are never written. Other values are
    explicit, so that sequences stay where they are and a migration's own first rows find their numbers free.

    Not filled, and told so: foreign tables. Not filled, and not told: temporary tables and those that
    belong to an extension.

    Generated values are plausible and no more: a migration that is right for its project's own rows
    may fail on them (text that is cast to a number, a column made unique). Nobody can foresee that:
    call `empty` and run such a migration again; if it then succeeds, it is the rows that it did not like.

    Args:
        conn: a superuser's connection, without an open transaction; none stays open.
        ignore: qualified names of tables, or of schemas, quoted as SQL needs them: a tool's ledger.
        rows: for each table; 0 makes none at all.
        seed: the same seed and the same calls on the same schema make the same rows.
    """

    def __init__(
        self, conn: Connection, *, ignore: Collection[str] = (), rows: int = 3, seed: int = 0
    ) -> None:
        self._conn, self._ignore, self._rows, self._seed = conn, frozenset(ignore), rows, seed
        self._reader = Reader(conn)
        self._known: dict[int, Memory] = {}
        self._started = False
        self._facts: Fingerprint | None = None

    def top_up(
        self,
        facts: Fingerprint | None = None,
        changed: Collection[str] | None = None,
        *,
        counts: Mapping[str, int] | None = None,
    ) -> FillReport:
        """Fills what is empty: new tables, tables that lost all rows, columns that came.

        Args:
            facts: the database's fingerprint now; where `changed` is None, what changed is told from
                the one given last. Give it each time, or never.
            changed: qualified names of the tables, or partitions, that were made, altered or dropped
                since the last call; None when that is not known.
            counts: qualified name -> how many rows it holds now, where somebody has just looked; of
                tables that are not among them the server is asked.

        Raises:
            PreconditionNotMet: a transaction is open on the connection.
            AttemptFailed, EnvironmentUnavailable: the catalogs cannot be read, or the connection broke.
        """
        if not self._rows:
            return FillReport()
        if facts is not None and changed is None and self._facts is not None:
            changed = changed_tables(self._facts, facts)
        self._facts = facts
        try:
            tasks, values = self._read_soundly(changed, counts)
            return self._fill(tasks, values)
        except psycopg.Error as error:
            raise explained(error, doing=_DOING) from error

    def empty(self, tables: Collection[str] | None = None) -> FillReport:
        """Takes the generated rows away again, so that a migration can be tried without them.

        Rows of the migrations themselves stay. The next `top_up` makes rows anew.

        Args:
            tables: qualified names; all tables when None.

        Returns:
            `made`: how many rows went, by table. `not_made`: tables that generated rows stay in, and why:
            rows of a migration's own refer to them, or nothing tells them from others.
        """
        held = [m for m in self._known.values() if m.rows and (tables is None or m.shape.qualified in tables)]
        return take_away(self._conn, self._reader, held)

    def filled(self) -> frozenset[str]:
        """Tables that hold generated rows, by the names that they had at the last `top_up`."""
        return frozenset(memory.shape.qualified for memory in self._known.values() if memory.rows)

    def remembered(self) -> bytes:
        """Which rows were made, for a filler of this database, or of a copy, on another connection."""
        return pickle.dumps(self._known)

    def recall(self, remembered: bytes) -> None:
        """Takes over what another filler remembered of this database as it is now."""
        self._known = pickle.loads(remembered)  # noqa: S301  # never from outside: see `remembered`
        self._started, self._facts = False, None

    def _read_soundly(
        self, changed: Collection[str] | None, counts: Mapping[str, int] | None
    ) -> tuple[list[Memory], Values]:
        with suppress(*_STALE):
            return self._read(changed, counts)
        self._reader.forget()
        return self._read(None, None)

    def _read(
        self, changed: Collection[str] | None, counts: Mapping[str, int] | None
    ) -> tuple[list[Memory], Values]:
        """The tables to be looked after, in the order in which they can be filled."""
        names = changed if self._started else None
        if names is not None and not names and self._is_full(counts or {}):
            return [], Values({}, seed=self._seed)
        with self._reader.transaction():
            touched = self._take_in(names) if names is None or names else set()
            filled = {oid: memory.shape for oid, memory in self._known.items() if memory.rows or memory.own}
            empty = self._empty(filled, touched, counts or {})
            for oid in empty:
                self._known[oid].empties()
            if emptied := {self._known[oid].shape.qualified for oid in empty - touched}:
                touched |= self._take_in(emptied)  # made anew under the same name, for all that is known
            self._tell_again(touched)
            wanted = self._wanted(touched | (empty & self._known.keys()))
            types = self._reader.types(memory.shape for memory in wanted) if wanted else {}
        self._started = True
        order = in_order(memory.shape for memory in wanted)
        return [self._known[shape.oid] for shape in order], Values(types, seed=self._seed)

    def _is_full(self, counts: Mapping[str, int]) -> bool:
        """True when it is known, without asking, that no table lacks anything."""
        return all(
            memory.failed or (not memory.was_emptied and counts.get(memory.shape.qualified))
            for memory in self._known.values()
        )

    def _empty(self, filled: Mapping[int, Shape], touched: set[int], counts: Mapping[str, int]) -> set[int]:
        told = {oid for oid, shape in filled.items() if shape.qualified in counts}
        asked = {oid: shape for oid, shape in filled.items() if oid not in told}
        return {oid for oid in told if not counts[filled[oid].qualified]} | (
            self._reader.empty(asked, touched) if asked else set()
        )

    def _take_in(self, names: Collection[str] | None) -> set[int]:
        """Brings what is known of these tables up to date; their oids, also of those that are gone."""
        shapes = {shape.oid: shape for shape in self._reader.shapes(names) if self._is_wanted(shape)}
        gone = {
            oid
            for oid, memory in self._known.items()
            if oid not in shapes and (names is None or memory.shape.qualified in names)
        }
        for oid in gone:
            del self._known[oid]
        other = {oid for oid, shape in shapes.items() if names is not None or not self._is_known(shape)}
        for oid in other:
            memory = self._known.setdefault(oid, Memory(shapes[oid]))
            memory.shape, memory.failed = shapes[oid], ""
        return gone | other

    def _tell_again(self, touched: set[int]) -> None:
        """Reads the keys of rows once more where a key's columns have changed: the old ones tell nothing."""
        for memory in (self._known[oid] for oid in touched & self._known.keys()):
            if memory.rows and memory.shape.primary_key and memory.keys_are_other:
                memory.told_by(self._reader.keys(memory.shape))

    def _is_known(self, shape: Shape) -> bool:
        """True when a table is what it was when it was filled."""
        memory = self._known.get(shape.oid)
        return memory is not None and memory.shape == shape and not memory.failed

    def _is_wanted(self, shape: Shape) -> bool:
        return shape.qualified not in self._ignore and shape.quoted_schema not in self._ignore

    def _wanted(self, touched: set[int]) -> list[Memory]:
        """Tables to be filled now: what changed, and what waits for it."""
        return [
            memory
            for oid, memory in self._known.items()
            if oid in touched
            or memory.was_emptied
            or ((memory.failed or memory.owed) and memory.shape.refers_to & touched)
        ]

    def _fill(self, memories: Sequence[Memory], values: Values) -> FillReport:
        maker = Maker(self._conn, self._reader, values, self._rows)
        made: Counter[str] = Counter()
        done = self._round(memories, maker, values)
        while any(done.values()) or (done := self._circle(memories, maker)):
            made.update({self._known[oid].shape.qualified: count for oid, count in done.items()})
            filled = {oid for oid, count in done.items() if count}
            done = self._round([memory for memory in memories if self._waits(memory, filled)], maker, values)
        notes = dict(maker.notes)
        for memory in memories:
            if unknown := RowSource(memory.shape, values).unknown:
                notes[memory.shape.qualified] = f"no value is known for the type of {', '.join(unknown)}"
        notes |= {m.shape.qualified: f"it holds rows of its own only: {m.failed}" for m in memories if m.own}
        return FillReport({name: count for name, count in made.items() if count}, self._not_made(), notes)

    def _waits(self, memory: Memory, filled: set[int]) -> bool:
        """True when the rows just made may have made possible what is left to do."""
        if memory.owed and memory.shape.oid in filled:
            return any(key.table in filled for key in memory.shape.keys if memory.owed & set(key.columns))
        return bool((memory.owed or memory.failed) and memory.shape.refers_to & filled)

    def _not_made(self) -> tuple[NoRows, ...]:
        empty = [memory for memory in self._known.values() if not memory.rows and not memory.own]
        return tuple(
            sorted(
                (NoRows(memory.shape.qualified, memory.failed or "no row was made") for memory in empty),
                key=lambda table: table.table,
            )
        )

    def _round(self, memories: Sequence[Memory], maker: Maker, values: Values) -> dict[int, int]:
        """Rows made in each table, all in one message; a table that fails is tried again by itself."""
        tasks = [task for memory in memories if (task := self._task(memory, values)) is not None]
        results = self._at_once(tasks)
        done: dict[int, int] = {}
        for task, found in zip(tasks, results, strict=True):
            oid = task.memory.shape.oid
            done[oid] = self._took(task, found) if found else self._alone(task, maker, values)
        return done

    def _task(self, memory: Memory, values: Values) -> _Task | None:
        """What there is to do for a table; None for nothing, or nothing that could be done."""
        memory.failed = _why_not(memory.shape)
        if memory.failed:
            return None
        source = RowSource(memory.shape, values)
        try:
            leaves = memory.leaves_to_fill(LEAVES)
            if not memory.rows:
                return self._inserting(memory, source, leaves, max(self._rows, len(leaves)))
            if leaves:
                return self._inserting(memory, source, leaves, len(leaves))
            return self._updating(memory, source)
        except CannotMake as why:
            memory.failed = str(why)
            return None

    def _inserting(self, memory: Memory, source: RowSource, leaves: tuple[Leaf, ...], count: int) -> _Task:
        text = source.insert(range(memory.number, memory.number + count), leaves)
        return _Task(memory, source, (text,), leaves, count)

    def _updating(self, memory: Memory, source: RowSource) -> _Task | None:
        columns = [*memory.new_columns(), *memory.owed]
        if not columns:
            return None
        rows = [row for row in memory.rows if row.keys() <= memory.shape.by_name.keys()]
        if not rows or not memory.shape.primary_key:
            return self._inserting(memory, source, (), self._rows)
        some = rows[: max(self._rows, 1)]
        texts = tuple(source.update(columns, at, row) for at, row in enumerate(some, start=1))
        return _Task(memory, source, texts, update=True)

    def _at_once(self, tasks: Sequence[_Task]) -> list[Results]:
        """What each task's statements returned; nothing for all when one of them failed."""
        if not tasks:
            return []
        texts = [text for task in tasks for text in task.texts]
        begin = ["BEGIN"] if self._conn.autocommit else []
        end = ["COMMIT"] if self._conn.autocommit else []
        try:
            results = iter(self._reader.run([*begin, LIMITS, *texts, *end]))
            self._conn.commit()
        except psycopg.Error:
            if self._conn.closed:
                raise
            self._conn.rollback()
            return [() for _ in tasks]
        return [[row for _ in task.texts for row in next(results)] for task in tasks]

    def _took(self, task: _Task, found: Results) -> int:
        if task.update:
            owed = set(task.memory.owed)
            task.memory.updated(found, task.source)
            return len(found) if task.memory.owed != owed or not owed else 0
        task.memory.number += task.count
        return task.memory.inserted(found, task.source)

    def _alone(self, task: _Task, maker: Maker, values: Values) -> int:
        memory = task.memory
        try:
            if task.update:
                made = maker.update(memory, task.texts, task.source)
                if made:
                    return made
                memory.rows.clear()
            made = maker.insert(memory, task.leaves, task.count or self._rows)
        except CannotMake as why:
            return self._gave_up(memory, str(why), maker)
        memory.leaves |= {leaf.table for leaf in task.leaves}
        return made

    def _gave_up(self, memory: Memory, why: str, maker: Maker) -> int:
        """Nothing is tried again before the table, or what it refers to, changes."""
        memory.leaves |= {leaf.table for leaf in memory.shape.leaves}
        memory.filled = {column.name: column.number for column in memory.shape.columns}
        memory.owed.clear()
        if memory.rows:
            maker.notes[memory.shape.qualified] = why
            return 0
        memory.failed = why
        memory.own = not maker.is_empty(memory.shape.schema, memory.shape.name)
        return 0

    def _circle(self, memories: Sequence[Memory], maker: Maker) -> dict[int, int]:
        """Tables that must refer to each other: all at once."""
        circle = {m.shape.oid: m for m in memories if m.failed and not m.rows and not m.own}
        before = 0
        while before != len(circle):
            before = len(circle)
            circle = {oid: m for oid, m in circle.items() if m.shape.refers_to & circle.keys()}
            referred = {oid for memory in circle.values() for oid in memory.shape.refers_to}
            circle = {oid: memory for oid, memory in circle.items() if oid in referred}
        try:
            return maker.together(list(circle.values()), self._rows) if circle else {}
        except CannotMake:
            return {}


def changed_tables(before: Fingerprint, after: Fingerprint) -> frozenset[str]:
    """Tables of which any fact is other, came or went."""
    return frozenset(owner for fact in _other_facts(before, after) if (owner := _owner(fact)))


def _other_facts(before: Fingerprint, after: Fingerprint) -> Iterator[Fact]:
    """Facts that are not in both; those that two looks share are told by being the very same object."""
    for key, fact in after.facts.items():
        old = before.facts.get(key)
        if old is not fact and old != fact:
            yield fact
    yield from (fact for key, fact in before.facts.items() if key not in after.facts)


def _owner(fact: Fact) -> str:
    """The table that a fact belongs to; empty when it belongs to none."""
    kinds = ("table ", "foreign table ")
    if f"{fact.kind} " in kinds:
        return fact.name
    return next((fact.parent.removeprefix(kind) for kind in kinds if fact.parent.startswith(kind)), "")


def _why_not(shape: Shape) -> str:
    """Why no row of a table can be made here, whatever its constraints; empty when one may be."""
    if shape.kind == "f":
        return "it is a foreign table: its rows are elsewhere"
    if shape.kind == "p" and not shape.leaves:
        return "it has no partition"
    if shape.kind == "p" and all(leaf.foreign for leaf in shape.leaves):
        return "its partitions are foreign tables: their rows are elsewhere"
    return ""
