"""Letting a private server ask for a role's password, and knowing it where it is asked for.

A server of the drill's own lets applications in without one. Whether an old password is refused says
something only where passwords are asked for, so one role's is, in one scenario's database.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

import psycopg
from psycopg import Connection, sql

from rollproof.components.postgres.admin import MAINTENANCE, connected, failed
from rollproof.environments.base import PostgresServer
from rollproof.errors import PreconditionNotMet
from rollproof.waiting import eventually

RELOAD_SECONDS = 10.0
SCRAM_BY_DEFAULT = 14
"""Major version from which on passwords are stored for SCRAM unless told otherwise."""
MARK = "# rollproof:"


@dataclass(frozen=True, slots=True)
class KnowingServer(PostgresServer):
    """A server that hands out the passwords of some roles with their connection strings.

    Attributes:
        passwords: by role, asked for each time: a rotated one counts at once.
    """

    passwords: Mapping[str, Callable[[], str]] = field(default_factory=dict, repr=False)

    def conninfo(self, database: str, *, user: str | None = None, with_password: bool = True) -> str:
        plain = PostgresServer.conninfo(self, database, user=user, with_password=with_password)
        if not with_password or user is None or user not in self.passwords:
            return plain
        return psycopg.conninfo.make_conninfo(plain, password=self.passwords[user]())


def knowing(server: PostgresServer, passwords: Mapping[str, Callable[[], str]]) -> KnowingServer:
    """The same server, which knows passwords."""
    same: dict[str, Any] = {item.name: getattr(server, item.name) for item in fields(PostgresServer)}
    return KnowingServer(**same, passwords=passwords)


def ask_for_password(server: PostgresServer, database: str, role: str) -> None:
    """From now on `role` needs its password in `database`, whichever way it comes.

    Raises PreconditionNotMet for a server that is not this run's own: its rules are not ours to change.
    """
    _expect_private(server)
    method = "scram-sha-256" if server.major >= SCRAM_BY_DEFAULT else "md5"
    names = f"{_quoted(database)} {_quoted(role)}"
    lines = [f"local {names} {method}", f"host {names} all {method}"]
    _rewrite(server, lambda text: "".join(f"{line} {MARK} {role}\n" for line in lines) + text)


def ask_no_more(server: PostgresServer, role: str) -> None:
    """Takes back what `ask_for_password` did for a role."""
    ending = f"{MARK} {role}\n"
    _rewrite(
        server, lambda text: "".join(x for x in text.splitlines(keepends=True) if not x.endswith(ending))
    )


def _expect_private(server: PostgresServer) -> None:
    if not server.private:
        raise PreconditionNotMet(
            "who must give a password is not changed on a server that is not the drill's own",
            where=f"{server.host}:{server.port}",
            remedy="let the server ask the application's role for its password",
        )


def _quoted(name: str) -> str:
    """In pg_hba.conf quotes keep a name from being a keyword or a pattern."""
    return '"' + name.replace('"', '""') + '"'


def _rewrite(server: PostgresServer, change: Callable[[str], str]) -> None:
    """Has the server write its rules anew, and waits until they hold for new sessions.

    Through the server, for its files may be in a container: as a large object, which writes bytes as
    they are, and is gone again before anybody sees it.
    """
    with connected(server, MAINTENANCE) as conn:
        loaded = _one(conn, "SELECT pg_conf_load_time()")
        written = change(str(_one(conn, "SELECT pg_read_file(current_setting('hba_file'))"))).encode()
        with conn.transaction():
            row = conn.execute("SELECT lo_from_bytea(0, %s)", [written]).fetchone()
            conn.execute("SELECT lo_export(%s, current_setting('hba_file'))", row)
            conn.execute("SELECT lo_unlink(%s)", row)
        conn.execute("SELECT pg_reload_conf()")
    eventually(
        lambda: _load_time(server) > loaded,
        within=RELOAD_SECONDS,
        what="the server has read its rules again",
        every=0.005,
    )


def _load_time(server: PostgresServer) -> datetime:
    """As a new session sees it: it began after the server's last reload."""
    with connected(server, MAINTENANCE) as conn:
        found: datetime = _one(conn, "SELECT pg_conf_load_time()")
        return found


def _one(conn: Connection, statement: str) -> Any:
    row = conn.execute(statement.encode()).fetchone()
    return row[0] if row else None


def set_password(server: PostgresServer, role: str, password: str | None) -> None:
    """Gives a role its password, or takes it away.

    Raises AttemptFailed when the role does not exist; the password is in no message, and in no log of a
    server that does not log statements.
    """
    statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(password))
    try:
        with connected(server, MAINTENANCE) as conn:
            conn.execute(statement)
    except psycopg.Error as error:
        raise failed(error, doing="giving the role its password", where=role) from None


PASSWORD_WRONG = re.compile(r"password authentication failed|28P01")
"""What the server says of a wrong password (`invalid_password`), where it speaks English."""


def try_password(server: PostgresServer, database: str, role: str, password: str) -> str:
    """`accepted`; `refused` for a wrong password; else the first line of what went wrong."""
    conninfo = psycopg.conninfo.make_conninfo(
        server.conninfo(database, user=role, with_password=False), password=password, connect_timeout=5
    )
    try:
        with psycopg.connect(conninfo, application_name="rollproof-try"):
            return "accepted"
    except psycopg.OperationalError as error:
        said = (str(error).splitlines() or ["no answer"])[-1]
        return "refused" if PASSWORD_WRONG.search(str(error)) else said[:200]


def close_sessions_of(server: PostgresServer, role: str) -> int:
    """Ends every session of a role in every database, and waits until they are gone; how many there were.

    Raises AttemptFailed when the server does not let it, or one does not go.
    """
    where = "FROM pg_stat_activity WHERE usename = %s AND pid <> pg_backend_pid()"
    try:
        with connected(server, MAINTENANCE) as conn:
            row = conn.execute(f"SELECT count(pg_terminate_backend(pid)) {where}".encode(), [role]).fetchone()
            eventually(
                lambda: conn.execute(f"SELECT 1 {where} LIMIT 1".encode(), [role]).fetchone() is None,
                within=RELOAD_SECONDS,
                what=f"the sessions of {role} are gone",
            )
    except psycopg.Error as error:
        raise failed(error, doing="ending the role's sessions", where=role) from error
    return int(row[0]) if row else 0
