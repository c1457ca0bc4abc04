"""One consistent look at a database: a read-only transaction that pins how values are written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import psycopg
from psycopg import errors, pq

from rollproof.errors import AttemptFailed, EnvironmentUnavailable, PreconditionNotMet, RollproofError
from rollproof.fingerprint.queries import query

Connection = psycopg.Connection[Any]
"""Whatever its rows look like: the cursors of this room choose their own."""

_SETTING = re.compile(r'^SET LOCAL "?(\w+)"? = (.+?);', re.MULTILINE)
OLDEST = 13
"""The oldest major version that the queries are written for."""


@contextmanager
def snapshot(conn: Connection, *, doing: str) -> Iterator[Connection]:
    """A REPEATABLE READ, READ ONLY transaction with pinned settings, which end with it.

    Inside a transaction that is already at REPEATABLE READ or SERIALIZABLE it joins that one, so
    that several looks share one snapshot; the settings go back to what they were.

    Args:
        doing: what an error says was being done.

    Raises:
        PreconditionNotMet: the connection is in a transaction that sees other people's commits.
        EnvironmentUnavailable: the server is too old, or the connection broke.
        AttemptFailed: something may not be read, is locked, or changed while it was read.
    """
    joined = _joins(conn, doing)
    try:
        # A roll back sets the settings of a joined transaction back, but discards all prepared statements.
        with conn.transaction(force_rollback=joined):
            if not joined:
                conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            conn.execute(query("settings", major=major_of(conn)))
            yield conn
    except psycopg.Error as error:
        raise explained(error, doing=doing) from error


@cache
def settings_text(major: int, **more: str) -> str:
    """What `snapshot` sets until the end of its transaction, and `more`, as one SELECT to be prepared."""
    found = {name: value.strip("'") for name, value in _SETTING.findall(query("settings", major=major))}
    return setting_text({**found, **more})


def setting_text(values: Mapping[str, str]) -> str:
    """Sets these until the end of the transaction; the names and values are this package's own."""
    calls = (f"set_config('{name}', '{value}', true)" for name, value in values.items())
    return f"SELECT {', '.join(calls)}"


def major_of(conn: Connection) -> int:
    """The server's major version. Raises EnvironmentUnavailable below 13."""
    major = conn.info.server_version // 10000
    if major < OLDEST:
        raise EnvironmentUnavailable(
            f"the server is PostgreSQL {major}",
            where=conn.info.dbname,
            remedy=f"use PostgreSQL {OLDEST} or later",
        )
    return major


def _joins(conn: Connection, doing: str) -> bool:
    status = conn.info.transaction_status
    if status == pq.TransactionStatus.IDLE:
        return False
    if status == pq.TransactionStatus.INTRANS:
        row = conn.cursor(row_factory=psycopg.rows.tuple_row).execute("SHOW transaction_isolation").fetchone()
        if row and row[0] in ("repeatable read", "serializable"):
            return True
    raise PreconditionNotMet(
        "the connection is in a transaction that is not at REPEATABLE READ",
        doing=doing,
        remedy="commit or roll back first, or use a connection of its own",
    )


def explained(error: psycopg.Error, *, doing: str) -> RollproofError:
    """`error` as one of Rollproof's own, with what to do about it."""
    found = (error.diag.message_primary or str(error)).splitlines()[0].strip()
    facts = {"sqlstate": error.sqlstate}
    match error:
        case errors.InsufficientPrivilege() if "row-level security" in found:
            remedy = (
                "connect as a superuser, the table's owner or a role with BYPASSRLS: rows would be hidden"
            )
        case errors.InsufficientPrivilege():
            remedy = "connect as a superuser or as the owner of all objects"
        case errors.LockNotAvailable():
            remedy = "another session holds a lock on the table: end it (see pg_locks) and try again"
        case errors.OutOfMemory() if "shared memory" in found:
            remedy = "raise max_locks_per_transaction: what is read is locked meanwhile, as by pg_dump"
        case errors.ProgramLimitExceeded() | errors.OutOfMemory():
            remedy = "a row longer than 1 GB as text cannot be digested: keep such values elsewhere"
        case errors.InternalError_() | errors.UndefinedTable() | errors.UndefinedObject():
            remedy = "if somebody changed the schema meanwhile, try again"
        case errors.OperationalError() if error.sqlstate is None or error.sqlstate.startswith(("08", "57")):
            return EnvironmentUnavailable(
                f"the connection was lost: {found}", doing=doing, remedy="see the server's log", facts=facts
            )
        case _:
            remedy = "see the server's log"
    return AttemptFailed(found, doing=doing, remedy=remedy, facts=facts)
