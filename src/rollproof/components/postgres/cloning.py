"""Copies of a database that is not ours: cloned from it without disturbing it, or put in its place."""

from __future__ import annotations

import secrets
from pathlib import Path

import psycopg
from psycopg import Connection, errors, sql

from rollproof.components.postgres.admin import (
    MAINTENANCE,
    close_sessions,
    connected,
    create_database,
    failed,
    healing_connection,
    mark_in_place,
    rename_database,
    stands_in,
    undo_database,
)
from rollproof.components.postgres.programs import run_program
from rollproof.drill.healing import healer
from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, RollproofError
from rollproof.model.json import Json, JsonObject

CLONE_SECONDS = 4 * 3600.0


def clone_database(server: PostgresServer, source: str, name: str, *, scratch: Path) -> str:
    """Makes `name` a copy of `source`, none of whose sessions is ended; how: `template` or `dump`.

    The server copies the files itself where it may: as the owner or a superuser, while nobody is
    connected. Else the database is dumped and restored, which reads it like any client.

    Raises AttemptFailed with the right that is missing, or what else was refused.
    """
    with connected(server, MAINTENANCE) as conn:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        try:
            conn.execute(statement.format(sql.Identifier(name), sql.Identifier(source)))
            return "template"
        except errors.ObjectInUse:
            pass
        except errors.InsufficientPrivilege as error:
            if "create database" in str(error.diag.message_primary):
                raise _lacking(server, "CREATEDB", f'ALTER ROLE "{server.user}" CREATEDB', source) from error
        except psycopg.Error as error:
            raise failed(error, doing="cloning a database", where=source) from error
    _dump_and_restore(server, source, name, scratch / f"clone-{secrets.token_hex(6)}.dump")
    return "dump"


def _dump_and_restore(server: PostgresServer, source: str, name: str, file: Path) -> None:
    doing = f"cloning database {source}, which others use or own"
    try:
        dump = ["--format=custom", "--compress=1", f"--file={file}"]
        run_program(server, source, "pg_dump", dump, limit=CLONE_SECONDS, doing=doing)
        create_database(server, name)
        restore = ["--exit-on-error", "--single-transaction", f"--dbname={name}", str(file)]
        run_program(server, name, "pg_restore", restore, limit=CLONE_SECONDS, doing=doing)
    except AttemptFailed as error:
        if "permission denied" in error.found:
            right = "pg_read_all_data"
            raise _lacking(server, right, f'GRANT {right} TO "{server.user}"', source) from error
        raise
    finally:
        file.unlink(missing_ok=True)


def _lacking(server: PostgresServer, right: str, statement: str, source: str) -> AttemptFailed:
    return AttemptFailed(
        f"role {server.user} lacks {right}",
        doing="cloning a database",
        where=source,
        remedy=f"let an administrator run: {statement}",
    )


def undo_taking_place(server: PostgresServer, database: str, kept: str) -> dict[str, Json]:
    """What a journal has to know to give a database its name back."""
    return {**undo_database(server), "kind": "postgres.place", "database": database, "kept": kept}


def take_place(server: PostgresServer, database: str, *, kept: str, template: str) -> None:
    """Lets a copy of `template` bear the database's name, while the database itself waits as `kept`.

    The database is not altered but for its name; its sessions are ended. Raises AttemptFailed.
    """
    stand = stand_of(kept)
    create_database(server, stand, template=template)
    with connected(server, MAINTENANCE) as conn:
        mark_in_place(conn, stand, kept)
        close_sessions(conn, database)
        _rename(conn, database, kept, doing="putting a database aside")
        _rename(conn, stand, database, doing="letting a clone take a database's name")


def replace_in_place(server: PostgresServer, database: str, *, kept: str, template: str) -> None:
    """Lets another copy bear the name that a drill's database bears now, which is dropped."""
    stand = stand_of(kept)
    create_database(server, stand, template=template)
    with connected(server, MAINTENANCE) as conn:
        mark_in_place(conn, stand, kept)
        _drop_stand_in(conn, database, kept)
        _rename(conn, stand, database, doing="letting a clone take a database's name")


def stand_of(kept: str) -> str:
    """What a copy is called until it takes its name: never is there one of that name that says nothing."""
    return kept.replace("_kept_", "_stand_")


def _rename(conn: Connection, database: str, name: str, *, doing: str) -> None:
    try:
        rename_database(conn, database, name)
    except psycopg.Error as error:
        raise failed(error, doing=doing, where=database) from error


@healer("postgres.place")
def give_place_back(undo: JsonObject) -> str:
    """What bears the database's name is dropped only where it says itself that it stands in for `kept`."""
    database, kept = str(undo["database"]), str(undo["kept"])
    try:
        with healing_connection(undo, MAINTENANCE) as conn:
            _drop(conn, stand_of(kept))
            there = {str(row[0]) for row in conn.execute("SELECT datname FROM pg_database")}
            if kept not in there:
                return f"database {database} had not been put aside"
            if database in there:
                _drop_stand_in(conn, database, kept)
            close_sessions(conn, kept)
            rename_database(conn, kept, database)
    except psycopg.Error as error:
        raise RollproofError(
            f"database {database} waits as {kept}: {error.diag.message_primary or type(error).__name__}",
            doing="giving a database its name back",
            remedy="see that the server is up and that nothing holds on to it, then run `rollproof heal`",
        ) from error
    return f"database {database} has its name back"


def _drop_stand_in(conn: Connection, database: str, kept: str) -> None:
    """Raises RollproofError for a database that somebody else has made meanwhile."""
    if stands_in(conn, database) != kept:
        raise RollproofError(
            f"database {database} waits as {kept}, and what is called {database} now was made by no drill",
            doing="giving a database its name back",
            remedy=f"see which of the two is wanted; rename {database}, then run `rollproof heal` again",
        )
    _drop(conn, database)


def _drop(conn: Connection, database: str) -> None:
    conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))
