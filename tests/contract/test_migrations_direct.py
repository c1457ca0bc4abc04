"""What running without psql does besides ending the same: waiting, interrupts, sections, other modes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed
from rollproof.migrations.direct import DirectRunner
from rollproof.migrations.execute import PsqlRunner
from rollproof.migrations.script import Mode, Script
from rollproof.migrations.sending import needs_psql
from rollproof.waiting import eventually

OTHERS = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE application_name = 'rollproof' AND datname = current_database()"
)


@dataclass(frozen=True)
class Lab:
    runner: DirectRunner
    folder: Path
    conn: psycopg.Connection

    def write(self, content: str | bytes, mode: Mode = Mode.PSQL) -> Script:
        path = self.folder / "010.sql"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return replace(Script.read(path), mode=mode)

    def run(self, content: str | bytes, mode: Mode = Mode.PSQL) -> str:
        return self.runner.run(self.write(content, mode)).stderr

    def fails(self, content: str | bytes, mode: Mode = Mode.PSQL, *, limit: float = 30) -> AttemptFailed:
        with pytest.raises(AttemptFailed) as raised:
            replace(self.runner, limit=limit).run(self.write(content, mode))
        assert raised.value.remedy
        return raised.value

    def value(self, query: str) -> object:
        row = self.conn.execute(query.encode()).fetchone()
        return row[0] if row else None


@pytest.fixture(params=[True, False], ids=["with locks", "without locks"])
def lab(pg: PostgresServer, database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Lab]:
    with psycopg.connect(pg.conninfo(database), autocommit=True) as conn:
        yield Lab(DirectRunner(pg, database, limit=30, locks=request.param), tmp_path, conn)


@pytest.mark.parametrize("mode", list(Mode))
def test_who_blocks_is_named_and_nothing_stays(lab: Lab, pg: PostgresServer, mode: Mode) -> None:
    lab.conn.execute("CREATE TABLE leads (id int)")
    with psycopg.connect(pg.conninfo(lab.runner.database), application_name="report") as holder:
        holder.execute("SELECT * FROM leads")
        error = lab.fails("CREATE TABLE a (i int);\n\nALTER TABLE leads ADD c int;\n", mode, limit=0.7)
        assert error.found.startswith("hung: waited ")
        assert "AccessExclusiveLock on public.leads, held by pid" in error.found
        assert error.facts["blocked_by"] == holder.info.backend_pid
        assert (error.facts["timed_out"], error.facts["indeterminate"]) == (1, 0)
        assert lab.value(OTHERS) == 0
        if mode in (Mode.PSQL, Mode.AUTOCOMMIT):
            assert (error.facts["line"], error.facts["committed_statements"]) == (3, 1)
            assert lab.value("SELECT to_regclass('a') IS NOT NULL")
        else:
            assert lab.value("SELECT to_regclass('a') IS NULL")


def test_a_role_with_one_connection_is_asked_over_it_to_stop(lab: Lab) -> None:
    lab.conn.execute("DROP ROLE IF EXISTS rp_direct_single")
    lab.conn.execute("CREATE ROLE rp_direct_single LOGIN CONNECTION LIMIT 1")
    runner = replace(lab.runner, user="rp_direct_single", limit=0.7)
    try:
        with pytest.raises(AttemptFailed) as raised:
            runner.run(lab.write("SELECT pg_sleep(100);"))
        eventually(
            lambda: lab.value("SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'rp_direct_single'"),
            within=20,
            what="it is gone",
        )
    finally:
        lab.conn.execute("DROP ROLE rp_direct_single")
    assert raised.value.found == "hung: not finished after 700 ms; OperationalError"
    assert raised.value.facts["indeterminate"] == 0


def test_an_interrupt_ends_the_backend(lab: Lab) -> None:
    query = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(98)%'"
    script = lab.write("BEGIN;\nCREATE TABLE t (id int);\nSELECT pg_sleep(98);\nCOMMIT;")

    def interrupt() -> None:
        with lab.runner.connect() as watch:
            eventually(lambda: watch.execute(query).fetchone(), within=20, what="the script runs")
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        lab.runner.run(script)
    thread.join()
    assert lab.value(query) is None
    assert lab.value("SELECT to_regclass('t')") is None


@pytest.mark.parametrize(
    "text",
    ["CREATE TEMP TABLE t (i int);", "SELECT pg_advisory_lock(7);", "LISTEN x;", "BEGIN; LOCK TABLE u;"],
)
def test_what_belongs_to_the_session_is_gone_when_it_returns(lab: Lab, text: str) -> None:
    lab.conn.execute("CREATE TABLE u (id int)")
    lab.run(text)
    assert lab.value("SELECT count(*) FROM pg_class WHERE relname = 't' AND relpersistence = 't'") == 0
    assert lab.value("SELECT pg_try_advisory_lock(7)")
    assert lab.value("SELECT count(*) FROM pg_locks WHERE relation = 'u'::regclass") == 0


def test_a_backend_that_is_killed_is_a_lost_connection(lab: Lab) -> None:
    """As the operating system does when memory is short: no word from the server."""
    lab.conn.execute("CREATE TABLE t (id int)")
    error = lab.fails("SELECT 1;\nSELECT pg_terminate_backend(pg_backend_pid());\n")
    assert "the connection was lost (" in error.found
    assert error.facts["line"] == 2


def test_a_database_that_is_not_there_is_told(lab: Lab) -> None:
    with pytest.raises(AttemptFailed) as raised:
        replace(lab.runner, database="no_such_database").run(lab.write("SELECT 1;"))
    assert 'database "no_such_database" does not exist' in raised.value.found
    assert raised.value.facts["indeterminate"] == 0


def test_the_callers_own_options_do_not_reach_the_script(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c default_transaction_read_only=on")
    monkeypatch.setenv("PGAPPNAME", "nonsense")
    lab.run("CREATE TABLE t AS SELECT current_setting('application_name') AS name;")
    assert lab.value("SELECT name FROM t") == "rollproof"


SECTION = "-- up\nCREATE TABLE a (i int);\n-- down\nCREATE TABLE b (i int);\n  SELECT nope;\n"


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("kind", [DirectRunner, PsqlRunner])
def test_a_section_runs_alone_and_its_errors_are_placed_in_the_file(
    lab: Lab, mode: Mode, kind: type[DirectRunner] | type[PsqlRunner]
) -> None:
    whole = lab.write(SECTION, mode)
    section = replace(whole, text="".join(SECTION.splitlines(keepends=True)[3:]), first_line=4)
    with pytest.raises(AttemptFailed) as raised:
        kind(lab.runner.server, lab.runner.database, limit=30).run(section)
    assert (raised.value.facts["line"], raised.value.facts["column"]) == (5, 10)
    assert raised.value.where == f"{whole.path}:5:10"
    assert lab.value("SELECT to_regclass('a') IS NULL")
    kept = mode in (Mode.PSQL, Mode.AUTOCOMMIT)
    assert lab.value("SELECT to_regclass('b') IS NOT NULL") is kept


def test_a_section_that_needs_psql_runs_alone_too(lab: Lab) -> None:
    text = "-- up\nCREATE TABLE a (i int);\n-- down\n\\set n b\nCREATE TABLE :n (i int);\nSELECT nope;\n"
    section = replace(lab.write(text), text="".join(text.splitlines(keepends=True)[3:]), first_line=4)
    assert needs_psql(section)
    with pytest.raises(AttemptFailed) as raised:
        lab.runner.run(section)
    assert raised.value.facts["line"] == 6
    assert lab.value("SELECT to_regclass('a') IS NULL AND to_regclass('b') IS NOT NULL")
    assert [path.name for path in lab.folder.iterdir()] == ["010.sql"]


@pytest.mark.parametrize(
    ("text", "state", "line"),
    [
        ("CREATE TABLE a (i int);\nSELECT nope;\n", "42703", 2),
        ("CREATE TABLE a (i int);\nSELECT 1/0;\n", "22012", 2),
        ("CREATE TABLE a (i int);\nCREATE INDEX CONCURRENTLY i ON a (i);\n", "25001", 2),
        ("CREATE TABLE a (i int);\nDO $$\nBEGIN\n  PERFORM 1/0;\nEND $$;\n", "22012", 4),
        ("CREATE TABLE a (i int);\nCOPY a FROM stdin;\n1\n\\.\n", "42601", 3),
        ("\ufeffCREATE TABLE a (i int);", "42601", 1),
    ],
)
def test_a_text_that_is_sent_whole_is_all_or_nothing(lab: Lab, text: str, state: str, line: int) -> None:
    error = lab.fails(text, Mode.SIMPLE)
    assert (error.facts["sqlstate"], error.facts["line"]) == (state, line)
    assert not error.facts["committed_statements"]
    assert lab.value("SELECT to_regclass('a') IS NULL")


def test_a_text_that_is_sent_whole_may_end_its_transaction_itself(lab: Lab) -> None:
    error = lab.fails(
        "BEGIN;\nCREATE TABLE a (i int);\nCOMMIT;\nCREATE TABLE b (i int);\nSELECT 1/0;\n", Mode.SIMPLE
    )
    assert lab.value("SELECT to_regclass('a') IS NOT NULL AND to_regclass('b') IS NULL")
    assert (error.facts["committed_statements"], error.facts["line"]) == (1, 5)


@pytest.mark.parametrize(
    "text", ["CREATE INDEX CONCURRENTLY i ON u (id);", "VACUUM u;", "ALTER SYSTEM RESET work_mem;"]
)
@pytest.mark.parametrize("mode", [Mode.PSQL, Mode.SIMPLE, Mode.AUTOCOMMIT])
def test_what_refuses_a_transaction_runs_alone(lab: Lab, text: str, mode: Mode) -> None:
    lab.conn.execute("CREATE TABLE u (id int)")
    lab.run(text, mode)
    assert lab.fails(text, Mode.TRANSACTION).facts["sqlstate"] == "25001"


def test_a_tool_that_splits_by_itself_gets_its_commands_committed_one_by_one(lab: Lab) -> None:
    error = lab.fails("CREATE TABLE a (i int);\nSELECT nope;\n", Mode.AUTOCOMMIT)
    assert error.facts["committed_statements"] == 1
    assert lab.value("SELECT to_regclass('a') IS NOT NULL")


@pytest.mark.parametrize("mode", [Mode.TRANSACTION, Mode.SIMPLE, Mode.AUTOCOMMIT])
def test_rows_for_copy_are_refused_where_no_psql_reads_them(lab: Lab, mode: Mode) -> None:
    lab.conn.execute("CREATE TABLE u (id int)")
    assert lab.fails("COPY u FROM stdin;", mode).facts["sqlstate"] == "57014"
    assert lab.value(OTHERS) == 0


def test_much_copied_data_goes_through(lab: Lab) -> None:
    rows = "".join(f"{n}\t{'x' * 50}\n" for n in range(20_000))
    lab.run(f"CREATE TABLE big (id int, t text);\nCOPY big FROM stdin;\n{rows}\\.\nANALYZE big;\n")
    assert lab.value("SELECT count(*) FROM big") == 20_000
    lab.run("COPY big TO stdout;\nSELECT * FROM big;\n")
