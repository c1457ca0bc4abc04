"""dbmate: what its files come to, and what they do to a database. Expectations are those of dbmate 2.37."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, MigrationError
from rollproof.migrations.script import Mode
from rollproof.migrations.tools import dbmate
from rollproof.migrations.tools.base import survey
from rollproof.migrations.tools.dbmate import read_dbmate
from rollproof.migrations.tools.settings import ToolSettings
from tests.unit.tool_folders import (
    applied,
    back_to_the_start,
    query,
    runner,
    tables,
    up_to_the_end,
    write,
)

UP, DOWN = "-- migrate:up\n", "-- migrate:down\n"
ALONE = "-- migrate:up transaction:false\n"


def blocks(text: str, *, bom: bool = False) -> tuple[list[str], list[str]]:
    found = read_dbmate(text, bom=bom)
    return [text[slice(*b.span)] for b in found.up], [text[slice(*b.span)] for b in found.down]


def test_a_section_is_one_message_with_its_directive() -> None:
    text = f"-- about\n\n{UP}CREATE TABLE a ();\nCREATE TABLE b ();\n\n{DOWN}DROP TABLE b, a;\n"
    ups, downs = blocks(text)
    assert ups == [f"{UP}CREATE TABLE a ();\nCREATE TABLE b ();\n\n"]
    assert downs == [f"{DOWN}DROP TABLE b, a;\n"]


@pytest.mark.parametrize(
    ("directive", "transaction"),
    [
        ("-- migrate:up", True),
        ("--migrate:up", True),
        ("--   migrate:up   ", True),
        ("-- migrate:up transaction:false", False),
        ("-- migrate:up foo:bar transaction:false", False),
        ("-- migrate:up transaction: false", True),
        ("-- migrate:up transaction:true", True),
        ("-- migrate:up transaction:false:x", True),
    ],
)
def test_options_stand_behind_the_directive(directive: str, transaction: bool) -> None:
    (only,) = read_dbmate(f"{directive}\nSELECT 1;\n{DOWN}").up
    assert only.transaction is transaction


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("CREATE TABLE a ();\n", 1, "no `-- migrate:up`"),
        (f"{DOWN}DROP TABLE a;\n{UP}CREATE TABLE a ();\n", 2, "SQL before"),
        (f"\nCREATE TABLE z ();\n{UP}{DOWN}", 2, "SQL before"),
        (f"/* about */\n{UP}{DOWN}", 1, "SQL before"),
        (f"{UP}SELECT 1;\n{DOWN}SELECT 2;\n{DOWN}", 5, "twice"),
        (f"{UP}SELECT 1;\n{UP}SELECT 2;\n{DOWN}", 1, "has no `-- migrate:down`"),
    ],
)
def test_what_dbmate_refuses_is_refused_with_its_line(text: str, line: int, says: str) -> None:
    refusal = read_dbmate(text).refusal
    assert refusal is not None
    assert refusal.line == line
    assert says in refusal.found


def test_a_byte_order_mark_hides_the_directive_behind_it() -> None:
    refusal = read_dbmate(f"{UP}SELECT 1;\n{DOWN}", bom=True).refusal
    assert refusal is not None
    assert "byte order mark" in refusal.found


def test_several_pairs_go_back_from_the_last_to_the_first() -> None:
    text = f"{UP}1;\n{DOWN}-1;\n{UP}2;\n{DOWN}-2;\n"
    assert blocks(text) == ([f"{UP}1;\n", f"{UP}2;\n"], [f"{DOWN}-2;\n", f"{DOWN}-1;\n"])


LINES = st.sampled_from(
    ["", "-- note", "SELECT 1;", "SELECT 2", " -- migrate:up", "-- migrate:downwards", "-- migrate:up-x"]
)


@given(st.lists(st.tuples(st.lists(LINES, max_size=4), st.lists(LINES, max_size=4)), min_size=1, max_size=4))
def test_the_sections_together_are_the_file(pairs: list[tuple[list[str], list[str]]]) -> None:
    text = "".join(f"{UP}{_joined(up)}{DOWN}{_joined(down)}" for up, down in pairs)
    ups, downs = blocks(text)
    assert read_dbmate(text).refusal is None
    assert "".join(up + down for up, down in zip(ups, reversed(downs), strict=True)) == text


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


@given(st.text(alphabet=st.sampled_from("-migrate:updown \n;x"), max_size=120), st.booleans())
def test_no_text_at_all_makes_it_fail(text: str, bom: bool) -> None:
    read_dbmate(text, bom=bom)


BLOG = {
    "20240101000000_create_posts.sql": (
        f"{UP}CREATE TABLE posts (\n  id serial PRIMARY KEY,\n  title text NOT NULL\n);\n\n"
        f"{DOWN}DROP TABLE posts;\n"
    ),
    "20240102000000_tag_posts.sql": (
        f"{UP}CREATE TABLE tags (name text PRIMARY KEY);\n"
        "ALTER TABLE posts ADD COLUMN tag text REFERENCES tags;\n"
        "CREATE FUNCTION tidy() RETURNS trigger AS $$\nBEGIN\n  NEW.title := trim(NEW.title);\n"
        f"  RETURN NEW;\nEND;\n$$ LANGUAGE plpgsql;\n{DOWN}DROP FUNCTION tidy();\n"
        "ALTER TABLE posts DROP COLUMN tag;\nDROP TABLE tags;"
    ),
    "20240103000000_index.sql": (
        f"{ALONE}CREATE INDEX CONCURRENTLY posts_title ON posts (title);\n"
        "-- migrate:down transaction:false\nDROP INDEX CONCURRENTLY posts_title;\n"
    ),
}


@pytest.fixture
def blog(tmp_path: Path) -> dbmate.Dbmate:
    return dbmate.Dbmate(write(tmp_path, BLOG), ToolSettings())


def test_a_history_goes_up_and_back_with_dbmates_ledger(
    blog: dbmate.Dbmate, pg: PostgresServer, database: str
) -> None:
    assert [(m.id, m.number, m.name) for m in blog.load()][1] == (
        "20240102000000_tag_posts.sql",
        2,
        "tag_posts",
    )
    up_to_the_end(blog, pg, database)
    assert tables(pg, database) == {"posts", "tags"}
    assert applied(blog, pg, database) == sorted(BLOG)
    versions = query(pg, database, "SELECT version FROM schema_migrations ORDER BY version")
    assert versions == [(name[:14],) for name in sorted(BLOG)]
    back_to_the_start(blog, pg, database)
    assert tables(pg, database) == set()
    assert applied(blog, pg, database) == []


def test_scripts_say_how_they_are_sent(blog: dbmate.Dbmate) -> None:
    assert [m.up.mode for m in blog.load()] == [Mode.TRANSACTION, Mode.TRANSACTION, Mode.SIMPLE]


def test_without_a_transaction_all_of_it_still_shares_a_message(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    text = f"{ALONE}CREATE TABLE a (i int);\nCREATE INDEX CONCURRENTLY i ON a (i);\n{DOWN}"
    source = dbmate.open(write(tmp_path, {"1_a.sql": text}), ToolSettings())
    with pytest.raises(AttemptFailed) as caught:
        source.apply(source.load().migrations[0], runner(pg, database))
    assert (caught.value.facts["sqlstate"], caught.value.facts["line"]) == ("25001", 3)
    assert tables(pg, database) == set()


def test_each_of_several_pairs_has_its_own_transaction(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    good = f"{UP}CREATE TABLE a (i int PRIMARY KEY);\n{DOWN}DROP TABLE a;\n"
    more = f"{UP}CREATE TABLE b (i int REFERENCES a);\n{DOWN}DROP TABLE b;\n"
    bad = f"{UP}CREATE TABLE c ();\nSELECT 1/0;\n{DOWN}DROP TABLE c;\n"
    source = dbmate.open(write(tmp_path / "good", {"1_a.sql": good + more}), ToolSettings())
    up_to_the_end(source, pg, database)
    assert tables(pg, database) == {"a", "b"}
    back_to_the_start(source, pg, database)
    assert tables(pg, database) == set()
    source = dbmate.open(write(tmp_path / "bad", {"1_a.sql": good + bad}), ToolSettings())
    with pytest.raises(AttemptFailed) as caught:
        up_to_the_end(source, pg, database)
    assert caught.value.facts["line"] == 7
    assert tables(pg, database) == {"a"}
    assert applied(source, pg, database) == []


def test_an_error_in_the_down_section_names_the_line_of_the_file(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    text = f"-- about\n{UP}CREATE TABLE a ();\n\n{DOWN}\nDROP TABLE a;\n  DROP TABLE nobody;\n"
    source = dbmate.open(write(tmp_path, {"1_a.sql": text.replace("\n", "\r\n")}), ToolSettings())
    only = source.load().migrations[0]
    source.apply(only, runner(pg, database))
    with pytest.raises(AttemptFailed) as caught:
        source.roll_back(only, runner(pg, database))
    assert (caught.value.facts["line"], caught.value.facts["sqlstate"]) == (8, "42P01")
    assert tables(pg, database) == {"a"}


def test_a_file_without_down_has_no_way_back_and_an_empty_down_is_one(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    files = {"1_a.sql": f"{UP}CREATE TABLE a ();\n", "2_b.sql": f"{UP}CREATE TABLE b ();\n{DOWN}"}
    source = dbmate.open(write(tmp_path, files), ToolSettings())
    first, second = source.load().migrations
    assert first.down is None
    assert "no `-- migrate:down`" in first.note
    up_to_the_end(source, pg, database)
    source.roll_back(second, runner(pg, database))
    assert tables(pg, database) == {"a", "b"}
    assert applied(source, pg, database) == ["1_a.sql"]
    with pytest.raises(MigrationError, match="has no rollback script"):
        source.roll_back(first, runner(pg, database))


def test_a_refused_file_fails_where_it_is_run(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    files = {"1_a.sql": f"SELECT 1;\n{UP}SELECT 2;\n{DOWN}", "2_b.sql": f"{UP}CREATE TABLE b ();\n{DOWN}"}
    source = dbmate.open(write(tmp_path, files), ToolSettings())
    first, second = source.load().migrations
    with pytest.raises(AttemptFailed, match="dbmate refuses the file") as caught:
        source.apply(first, runner(pg, database))
    assert caught.value.where.endswith("1_a.sql:1")
    source.apply(second, runner(pg, database))
    assert tables(pg, database) == {"b"}


def test_a_cleared_search_path_does_not_lead_the_ledger_astray(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    text = f"{UP}SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE public.a ();\n{DOWN}"
    source = dbmate.open(write(tmp_path, {"1_a.sql": text}), ToolSettings())
    assert source.load().warnings == ()
    up_to_the_end(source, pg, database)
    assert applied(source, pg, database) == ["1_a.sql"]


def test_files_go_by_name_and_versions_are_taken_once(tmp_path: Path) -> None:
    names = ["10.sql", "1_a.sql", "2d.sql", "x.sql", "3_c.SQL", "README.md"]
    source = dbmate.open(write(tmp_path, dict.fromkeys(names, UP + DOWN)), ToolSettings())
    assert [m.id for m in source.load()] == ["10.sql", "1_a.sql", "2d.sql"]
    write(tmp_path, {"1_b.sql": UP + DOWN})
    with pytest.raises(MigrationError, match="version 1 is taken twice"):
        dbmate.open(tmp_path, ToolSettings()).load()


def test_an_empty_folder_and_a_missing_one_are_said_so(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="there is no migration of dbmate here"):
        dbmate.open(tmp_path, ToolSettings()).load()
    with pytest.raises(MigrationError, match="there is no such folder"):
        dbmate.open(tmp_path / "nowhere", ToolSettings()).load()


def test_only_folders_with_the_directive_are_found(tmp_path: Path) -> None:
    write(tmp_path, {f"db/migrations/{name}": text for name, text in BLOG.items()})
    write(
        tmp_path, {"db/schema.sql": "-- migrate: see below\nCREATE TABLE a ();\n", "x/1.sql": "SELECT 1;\n"}
    )
    survey.cache_clear()
    assert [found.path for found in dbmate.find(tmp_path)] == [tmp_path / "db/migrations"]
    opened = dbmate.open(tmp_path, ToolSettings())
    assert opened.load().where == str(tmp_path / "db/migrations")
