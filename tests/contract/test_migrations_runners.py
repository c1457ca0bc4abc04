"""The same scripts through psql and without it: one end, whichever way they go to the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed
from rollproof.fingerprint import take_fingerprint
from rollproof.migrations.direct import DirectRunner
from rollproof.migrations.execute import PsqlRunner
from rollproof.migrations.script import Mode, Script
from tests.contract.runner_scripts import BASE, PSQLS_OWN, SCRIPTS, SECRET

COUNTS = (
    "SELECT table_schema || '.' || table_name, (xpath('/row/c/text()', query_to_xml(format("
    "'SELECT count(*) AS c FROM %I.%I', table_schema, table_name), false, true, '')))[1]::text "
    "FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1"
)
NO_END = "\nWARNING there is no transaction in progress"
"""what the tool's own COMMIT says after a script has ended the tool's transaction; psql keeps it to itself"""
FACTS = ("sqlstate", "line", "column", "statement_line", "committed_statements", "timed_out", "indeterminate")


@dataclass(frozen=True)
class End:
    """All that a script comes to."""

    error: str
    where: str
    remedy: str
    facts: tuple[object, ...]
    notices: str
    state: object


@dataclass(frozen=True)
class Bench:
    """Makes a fresh database for each run."""

    server: PostgresServer
    database: str
    folder: Path

    @contextmanager
    def fresh(self) -> Iterator[str]:
        name = f"{self.database}_run"
        with psycopg.connect(self.server.conninfo("postgres"), autocommit=True) as conn:
            conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            try:
                with psycopg.connect(self.server.conninfo(name)) as made:
                    made.execute(BASE.encode())
                yield name
            finally:
                conn.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))

    def end(self, kind: type[PsqlRunner] | type[DirectRunner], script: Script) -> End:
        with self.fresh() as name:
            error, notices = None, ""
            try:
                notices = kind(self.server, name, limit=30).run(script).stderr.replace(NO_END, "")
            except AttemptFailed as failed:
                error = failed
            with psycopg.connect(self.server.conninfo(name)) as conn:
                state = take_fingerprint(conn).digest, conn.execute(COUNTS).fetchall()
        if error is None:
            return End("", "", "", (), notices, state)
        assert SECRET not in f"{error} {error.facts}"
        facts = tuple(error.facts.get(name) or 0 for name in FACTS)
        return End(error.found, error.where, error.remedy, facts, "", state)

    def write(self, content: str, mode: Mode) -> Script:
        path = self.folder / "010 a script.sql"
        path.write_bytes(content.encode())
        return replace(Script.read(path), mode=mode)

    def both(self, script: Script) -> tuple[End, End]:
        return self.end(PsqlRunner, script), self.end(DirectRunner, script)


@pytest.fixture
def bench(pg: PostgresServer, database: str, tmp_path: Path) -> Bench:
    return Bench(pg, database, tmp_path)


@pytest.mark.parametrize("name", SCRIPTS | PSQLS_OWN)
def test_a_script_for_psql_ends_the_same_without_psql(bench: Bench, name: str) -> None:
    psql, direct = bench.both(bench.write((SCRIPTS | PSQLS_OWN)[name], Mode.PSQL))
    assert direct == psql


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_in_one_transaction_ends_the_same_without_psql(bench: Bench, name: str) -> None:
    psql, direct = bench.both(bench.write(SCRIPTS[name], Mode.TRANSACTION))
    assert direct == psql
