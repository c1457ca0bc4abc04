"""The ledger: the table that says which migrations a database has, held against the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg import Connection, sql
from psycopg.rows import namedtuple_row

from rollproof.errors import MigrationError
from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.model.names import split_name

_HERE = Path(__file__).parent
_DOING = "reading the ledger of applied migrations"


class Column(NamedTuple):
    """A column of the ledger table; see ledger_columns.sql."""

    name: str
    type: str
    stamps: bool
    counts: bool
    required: bool


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger table of one system.

    Attributes:
        table: qualified name, exactly as the catalog has it: `public.migrations`, `"Ops"."History"`.
        column: the column that holds each migration's id.
    """

    table: str
    column: str

    @property
    def identifier(self) -> sql.Identifier:
        """The table's name, safe to compose into SQL."""
        return sql.Identifier(*split_name(self.table))

    def read(self, conn: Connection[Any]) -> list[str]:
        """The ids in it, in the order in which they were written as far as the table tells.

        That is by time stamps, then by counting columns, then by id. An empty list also for a
        database without any table.

        Raises:
            MigrationError: the table or the column is not there although other tables are, this role
                may not read it, or an entry has no id.
        """
        columns = self.columns(conn)
        if not columns:
            self._expect_empty_database(conn)
            return []
        self._expect_column(columns)
        rows = self._rows(conn, columns)
        if None in rows:
            raise self._error(
                "an entry of the ledger has no id", f"correct the rows where {self.column} is null"
            )
        return [str(row) for row in rows]

    def columns(self, conn: Connection[Any]) -> list[Column]:
        """The table's columns; empty when it is not there."""
        schema, table = split_name(self.table)
        with conn.cursor(row_factory=namedtuple_row) as cursor:
            cursor.execute(_query("ledger_columns"), {"schema": schema, "table": table})
            return [Column(*row) for row in cursor]

    def record(self, conn: Connection[Any], migration: str) -> None:
        """Adds an entry, for histories whose scripts leave that to whoever runs them.

        Makes the table when there is none.

        Raises:
            MigrationError: the table has columns that only the system's own tool can fill.
        """
        needed = [
            column.name for column in self.columns(conn) if column.required and column.name != self.column
        ]
        if needed:
            raise self._error(
                f"an entry needs values for {', '.join(needed)}, which nothing here can know",
                "let each migration script write its own entry, or give these columns defaults",
            )
        name = sql.Identifier(self.column)
        conn.execute(
            sql.SQL(
                "CREATE TABLE IF NOT EXISTS {} "
                "({} text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
            ).format(self.identifier, name)
        )
        conn.execute(sql.SQL("INSERT INTO {} ({}) VALUES (%s)").format(self.identifier, name), [migration])

    def strike(self, conn: Connection[Any], migration: str) -> None:
        """Deletes an entry, for the same histories."""
        query = sql.SQL("DELETE FROM {} WHERE {}::text = %s").format(
            self.identifier, sql.Identifier(self.column)
        )
        conn.execute(query, [migration])

    def _rows(self, conn: Connection[Any], columns: Sequence[Column]) -> list[object]:
        order = [c.name for c in columns if c.stamps] + [c.name for c in columns if c.counts]
        query = sql.SQL("SELECT {column}::text FROM {table} ORDER BY {order}").format(
            column=sql.Identifier(self.column),
            table=self.identifier,
            order=sql.SQL(", ").join(map(sql.Identifier, dict.fromkeys([*order, self.column]))),
        )
        try:
            return [row[0] for row in conn.cursor(row_factory=psycopg.rows.tuple_row).execute(query)]
        except psycopg.errors.InsufficientPrivilege as error:
            raise self._error(
                f"role {conn.info.user!r} may not read it",
                f"GRANT SELECT ON {self.table} TO {conn.info.user}",
            ) from error

    def _expect_empty_database(self, conn: Connection[Any]) -> None:
        row = conn.cursor(row_factory=psycopg.rows.tuple_row).execute(_query("ledger_others")).fetchone()
        if row and row[0]:
            raise self._error(
                f"there is no such table, but the database {conn.info.dbname!r} holds {row[0]} others, "
                "so nobody can tell what has been applied",
                "name the right table as `ledger` in [database.migrations], or check which database this is",
            )

    def _expect_column(self, columns: Sequence[Column]) -> None:
        if self.column not in {column.name for column in columns}:
            raise self._error(
                f"the ledger has no column {self.column!r}; it has {', '.join(c.name for c in columns)}",
                "name the column with the ids as `ledger_column` in [database.migrations]",
            )

    def _error(self, found: str, remedy: str) -> MigrationError:
        return MigrationError(found, doing=_DOING, where=self.table, remedy=remedy)


def _query(name: str) -> sql.SQL:
    return sql.SQL((_HERE / f"{name}.sql").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class LedgerState:
    """What a ledger says, held against the files.

    Attributes:
        applied: migrations that the ledger lists, in its order, each once.
        pending: migrations with a file that it does not list, in the history's order.
        missing_files: entries for which there is no file.
        out_of_order: ids listed after a migration that comes after them in the history.
        skipped: ids of pending migrations older than the newest applied one.
        repeated: ids listed more than once.
        ways_back: entries that name a rollback or reversing script, as some runners record them.
    """

    applied: tuple[Migration, ...]
    pending: tuple[Migration, ...]
    missing_files: tuple[str, ...] = ()
    out_of_order: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    ways_back: tuple[str, ...] = ()

    @property
    def newest(self) -> Migration | None:
        """The applied migration that comes last in the history."""
        return max(self.applied, key=lambda migration: migration.number, default=None)

    @property
    def complaints(self) -> tuple[str, ...]:
        """What disagrees, one sentence each; empty when ledger and files agree."""
        said = {
            "the ledger lists {} for which there is no file": self.missing_files,
            "{} has a file but is not in the ledger, although newer ones are": self.skipped,
            "{} was applied after a newer one": self.out_of_order,
            "the ledger lists {} more than once": self.repeated,
            "the ledger lists the rollback script {} as if it were a migration": self.ways_back,
        }
        return tuple(text.format(name) for text, names in said.items() for name in names)

    def refuse_unless_safe(self, *, ledger: str = "") -> None:
        """Stops a drill that would rest on a ledger that cannot be believed.

        Unsafe are entries without a file (nobody knows what they did or how to undo it) and
        migrations left out (the database is at no version of the history). Another order and
        repeated entries are odd, but everything that is there is known.

        Raises:
            MigrationError: with everything that disagrees.
        """
        if self.missing_files or self.skipped:
            raise MigrationError(
                "; ".join(self.complaints),
                doing="comparing the ledger with the migration files",
                where=ledger,
                remedy="bring files and ledger together first: check out the release that this database "
                "runs, or apply what is missing",
                facts={"missing_files": len(self.missing_files), "skipped": len(self.skipped)},
            )


def compare_ledger(history: MigrationHistory, applied: Sequence[str]) -> LedgerState:
    """Holds the ledger's entries, in their order, against the files; pure.

    An entry may be a migration's id or another of its names: `010_create_plans.sql`,
    `010_create_plans`, `010`.
    """
    ways_back = _ways_back(history)
    found = [(entry, history.find(entry)) for entry in applied]
    known = [migration for _, migration in found if migration]
    once = tuple({migration.id: migration for migration in known}.values())
    strangers = [entry for entry, migration in found if migration is None]
    listed = {migration.id for migration in once}
    pending = tuple(migration for migration in history if migration.id not in listed)
    newest = max((migration.number for migration in once), default=None)
    return LedgerState(
        applied=once,
        pending=pending,
        missing_files=tuple(dict.fromkeys(entry for entry in strangers if entry not in ways_back)),
        out_of_order=_out_of_order(once),
        skipped=tuple(m.id for m in pending if newest is not None and m.number < newest),
        repeated=tuple(name for name, times in Counter(m.id for m in known).items() if times > 1),
        ways_back=tuple(dict.fromkeys(entry for entry in strangers if entry in ways_back)),
    )


def _ways_back(history: MigrationHistory) -> set[str]:
    scripts = [script for m in history for script in (m.down, m.reverse) if script]
    return {name for script in scripts for name in (script.name, script.path.stem)}


def _out_of_order(applied: Sequence[Migration]) -> tuple[str, ...]:
    late, highest = [], -1
    for migration in applied:
        if migration.number < highest:
            late.append(migration.id)
        highest = max(highest, migration.number)
    return tuple(late)
