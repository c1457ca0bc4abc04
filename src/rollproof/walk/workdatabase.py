"""The database that a walk goes through its history in: made, copied, put in its place again, dropped."""

from __future__ import annotations

import itertools
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from rollproof.components.postgres.admin import (
    MAINTENANCE,
    close_sessions,
    connected,
    create_database,
    drop_database,
    ensure_roles,
)
from rollproof.environments.base import PostgresServer
from rollproof.errors import RollproofError
from rollproof.walk.queries import query
from rollproof.walk.settings import WalkSettings

PREFIX = "rollproof_walk_"
_PREPARED = "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"
_SUBSCRIPTIONS = (
    "SELECT subname FROM pg_subscription"
    " WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_UNSUBSCRIBE = (
    "ALTER SUBSCRIPTION {} DISABLE",
    "ALTER SUBSCRIPTION {} SET (slot_name = NONE)",
    "DROP SUBSCRIPTION {}",
)
_DROP_SLOTS = (
    "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
    " WHERE database = current_database() AND NOT active"
)
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of a database at rest.

    Attributes:
        name: its name. statements: what gives another database what a copy does not carry along.
    """

    name: str
    statements: tuple[str, ...]


def fresh_name(what: str) -> str:
    """A name that no other walk on this server uses."""
    return f"{PREFIX}{os.getpid()}_{secrets.token_hex(3)}_{what}{next(_numbers)}"


class WorkDatabase:
    """The database that migrations run in. Each time it is made anew it has another name.

    Whatever remembers something of a database by its name would be wrong about one made anew.
    """

    def __init__(self, server: PostgresServer, settings: WalkSettings) -> None:
        self.server = server
        self.settings = settings
        self.name = ""

    def create(self, copy: Copy | None = None) -> None:
        """Makes it anew: empty, or as the copy is. Raises AttemptFailed, EnvironmentUnavailable."""
        self.drop()
        self.name = fresh_name("at")
        if copy is None:
            ensure_roles(self.server, self._roles())
            create_database(self.server, self.name)
            owner = self.settings.owner or self.settings.user
            statements: Sequence[str] = (
                [f"ALTER DATABASE {{name}} OWNER TO {_quoted(owner)}"] if owner else []
            )
        else:
            create_database(self.server, self.name, template=copy.name)
            statements = copy.statements
        with connected(self.server, MAINTENANCE) as conn:
            for statement in statements:
                conn.execute(statement.replace("{name}", _quoted(self.name)).encode())

    def _roles(self) -> list[str]:
        named = (*self.settings.roles, self.settings.owner, self.settings.user)
        return [role for role in dict.fromkeys(named) if role and role != self.server.user]

    def copy(self) -> tuple[Copy, float]:
        """A copy of it as it is now, and the seconds that took. Everybody's connections to it are closed."""
        started = time.monotonic()
        with connected(self.server, self.name) as conn:
            found = tuple(str(row[0]) for row in conn.execute(query("database_level")))
        copy = Copy(fresh_name("kept"), found)
        create_database(self.server, copy.name, template=self.name)
        return copy, time.monotonic() - started

    def drop(self) -> None:
        """Drops it, whatever a migration has done to keep that from happening. Raises AttemptFailed."""
        if self.name:
            drop_whatever_it_takes(self.server, self.name)
            self.name = ""


def drop_whatever_it_takes(server: PostgresServer, name: str) -> None:
    """Drops a database with its sessions, prepared transactions, slots and subscriptions, if it is there."""
    try:
        drop_database(server, name)
    except RollproofError:
        _free(server, name)
        drop_database(server, name)


def _free(server: PostgresServer, name: str) -> None:
    """Takes away what keeps a database from being dropped."""
    with connected(server, MAINTENANCE) as conn:
        open_it = "ALTER DATABASE {} WITH IS_TEMPLATE false ALLOW_CONNECTIONS true CONNECTION LIMIT -1"
        conn.execute(sql.SQL(open_it).format(sql.Identifier(name)))
        close_sessions(conn, name)
    with connected(server, name) as conn:
        for (gid,) in conn.execute(_PREPARED).fetchall():
            conn.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(gid)))
        for (subscription,) in conn.execute(_SUBSCRIPTIONS).fetchall():
            for action in _UNSUBSCRIBE:
                conn.execute(sql.SQL(action).format(sql.Identifier(subscription)))
        conn.execute(_DROP_SLOTS)


def _quoted(name: str | None) -> str:
    return '"' + (name or "").replace('"', '""') + '"'
