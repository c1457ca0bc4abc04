"""Fixtures of the project's own tests: a real private Postgres, and a fresh database for each test."""

from __future__ import annotations

import contextlib
import itertools
import signal
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
from psycopg import sql

from rollproof.environments.base import PostgresServer
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.journal import Journal, Recorder
from rollproof.model.system import System

hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

_numbers = itertools.count(1)


def pytest_configure() -> None:
    """A job in the background ignores Ctrl-C, and so would all that it starts; tests send some."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        with contextlib.suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks as slow what sampling.toml leaves to `make kill`, unless files were named."""
    if not all(Path(argument).is_dir() for argument in config.args):
        return
    folder = Path(__file__).parent
    one_in = tomllib.loads((folder / "sampling.toml").read_text())["one-in"]
    seen: Counter[str] = Counter()
    for item in items:
        name = item.path.relative_to(folder).as_posix() if item.path.is_relative_to(folder) else ""
        if name in one_in:
            if seen[name] % one_in[name]:
                item.add_marker(pytest.mark.slow)
            seen[name] += 1


@pytest.fixture(scope="session")
def pg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A private Postgres server of the bundled version, started once a session."""
    system = System.model_validate({"system": {"name": "tests"}, "database": {"migrations": {"path": "."}}})
    folder = tmp_path_factory.mktemp("server")
    with (
        Journal(folder / "journal.ndjson", run="tests") as journal,
        EmbeddedEnvironment().open(system, Recorder(journal, "run")) as opened,
    ):
        yield opened.postgres()


@pytest.fixture
def database(pg: PostgresServer) -> Iterator[str]:
    """The name of a fresh, empty database."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(pg.conninfo("postgres"), autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield name
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
