"""A dump restored into a fresh database, and a clone, have the same fingerprint: no false alarm."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from rollproof.environments.base import PostgresServer
from rollproof.fingerprint import compare, take_fingerprint
from rollproof.model.fingerprint import Fingerprint

NASTY = Path(__file__).parent / "fingerprint" / "nasty.sql"


@pytest.fixture
def nasty(pg: PostgresServer, database: str) -> Iterator[str]:
    """A database with everything in it; its roles are gone afterwards."""
    _run(pg, "psql", "-qX", "-c", "CREATE ROLE fp_reader", "-c", "CREATE ROLE fp_writer", database=database)
    try:
        _run(pg, "psql", "-qX", "-v", "ON_ERROR_STOP=1", "-f", str(NASTY), database=database)
        yield database
    finally:
        with psycopg.connect(pg.conninfo(database), autocommit=True) as conn:
            conn.execute("DROP EVENT TRIGGER IF EXISTS watch")
            conn.execute("DROP OWNED BY fp_reader, fp_writer CASCADE")


@pytest.fixture(autouse=True)
def no_roles_left(pg: PostgresServer) -> Iterator[None]:
    yield
    with psycopg.connect(pg.conninfo("postgres"), autocommit=True) as conn:
        conn.execute("DROP ROLE IF EXISTS fp_reader, fp_writer")


@pytest.fixture
def fresh(pg: PostgresServer) -> Iterator[str]:
    with psycopg.connect(pg.conninfo("postgres"), autocommit=True) as conn:
        conn.execute("CREATE DATABASE fp_fresh")
        yield "fp_fresh"
        conn.execute("DROP DATABASE IF EXISTS fp_fresh WITH (FORCE)")


def _run(pg: PostgresServer, *command: str, database: str) -> None:
    environment = dict(pg.program_environment(database))
    done = subprocess.run(
        [pg.program(command[0]), *command[1:]],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _fingerprint(pg: PostgresServer, database: str) -> Fingerprint:
    with psycopg.connect(pg.conninfo(database)) as conn:
        return take_fingerprint(conn)


def _lines(before: Fingerprint, after: Fingerprint) -> list[str]:
    return [f"{difference} [{difference.klass}]" for difference in compare(before, after)]


def test_a_dump_restored_into_a_fresh_database_has_no_difference(
    pg: PostgresServer, nasty: str, fresh: str, tmp_path: Path
) -> None:
    dump = str(tmp_path / "all.dump")
    _run(pg, "pg_dump", "-Fc", "-f", dump, database=nasty)
    _run(pg, "pg_restore", "-d", fresh, "--exit-on-error", dump, database=fresh)
    before, after = _fingerprint(pg, nasty), _fingerprint(pg, fresh)
    assert _lines(before, after) == []
    assert len(before.facts) > 250


def test_a_clone_has_the_same_digest(pg: PostgresServer, nasty: str, fresh: str) -> None:
    with psycopg.connect(pg.conninfo("postgres"), autocommit=True) as conn:
        conn.execute("DROP DATABASE fp_fresh")
        conn.execute(sql.SQL("CREATE DATABASE fp_fresh TEMPLATE {}").format(sql.Identifier(nasty)))
    assert _fingerprint(pg, nasty).digest == _fingerprint(pg, fresh).digest


def test_dropping_every_schema_makes_each_object_missing(pg: PostgresServer, nasty: str) -> None:
    before = _fingerprint(pg, nasty)
    with psycopg.connect(pg.conninfo(nasty)) as conn:
        conn.execute('DROP SCHEMA core, "user", "Sales ""EU""" CASCADE')
        conn.commit()
        after = take_fingerprint(conn)
    within = ("core.", '"user".', '"Sales ""EU""".')
    left = [fact for fact in after.facts.values() if fact.name.startswith(within)]
    assert left == []
    assert len(compare(before, after)) > 200
