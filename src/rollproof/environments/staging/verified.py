"""Whether the server that answers is still the one that was verified: asked on each new connection.

A connection is bound to the address that was verified; who has that address may change in the midst of a
drill, by a failover or a forwarder.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import Connection

from rollproof.errors import EnvironmentUnavailable, WrongPlace

if TYPE_CHECKING:
    from rollproof.environments.base import PostgresServer

CONNECT_SECONDS = 10


def expect_verified(connection: Connection[Any], server: PostgresServer) -> None:
    """Raises WrongPlace when another server answers than the verified one, or it is a standby now."""
    if not server.system_identifier:
        return
    found = connection.execute(_identity()).fetchone()
    if not connection.autocommit:
        connection.rollback()  # what comes next may have to be the first of its transaction
    if found is None or tuple(found) != (server.system_identifier, False):
        identifier, standby = found or ("none", False)
        raise WrongPlace(
            "the server that was verified has become a standby"
            if standby
            else f"another server answers: its identifier is {identifier}, not {server.system_identifier}",
            doing="connecting once more to the verified server",
            where=f"{server.host}:{server.port}",
            remedy="see whether there was a failover; verify the environment again before the next drill",
        )


def expect_still_verified(server: PostgresServer, database: str) -> None:
    """Before a program that makes connections of its own is started.

    Raises WrongPlace as `expect_verified` does, EnvironmentUnavailable when nobody answers.
    """
    if not server.system_identifier:
        return
    try:
        with psycopg.connect(
            server.conninfo(database),
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            application_name="rollproof-guard",
        ) as connection:
            expect_verified(connection, server)
    except psycopg.Error as error:
        said = error.diag.message_primary or (str(error).splitlines() or [type(error).__name__])[0]
        raise EnvironmentUnavailable(
            f"no connection to database {database!r}: {said}",
            doing="making sure that it is still the verified server",
            where=f"{server.host}:{server.port}",
            remedy="see whether the server is up and accepts this role",
        ) from error


@cache
def _identity() -> bytes:
    return (files(__package__) / "sql" / "identity.sql").read_bytes()
