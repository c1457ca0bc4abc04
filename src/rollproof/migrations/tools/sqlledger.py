"""The ledgers of SQL tools, each in its own tool's format, for scripts that touch one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
from psycopg import Connection, sql
from psycopg.rows import tuple_row

from rollproof.errors import MigrationError
from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.model.names import split_name


class ToolLedger(Protocol):
    """How one tool records what it has applied. Texts are SQL, values and all, ending with a semicolon."""

    @property
    def table(self) -> str:
        """Qualified name, as the catalog has it."""
        ...

    def create(self) -> str:
        """Makes the table when there is none; the tool does so before its first migration."""
        ...

    def record(self, migration: Migration) -> str:
        """What the tool executes after a migration."""
        ...

    def strike(self, migration: Migration) -> str:
        """What the tool executes after a rollback."""
        ...

    def read(self, conn: Connection[Any], history: MigrationHistory) -> list[str]:
        """Ids of the applied migrations, in the ledger's order; none when there is no table.

        An entry that no migration fits is given as it stands. Raises MigrationError.
        """
        ...


def composed(text: str, *identifiers: str, **values: object) -> str:
    """SQL text with names for `{}` and values for `{name}`, quoted as they need it.

    A name is one as the catalog has it, qualified or not: `public.schema_migrations`.
    """
    names = [sql.Identifier(*_parts(name)) for name in identifiers]
    literals = {name: sql.Literal(value) for name, value in values.items()}
    return sql.SQL(text).format(*names, **literals).as_string(None)


def _parts(name: str) -> tuple[str, ...]:
    return tuple(split_name(name)) if "." in name else (name,)


@dataclass(frozen=True, kw_only=True)
class RowLedger:
    """A ledger with one row for each applied migration, as most tools have it.

    Attributes:
        table: qualified name, as the catalog has it.
        definition: the columns, in parentheses, as the tool declares them.
        key: the column that tells migrations apart.
        keys: what that column holds for each migration, by the migration's id.
        order: columns in whose order the entries were made, besides the key.
        written: the table's name as the tool writes it; unqualified for most, so that a script that
            changes search_path leads them astray as it would in life. None: qualified.
        others: what other columns get, as SQL: `{"run_on": "now()"}`.
    """

    table: str
    definition: str
    key: str
    keys: Mapping[str, object]
    order: tuple[str, ...] = ()
    written: str | None = None
    others: Mapping[str, str] | None = None

    def create(self) -> str:
        return composed(f"CREATE TABLE IF NOT EXISTS {{}} {self.definition};", self._name)

    def record(self, migration: Migration) -> str:
        others = self.others or {}
        columns = ", ".join(["{}"] * (1 + len(others)))
        values = ", ".join(["{key}", *others.values()])
        return composed(
            f"INSERT INTO {{}} ({columns}) VALUES ({values});",  # noqa: S608  # places, no values
            self._name,
            self.key,
            *others,
            key=self.keys[migration.id],
        )

    def strike(self, migration: Migration) -> str:
        return composed("DELETE FROM {} WHERE {} = {key};", self._name, self.key, key=self.keys[migration.id])

    def read(self, conn: Connection[Any], history: MigrationHistory) -> list[str]:
        order = sql.SQL(", ").join(map(sql.Identifier, (*self.order, self.key)))
        query = sql.SQL("SELECT {}::text FROM {} ORDER BY {}").format(
            sql.Identifier(self.key), sql.Identifier(*split_name(self.table)), order
        )
        ids = {str(key): migration for migration, key in self.keys.items()}
        return [ids.get(str(row[0]), str(row[0])) for row in rows(conn, query, self.table)]

    @property
    def _name(self) -> str:
        return self.written or self.table


def rows(conn: Connection[Any], query: sql.Composed | sql.SQL, table: str) -> list[tuple[Any, ...]]:
    """What a query on a ledger returns; nothing when the table is not there.

    Raises:
        MigrationError: the table is another than this tool's, or may not be read.
    """
    there = conn.cursor(row_factory=tuple_row).execute("SELECT to_regclass(%s)", [table]).fetchone()
    if there is None or there[0] is None:
        return []
    try:
        return conn.cursor(row_factory=tuple_row).execute(query).fetchall()
    except (psycopg.errors.UndefinedColumn, psycopg.errors.InsufficientPrivilege) as error:
        raise MigrationError(
            f"the ledger cannot be read: {error.diag.message_primary or type(error).__name__}",
            doing="reading the ledger of applied migrations",
            where=table,
            remedy="check that this is the tool's own table and that the role may read it",
        ) from error
