"""Databases of the reference system for its tests: templates built once a session, a clone a test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import psycopg
import pytest
from alquimista_support import HEAD, History
from psycopg import sql

from rollproof.environments.base import PostgresServer

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def history(pg: PostgresServer) -> History:
    """The reference system's databases; its roles are there before the first migration.

    The templates go away with the server.
    """
    with psycopg.connect(pg.conninfo("postgres"), autocommit=True) as conn:
        known = {name for (name,) in conn.execute("SELECT rolname FROM pg_roles")}
        for role in {"app_user", "readonly_analyst"} - known:
            conn.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
    return History(pg)


@pytest.fixture
def having(history: History) -> Iterator[Callable[..., str]]:
    """`having(*numbers)` makes a database of its own that has just these migrations."""
    made: list[str] = []

    def make(*numbers: str) -> str:
        name = f"alq_test_{next(_numbers)}"
        history.clone(name, template=history.at(*numbers))
        made.append(name)
        return name

    yield make
    for name in made:
        history.drop(name)


@pytest.fixture
def head(having: Callable[..., str]) -> str:
    """A database with the whole history and the rows."""
    return having(*HEAD)
