"""What a migration was to do to rows and did not, for there were none: said, and not taken for proven."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollproof.environments.base import PostgresServer
from rollproof.migrations.classification import Classification, Kind, Reason
from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.migrations.script import Script
from rollproof.model.rows import RowChanges
from rollproof.walk.changes import Changes
from rollproof.walk.untried import untried
from rollproof.walk.wording import reservations
from tests.unit.walk.support import walked

TABLE = ("CREATE TABLE t (id serial PRIMARY KEY, status text NOT NULL, at date)", "DROP TABLE t")


def history(text: str, stated: Classification | None = None) -> tuple[MigrationHistory, Migration]:
    first = Migration("a", 1, "a", Script(Path("/a.sql"), f"{TABLE[0]}; CREATE TABLE new_t (id int)"))
    second = Migration("b", 2, "b", Script(Path("/b.sql"), text), stated=stated)
    return MigrationHistory((first, second), ledger="public.ledger"), second


@pytest.mark.parametrize(
    "text",
    [
        "ALTER TABLE t ADD x int;\nDELETE FROM t WHERE status = 'legacy'",
        "ALTER TABLE t ADD x int;\nUPDATE t SET status = 'new' WHERE status = 'legacy'",
        "ALTER TABLE t ADD x int;\nDO $$ BEGIN DELETE FROM t WHERE at < now() - interval '9 years'; END $$",
    ],
)
def test_rows_that_a_migration_was_to_change_and_did_not_find_are_said(pg: PostgresServer, text: str) -> None:
    result = walked(pg, [TABLE, (text, "ALTER TABLE t DROP x")])
    (said,) = result.migrations[-1].untried
    assert said.startswith("line 2: ")
    assert "no row of public.t" in said
    (warning,) = reservations(result)
    assert warning.startswith("m0002: ")
    assert "not proven" in warning


@pytest.mark.parametrize(
    "text",
    [
        "ALTER TABLE t ADD x int DEFAULT 5",
        "UPDATE t SET status = status || '.'; UPDATE t SET status = 'a' WHERE status = 'legacy'",
        "INSERT INTO t (status) VALUES ('a')",
        "CREATE TABLE u (id int); INSERT INTO u VALUES (1)",
        "ALTER TABLE t RENAME TO u; UPDATE u SET status = 'b'",
        "CREATE TABLE u (id int REFERENCES t ON UPDATE SET NULL ON DELETE CASCADE)",
    ],
)
def test_what_found_rows_or_writes_none_is_not_said(pg: PostgresServer, text: str) -> None:
    assert walked(pg, [TABLE, (text, "SELECT 1")]).migrations[-1].untried == ()


def test_a_delete_is_not_tried_by_an_update_beside_it() -> None:
    where = history("UPDATE t SET status = 'b'; DELETE FROM t WHERE status = 'c'")
    (said,) = untried(*where, Changes(rows=(RowChanges("public.t", changed=3),)))
    assert "DELETE" in said


def test_code_that_changed_nothing_is_said_unless_it_may_have_filled_what_is_new() -> None:
    stated = Classification(Kind.UNDECIDED, (Reason(7, "RunPython", Kind.UNDECIDED),))
    where = history("", stated)
    assert untried(*where, Changes()) == (
        "line 7: RunPython changed no row here, so what it does was not tried",
    )
    assert untried(*where, Changes(rows=(RowChanges("public.t", changed=1),))) == ()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("ALTER TABLE t ADD x int;\nALTER ROLE app\n  PASSWORD 'b';", 2),
        ("alter user app with encrypted password 'b'", 1),
        ("ALTER USER MAPPING FOR PUBLIC SERVER s OPTIONS (SET password 'b')", 1),
        ("GRANT SET ON PARAMETER log_statement TO app", 1),
    ],
)
def test_what_no_look_compares_is_said(text: str, line: int) -> None:
    (said,) = untried(*history(text), Changes())
    assert said.startswith(f"line {line}: ")
    assert "not compared" in said


@pytest.mark.parametrize(
    "text",
    [
        "CREATE ROLE app PASSWORD 'a'",
        "ALTER ROLE app NOLOGIN; ALTER TABLE t ADD password text",
        "ALTER TABLE t ADD parameter int",
    ],
)
def test_what_is_compared_is_not_said_to_be_left_out(text: str) -> None:
    assert untried(*history(text), Changes()) == ()
