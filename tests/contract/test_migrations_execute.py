"""Scripts run by a real psql against a real server: what succeeds, what fails and where, what hangs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, EnvironmentUnavailable, MigrationError
from rollproof.migrations.blocking import backend, blockers
from rollproof.migrations.execute import PsqlRunner, ScriptRun, run_script
from rollproof.migrations.psqltext import split
from rollproof.migrations.script import Script
from rollproof.waiting import eventually

SECRET = "ana.souza@example.com"  # noqa: S105 -- a row's value, which must never be shown
OTHERS = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE application_name = 'rollproof' AND datname = current_database()"
)


@dataclass(frozen=True)
class Lab:
    """A database, a folder for scripts, and a connection to look at what they did."""

    runner: PsqlRunner
    folder: Path
    conn: psycopg.Connection

    def write(self, content: str | bytes, name: str = "010 it's a: script.sql") -> Script:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Script.read(path)

    def run(self, content: str | bytes, name: str = "010 it's a: script.sql") -> ScriptRun:
        return self.runner.run(self.write(content, name))

    def fails(self, content: str | bytes, *, limit: float = 30) -> AttemptFailed:
        """The error, which never shows a row's value and always says what to do."""
        runner = replace(self.runner, limit=limit)
        with pytest.raises(AttemptFailed) as raised:
            runner.run(self.write(content))
        assert SECRET not in f"{raised.value} {raised.value.facts}"
        assert raised.value.remedy
        return raised.value

    def hangs(self, content: str) -> AttemptFailed:
        return self.fails(content, limit=0.7)

    def value(self, query: str) -> object:
        row = self.conn.execute(query.encode()).fetchone()
        return row[0] if row else None

    def hold(self, *statements: str) -> psycopg.Connection:
        """A session that keeps its locks until it is closed."""
        conninfo = self.runner.server.conninfo(self.runner.database)
        holder = psycopg.connect(conninfo, application_name="nightly report")
        for statement in statements:
            holder.execute(statement.encode())
        return holder


@pytest.fixture
def lab(pg: PostgresServer, database: str, tmp_path: Path) -> Iterator[Lab]:
    runner = PsqlRunner(pg, database, limit=30)
    with runner.connect() as conn:
        yield Lab(runner, tmp_path, conn)


def test_a_script_runs_to_its_end(lab: Lab) -> None:
    run = lab.run("CREATE TABLE t (id int);\nINSERT INTO t VALUES (1), (2);\n")
    assert lab.value("SELECT count(*) FROM t") == 2
    assert run.seconds > 0


def test_bom_crlf_copied_rows_and_variables_run(lab: Lab) -> None:
    lines = ["\ufeffCREATE TABLE t (a text);", "COPY t FROM stdin;", "x", "y", "\\.", "\\set n 3"]
    lab.run("\r\n".join([*lines, "INSERT INTO t VALUES (:'n');"]))
    assert lab.value("SELECT count(*) FROM t") == 3


def test_a_path_alone_is_enough(lab: Lab) -> None:
    path = lab.write("SELECT 1;").path
    assert isinstance(run_script(lab.runner.server, lab.runner.database, path, limit=30), ScriptRun)


def test_rows_that_a_script_selects_are_shown_to_nobody(lab: Lab) -> None:
    run = lab.run(
        f"SELECT '{SECRET}';\n\\echo plain words\nSELECT 'a' || 'b' AS mail \\gset\n\\echo :mail\n"
        f"DO $$ BEGIN RAISE NOTICE 'lead %', '{SECRET}'; RAISE NOTICE 'plain notice'; END $$;\n"
        "DROP TABLE IF EXISTS nowhere;\n"
    )
    assert run.stdout == "plain words\n[a line that the script puts together]"
    assert run.stderr.splitlines() == [
        "line 5: NOTICE message (its text is put together while it runs)",
        "line 5: NOTICE plain notice",
        'line 6: NOTICE table "nowhere" does not exist, skipping',
    ]


def test_the_callers_own_settings_do_not_reach_psql(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGDATABASE", "PGHOST", "PGOPTIONS", "PGSERVICE"):
        monkeypatch.setenv(name, "nonsense")
    lab.run("CREATE TABLE t AS SELECT current_database() AS name;")
    assert lab.value("SELECT name FROM t") == lab.runner.database


def test_another_role_can_run_it(lab: Lab) -> None:
    lab.conn.execute("DROP ROLE IF EXISTS rp_script_role")
    lab.conn.execute("CREATE ROLE rp_script_role LOGIN")
    runner = replace(lab.runner, user="rp_script_role")
    try:
        with pytest.raises(AttemptFailed) as raised:
            runner.run(lab.write("CREATE TABLE t (id int);"))
    finally:
        lab.conn.execute("DROP ROLE rp_script_role")
    assert raised.value.facts["sqlstate"] == "42501"


@pytest.mark.parametrize(
    ("text", "state", "line", "column"),
    [
        ("SELECT 1;\n\n-- c\n  SELECT 1 FROMM x y;", "42601", 4, 18),
        ("SELECT 1;\n/* c\n */\nSELECT\n  a,\n  nope\nFROM (SELECT 1 AS a) s;\nSELECT 2;", "42703", 6, 3),
        ("\tSELECT\t1,\n\t\tnope;", "42703", 2, 3),
        ("SELECT '日本語', nope;", "42703", 1, 15),
        ("SELECT 1; SELECT nope; SELECT 2;", "42703", 1, 18),
        ("SELECT 1;\n\nCREATE TABLE\nt (id int,\nid int);", "42701", 3, None),
        ("BEGIN;\nCREATE INDEX CONCURRENTLY i ON pg_class (oid);\nCOMMIT;", "25001", 2, None),
        ("SELECT 1;\nDO $$\nBEGIN\n  PERFORM 1;\n  DROP TABLE nope;\nEND $$;", "42P01", 5, None),
        ("SELECT repeat('x', 200),\n" + " " * 150 + "nope" + " " * 90 + ", 1;", "42703", 2, 151),
        ("COPY (SELECT 1) TO stdout;\nCOPY nowhere FROM stdin;\n1\n\\.\n", "42P01", 2, None),
        ("\ufeffSELECT 1;\r\n\r\nSELECT 1,\r\n  nope;\r\n", "42703", 4, 3),
    ],
)
def test_an_error_names_state_line_and_column(
    lab: Lab, text: str, state: str, line: int, column: int | None
) -> None:
    error = lab.fails(text)
    assert (error.facts["sqlstate"], error.facts["line"], error.facts["column"]) == (state, line, column)
    assert error.where.endswith(f"script.sql:{line}:{column}" if column else f"script.sql:{line}")
    assert error.found.startswith(f"{state} ")
    assert error.facts["indeterminate"] == 0


def test_psqls_own_errors_are_told(lab: Lab) -> None:
    assert "invalid command \\foo" in lab.fails("SELECT 1;\n\\foo\n").found
    assert "nowhere.sql: No such file" in lab.fails("\\i nowhere.sql\n").found


def test_an_included_files_error_is_placed_in_that_file(lab: Lab) -> None:
    lab.write("SELECT 1;\nSELECT nope;\n", "part.sql")
    assert lab.fails("\\ir part.sql\n").where.endswith("part.sql:2")


LEADS = (
    "CREATE TABLE leads (id int PRIMARY KEY, mail text UNIQUE, n int NOT NULL);\n"
    f"INSERT INTO leads VALUES (1, '{SECRET}', 1);\n"
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "INSERT INTO leads VALUES (2, 'ana.souza@example.com', 1);",
            "23505 unique violation on public.leads, constraint leads_mail_key",
        ),
        ("INSERT INTO leads VALUES (2, 'b', NULL);", "23502 not null violation on public.leads, column n"),
        ("UPDATE leads SET n = mail::int;", "22P02 invalid text representation"),
        (
            f"COPY leads FROM stdin;\n2\tb\t{SECRET}\n\\.\n",
            "22P02 invalid text representation on leads, column n, line of the COPY data: 1",
        ),
        (
            "DO $$ BEGIN RAISE EXCEPTION 'bad lead %', (SELECT mail FROM leads); END $$;",
            "P0001 raise exception (its text is put together while it runs)",
        ),
        ("DO $$ BEGIN RAISE EXCEPTION 'nothing may be left'; END $$;", "P0001 nothing may be left"),
        (
            "DO $$ BEGIN RAISE undefined_table USING MESSAGE = (SELECT mail FROM leads); END $$;",
            "42P01 undefined table (its text is put together while it runs)",
        ),
        (
            "DO $$ BEGIN EXECUTE 'TABLE ' || (SELECT quote_ident(mail) FROM leads); END $$;",
            '42P01 relation "…" does not exist',
        ),
        ("SELECT 1 / (n - 1) FROM leads;", "22012 division by zero"),
        (
            "ALTER TABLE leads ADD CONSTRAINT short CHECK (length(mail) < 5);",
            "23514 check violation on public.leads, constraint short",
        ),
    ],
)
def test_no_value_of_a_row_is_in_an_error(lab: Lab, text: str, found: str) -> None:
    lab.run(LEADS, "001_leads.sql")
    assert lab.fails(text).found == found


@pytest.mark.parametrize(
    ("text", "kept", "remedy"),
    [
        ("BEGIN;\nCREATE TABLE a (i int);\nSELECT nope;\nCOMMIT;", 0, "nothing of the script stays"),
        ("CREATE TABLE a (i int);\nSELECT nope;", 1, "1 statement before it stays in the database"),
        (
            "CREATE TABLE a (i int);\nBEGIN;\nCREATE TABLE b (i int);\nINSERT INTO b VALUES (1);\nCOMMIT;\n"
            "BEGIN;\nCREATE TABLE c (i int);\nSELECT nope;",
            3,
            "3 statements before it stay in the database",
        ),
        (
            "BEGIN;\nCREATE TABLE a (i int);\nSAVEPOINT s;\nDROP TABLE a;\nROLLBACK TO s;\nSELECT nope;",
            0,
            "nothing of the script stays",
        ),
    ],
)
def test_an_error_tells_what_stays(lab: Lab, text: str, kept: int, remedy: str) -> None:
    error = lab.fails(text)
    assert error.facts["committed_statements"] == kept
    assert error.remedy.startswith(remedy)
    tables = lab.value("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    assert (tables == 0) == (kept == 0)


def test_a_script_that_waits_for_a_lock_names_who_holds_it(lab: Lab) -> None:
    lab.conn.execute('CREATE SCHEMA s; CREATE TABLE s."Leads" (id int)')
    with lab.hold('SELECT * FROM s."Leads"') as holder:
        error = lab.hangs('BEGIN;\n\n-- now\nALTER TABLE s."Leads"\n ADD COLUMN c int;\nCOMMIT;')
        pid = holder.info.backend_pid
        assert error.found.startswith("hung: waited ")
        assert 'for AccessExclusiveLock on s."Leads", held by pid' in error.found
        assert (
            f"pid {pid} (application 'nightly report', role postgres, idle in transaction for" in error.found
        )
        assert f"pg_terminate_backend({pid})" in error.remedy
        assert "nothing of the script stays" in error.remedy
        expected = {
            "timed_out": 1,
            "line": 4,
            "blocked_by": pid,
            "application": "nightly report",
            "lock_mode": "AccessExclusiveLock",
            "relation": 's."Leads"',
            "indeterminate": 0,
            "committed_statements": 0,
        }
        assert expected.items() <= error.facts.items()
        assert lab.value(OTHERS) == 0
        assert lab.value("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0
    assert (
        lab.value(
            "SELECT count(*) FROM pg_attribute WHERE attname = 'c' AND attrelid = 's.\"Leads\"'::regclass"
        )
        == 0
    )


@pytest.mark.parametrize(
    ("held", "text", "what"),
    [
        (
            "UPDATE t SET id = 2",
            "UPDATE t SET id = 3;",
            "the end of a transaction that changed the same rows",
        ),
        ("UPDATE t SET id = 2", "CREATE INDEX CONCURRENTLY i ON t (id);", "the end of an older transaction"),
        ("SELECT pg_advisory_lock(7)", "SELECT pg_advisory_lock(7);", "an advisory lock"),
        ("CREATE SCHEMA x", "CREATE SCHEMA x;", "the end of a transaction that changed the same rows"),
        ("LOCK TABLE t IN SHARE MODE", "INSERT INTO t VALUES (2);", "RowExclusiveLock on public.t"),
    ],
)
def test_every_sort_of_lock_is_told(lab: Lab, held: str, text: str, what: str) -> None:
    lab.conn.execute("CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
    with lab.hold(held):
        error = lab.hangs(text)
    assert "hung: waited" in error.found
    assert what in error.found
    assert "nightly report" in error.found


class Beside:
    """A script that runs beside the test; it may fail."""

    def __init__(self, lab: Lab, text: str) -> None:
        self.lab = lab
        self.script = lab.write(text, "beside.sql")
        self.errors: list[AttemptFailed] = []
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.lab.runner.run(self.script)
        except AttemptFailed as error:
            self.errors.append(error)

    @property
    def pid(self) -> int:
        query = OTHERS.replace("count(*)", "min(pid)") + " AND wait_event_type = 'Lock'"
        found = eventually(lambda: self.lab.value(query), within=20, what="the script waits for a lock")
        assert isinstance(found, int)
        return found

    def __enter__(self) -> Beside:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(40)


def test_who_blocks_can_be_asked_while_psql_runs(lab: Lab) -> None:
    lab.conn.execute("CREATE TABLE t (id int)")
    with lab.hold("LOCK TABLE t") as holder, Beside(lab, "DROP TABLE t;") as beside:
        found = blockers(lab.conn, beside.pid)
        assert [(b.pid, b.relation, b.held) for b in found] == [
            (holder.info.backend_pid, "public.t", "AccessExclusiveLock")
        ]
        now = backend(lab.conn, beside.pid)
        assert now
        assert now.wait_type == "Lock"
        holder.rollback()
    assert not beside.errors
    assert lab.value("SELECT to_regclass('t')") is None
    assert blockers(lab.conn, lab.conn.info.backend_pid) == []


def test_one_that_only_stands_before_in_the_queue_is_named(lab: Lab) -> None:
    lab.conn.execute("CREATE TABLE t (id int)")
    with lab.hold("SELECT * FROM t") as holder, Beside(lab, "ALTER TABLE t ADD c int;") as beside:
        pid = beside.pid
        error = lab.hangs("SELECT * FROM t;")
        holder.rollback()
    assert f"for AccessShareLock on public.t, behind pid {pid} (application 'rollproof'" in error.found
    assert not beside.errors


def test_a_script_that_computes_too_long_blames_no_lock(lab: Lab) -> None:
    error = lab.hangs("CREATE TABLE t (id int);\nSELECT pg_sleep(100);")
    assert "no lock is to blame" in error.found
    assert "Timeout/PgSleep" in error.found
    facts = (error.facts["line"], error.facts["committed_statements"], error.facts["blocked_by"])
    assert facts == (2, 1, None)
    assert "1 statement before it stays" in error.remedy
    assert lab.value(OTHERS) == 0


def test_a_backend_that_cannot_be_ended_leaves_the_outcome_open(lab: Lab) -> None:
    """A role with one connection has none left to look with or to end anything with."""
    lab.conn.execute("DROP ROLE IF EXISTS rp_single")
    lab.conn.execute("CREATE ROLE rp_single LOGIN CONNECTION LIMIT 1")
    runner = replace(lab.runner, user="rp_single", limit=0.7)
    try:
        with pytest.raises(AttemptFailed) as raised:
            runner.run(lab.write("SELECT pg_sleep(100);"))
    finally:
        lab.conn.execute(
            "SELECT pg_terminate_backend(pid, 9000) FROM pg_stat_activity WHERE usename = 'rp_single'"
        )
        lab.conn.execute("DROP ROLE rp_single")
    assert raised.value.found == "hung: not finished after 700 ms; OperationalError"
    assert raised.value.remedy == "it could not be terminated: look at pg_stat_activity"
    assert raised.value.facts["indeterminate"] == 1


def test_an_interrupt_ends_psql_and_its_backend(lab: Lab) -> None:
    query = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(99)%'"
    script = lab.write("BEGIN;\nCREATE TABLE t (id int);\nSELECT pg_sleep(99);\nCOMMIT;")

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
    ("text", "line"),
    [
        ("BEGIN;\nCREATE TABLE t (i int);\nSELECT pg_terminate_backend(pg_backend_pid());\nCOMMIT;", 3),
        ("CREATE TABLE t (i int);\nSELECT pg_terminate_backend(pg_backend_pid());", 2),
    ],
)
def test_a_connection_lost_before_commit_is_a_failure(lab: Lab, text: str, line: int) -> None:
    error = lab.fails(text)
    assert "the connection was lost" in error.found
    assert "the server had not committed it" in error.found
    facts = (error.facts["indeterminate"], error.facts["line"], error.facts["exit_code"])
    assert facts == (0, line, 2)


def test_a_connection_lost_during_commit_is_indeterminate(lab: Lab) -> None:
    error = lab.fails(
        "CREATE TABLE t (i int);\n"
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;\n"
        "CREATE CONSTRAINT TRIGGER g AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED\n"
        "FOR EACH ROW EXECUTE FUNCTION die();\n"
        "BEGIN;\nINSERT INTO t VALUES (1);\nCOMMIT;\n"
    )
    assert error.facts["indeterminate"] == 1
    assert "nobody can tell whether it was committed" in error.found
    assert error.facts["line"] == 7


def test_a_database_that_is_not_there_is_told(lab: Lab) -> None:
    with pytest.raises(AttemptFailed) as raised:
        replace(lab.runner, database="no_such_database").run(lab.write("SELECT 1;"))
    assert "psql could not connect" in raised.value.found
    assert 'database "no_such_database" does not exist' in raised.value.found
    assert raised.value.facts["indeterminate"] == 0


def test_a_missing_psql_is_told(lab: Lab) -> None:
    nowhere = replace(lab.runner.server, bin_dir=lab.folder / "none")
    with pytest.raises(EnvironmentUnavailable, match="psql cannot be started"):
        replace(lab.runner, server=nowhere).run(lab.write("SELECT 1;"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SELECT 1;\n\\c postgres\nDROP TABLE t;", "another database than the one under drill"),
        ("\\connect 'host=prod'\n", "another database than the one under drill"),
        ("\\set ON_ERROR_STOP off\nSELECT nope;", "a failure would pass for success"),
        ("\\unset ON_ERROR_STOP\n", "a failure would pass for success"),
        ("\\ir inner.sql\n", "another database than the one under drill"),
    ],
)
def test_scripts_that_leave_the_drill_are_not_run(lab: Lab, text: str, found: str) -> None:
    lab.write("\\ir inner.sql\n\\c postgres\n", "inner.sql")
    with pytest.raises(MigrationError, match=found):
        lab.run(f"CREATE TABLE t (i int);\n{text}")
    assert lab.value("SELECT to_regclass('t')") is None


def test_setting_on_error_stop_on_is_fine(lab: Lab) -> None:
    lab.run("\\set ON_ERROR_STOP on\n\\set ON_ERROR_STOP 1\n\\set ON_ERROR_STOP\nSELECT 1;")


def test_a_file_that_changed_since_it_was_read_is_not_run(lab: Lab) -> None:
    script = lab.write("SELECT 1;")
    script.path.write_text("DROP TABLE t;")
    with pytest.raises(MigrationError, match="the file has changed since it was read"):
        lab.runner.run(script)


SENT = st.sampled_from(
    [
        "SELECT 1;",
        "SELECT ';', $$ ; $$, $a$ $$ ; \\x $a$, E'\\';' AS \";\" -- ; \\y\n;",
        "/* ; /* nested */ \\c x */",
        "-- it's\n",
        "\\set a b",
        "\\set v 1 \\set w 2",
        "SELECT 1 AS g \\gset",
        "SELECT (SELECT 2 /* ) */ );",
        "DO $x$ BEGIN PERFORM 1; END $x$;",
        "COPY c FROM STDIN;\n1\n;'\n\\.",
        "CREATE OR REPLACE FUNCTION f() RETURNS int\nBEGIN ATOMIC SELECT CASE 1 WHEN 1 THEN 1 END;END;",
        "SELECT 1\n,\n2;",
        ";",
        "\n\n",
    ]
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(SENT, min_size=1, max_size=7))
def test_statements_are_told_apart_where_psql_tells_them_apart(lab: Lab, pieces: list[str]) -> None:
    """psql -e writes each query that it sends; a comment between two of them is sent with the second."""
    text = "\n".join(["CREATE TEMP TABLE c (a text);", *pieces, ""])
    done = subprocess.run(
        [lab.runner.server.program("psql"), "-X", "-q", "-e", "-o", os.devnull, "-f", lab.write(text).path],
        env=dict(lab.runner.server.program_environment(lab.runner.database)),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found = split(text)
    ours = ";".join(found.sql[statement.start : statement.end] for statement in found.statements)
    assert done.stderr == ""
    # Neither white space nor comments between statements are sent alike by all versions of psql.
    comments = re.compile(r"/\* ; /\* nested \*/ \\c x \*/|-- it's|[\s;]")
    assert comments.sub("", done.stdout) == comments.sub("", ours)
