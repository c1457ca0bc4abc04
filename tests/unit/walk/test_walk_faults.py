"""What is said of a script that ended in an error."""

from __future__ import annotations

from pathlib import Path

from rollproof.errors import AttemptFailed
from rollproof.migrations.script import Script
from rollproof.walk.faults import environment_remedy, failure_of

MARKED = Script(Path("/1_a.up.sql"), "\ufeffCREATE TABLE a (id int)")
NEWER = Script(Path("/1_a.up.sql"), "CREATE TABLE a (id int)")


def syntax_error(where: int = 1) -> AttemptFailed:
    return AttemptFailed(
        "42601 syntax error at or near CREATE", facts={"sqlstate": "42601", "line": 1, "column": where}
    )


def test_a_byte_order_mark_is_no_fault_of_the_servers_age() -> None:
    assert environment_remedy(syntax_error(), MARKED, ()) == ""
    assert "newer PostgreSQL" in environment_remedy(syntax_error(), NEWER, ())


def test_an_error_is_told_alike_in_every_run_so_that_a_baseline_knows_it_again() -> None:
    said = (
        "CompileError: cannot emit DROP CONSTRAINT for <sqlalchemy.Columns object at 0x7f641a101cb0>, no name"
    )
    found = failure_of(AttemptFailed(said), "down", None).found
    assert found == "CompileError: cannot emit DROP CONSTRAINT for <sqlalchemy.Columns object>, no name"
