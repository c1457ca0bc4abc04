"""Sessions with the database: one connection a request.

A pool would be faster, but it would hold connections through a restore that renames or recreates the
database. A fresh connection finds whatever is there now, so nothing has to notice that it changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

from alquimista_api.messages import Refusal

CONNECT_SECONDS = 3
STATEMENT_MILLISECONDS = 10_000
"""how long a statement waits for a lock that a migration holds, before the client is told to come back"""

UNDEFINED = frozenset({"3F000", "42703", "42883", "42P01"})
"""schema, column, function or table that is not there; the message names it and no value"""

Session = psycopg.Connection[DictRow]
Values = tuple[Any, ...]

BEGIN = "SELECT set_config('statement_timeout', %s, true)"
ENTER = "SELECT fibonacci_core.enter_tenant(%s)"


@contextmanager
def session(tenant: str | None = None) -> Iterator[Session]:
    """One transaction, as that tenant when one is given; committed when the block ends without error.

    Raises:
        Refusal: the database said no. Its own message is left out: it may quote a row.
    """
    try:
        with psycopg.connect(find_dsn(), connect_timeout=CONNECT_SECONDS, row_factory=dict_row) as connection:
            connection.execute(BEGIN, [str(STATEMENT_MILLISECONDS)])
            if tenant is not None:
                connection.execute(ENTER, [tenant])
            yield connection
    except psycopg.Error as error:
        raise refusal_for(error) from error


def from_environment() -> str:
    """The connection string that DATABASE_URL holds. Raises Refusal when it holds none."""
    if dsn := os.environ.get("DATABASE_URL"):
        return dsn
    raise Refusal(503, "not_configured", hint="DATABASE_URL is not set")


find_dsn: Callable[[], str] = from_environment
"""where the connection string comes from; a Lambda function has another source"""


def refusal_for(error: psycopg.Error) -> Refusal:
    """What the client is told about a database error: a code and the SQLSTATE."""
    state = error.sqlstate
    if state == "P0002":
        return Refusal(404, "tenant_unknown")
    if state == "23505":
        return Refusal(409, "already_there", constraint=error.diag.constraint_name)
    if isinstance(error, psycopg.DataError | psycopg.IntegrityError):
        return Refusal(422, "value_refused", sqlstate=state, constraint=error.diag.constraint_name)
    if isinstance(error, psycopg.OperationalError):
        return Refusal(503, "database_unavailable", sqlstate=state)
    found = error.diag.message_primary if state in UNDEFINED else None
    return Refusal(500, "database_error", sqlstate=state, found=found)
