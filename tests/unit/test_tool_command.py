"""Any tool by its command lines: ids, environment, limits, and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

import psycopg
import pytest
from tool_support import apply_all, direct, ids, rows, tables, write

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, EnvironmentUnavailable, MigrationError
from rollproof.migrations.tools import command
from rollproof.migrations.tools.address import url
from rollproof.migrations.tools.command import CommandLines
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.waiting import eventually

TOOL = """
import os, sys, psycopg
direction, name = sys.argv[1:]
with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as conn:
    conn.execute("CREATE TABLE IF NOT EXISTS steps (name text PRIMARY KEY)")
    if direction == "up":
        conn.execute(f"CREATE TABLE {name} (id int)")
        conn.execute("INSERT INTO steps VALUES (%s)", [name])
    else:
        newest = conn.execute("SELECT max(name) FROM steps").fetchone()
        name = conn.execute("DELETE FROM steps WHERE name = %s RETURNING name", newest).fetchone()[0]
        conn.execute(f"DROP TABLE {name}")
"""
SLEEPS = """
import os, psycopg
psycopg.connect(os.environ["DATABASE_URL"], autocommit=True).execute("SELECT pg_sleep(600)")
"""


def tool(folder: Path, program: str = TOOL, **more: object) -> CommandLines:
    write(folder, {"tool.py": program})
    words = ("{python}", "tool.py")
    given = {"up": (*words, "up", "{id}"), "down": (*words, "down", "-"), **more}
    return CommandLines(folder, ToolSettings(**given))  # type: ignore[arg-type]


def listing(*names: str) -> tuple[str, ...]:
    return ("{python}", "-c", f"print({os.linesep.join(names)!r})")


def one_liner(code: str) -> tuple[str, ...]:
    return ("{python}", "-c", code)


def test_it_goes_up_and_back_and_its_ledger_is_read(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    source = tool(tmp_path, list=listing("a", "b"), ledger="public.steps", ledger_column="name")
    runner = direct(pg, database)
    apply_all(source, runner)
    assert tables(pg, database) == ["a", "b", "steps"]
    source.roll_back(source.load().named("b"), runner)
    assert tables(pg, database) == ["a", "steps"]
    with psycopg.connect(pg.conninfo(database)) as conn:
        assert source.applied(conn) == ["a"]


def test_without_a_list_the_files_are_the_ids_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    names = ["10_b.ts", "9_a.ts", "index.ts", "11_c.up.sql", "11_c.down.sql", "README.md", ".keep"]
    write(tmp_path, dict.fromkeys(names, ""))
    source = CommandLines(tmp_path, ToolSettings(up=("x",), down=("y",)))
    assert ids(source.load()) == ["9_a", "10_b", "11_c"]
    assert source.load().migrations[0].where == tmp_path / "9_a.ts"


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        (listing("a", "a"), "'a' is listed twice"),
        (listing(""), "there is not one migration"),
        (one_liner("import sys; sys.exit('no such table')"), "exit code 1: no such table"),
    ],
)
def test_a_list_that_is_none_is_one_error(tmp_path: Path, listed: tuple[str, ...], said: str) -> None:
    with pytest.raises(MigrationError, match=said):
        tool(tmp_path, list=listed).load()


def test_both_command_lines_are_needed(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="needs a command line `down`"):
        command.open(tmp_path, ToolSettings(up=("x",)))


def test_a_program_that_is_not_there_is_named(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    source = tool(tmp_path, list=listing("a"), up=("no-such-program",))
    with pytest.raises(EnvironmentUnavailable, match="cannot be started") as caught:
        apply_all(source, direct(pg, database))
    assert "no-such-program" in caught.value.where


def test_the_ledger_must_be_named_to_be_read(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    with (
        psycopg.connect(pg.conninfo(database)) as conn,
        pytest.raises(MigrationError, match="nobody has said"),
    ):
        tool(tmp_path, list=listing("a")).applied(conn)


def test_a_failure_says_the_last_words_without_secrets_or_rows(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    code = (
        "import sys; print('first'); sys.exit('ERROR: duplicate key (SQLSTATE 23505)\\n"
        "DETAIL: Key (email)=(ann@example.org) exists\\nat postgresql://u:hunter2@db/x')"
    )
    source = tool(tmp_path, list=listing("a"), up=one_liner(code))
    with pytest.raises(AttemptFailed, match="exit code 1") as caught:
        apply_all(source, direct(pg, database))
    said = str(caught.value)
    assert "duplicate key" in said
    assert "ann@" not in said
    assert "hunter2" not in said
    assert caught.value.facts["sqlstate"] == "23505"


def test_it_gets_the_database_by_pg_variables_and_what_it_was_promised(
    tmp_path: Path, pg: PostgresServer, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGDATABASE", "production")
    monkeypatch.setenv("AWS_PROFILE", "production")
    code = "import os, json; json.dump(dict(os.environ), open('env.json', 'w'))"
    source = tool(
        tmp_path, list=listing("a"), up=one_liner(code), environment={"APP_DB": "x={database};{other}"}
    )
    runner = direct(pg, database)
    apply_all(source, runner)
    got = json.loads((tmp_path / "env.json").read_text())
    assert got["PGDATABASE"] == database
    assert got["APP_DB"] == f"x={database};{{other}}"
    assert got["DATABASE_URL"] == url(runner)
    assert "AWS_PROFILE" not in got


def test_a_command_is_no_shell_line(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    source = tool(tmp_path, list=listing("$(touch gone); a"), up=one_liner("import sys; sys.exit(0)"))
    apply_all(source, direct(pg, database))
    assert not (tmp_path / "gone").exists()


def test_what_takes_too_long_is_ended_with_all_it_started_and_its_backend(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    code = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {SLEEPS!r}])\n"
        "open('child', 'w').write(str(child.pid))\n"
        "child.wait()\n"
    )
    source = tool(tmp_path, list=listing("a"), up=one_liner(code), limit=2.0)
    with pytest.raises(AttemptFailed, match=r"did not end within 2\.0 s and was ended") as caught:
        apply_all(source, direct(pg, database))
    assert caught.value.facts["timed_out"] == 1
    expect_nothing_left(pg, database)
    expect_gone(int((tmp_path / "child").read_text()))


def test_an_interrupt_ends_it_too(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    source = tool(tmp_path, SLEEPS, list=listing("a"))
    source.load()
    here = threading.main_thread().ident
    assert here is not None

    def interrupt() -> None:
        eventually(lambda: working(pg, database) == 1, within=30.0, what="the tool works")
        signal.pthread_kill(here, signal.SIGINT)

    waiting = threading.Thread(target=interrupt)
    waiting.start()
    with pytest.raises(KeyboardInterrupt):
        apply_all(source, direct(pg, database))
    waiting.join()
    expect_nothing_left(pg, database)


def working(pg: PostgresServer, database: str) -> int:
    query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)' AND state = 'active'"
    return int(
        rows(pg, database, f"{query} AND datname = current_database() AND pid <> pg_backend_pid()")[0][0]
    )


def expect_nothing_left(pg: PostgresServer, database: str) -> None:
    assert working(pg, database) == 0


def expect_gone(pid: int) -> None:
    def gone() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
        except OSError:
            return True

    if sys.platform == "linux":
        eventually(gone, within=10.0, what=f"process {pid} is gone")


def test_the_url_leads_to_a_server_on_a_socket(pg: PostgresServer, database: str) -> None:
    with psycopg.connect(url(direct(pg, database))) as conn:
        assert conn.info.dbname == database
