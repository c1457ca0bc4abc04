"""What the tests of the reference system share: its files, and databases at any point of its history."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
from psycopg import sql

from rollproof.environments.base import PostgresServer
from rollproof.waiting import eventually

HOME = Path(__file__).parents[2] / "systems" / "alquimista"
MIGRATIONS = HOME / "database" / "migrations"
LEDGER = "public.migrations"
WAY_BACK = re.compile(r"^(?P<own>\d{3})_(?P<how>rollback|revert)_(?P<number>\d{3})\.sql$")
FORWARD = {path.name[:3]: path for path in sorted(MIGRATIONS.glob("*.sql")) if not WAY_BACK.match(path.name)}
"""number -> forward migration, in order"""
SEEDED_AFTER = "008"
SCALE = "0.1"
"""of the generated rows: what these tests show does not depend on how many there are"""


def way_back(number: str) -> Path | None:
    """The script that undoes a migration: its rollback or its reversing script."""
    found = [p for p in MIGRATIONS.glob("*.sql") if (m := WAY_BACK.match(p.name)) and m["number"] == number]
    assert len(found) <= 1, f"two scripts undo {number}"
    return found[0] if found else None


@dataclass
class History:
    """Databases of the reference system, each built once and then cloned."""

    server: PostgresServer
    built: dict[tuple[str, ...], str] = field(default_factory=dict)

    def run(self, database: str, script: Path) -> None:
        """Applies a script as a DBA would; fails the test with psql's own words."""
        done = self.psql(database, script)
        assert done.returncode == 0, f"{script.name}: {done.stderr}"

    def psql(self, database: str, script: Path) -> subprocess.CompletedProcess[str]:
        """Runs a script that may fail."""
        command = [self.server.program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(script)]
        return self._program(command, database)

    def schema(self, database: str) -> str:
        """The schema as pg_dump writes it, without its random and its version lines."""
        done = self._program([self.server.program("pg_dump"), "-s"], database)
        assert done.returncode == 0, done.stderr
        return "\n".join(line for line in done.stdout.splitlines() if not _NOISE.match(line))

    def _program(self, command: Sequence[str], database: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], **self.server.program_environment(database)}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    def at(self, *numbers: str) -> str:
        """A template database that has exactly these migrations, and the rows when they are due."""
        if numbers not in self.built:
            parent = self.at(*numbers[:-1]) if numbers else "template0"
            name = f"alq_template_{len(self.built)}"
            self.clone(name, template=parent)
            self.built[numbers] = name
            if numbers:
                self._advance(name, numbers[-1])
        return self.built[numbers]

    def _advance(self, database: str, number: str) -> None:
        self.run(database, FORWARD[number])
        if number == SEEDED_AFTER:
            assert load(self.conninfo(database), "--scale", SCALE).returncode == 0

    def clone(self, name: str, *, template: str) -> None:
        """Makes a database as a copy of another."""
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as conn:
            statement = "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy"
            conn.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Identifier(template)))

    def drop(self, name: str) -> None:
        """Drops a database and whoever is connected to it."""
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as conn:
            conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def conninfo(self, database: str, *, user: str | None = None) -> str:
        return self.server.conninfo(database, user=user)


_NOISE = re.compile(r"^(--.*|\\(un)?restrict .*|\s*)$")


def upto(number: str) -> tuple[str, ...]:
    """Numbers of all migrations up to and with that one."""
    return tuple(known for known in FORWARD if known <= number)


def before(number: str) -> tuple[str, ...]:
    """Numbers of all migrations before that one."""
    return tuple(known for known in FORWARD if known < number)


def after(number: str) -> tuple[str, ...]:
    """Numbers of all migrations after that one."""
    return tuple(known for known in FORWARD if known > number)


HEAD = tuple(FORWARD)


def load(dsn: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the seed command."""
    return python("database/seed.py", *arguments, DATABASE_URL=dsn, **environment)


def python(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs one of the system's own programs, in its folder and with nothing else in the environment."""
    return subprocess.run(
        [sys.executable, "-B", script, *arguments],
        cwd=HOME,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def rows(dsn: str, *, leaving_out: Sequence[str] = (LEDGER,)) -> dict[str, tuple[int, str]]:
    """Count and digest of every table's rows, whatever their order."""
    with psycopg.connect(dsn) as conn:
        tables = conn.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^(pg_|information_schema)'"
        ).fetchall()
        names = {f"{schema}.{table}": sql.Identifier(schema, table) for schema, table in tables}
        return {name: _digest(conn, names[name]) for name in sorted(names) if name not in leaving_out}


def _digest(conn: psycopg.Connection, table: sql.Identifier) -> tuple[int, str]:
    query = sql.SQL("SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)::text FROM {} AS t")
    row = conn.execute(query.format(table)).fetchone()
    assert row is not None
    return int(row[0]), str(row[1])


@contextmanager
def serving(dsn: str) -> Iterator[str]:
    """The system's API on a free port; yields its base URL once it is healthy."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-B", "service/app.py", "--port", str(port)],
        cwd=HOME,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": dsn},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: process.poll() is None and _healthy(url), within=20, what="the API is healthy")
        yield url
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").status_code == 200
    except httpx.TransportError:
        return False


def smoke(url: str, dsn: str, *, expected: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Runs the smoke tests as the suite does."""
    return python(
        "smoke/smoke.py", SERVICE_URL_API=url, DATABASE_URL=dsn, EXPECTED_MIGRATIONS=",".join(expected)
    )
