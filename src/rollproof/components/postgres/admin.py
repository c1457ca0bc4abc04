"""Databases and roles of a server: made, copied, dropped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg import Connection, pq, sql

from rollproof.drill.healing import healer
from rollproof.environments.access import verified_server
from rollproof.environments.base import PostgresServer
from rollproof.environments.staging.verified import expect_verified
from rollproof.errors import AttemptFailed, EnvironmentUnavailable, RollproofError
from rollproof.model.json import Json, JsonObject
from rollproof.privacy.quoted import raised
from rollproof.waiting import eventually

MAINTENANCE = "postgres"
CONNECT_SECONDS = 10
LARGE = 100 * 2**20
"""bytes of a template above which copying file by file is the faster way"""

STANDS_IN = "rollproof: stands in for "
"""How the comment of a database begins that bears another's name for as long as a drill lasts."""

_PASSWORDS: dict[tuple[str, str, str], str] = {}
"""Of servers that this process works on, by host, port and user: what a healer knows without a journal."""


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
        expect_verified(connection, server)
        yield connection


RAISED = ("P0", "38", "39", "F0", "HV")
"""Classes of SQLSTATE whose messages are made up by functions and wrappers (manual, appendix A)."""


def first_line(error: psycopg.Error) -> str:
    """SQLSTATE and primary message; never DETAIL, which quotes rows.

    Messages of classes 22 and 23 quote values too: of those, only the names of what was violated. What
    code of the database raised may hold anything: of that, the words.
    """
    state = error.sqlstate or ""
    if state[:2] in ("22", "23"):
        diag = error.diag
        names = [name for name in (diag.table_name, diag.column_name, diag.constraint_name) if name]
        return f"{state} {type(error).__name__} {' '.join(names)}".strip()
    message = error.diag.message_primary or (str(error).splitlines() or [type(error).__name__])[0]
    return f"{state} {raised(message) if state.startswith(RAISED) else message}".strip()


def create_database(server: PostgresServer, name: str, *, template: str | None = None) -> None:
    """Creates `name`, empty or as a copy of `template`, whose connections are closed first.

    A small template is copied through the log, a large one file by file, which costs two
    checkpoints and little more (PostgreSQL 15 and newer; older ones know only the latter).

    Raises AttemptFailed when the name is taken, the template is missing or the disk is full.
    """
    with connected(server, MAINTENANCE) as conn, _explained("creating a database", name):
        if template:
            close_sessions(conn, template)
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template or "template0")
        )
        conn.execute(statement + _strategy(conn, template))


def _strategy(conn: Connection, template: str | None) -> sql.SQL:
    """How to copy: through the log up to `LARGE`, since file by file needs two checkpoints."""
    if template is None or conn.info.server_version < 150000:
        return sql.SQL("")
    size = conn.execute("SELECT pg_database_size(%s::name)", [template]).fetchone()
    return sql.SQL(" STRATEGY file_copy") if size and size[0] > LARGE else sql.SQL("")


def drop_database(server: PostgresServer, name: str) -> None:
    """Drops `name` if it is there, whoever is connected to it. Raises AttemptFailed when it cannot be."""
    with connected(server, MAINTENANCE) as conn, _explained("dropping a database", name):
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def swap_databases(server: PostgresServer, database: str, *, side: str, old: str) -> None:
    """Lets `side` take the name `database`, and `database` the name `old`.

    Sessions of both are ended; the old one can be looked at by its new name. The two renames are
    committed one after the other, since PostgreSQL lets no transaction span databases: a connection
    attempt between them fails, and whoever retries gets the new one.

    Raises AttemptFailed when a name cannot be taken or a session does not end; the database is then
    under its own name, and open.
    """
    with connected(server, MAINTENANCE) as conn, _explained("swapping the restored database in", database):
        _allow(conn, database, False)
        try:
            close_sessions(conn, database)
            close_sessions(conn, side)
            if kept := stands_in(conn, database):
                mark_in_place(conn, side, kept)
            rename_database(conn, database, old)
        except BaseException:
            _allow(conn, database, True)
            raise
        try:
            rename_database(conn, side, database)
        except BaseException:
            rename_database(conn, old, database)
            _allow(conn, database, True)
            raise
        _allow(conn, old, True)


def _allow(conn: Connection, database: str, allowed: bool) -> None:
    statement = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    conn.execute(statement.format(sql.Identifier(database), sql.Literal(allowed)))


def mark_in_place(conn: Connection, database: str, kept: str) -> None:
    """Says of a drill's database, before it takes another's name, that it stands in for `kept`."""
    statement = sql.SQL("COMMENT ON DATABASE {} IS {}")
    conn.execute(statement.format(sql.Identifier(database), sql.Literal(f"{STANDS_IN}{kept}")))


def stands_in(conn: Connection, database: str) -> str:
    """What a database stands in for; empty when it is nobody's stand-in, or not there."""
    row = conn.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [database]
    ).fetchone()
    said = str(row[0] or "") if row else ""
    return said.removeprefix(STANDS_IN) if said.startswith(STANDS_IN) else ""


def rename_database(conn: Connection, database: str, name: str) -> None:
    """Raises psycopg.Error: somebody is connected, the name is taken, or the right is missing."""
    statement = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    conn.execute(statement.format(sql.Identifier(database), sql.Identifier(name)))


@contextmanager
def _explained(doing: str, where: str) -> Iterator[None]:
    """What the server refuses in the block becomes AttemptFailed."""
    try:
        yield
    except psycopg.Error as error:
        raise failed(error, doing=doing, where=where) from error


def close_sessions(conn: Connection, database: str) -> int:
    """Ends every other session of a database, and waits until they are gone; how many there were.

    Raises AttemptFailed when one does not go within ten seconds.
    """
    query = "FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
    ended = conn.execute(f"SELECT count(pg_terminate_backend(pid)) {query}".encode(), [database]).fetchone()

    def gone() -> bool:
        return conn.execute(f"SELECT 1 {query} LIMIT 1".encode(), [database]).fetchone() is None

    eventually(gone, within=CONNECT_SECONDS, what=f"the sessions of {database} are gone", every=0.005)
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


def missing_roles(server: PostgresServer, roles: Iterable[str]) -> list[str]:
    """Those that are not there."""
    with connected(server, MAINTENANCE) as conn:
        there = {str(row[0]) for row in conn.execute("SELECT rolname FROM pg_roles")}
    return [role for role in roles if role not in there]


def undo_roles(server: PostgresServer, roles: Iterable[str]) -> dict[str, Json]:
    """What a journal has to know to drop roles that a drill makes on a server of others."""
    return {**undo_database(server), "kind": "postgres.roles", "roles": list(roles)}


@healer("postgres.roles")
def _heal_roles(undo: JsonObject) -> str:
    """Databases are dropped before, for they were made after: nothing of a role's is left then."""
    names = undo["roles"]
    roles = [str(name) for name in names] if isinstance(names, list) else []
    try:
        with healing_connection(undo, MAINTENANCE) as conn:
            for name in roles:
                conn.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))
    except psycopg.Error as error:
        return gone_with_server(undo, error, f"roles {', '.join(roles)}")
    return f"roles {', '.join(roles)} dropped"


def databases(server: PostgresServer) -> list[str]:
    """Names of all databases, sorted."""
    with connected(server, MAINTENANCE) as conn:
        return [str(row[0]) for row in conn.execute("SELECT datname FROM pg_database ORDER BY datname")]


def undo_database(server: PostgresServer, *names: str) -> dict[str, Json]:
    """What a journal has to know to drop databases later; never a password, which this process keeps."""
    if server.password:
        _PASSWORDS[server.host, str(server.port), server.user] = server.password
    return {
        "kind": "postgres.database",
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "databases": list(names),
        "private": server.private,
        **({"container": server.container} if server.container else {}),
        **({"system_identifier": server.system_identifier} if server.system_identifier else {}),
        **({"cluster": server.cluster} if server.cluster else {}),
    }


@healer("postgres.database")
def _heal_database(undo: JsonObject) -> str:
    names = undo["databases"]
    databases = [str(name) for name in names] if isinstance(names, list) else []
    try:
        with healing_connection(undo, MAINTENANCE) as conn:
            for name in databases:
                conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    except psycopg.Error as error:
        return gone_with_server(undo, error, f"database {', '.join(databases)}")
    return f"database {', '.join(databases)} dropped"


def healing_conninfo(undo: JsonObject, database: str) -> str:
    """How to connect to the server that undo data names; libpq's own ways to a password count here.

    Not for a server that had to be verified: it is reached the way that this process has verified.
    Raises RollproofError when it has not.
    """
    if undo.get("system_identifier"):
        return _verified(undo).conninfo(database)
    return psycopg.conninfo.make_conninfo(
        "",
        host=str(undo["host"]),
        port=str(undo["port"]),
        user=str(undo["user"]),
        dbname=database,
        connect_timeout=CONNECT_SECONDS,
        password=_PASSWORDS.get(_of(undo)),
    )


@contextmanager
def healing_connection(undo: JsonObject, database: str, *, autocommit: bool = True) -> Iterator[Connection]:
    """A connection to the server that undo data names.

    Raises psycopg.Error when there is none, and WrongPlace when another server answers in the place of one
    that had to be verified: what bears the same names there is not the drill's.
    """
    with psycopg.connect(healing_conninfo(undo, database), autocommit=autocommit) as conn:
        if undo.get("system_identifier"):
            expect_verified(conn, _verified(undo))
        yield conn


def _verified(undo: JsonObject) -> PostgresServer:
    identifier, cluster = str(undo["system_identifier"]), str(undo.get("cluster") or "")
    server = verified_server(cluster or identifier)
    if server is None and cluster:
        raise psycopg.OperationalError(f"{cluster} was made by another process")
    if server is None:
        raise RollproofError(
            f"nobody here has verified the server with the identifier {identifier}",
            doing="undoing what a drill did there",
            remedy="run `rollproof heal` where the environment's variables are set",
        )
    return server


def _of(undo: JsonObject) -> tuple[str, str, str]:
    return str(undo["host"]), str(undo["port"]), str(undo["user"])


def gone_with_server(undo: JsonObject, error: psycopg.Error, what: str) -> str:
    """What to say when a healer got no further: a private server that is gone took everything with it.

    Raises RollproofError when the server is there, or is no private one: what was left there still is.
    """
    if cluster := undo.get("cluster"):
        return f"{what}: goes with cluster {cluster}, whose deletion was announced before"
    if undo.get("private") and _is_gone(healing_conninfo(undo, MAINTENANCE)):
        return f"{what}: gone with its private server"
    if undo.get("container") and _of(undo) not in _PASSWORDS:
        return f"{what}: goes with container {undo['container']}, whose removal was announced before"
    raise RollproofError(
        f"{what}: not undone: {first_line(error)}",
        where=f"{undo['host']}:{undo['port']}",
        remedy="see that the server is up and that nothing holds on to it, then run `rollproof heal` again",
    ) from error


def _is_gone(conninfo: str) -> bool:
    """Whether no server answers at all; one that is shutting down is waited for."""

    def settled() -> list[pq.Ping]:
        answer = pq.Ping(pq.PGconn.ping(conninfo.encode()))
        return [] if answer is pq.Ping.REJECT else [answer]

    try:
        answers = eventually(settled, within=CONNECT_SECONDS, what="the server is up or gone")
    except AttemptFailed:
        return False
    return answers != [pq.Ping.OK]


def failed(error: psycopg.Error, *, doing: str, where: str = "") -> AttemptFailed:
    """The same failure as an AttemptFailed that a person can read.

    Indeterminate when the session broke or was ended, maybe while it committed: an ERROR, such as a
    cancelled statement, has undone its transaction for sure.
    """
    state, severity = error.sqlstate or "", error.diag.severity_nonlocalized
    broken = not state and isinstance(error, psycopg.OperationalError)
    lost = broken or state.startswith("08") or severity in ("FATAL", "PANIC")
    return AttemptFailed(
        first_line(error),
        doing=doing,
        where=where,
        facts={"sqlstate": error.sqlstate, **({"indeterminate": 1} if lost else {})},
    )
