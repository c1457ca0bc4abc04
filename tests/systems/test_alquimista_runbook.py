"""The reference system's runbook can be followed: its blocks are run here as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from alquimista_support import FORWARD, HEAD, HOME, History, before, rows, serving, upto
from psycopg import sql

Having = Callable[..., str]
RUNBOOK = (HOME / "RUNBOOK.md").read_text(encoding="utf-8")
SECTIONS = {
    heading: re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    for heading, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", RUNBOOK, re.DOTALL | re.MULTILINE)
}
BACKUP, SCRIPT, RESTORE = (
    "Before any way back: a backup that has been restored",
    "Undo with a script",
    "Restore",
)


class Terminal:
    """A person at a terminal who runs the blocks of a section, with one database in their hands."""

    def __init__(self, history: History, database: str, backups: Path) -> None:
        self.dsn = history.conninfo(database)
        self.names = {
            "PATH": os.pathsep.join(
                [str(Path(sys.executable).parent), str(history.server.bin_dir), os.environ["PATH"]]
            ),
            "BACKUPS": str(backups),
            "BACKUP": str(backups / "before-rollback.dump"),
            "COPY": f"{database}_copy",
            **history.server.program_environment(database),
        }

    def follow(self, section: str, **names: str) -> str:
        """Runs a section's blocks, one after another; fails the test when one fails."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(SECTIONS[section])],
            cwd=HOME,
            env=self.names | names,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{section}: {done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
def terminal_at(having: Having, history: History, tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """`terminal_at(*numbers)`: a terminal at a database that has these migrations."""
    databases: list[str] = []

    def make(*numbers: str) -> Terminal:
        databases.append(having(*numbers))
        return Terminal(history, databases[-1], tmp_path)

    yield make
    with psycopg.connect(history.conninfo("postgres"), autocommit=True) as conn:
        conn.execute("ALTER ROLE app_user CONNECTION LIMIT -1")
        for left in (f"{name}_{what}" for name in databases for what in ("copy", "broken", "restored")):
            conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(left)))


def test_an_up_to_date_database_differs_in_nothing_from_the_release(
    terminal_at: Callable[..., Terminal],
) -> None:
    assert terminal_at(*HEAD).follow("What is deployed?") == ""


def test_a_missing_migration_is_found_and_applied(
    terminal_at: Callable[..., Terminal], history: History
) -> None:
    terminal = terminal_at(*before("023"))
    missing = terminal.follow("What is deployed?").strip()
    terminal.follow("The API answers 500", MISSING=missing)
    assert missing == FORWARD["023"].name
    assert rows(terminal.dsn) == rows(history.conninfo(history.at(*HEAD)))


@pytest.mark.parametrize(
    ("number", "script"),
    [("023", "024_rollback_023.sql"), ("021", "022_rollback_021.sql"), ("017", "018_revert_017.sql")],
)
def test_a_script_takes_a_migration_back_after_backup_and_rehearsal(
    number: str, script: str, terminal_at: Callable[..., Terminal], history: History
) -> None:
    terminal = terminal_at(*upto(number))
    terminal.follow(BACKUP)
    terminal.follow(SCRIPT, UNDO=script)
    assert rows(terminal.dsn) == rows(history.conninfo(history.at(*before(number))))


def test_a_failed_rehearsal_leaves_the_database_alone(terminal_at: Callable[..., Terminal]) -> None:
    terminal = terminal_at(*upto("017"))
    with psycopg.connect(terminal.dsn) as conn:
        conn.execute("UPDATE nigredo_leads.leads SET score = 333 WHERE external_ref = 'crm-000000'")
    terminal.follow(BACKUP)
    original = rows(terminal.dsn, leaving_out=())
    with pytest.raises(AssertionError, match="the old scale cannot express"):
        terminal.follow(SCRIPT, UNDO="018_revert_017.sql")
    assert rows(terminal.dsn, leaving_out=()) == original


@pytest.mark.parametrize("number", ["016", "019"])
def test_a_restore_brings_back_what_no_script_can(
    number: str, terminal_at: Callable[..., Terminal], history: History
) -> None:
    terminal = terminal_at(*before(number))
    original = rows(terminal.dsn, leaving_out=())
    terminal.follow(BACKUP)
    history.run(terminal.names["PGDATABASE"], FORWARD[number])
    terminal.follow(RESTORE)
    assert rows(terminal.dsn, leaving_out=()) == original
    assert history.schema(terminal.names["PGDATABASE"]) == history.schema(history.at(*before(number)))


def test_a_loss_is_stopped_at_once_and_the_restore_brings_the_rights_back(
    terminal_at: Callable[..., Terminal], history: History
) -> None:
    terminal = terminal_at(*HEAD)
    database = terminal.names["PGDATABASE"]
    terminal.follow(BACKUP)
    with psycopg.connect(terminal.dsn) as conn:
        conn.execute("DELETE FROM nigredo_leads.leads WHERE status = 'won'")
    terminal.follow("Rows are disappearing")
    with psycopg.connect(history.conninfo(database, user="app_user"), autocommit=True) as app:
        for attempt in (
            "UPDATE nigredo_leads.leads SET notes = ''",
            "INSERT INTO fibonacci_core.events (kind) VALUES ('a.b')",
            "DELETE FROM nigredo_leads.leads",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(attempt.encode())
    terminal.follow(RESTORE)
    assert rows(terminal.dsn) == rows(history.conninfo(history.at(*HEAD)))
    assert history.schema(database) == history.schema(history.at(*HEAD))


def test_the_end_is_verified(terminal_at: Callable[..., Terminal], history: History) -> None:
    terminal = terminal_at(*HEAD)
    dsn = history.conninfo(terminal.names["PGDATABASE"], user="app_user")
    with serving(dsn) as url:
        said = terminal.follow("Is it over?", SERVICE_URL_API=url, DATABASE_URL=dsn)
    assert "12 of 12 checks passed" in said
