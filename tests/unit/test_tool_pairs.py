"""golang-migrate: its names, its order, its ledger."""

from __future__ import annotations

from pathlib import Path

import pytest
from tool_support import TABLE, applied, apply_all, direct, ids, rows, tables, write

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, MigrationError
from rollproof.migrations.execute import PsqlRunner
from rollproof.migrations.script import Mode
from rollproof.migrations.tools import pairs
from rollproof.migrations.tools.base import Certainty
from rollproof.migrations.tools.pairs import GolangMigrate, cut_at_semicolons
from rollproof.migrations.tools.settings import ToolSettings

LEDGER = "SELECT version, dirty FROM public.schema_migrations"


def history_of(folder: Path, **options: str) -> GolangMigrate:
    return GolangMigrate(folder, ToolSettings(options=options))


def shop(folder: Path) -> GolangMigrate:
    files = {}
    for number, name in [("1", "users"), ("2", "orders"), ("10", "plans")]:
        files[f"{number}_{name}.up.sql"] = TABLE.format(name)
        files[f"{number}_{name}.down.sql"] = f"DROP TABLE {name}"
    return history_of(write(folder, files))


def test_order_is_by_number_not_by_text(tmp_path: Path) -> None:
    assert ids(shop(tmp_path).load()) == ["1_users", "2_orders", "10_plans"]


def test_a_script_is_one_message(tmp_path: Path) -> None:
    first = shop(tmp_path).load().migrations[0]
    assert first.up.mode is first.down.mode is Mode.SIMPLE  # type: ignore[union-attr]


def test_any_ending_after_the_direction_is_taken_as_the_tool_does(tmp_path: Path) -> None:
    write(tmp_path, {"1_a.up.pgsql": "SELECT 1", "1_a.down.psql": "SELECT 1", "2_v1.2_x.up.sql": ""})
    history = history_of(tmp_path).load()
    assert ids(history) == ["1_a", "2_v1.2_x"]
    assert history.migrations[0].down is not None


def test_a_missing_down_is_none(tmp_path: Path) -> None:
    source = history_of(write(tmp_path, {"1_a.up.sql": "SELECT 1"}))
    migration = source.load().migrations[0]
    assert migration.down is None
    with pytest.raises(MigrationError, match="no rollback script") as caught:
        source.roll_back(migration, None)  # type: ignore[arg-type]
    assert "1_a.down.sql" in caught.value.remedy


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["001_a.up.sql", "1_b.up.sql"], "version 1 is taken twice: 001_a.up.sql and 1_b.up.sql"),
        (["1_a.up.sql", "1_a.down.sql", "1_a.down.sql~"], "version 1 is taken twice"),
        (["readme.md", "a.sql"], "there is no migration of golang-migrate here"),
        ([], "there is no migration of golang-migrate here"),
    ],
)
def test_what_the_tool_refuses_is_one_error(tmp_path: Path, files: list[str], said: str) -> None:
    write(tmp_path, dict.fromkeys(files, "SELECT 1;"))
    with pytest.raises(MigrationError, match=said):
        history_of(tmp_path).load()


def test_a_folder_that_is_not_there_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="No such file"):
        history_of(tmp_path / "gone").load()


def test_a_file_that_is_not_text_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="not UTF-8"):
        history_of(write(tmp_path, {"1_a.up.sql": b"\xff\xffSELECT 1"})).load()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["1_a.up.sql", "3_c.up.sql"], "no migration has the number 002"),
        (["1_a.up.sql", "1_b.down.sql"], "1_a.up.sql and 1_b.down.sql have one version but different names"),
        (["1_a.up.sql", "2_b.down.sql"], "2_b.down.sql has no up file of the same version"),
        (["1_a.up.sql", "notes.sql"], "notes.sql is not named like NNN_name.up.sql and is ignored"),
        (["1_a.up.sql", "more/2_b.up.sql"], "more is a folder with migrations in it"),
        (["001_a.up.sql", "2_b.up.sql"], "the numbers have different widths"),
    ],
)
def test_what_is_odd_is_a_warning(tmp_path: Path, files: list[str], said: str) -> None:
    write(tmp_path, dict.fromkeys(files, "SELECT 1;"))
    assert any(said in warning for warning in history_of(tmp_path).load().warnings)


def test_nothing_is_odd_about_time_stamps(tmp_path: Path) -> None:
    names = ["1485949617_a.up.sql", "1512345678_b.up.sql", "20210101120000_c.up.sql"]
    assert history_of(write(tmp_path, dict.fromkeys(names, "SELECT 1;"))).load().warnings == ()


def test_a_byte_order_mark_is_warned_of_and_windows_line_ends_are_kept(tmp_path: Path) -> None:
    write(tmp_path, {"1_a.up.sql": b"\xef\xbb\xbfSELECT 1;\r\n", "1_a.down.sql": b"SELECT 1;\r\n"})
    history = history_of(tmp_path).load()
    assert history.migrations[0].up.bom
    assert history.migrations[0].down.crlf  # type: ignore[union-attr]
    assert "1_a.up.sql begins with a byte order mark" in history.warnings[0]


def test_only_the_tools_own_names_are_found(tmp_path: Path) -> None:
    write(tmp_path, {"db/1_a.up.sql": "", "other/1_a.sql": "", "old/1_a.up.sql.bak": "", "x/1.up.sql": ""})
    assert [found.path.name for found in pairs.find(tmp_path)] == ["db"]


def test_go_mod_makes_it_sure(tmp_path: Path) -> None:
    write(tmp_path, {"go.mod": "require github.com/golang-migrate/migrate/v4 v4.17.0", "db/1_a.up.sql": ""})
    assert pairs.find(tmp_path)[0].certainty is Certainty.SURE


def test_the_ledger_has_one_row_the_newest_version(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    source, runner = shop(tmp_path), direct(pg, database)
    apply_all(source, runner)
    assert rows(pg, database, LEDGER) == [(10, False)]
    assert applied(source, pg, database) == ["1_users", "2_orders", "10_plans"]
    source.roll_back(source.load().named("10"), runner)
    assert rows(pg, database, LEDGER) == [(2, False)]
    for name in ("2", "1"):
        source.roll_back(source.load().named(name), runner)
    assert rows(pg, database, LEDGER) == []
    assert tables(pg, database) == ["schema_migrations"]
    assert applied(source, pg, database) == []


def test_psqls_runner_will_do_too(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    source = shop(tmp_path)
    apply_all(source, PsqlRunner(pg, database))
    assert rows(pg, database, LEDGER) == [(10, False)]


def test_a_database_that_knows_more_than_the_files_is_seen(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    source = shop(tmp_path)
    apply_all(source, direct(pg, database))
    (tmp_path / "10_plans.up.sql").unlink()
    (tmp_path / "10_plans.down.sql").unlink()
    assert applied(history_of(tmp_path), pg, database) == ["1_users", "2_orders", "10"]


@pytest.mark.parametrize(
    "up",
    [
        "CREATE INDEX CONCURRENTLY i ON users (id)",
        "VACUUM users;",
        "BEGIN;\nCREATE TABLE b (id int);\nCOMMIT;",
        "-- nothing but a comment",
        "",
        "CREATE TABLE b (id int); -- and no line end",
        "DO $$ BEGIN PERFORM 1; END $$",
        "CREATE TABLE b (id int) /* no semicolon */",
    ],
)
def test_the_ledger_is_kept_whatever_the_script_is(
    tmp_path: Path, pg: PostgresServer, database: str, up: str
) -> None:
    write(tmp_path, {"1_users.up.sql": TABLE.format("users"), "2_b.up.sql": up})
    source = history_of(tmp_path)
    apply_all(source, direct(pg, database))
    assert rows(pg, database, LEDGER) == [(2, False)]


def test_a_script_without_a_transaction_of_its_own_happens_as_a_whole(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    source = history_of(write(tmp_path, {"1_a.up.sql": "CREATE TABLE a (id int);\nSELECT 1/0;\n"}))
    with pytest.raises(AttemptFailed, match="division by zero"):
        apply_all(source, direct(pg, database))
    assert tables(pg, database) == ["schema_migrations"]
    assert rows(pg, database, LEDGER) == []


def test_multi_statement_cuts_at_each_semicolon_as_the_tool_does(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    up = "CREATE TABLE a (id int); CREATE INDEX CONCURRENTLY i ON a (id);\n"
    source = history_of(write(tmp_path, {"1_a.up.sql": up}), **{"x-multi-statement": "true"})
    apply_all(source, direct(pg, database))
    assert rows(pg, database, LEDGER) == [(1, False)]


def test_multi_statement_cuts_function_bodies_too_as_the_tool_does(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    write(tmp_path, {"1_a.up.sql": "DO $$ BEGIN PERFORM 1; END $$;"})
    source = history_of(tmp_path, **{"x-multi-statement": "true"})
    with pytest.raises(AttemptFailed, match="dollar-quoted"):
        apply_all(source, direct(pg, database))


def test_cutting_keeps_every_character_but_blank_pieces() -> None:
    assert [("a; b;c; \n")[start:end] for start, end in cut_at_semicolons("a; b;c; \n")] == [
        "a;",
        " b;",
        "c;",
    ]


def test_a_down_without_an_up_is_run_as_the_tool_does(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    source = history_of(write(tmp_path, {"1_a.up.sql": TABLE.format("a"), "2_b.down.sql": "DROP TABLE a"}))
    runner = direct(pg, database)
    apply_all(source, runner)
    source.roll_back(source.load().named("2"), runner)
    assert tables(pg, database) == ["schema_migrations"]
    assert rows(pg, database, LEDGER) == [(1, False)]


def test_a_migration_that_drops_the_ledger_fails_as_with_the_tool(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    source = history_of(write(tmp_path, {"1_a.up.sql": "DROP TABLE schema_migrations;"}))
    with pytest.raises(AttemptFailed, match="the ledger could not be written, at which golang-migrate stops"):
        apply_all(source, direct(pg, database))


def test_what_a_script_did_before_it_lost_the_ledger_stays_as_with_the_tool(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    down = "DROP SCHEMA public CASCADE;\nCREATE SCHEMA public;\n"
    source = history_of(write(tmp_path, {"1_a.up.sql": TABLE.format("a"), "1_a.down.sql": down}))
    runner = direct(pg, database)
    apply_all(source, runner)
    with pytest.raises(AttemptFailed, match="at which golang-migrate stops: 42P01"):
        source.roll_back(source.load().migrations[0], runner)
    assert tables(pg, database) == []


def test_another_search_path_does_not_lead_the_ledger_astray(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    up = "SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE public.a (id int);\n"
    source = history_of(write(tmp_path, {"1_a.up.sql": up}))
    apply_all(source, direct(pg, database))
    assert rows(pg, database, LEDGER) == [(1, False)]


def test_the_ledger_may_have_another_name(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    source = history_of(write(tmp_path, {"1_a.up.sql": "SELECT 1;"}), **{"x-migrations-table": "Steps"})
    apply_all(source, direct(pg, database))
    assert source.load().ledger == "public.Steps"
    assert rows(pg, database, 'SELECT version FROM "Steps"') == [(1,)]
