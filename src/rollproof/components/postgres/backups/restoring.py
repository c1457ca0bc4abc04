"""Restoring a backup into a database of the run's own, and seeing whether its rows came along."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg import Connection

from rollproof.components.postgres.admin import connected, create_database
from rollproof.components.postgres.backups.content import TAKE_AGAIN, Content, Form
from rollproof.components.postgres.backups.found import unusable
from rollproof.components.postgres.backups.plain import Look
from rollproof.components.postgres.programs import run_program
from rollproof.components.postgres.queries import query
from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, EnvironmentUnavailable

RESTORE_SECONDS = 4 * 3600.0
DOING = "restoring a backup"
_NOT_HERE = ("--no-tablespaces", "--no-subscriptions")
"""What would tie the copy to other places: folders of another server, and changes that another one sends."""
_RESTORE = ("--exit-on-error", *_NOT_HERE)
_PSQL = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null")
_REMEDIES = (
    ("role ", "name the role in roles of [database], so that it is made, or take backups with --no-owner"),
    ("end of file", TAKE_AGAIN),
    ("unsupported version", "a newer pg_dump took it: set ROLLPROOF_PG_BIN to client programs as new"),
    ("extension ", "install what the extension needs on the server that drills work on"),
    ("unrecognized configuration parameter", "a newer server wrote it: drill on one of its version"),
    ("No space left", "give that server room for one more database of the backup's size"),
)


@dataclass(frozen=True, slots=True)
class Table:
    """An ordinary table that was restored."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


Holds = Callable[[Table], bool]
"""Whether a backup has a table's rows; an empty table's count as had."""


def look_through(server: PostgresServer, content: Content, *, name: str) -> Holds:
    """Reads a backup without restoring it, as far as that tells whether it is whole.

    Raises EnvironmentUnavailable: it is cut off, or would reach beyond the database it is restored into.
    """
    if content.form is Form.PLAIN:
        return _look_at_plain(content.path, name)
    with _explained(name):
        listed = run_program(
            server, "postgres", "pg_restore", ["--list", str(content.path)], limit=600.0, doing=DOING
        )
    entries = [line.partition(" TABLE DATA ")[2] for line in listed.splitlines() if " TABLE DATA " in line]
    named = {entry.rpartition(" ")[0] for entry in entries}

    def holds(table: Table) -> bool:
        said = f"{table.schema} {table.name}"
        return said in named or any(entry.startswith(f"{said} ") for entry in entries)

    return holds


def _look_at_plain(path: Path, name: str) -> Holds:
    with path.open("rb") as lines:
        look = Look().read(lines)
    if look.stray:
        raise unusable(look.stray, name, "take it with pg_dump, without --create", doing=DOING)
    if not look.whole:
        raise unusable("it is cut off: pg_dump's last words are missing", name, TAKE_AGAIN, doing=DOING)

    def holds(table: Table) -> bool:
        """With INSERT statements an empty table looks like one that was left out: nobody knows."""
        written = {part.encode() for part in _spellings(table)}
        return bool(look.inserted) or bool(written & look.copied)

    return holds


def _spellings(table: Table) -> list[str]:
    ways = [[part, '"' + part.replace('"', '""') + '"'] for part in (table.schema, table.name)]
    return [f"{schema}.{name}" for schema in ways[0] for name in ways[1]]


def restore(server: PostgresServer, database: str, content: Content, *, name: str) -> None:
    """Makes `database` and restores the backup into it; the first error ends it.

    Raises EnvironmentUnavailable with what the server or the program said, AttemptFailed when the
    database cannot be made.
    """
    create_database(server, database)
    with _explained(name):
        if content.form is Form.PLAIN:
            arguments = [*_PSQL, f"--file={content.path}"]
            run_program(server, database, "psql", arguments, limit=RESTORE_SECONDS, doing=DOING)
        else:
            arguments = [*_RESTORE, f"--dbname={database}", str(content.path)]
            run_program(server, database, "pg_restore", arguments, limit=RESTORE_SECONDS, doing=DOING)


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """What a program complains of in the block becomes the one error that a person sees."""
    try:
        yield
    except AttemptFailed as error:
        raise _explain(error, name) from error


def _explain(error: AttemptFailed, name: str) -> EnvironmentUnavailable:
    fitting = (remedy for text, remedy in _REMEDIES if text in error.found)
    remedy = next(fitting, "restore it by hand into an empty database, and see what it says")
    return unusable(f"it cannot be restored: {error.found}", name, remedy, doing=DOING)


def left_out(server: PostgresServer, database: str, holds: Holds) -> list[Table]:
    """Tables whose definition was restored and whose rows the backup does not have."""
    with connected(server, database) as conn:
        return [table for table in _tables(conn) if not holds(table)]


def _tables(conn: Connection) -> list[Table]:
    return [Table(str(row[0]), str(row[1])) for row in conn.execute(query("plain_tables"))]
