"""Databases and roles of a server: made, copied, dropped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg import Connection, sql

from rollproof.drill.healing import healer
from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, EnvironmentUnavailable, RollproofError
from rollproof.model.json import JsonObject

MAINTENANCE = "postgres"
CONNECT_SECONDS = 10


@contextmanager
def connected(
    server: PostgresServer, database: str, *, user: str | None = None, autocommit: bool = True
) -> Iterator[Connection]:
    """A connection for the block. Raises EnvironmentUnavailable when the server does not answer."""
    try:
        connection = psycopg.connect(
            server.conninfo(database, user=user),
            autocommit=autocommit,
            connect_timeout=CONNECT_SECONDS,
            application_name="rollproof",
        )
    except psycopg.OperationalError as error:
        raise EnvironmentUnavailable(
            f"no connection to database {database!r}: {first_line(error)}",
            where=f"{server.host}:{server.port}",
            remedy="see whether the server is up and accepts this role",
        ) from error
    with connection:
        yield connection


def first_line(error: psycopg.Error) -> str:
    """SQLSTATE and primary message; never DETAIL, which quotes rows.

    Messages of classes 22 and 23 quote values too: of those, only the names of what was violated.
    """
    state = error.sqlstate or ""
    if state[:2] in ("22", "23"):
        diag = error.diag
        names = [name for name in (diag.table_name, diag.column_name, diag.constraint_name) if name]
        return f"{state} {type(error).__name__} {' '.join(names)}".strip()
    message = error.diag.message_primary or (str(error).splitlines() or [type(error).__name__])[0]
    return f"{state} {message}".strip()


def create_database(server: PostgresServer, name: str, *, template: str | None = None) -> None:
    """Creates `name`, empty or as a copy of `template`, whose connections are closed first.

    The copy is made file by file, which is the fast way for the small databases of a drill.
    """
    copy = (
        sql.SQL(" TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(template))
        if template
        else sql.SQL(" TEMPLATE template0")
    )
    if server.major < 15 and template:
        copy = sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    with connected(server, MAINTENANCE) as conn:
        if template:
            close_sessions(conn, template)
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)) + copy)


def drop_database(server: PostgresServer, name: str) -> None:
    """Drops `name` if it is there, whoever is connected to it."""
    with connected(server, MAINTENANCE) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def close_sessions(conn: Connection, database: str) -> int:
    """Ends every other session of a database; returns how many there were."""
    ended = conn.execute(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
        [database],
    ).fetchone()
    return int(ended[0]) if ended else 0


def ensure_roles(server: PostgresServer, roles: Iterable[str]) -> list[str]:
    """Creates the roles that are not there yet, able to log in and nothing more; returns those."""
    created = []
    with connected(server, MAINTENANCE) as conn:
        for role in roles:
            if conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
                conn.execute(sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER").format(sql.Identifier(role)))
                created.append(role)
    return created


def databases(server: PostgresServer) -> list[str]:
    """Names of all databases, sorted."""
    with connected(server, MAINTENANCE) as conn:
        return [str(row[0]) for row in conn.execute("SELECT datname FROM pg_database ORDER BY datname")]


def undo_database(server: PostgresServer, name: str) -> JsonObject:
    """What a journal has to know to drop a database later; never a password."""
    return {
        "kind": "postgres.database",
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "database": name,
        "private": server.private,
    }


@healer("postgres.database")
def _heal_database(undo: JsonObject) -> str:
    conninfo = psycopg.conninfo.make_conninfo(
        "", host=str(undo["host"]), port=str(undo["port"]), user=str(undo["user"]), dbname=MAINTENANCE
    )
    name = str(undo["database"])
    try:
        with psycopg.connect(conninfo, autocommit=True, connect_timeout=CONNECT_SECONDS) as conn:
            conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    except psycopg.OperationalError as error:
        if undo.get("private"):
            return f"database {name} is gone with its private server"
        raise RollproofError(
            f"database {name} could not be dropped: {first_line(error)}",
            where=f"{undo['host']}:{undo['port']}",
            remedy="start the server, then run `rollproof heal` again",
        ) from error
    return f"database {name} dropped"


def failed(error: psycopg.Error, *, doing: str, where: str = "") -> AttemptFailed:
    """The same failure as an AttemptFailed that a person can read."""
    lost = isinstance(error, psycopg.OperationalError) and (error.sqlstate or "08")[:2] in ("08", "57")
    return AttemptFailed(
        first_line(error),
        doing=doing,
        where=where,
        facts={"sqlstate": error.sqlstate, **({"indeterminate": 1} if lost else {})},
    )
