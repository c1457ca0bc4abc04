"""Looking at a Postgres server, read-only, and how every later connection is bound to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection, errors, sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo
from psycopg.rows import dict_row

from rollproof.environments.base import Backups, PostgresServer
from rollproof.environments.staging.facts import Marker, ServerFacts
from rollproof.environments.staging.markers import SETTING, TABLE
from rollproof.environments.staging.target import IGNORED, Target
from rollproof.errors import EnvironmentUnavailable, WrongPlace
from rollproof.model.environments import Staging

CONNECT_SECONDS = 10
MAINTENANCE = "postgres"
"""the database that is always there"""
NO_FILE = "/nonexistent/rollproof"
"""In the place of ~/.pgpass: libpq reads that one unless it is told of another."""
NEUTRAL = {
    "hostaddr": "",
    "options": "",
    "passfile": NO_FILE,
    "target_session_attrs": "any",
    "load_balance_hosts": "disable",
    "sslmode": "prefer",
    "channel_binding": "prefer",
    "gssencmode": "disable",
    "client_encoding": "UTF8",
}
"""What every connection says out loud, so that no variable can say it in its place."""


@cache
def _known() -> frozenset[str]:
    """Parameters that this machine's libpq knows; older ones lack some."""
    return frozenset(item.keyword.decode() for item in Conninfo.get_defaults())


def parameters_of(target: Target, address: str = "") -> Mapping[str, str]:
    """Of every connection; with `address` it is that one and no other, whatever its name leads to later."""
    said = {name: value for name, value in target.parameters.items() if name not in IGNORED}
    bound = {"hostaddr": address} if address and not target.is_socket else {}
    wanted = {**NEUTRAL, **said, **bound, "target_session_attrs": "any"}
    return {name: value for name, value in wanted.items() if name in _known()}


def conninfo_of(target: Target, address: str = "") -> str:
    """How to connect to a target; an empty password is said as well, or PGPASSWORD would be taken."""
    place = {
        "host": target.host,
        "port": target.port,
        "user": target.user,
        "dbname": target.database,
        "password": target.password,
        "connect_timeout": str(CONNECT_SECONDS),
        "application_name": "rollproof-guard",
    }
    return make_conninfo("", **{**parameters_of(target, address), **place})


def look_at(target: Target, allowed: Staging, *, healing: bool = False) -> ServerFacts:
    """What the server is, in one transaction that may not write.

    Args:
        healing: the database itself may be away, put aside by the run that is healed.

    Raises EnvironmentUnavailable when it does not answer, or answers what cannot be made out.
    """
    try:
        return _look(target, allowed)
    except EnvironmentUnavailable:
        if not healing:
            raise
        facts = _look(replace(target, database=MAINTENANCE), allowed)
        if target.database in facts.databases:
            raise
        return replace(facts, database=target.database)


def _look(target: Target, allowed: Staging) -> ServerFacts:
    address = target.resolved[0] if len(target.resolved) == 1 else ""
    try:
        with psycopg.connect(conninfo_of(target, address), autocommit=False, row_factory=dict_row) as conn:
            conn.read_only = True
            return _facts(conn, allowed)
    except errors.InsufficientPrivilege as error:
        raise WrongPlace(
            f"the role may not see what the server is: {error.diag.message_primary}",
            doing="looking at the server before anything is touched",
            where=_say(target),
            remedy="GRANT EXECUTE ON FUNCTION pg_control_system() TO the role that drills",
        ) from error
    except psycopg.Error as error:
        said = error.diag.message_primary or (str(error).splitlines() or [type(error).__name__])[0]
        raise EnvironmentUnavailable(
            f"the server cannot be looked at: {said}",
            doing="looking at the server before anything is touched",
            where=_say(target),
            remedy=f"see whether it is up, and whether {target.source} has the right role and password",
        ) from error


def _say(target: Target) -> str:
    return f"{target.host}:{target.port}"


def _facts(conn: Connection[dict[str, Any]], allowed: Staging) -> ServerFacts:
    row: dict[str, Any] = conn.execute(_query("about")).fetchone() or {}
    rights = frozenset(name for name in ("createdb", "createrole", "superuser", "copy") if row.pop(name))
    lists: dict[str, Any] = {name: tuple(row.pop(name)) for name in ("databases", "roles")}
    return ServerFacts(
        **row,
        **lists,
        connected=conn.info.hostaddr,
        rights=rights,
        markers=(*_markers(conn, allowed), *_tables(conn)),
        outward=outward_of(conn),
    )


def outward_of(conn: Connection[Any]) -> tuple[Marker, ...]:
    """What leads out of the database that is connected to, and goes with every copy of it."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return tuple(Marker(**found) for found in cursor.execute(_query("outward")))


def _markers(conn: Connection[dict[str, Any]], allowed: Staging) -> list[Marker]:
    wanted = {"settings": [SETTING, *allowed.production.settings]}
    return [Marker(**row) for row in conn.execute(_query("markers"), wanted)]


def _tables(conn: Connection[dict[str, Any]]) -> list[Marker]:
    """The first column of a marking table. One that may not be read could say production: so it does."""
    found = []
    for row in conn.execute(_query("tables"), {"table": TABLE}).fetchall():
        schema, column = row["nspname"], row["attname"]
        select = sql.SQL("SELECT {}::text AS said FROM {} LIMIT 100").format(
            sql.Identifier(column), sql.Identifier(schema, TABLE)
        )
        try:
            with conn.transaction():
                values = [str(one["said"]) for one in conn.execute(select)]
        except errors.InsufficientPrivilege:
            values = ["production"]
        found += [Marker("table", f"{schema}.{TABLE}", value, "the database") for value in values]
    return found


@cache
def _query(name: str) -> bytes:
    return (files(__package__) / "sql" / f"{name}.sql").read_bytes()


def server_of(
    target: Target,
    facts: ServerFacts,
    *,
    bin_dir: Path,
    passwords: Mapping[str, str],
    allowed: Staging,
    root: Path,
) -> PostgresServer:
    """The verified server. Its connections go to the address that was verified and expect its identifier.

    Args:
        root: the system file's folder.
    """
    spec = allowed.database
    return PostgresServer(
        host=target.host,
        port=int(target.port),
        user=target.user,
        major=facts.major,
        bin_dir=bin_dir,
        private=False,
        password=target.password or None,
        parameters=parameters_of(target, facts.connected),
        system_identifier=facts.system_identifier,
        role_passwords=dict(passwords),
        source=target.database,
        in_place=allowed.touch == "in-place",
        backups=Backups(spec.backup, root, spec.backup_age, spec.reaches) if spec and spec.backup else None,
    )
