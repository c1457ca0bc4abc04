"""`pytest --rollproof-migrations`: each migration a test."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

pytest_plugins = ["pytester"]

NAME = "002_index"
UPS = {
    "001_shop": ("CREATE TABLE shop (id int PRIMARY KEY);", "DROP TABLE shop;"),
    NAME: ("ALTER TABLE shop ADD name text; CREATE INDEX named ON shop (name);", "DROP INDEX named;"),
    "003_colour": ("ALTER TABLE shop ADD colour text;", "ALTER TABLE shop DROP colour;"),
}


@pytest.fixture
def history(empty_project: Project) -> Project:
    """Three migrations; the second one's rollback leaves a column."""
    for name, (up, down) in UPS.items():
        empty_project.write(f"db/{name}.up.sql", up)
        empty_project.write(f"db/{name}.down.sql", down)
    return empty_project


def test_each_migration_is_a_test(history: Project) -> None:
    ran = history.run("--rollproof-migrations", "-v")
    ran.assert_outcomes(passed=2, failed=1)
    ran.stdout.fnmatch_lines(
        [
            "*migrations/golang-migrate::001_shop PASSED*",
            "*migrations/golang-migrate::002_index FAILED*",
            "*migrations/golang-migrate::003_colour PASSED*",
            "not restored; it cannot be applied again after its rollback",
            "*column public.shop.name: added*",
        ]
    )
    assert "Traceback" not in ran.stdout.str()


def test_one_line_in_a_conftest_is_enough(history: Project) -> None:
    history.write("conftest.py", 'rollproof_migrations = "db"\n')
    history.run("-k", "colour or shop").assert_outcomes(passed=2, deselected=1)


def test_they_stand_beside_other_tests_and_can_be_chosen_by_marker(history: Project) -> None:
    history.write("test_other.py", "def test_other(): pass\n")
    history.run("--rollproof-migrations", "-k", "shop or other").assert_outcomes(passed=2, deselected=2)
    history.run("--rollproof-migrations", "-m", "not migrations").assert_outcomes(passed=1, deselected=3)


def test_nobody_is_troubled_who_does_not_ask(history: Project) -> None:
    history.write("test_other.py", "def test_other(): pass\n")
    history.run().assert_outcomes(passed=1)


def test_a_baseline_accepts_what_is_known_and_nothing_else(history: Project) -> None:
    entry = """
        [[accepted]]
        migration = "{migration}"
        verdict = "{verdict}"
        findings = {findings}
        reason = "left for a later cleaning"
        date = {today}
        """
    known = {"migration": NAME, "verdict": "not_restored", "today": datetime.now(UTC).date()}
    history.write("rollproof-baseline.toml", entry.format(**known, findings=["something else"]))
    ran = history.run("--rollproof-migrations", "-k", "index")
    ran.assert_outcomes(failed=1, deselected=2)
    ran.stdout.fnmatch_lines(["*accepted in rollproof-baseline.toml, but this is new: *"])
    listed = ran.stdout.str().partition("but this is new: ")[2].splitlines()[0].split("; ")
    history.write("rollproof-baseline.toml", entry.format(**known, findings=listed))
    ran = history.run("--rollproof-migrations", "-k", "index", "-rs")
    ran.assert_outcomes(skipped=1, deselected=2)
    ran.stdout.fnmatch_lines(["*accepted: left for a later cleaning*"])


def test_a_folder_without_a_history_is_one_clear_error(empty_project: Project) -> None:
    ran = empty_project.run("--rollproof-migrations")
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    assert "what to do" in ran.stderr.str()
    assert "Traceback" not in ran.stderr.str()


def test_workers_share_them(history: Project) -> None:
    ran = history.run_apart("--rollproof-migrations", "-n", "2")
    ran.assert_outcomes(passed=2, failed=1)


COUNTING = """
import os
from pathlib import Path
import rollproof.walk.walk as module

real = module.walk


def counted(*arguments, **named):
    with Path(os.environ["WALKS"]).open("a") as file:
        file.write("a walk\\n")
    return real(*arguments, **named)


module.walk = counted
"""


def test_several_workers_walk_once_and_find_the_same(
    history: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.write("conftest.py", COUNTING)
    walks = history.root / "walks"
    monkeypatch.setenv("WALKS", str(walks))
    alone = history.run_apart("--rollproof-migrations", "-v", "-p", "no:xdist")
    assert walks.read_text().count("a walk") == 1
    walks.unlink()
    shared = history.run_apart("--rollproof-migrations", "-v", "-n", "2", "--dist", "each")
    assert walks.read_text().count("a walk") == 1
    alone.assert_outcomes(passed=2, failed=1)
    shared.assert_outcomes(passed=4, failed=2)
    said = "column public.shop.name: added"
    once = alone.stdout.str().count(said)  # on CI, pytest says what is long a second time
    assert once
    assert shared.stdout.str().count(said) == 2 * once


def test_workers_say_alike_why_a_history_cannot_be_walked(
    history: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLPROOF_PG_BIN", str(history.root))
    ran = history.run_apart("--rollproof-migrations", "-n", "2")
    ran.assert_outcomes(failed=3)
    assert "Traceback" not in ran.stdout.str()
    assert ran.stdout.str().count("initdb, postgres, psql, pg_dump, pg_restore are missing") >= 3
