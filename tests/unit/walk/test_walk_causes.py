"""Which statement a difference comes from; where that cannot be told, nothing is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollproof.migrations.model import Migration
from rollproof.migrations.script import Script
from rollproof.model.fingerprint import Difference
from rollproof.walk.causes import Attribution
from rollproof.walk.model import Cause


def cause(up: str, down: str, difference: Difference) -> Cause | None:
    migration = Migration("m", 1, "m", Script(Path("/m.up.sql"), up), Script(Path("/m.down.sql"), down))
    (finding,) = Attribution(migration).of_rollback([difference])
    return finding.cause


def added(kind: str, name: str, parent: str = "") -> Difference:
    return Difference(kind, name, None, None, {}, parent=parent)


def missing(kind: str, name: str, parent: str = "") -> Difference:
    return Difference(kind, name, None, {}, None, parent=parent)


def other(kind: str, name: str, attribute: str, parent: str = "") -> Difference:
    return Difference(kind, name, attribute, "a", "b", parent=parent)


T = "table public.t"


@pytest.mark.parametrize(
    ("up", "down", "difference", "place", "why"),
    [
        (
            "CREATE TABLE t (id int);\n\n-- and\nCREATE INDEX i ON t (id);",
            "DROP TABLE x",
            added("index", "public.i", T),
            "/m.up.sql:4",
            "the rollback leaves it",
        ),
        (
            "ALTER TABLE t ADD COLUMN x int",
            "SELECT 1",
            added("column", "public.t.x", T),
            "/m.up.sql:1",
            "the rollback leaves it",
        ),
        (
            "CREATE TABLE a (id int)",
            "DROP TABLE a;\nDROP TABLE t;",
            missing("table", "public.t"),
            "/m.down.sql:2",
            "the rollback drops it, which the migration did not make",
        ),
        (
            "DROP TRIGGER g ON t",
            "SELECT 1",
            missing("trigger", "g on public.t", T),
            "/m.up.sql:1",
            "the rollback does not put it back",
        ),
        (
            'ALTER TABLE "T" ALTER COLUMN "X" DROP DEFAULT',
            'ALTER TABLE "T" ALTER COLUMN "X" SET DEFAULT 8',
            other("column", 'public."T"."X"', "default", 'table public."T"'),
            "/m.down.sql:1",
            "the rollback makes it otherwise",
        ),
        (
            "SELECT 1",
            "ALTER TABLE t ALTER x TYPE bigint",
            other("column", "public.t.x", "type", T),
            "/m.down.sql:1",
            "the rollback changes it, and the migration did not",
        ),
        (
            "ALTER TYPE mood ADD VALUE 'sad'",
            "SELECT 1",
            other("enum", "public.mood", "labels"),
            "/m.up.sql:1",
            "the rollback does not put it back",
        ),
        (
            "CREATE ROLE r LOGIN PASSWORD 'secret'",
            "",
            added("role", "r"),
            "/m.up.sql:1",
            "the rollback leaves it",
        ),
        (
            "REVOKE SELECT ON t FROM PUBLIC",
            "SELECT 1",
            missing("grant", "on table public.t to PUBLIC", T),
            "/m.up.sql:1",
            "the rollback does not put it back",
        ),
    ],
)
def test_the_statement_is_named(up: str, down: str, difference: Difference, place: str, why: str) -> None:
    found = cause(up, down, difference)
    assert found is not None
    assert (f"{found.path}:{found.line}", found.why) == (place, why)


@pytest.mark.parametrize(
    ("up", "down", "difference"),
    [
        ("DO $$ BEGIN EXECUTE 'CREATE TABLE t (id int)'; END $$", "SELECT 1", added("table", "public.t")),
        ("CREATE TABLE t (id int)", "DROP TABLE IF EXISTS other.t", added("table", "public.t")),
        ("CREATE VIEW v AS SELECT x FROM t", "DROP VIEW v", other("column", "public.t.x", "type", T)),
        (
            "ALTER TABLE t ADD x int; ALTER TABLE t ALTER x SET DEFAULT 1",
            "",
            added("column", "public.t.x", T),
        ),
        ("this is no SQL", "nor is this", added("table", "public.t")),
        ("INSERT INTO t VALUES (1)", "DELETE FROM t", other("sequence", "public.t_id_seq", "next value")),
    ],
)
def test_what_cannot_be_told_is_not_told(up: str, down: str, difference: Difference) -> None:
    assert cause(up, down, difference) is None


def test_no_literal_is_shown() -> None:
    found = cause("CREATE ROLE r LOGIN PASSWORD 'secret'", "", added("role", "r"))
    assert found is not None
    assert found.statement == "CREATE ROLE r LOGIN PASSWORD …"


def test_lines_are_those_of_the_file_that_a_section_is_in() -> None:
    up = Script(Path("/m.sql"), "\nCREATE TABLE t (id int)", first_line=10)
    migration = Migration("m", 1, "m", up, Script(Path("/m.sql"), "SELECT 1", first_line=20))
    (finding,) = Attribution(migration).of_rollback([added("table", "public.t")])
    assert finding.cause is not None
    assert finding.cause.line == 11
