"""sql-migrate: what its files come to, and what they do to a database."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, MigrationError
from rollproof.migrations.script import Mode
from rollproof.migrations.tools import sql_migrate
from rollproof.migrations.tools.base import survey
from rollproof.migrations.tools.markers import Section
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.migrations.tools.sql_migrate_text import SqlMigrateText, read_sql_migrate
from tests.unit.tool_folders import (
    applied,
    back_to_the_start,
    query,
    runner,
    tables,
    up_to_the_end,
    write,
)

UP, DOWN = "-- +migrate Up\n", "-- +migrate Down\n"
BEGIN, END = "-- +migrate StatementBegin\n", "-- +migrate StatementEnd\n"


def sent(part: Section | None) -> list[str]:
    assert part is not None
    return [part.text[start:end] for start, end in part.statements]


def refused(found: SqlMigrateText) -> tuple[int, str]:
    assert found.up.refusal is not None
    if found.down:
        assert found.down.refusal == found.up.refusal
    return found.up.refusal.line, found.up.refusal.found


def test_each_statement_is_sent_by_itself() -> None:
    found = read_sql_migrate(
        f"{UP}CREATE TABLE a ();\nCREATE TABLE b (\n i int); -- b\n\n{DOWN}DROP TABLE b, a;\n"
    )
    assert sent(found.up) == ["CREATE TABLE a ();", "CREATE TABLE b (\n i int); -- b"]
    assert sent(found.down) == ["DROP TABLE b, a;"]
    assert (found.up.first_line, found.down and found.down.first_line) == (2, 7)


def test_lines_that_begin_with_two_dashes_and_a_space_are_left_out_even_within_a_body() -> None:
    body = "CREATE FUNCTION f() RETURNS int AS $$\nBEGIN\n-- why;\n  RETURN 1;\nEND;\n$$ LANGUAGE plpgsql;"
    found = read_sql_migrate(f"{UP}{BEGIN}{body}\n{END}")
    assert sent(found.up) == [body.replace("-- why;", "")]


def test_a_block_needs_no_semicolon_and_may_hold_several_statements() -> None:
    found = read_sql_migrate(f"{UP}{BEGIN}SELECT 1;\nSELECT 2\n{END}SELECT 3;\n")
    assert sent(found.up) == ["SELECT 1;\nSELECT 2", "SELECT 3;"]


def test_an_empty_block_swallows_nothing() -> None:
    assert sent(read_sql_migrate(f"{UP}{BEGIN}{END}SELECT 1;\n").up) == ["SELECT 1;"]


def test_directions_may_take_turns() -> None:
    found = read_sql_migrate(f"{UP}SELECT 1;\n{DOWN}SELECT 2;\n{UP}SELECT 3;\n")
    assert (sent(found.up), sent(found.down)) == (["SELECT 1;", "SELECT 3;"], ["SELECT 2;"])
    assert found.up.text == "SELECT 1;\n\n\n\nSELECT 3;\n"


def test_notransaction_holds_for_its_own_direction() -> None:
    found = read_sql_migrate(f"-- +migrate Up notransaction\nSELECT 1;\n{DOWN}SELECT 2;\n")
    assert not found.up.transaction
    assert found.down is not None
    assert found.down.transaction


def test_what_stands_before_any_marker_is_left_out_and_said_so() -> None:
    found = read_sql_migrate(f"CREATE TABLE z ();\n{UP}SELECT 1;\n")
    assert sent(found.up) == ["SELECT 1;"]
    assert found.oddities == ("line 1 stands before any marker, and sql-migrate leaves it out",)


def test_an_unknown_marker_is_passed_over_and_said_so() -> None:
    found = read_sql_migrate(f"{UP}-- +migrate Sideways\nSELECT 1;\n-- +other thing\n")
    assert sent(found.up) == ["SELECT 1;"]
    assert "'Sideways'" in found.oddities[0]


def test_a_byte_order_mark_hides_the_forward_part_without_a_word_from_the_tool() -> None:
    found = read_sql_migrate(f"{UP}CREATE TABLE a ();\n{DOWN}DROP TABLE a;\n", bom=True)
    assert (sent(found.up), sent(found.down)) == ([], ["DROP TABLE a;"])
    assert any("applies nothing" in text for text in found.oddities)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("SELECT 1;\n", 1, "neither"),
        ("--+migrate Up\nSELECT 1;\n", 1, "neither"),
        ("-- +migrate up\nSELECT 1;\n", 1, "neither"),
        (f"{UP}SELECT 1;\n\nSELECT 2\n{DOWN}SELECT 3;\n", 4, "semicolon"),
        (f"{UP}SELECT 1;\n{DOWN}SELECT 3\n", 4, "semicolon"),
        (f"{UP}SELECT 1;\n--why\n{DOWN}-- nothing\n", 3, "comment needs a space"),
        (f"{UP}{BEGIN}SELECT 1;\n{DOWN}SELECT 2;\n", 2, "not ended"),
        (f"{UP}{BEGIN}SELECT 1;\n", 2, "not ended"),
        (f"{UP}-- +migrate \nSELECT 1;\n", 2, "says nothing"),
    ],
)
def test_what_sql_migrate_refuses_is_refused_with_its_line(text: str, line: int, says: str) -> None:
    where, why = refused(read_sql_migrate(text))
    assert where == line
    assert says in why


LINES = st.sampled_from(
    ["", "  ", "-- note", "--note", "SELECT 1;", "SELECT 2", ", 3;", "END; $$", "x -- y;", "-- +x", "\ttab;"]
)
MARKED = st.one_of(LINES, st.sampled_from([each.strip() for each in (UP, DOWN, BEGIN, END)]))


@given(st.lists(MARKED, max_size=16))
def test_sections_stand_where_they_stand_in_the_file(body: list[str]) -> None:
    found = read_sql_migrate("".join(f"{line}\n" for line in body))
    for part in (found.up, found.down):
        if part is None or part.refusal:
            continue
        for number, line in enumerate(part.text.split("\n")[:-1], start=part.first_line):
            assert line in ("", body[number - 1])


@given(st.lists(MARKED, max_size=16))
def test_nothing_is_lost_or_sent_twice(body: list[str]) -> None:
    found = read_sql_migrate(UP + "".join(f"{line}\n" for line in body))
    if found.up.refusal:
        return
    kept = [word for line in body if not line.startswith("-- ") for word in line.split()]
    said = [word for part in (found.up, found.down) if part for piece in sent(part) for word in piece.split()]
    assert sorted(said) == sorted(kept)


@given(st.text(alphabet=st.sampled_from("-+migrateUpDownStBgE;$ \n"), max_size=200), st.booleans())
def test_no_text_at_all_makes_it_fail(text: str, bom: bool) -> None:
    found = read_sql_migrate(text, bom=bom)
    assert all(piece.strip() for part in (found.up, found.down) if part for piece in sent(part))


STOCK = {
    "1_items.sql": f"{UP}CREATE TABLE items (id int PRIMARY KEY, name text);\n\n{DOWN}DROP TABLE items;\n",
    "2_count.sql": (
        f"{UP}{BEGIN}CREATE FUNCTION counted() RETURNS bigint AS $$\nBEGIN\n"
        f"-- all of them;\n  RETURN (SELECT count(*) FROM items);\nEND;\n$$ LANGUAGE plpgsql;\n{END}\n"
        f"{DOWN}DROP FUNCTION counted();\n"
    ),
    "10_index.sql": (
        "-- +migrate Up notransaction\nCREATE INDEX CONCURRENTLY items_name ON items (name);\n\n"
        "-- +migrate Down notransaction\nDROP INDEX CONCURRENTLY items_name;\n"
    ),
    "zz_last.sql": f"{UP}CREATE TABLE last ();\n{DOWN}DROP TABLE last;\n",
}
CONFIG = """\
development:
  dialect: postgres
  datasource: dbname=stock sslmode=disable
  dir: db/steps
  table: migrations_log
production:
  dialect: postgres
  datasource: ${DSN}
  dir: db/production
  schema: ops
legacy:
  dialect: mysql
  dir: db/legacy
"""


def test_a_history_goes_up_and_back_with_the_tools_ledger(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    source = sql_migrate.open(write(tmp_path, STOCK), ToolSettings())
    assert [migration.id for migration in source.load()] == list(STOCK)
    up_to_the_end(source, pg, database)
    assert tables(pg, database) == {"items", "last"}
    assert applied(source, pg, database) == list(STOCK)
    assert query(pg, database, "SELECT id FROM gorp_migrations ORDER BY applied_at") == [(n,) for n in STOCK]
    back_to_the_start(source, pg, database)
    assert tables(pg, database) == set()
    assert applied(source, pg, database) == []


def test_scripts_say_how_they_are_sent(tmp_path: Path) -> None:
    history = sql_migrate.open(write(tmp_path, STOCK), ToolSettings()).load()
    assert [m.up.mode for m in history][1:3] == [Mode.TRANSACTION, Mode.AUTOCOMMIT]


def test_an_error_names_the_line_of_the_file(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    text = f"{UP}CREATE TABLE a ();\n{DOWN}\n-- back\nDROP TABLE a;\n  DROP TABLE nobody;\n"
    source = sql_migrate.open(write(tmp_path, {"1_a.sql": text.replace("\n", "\r\n")}), ToolSettings())
    only = source.load().migrations[0]
    source.apply(only, runner(pg, database))
    with pytest.raises(AttemptFailed) as caught:
        source.roll_back(only, runner(pg, database))
    assert (caught.value.facts["line"], caught.value.facts["column"]) == (7, None)
    assert tables(pg, database) == {"a"}


def test_a_file_without_down_has_no_way_back_and_an_empty_down_is_one(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    files = {"1_a.sql": f"{UP}CREATE TABLE a ();\n", "2_b.sql": f"{UP}CREATE TABLE b ();\n{DOWN}-- none\n"}
    source = sql_migrate.open(write(tmp_path, files), ToolSettings())
    first, second = source.load().migrations
    assert first.down is None
    up_to_the_end(source, pg, database)
    source.roll_back(second, runner(pg, database))
    assert tables(pg, database) == {"a", "b"}
    assert applied(source, pg, database) == ["1_a.sql"]


def test_a_refused_file_fails_in_both_directions_and_leaves_the_others_alone(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    files = {"1_a.sql": f"{UP}SELECT 1\n{DOWN}SELECT 2;\n", "2_b.sql": f"{UP}CREATE TABLE b ();\n"}
    source = sql_migrate.open(write(tmp_path, files), ToolSettings())
    first, second = source.load().migrations
    assert "runs no file at all" in first.note
    for way in (source.apply, source.roll_back):
        with pytest.raises(AttemptFailed, match="sql-migrate refuses the file"):
            way(first, runner(pg, database))
    source.apply(second, runner(pg, database))
    assert tables(pg, database) == {"b"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, {f"db/steps/{name}": text for name, text in STOCK.items()})
    write(
        tmp_path, {"db/production/1_a.sql": f"{UP}CREATE TABLE a ();\n", "db/legacy/1_a.sql": "SELECT 1;\n"}
    )
    return write(tmp_path, {"dbconfig.yml": CONFIG})


def test_the_configuration_names_folder_and_ledger(project: Path, pg: PostgresServer, database: str) -> None:
    source = sql_migrate.open(project / "dbconfig.yml", ToolSettings())
    assert source.load().where == str(project / "db/steps")
    assert source.load().ledger == "public.migrations_log"
    up_to_the_end(source, pg, database)
    assert query(pg, database, "SELECT count(*) FROM migrations_log") == [(4,)]


def test_another_environment_can_be_named(project: Path, pg: PostgresServer, database: str) -> None:
    source = sql_migrate.open(project, ToolSettings(options={"env": "production"}))
    assert source.load().where == str(project / "db/production")
    assert source.load().ledger == "ops.gorp_migrations"
    up_to_the_end(source, pg, database)
    assert query(pg, database, "SELECT id FROM ops.gorp_migrations") == [("1_a.sql",)]
    with pytest.raises(MigrationError, match="there is no environment 'staging'"):
        sql_migrate.open(project, ToolSettings(options={"env": "staging"}))


def test_a_folder_below_a_configuration_uses_it(project: Path) -> None:
    source = sql_migrate.open(project / "db/steps", ToolSettings())
    assert source.load().ledger == "public.migrations_log"


def test_a_configuration_that_is_no_yaml_is_said_so(tmp_path: Path) -> None:
    write(tmp_path, {"dbconfig.yml": "development:\n  dir: [a\n  table: b\n"})
    with pytest.raises(MigrationError, match="no YAML") as caught:
        sql_migrate.open(tmp_path / "dbconfig.yml", ToolSettings())
    assert caught.value.where.startswith(str(tmp_path / "dbconfig.yml:"))


def test_only_folders_with_the_marker_or_named_in_the_configuration_are_found(project: Path) -> None:
    write(project, {"other/1_a.sql": "SELECT 1;\n"})
    survey.cache_clear()
    found = {item.path.relative_to(project).as_posix() for item in sql_migrate.find(project)}
    assert found == {"db/steps", "db/production"}
