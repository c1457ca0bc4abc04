"""diesel: folders, versions without dashes ordered as texts, transactions, metadata, its ledger."""

from __future__ import annotations

from pathlib import Path

import pytest
from tool_support import TABLE, applied, apply_all, direct, ids, rows, tables, write

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, MigrationError
from rollproof.migrations.script import Mode
from rollproof.migrations.tools import diesel
from rollproof.migrations.tools.base import Certainty, survey
from rollproof.migrations.tools.diesel import Diesel
from rollproof.migrations.tools.settings import ToolSettings

LEDGER = "SELECT version FROM __diesel_schema_migrations ORDER BY version"
FOLDERS = ["00000000000000_diesel_initial_setup", "2019-01-01-120000_create_users", "20190101130000_orders"]


def history_of(folder: Path) -> Diesel:
    return Diesel(folder, ToolSettings())


def shop(folder: Path) -> Diesel:
    files = {}
    for number, name in enumerate(FOLDERS):
        files[f"{name}/up.sql"] = TABLE.format(f"t{number}")
        files[f"{name}/down.sql"] = f"DROP TABLE t{number}"
    return history_of(write(folder, files))


def test_order_is_that_of_versions_without_dashes(tmp_path: Path) -> None:
    history = shop(tmp_path).load()
    assert ids(history) == FOLDERS
    assert [migration.number for migration in history] == [1, 2, 3]
    assert history.named("create_users").where == tmp_path / FOLDERS[1]


def test_versions_are_ordered_as_texts_as_diesel_does(tmp_path: Path) -> None:
    write(tmp_path, {"9_a/up.sql": "SELECT 1", "10_b/up.sql": "SELECT 1"})
    assert ids(history_of(tmp_path).load()) == ["10_b", "9_a"]


@pytest.mark.parametrize(
    ("metadata", "mode"),
    [
        (None, Mode.TRANSACTION),
        ("run_in_transaction = true", Mode.TRANSACTION),
        ("run_in_transaction = false", Mode.SIMPLE),
        ("# the key's default inside the file is false\n", Mode.SIMPLE),
        ("this is no TOML", Mode.TRANSACTION),
    ],
)
def test_metadata_decides_on_the_transaction_as_diesel_reads_it(
    tmp_path: Path, metadata: str | None, mode: Mode
) -> None:
    write(tmp_path, {"1_a/up.sql": "SELECT 1", "1_a/down.sql": "SELECT 1"})
    if metadata is not None:
        write(tmp_path, {"1_a/metadata.toml": metadata})
    migration = history_of(tmp_path).load().migrations[0]
    assert migration.up.mode is mode
    assert migration.down is not None
    assert migration.down.mode is mode


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["2019-01-01_a/up.sql", "20190101_b/up.sql"], "version 20190101 is taken twice"),
        (["1_a/up.sql", "2_b/down.sql"], "the folder holds no up.sql"),
        (["README.md"], "there is no migration of diesel here"),
    ],
)
def test_what_diesel_refuses_is_one_error(tmp_path: Path, files: list[str], said: str) -> None:
    write(tmp_path, dict.fromkeys(files, "SELECT 1;"))
    with pytest.raises(MigrationError, match=said):
        history_of(tmp_path).load()


def test_hidden_folders_and_files_beside_are_no_migrations(tmp_path: Path) -> None:
    write(tmp_path, {".git/x": "", ".keep": "", "schema.rs": "", "1_a/up.sql": "SELECT 1"})
    assert ids(history_of(tmp_path).load()) == ["1_a"]


def test_a_missing_down_is_none(tmp_path: Path) -> None:
    source = history_of(write(tmp_path, {"1_a/up.sql": "SELECT 1"}))
    with pytest.raises(MigrationError, match="no rollback script") as caught:
        source.roll_back(source.load().migrations[0], None)  # type: ignore[arg-type]
    assert "1_a/down.sql" in caught.value.remedy


def test_the_ledger_is_diesels(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    source, runner = shop(tmp_path), direct(pg, database)
    apply_all(source, runner)
    assert rows(pg, database, LEDGER) == [("00000000000000",), ("20190101120000",), ("20190101130000",)]
    assert applied(source, pg, database) == FOLDERS
    source.roll_back(source.load().migrations[2], runner)
    assert applied(source, pg, database) == FOLDERS[:2]
    assert tables(pg, database) == ["__diesel_schema_migrations", "t0", "t1"]


def test_script_and_ledger_are_one_transaction(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    source = history_of(write(tmp_path, {"1_a/up.sql": "CREATE TABLE a (id int); SELECT 1/0;"}))
    with pytest.raises(AttemptFailed, match="division by zero"):
        apply_all(source, direct(pg, database))
    assert tables(pg, database) == ["__diesel_schema_migrations"]
    assert rows(pg, database, LEDGER) == []


def test_without_a_transaction_an_index_can_be_built_concurrently(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    write(tmp_path, {"1_a/up.sql": TABLE.format("a"), "2_b/up.sql": "CREATE INDEX CONCURRENTLY i ON a (id)"})
    with pytest.raises(AttemptFailed, match="cannot run inside a transaction block"):
        apply_all(history_of(tmp_path), direct(pg, database))
    write(tmp_path, {"2_b/metadata.toml": "run_in_transaction = false"})
    again = history_of(tmp_path)
    again.apply(again.load().migrations[1], direct(pg, database))
    assert rows(pg, database, LEDGER) == [("1",), ("2",)]


@pytest.mark.parametrize("down", [False, True])
def test_an_empty_file_is_refused_as_diesel_does(
    tmp_path: Path, pg: PostgresServer, database: str, down: bool
) -> None:
    write(tmp_path, {"1_a/up.sql": "SELECT 1" if down else "", "1_a/down.sql": ""})
    source, runner = history_of(tmp_path), direct(pg, database)
    assert any("1_a/down.sql is empty" in warning for warning in source.load().warnings)
    if down:
        apply_all(source, runner)
    with pytest.raises(AttemptFailed, match="diesel refuses to run an empty file"):
        (source.roll_back if down else source.apply)(source.load().migrations[0], runner)


def test_a_comment_is_not_empty(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    source = history_of(write(tmp_path, {"1_a/up.sql": "-- nothing", "1_a/down.sql": "\n"}))
    runner = direct(pg, database)
    apply_all(source, runner)
    source.roll_back(source.load().migrations[0], runner)
    assert rows(pg, database, LEDGER) == []


def test_another_search_path_leads_diesel_astray_and_is_said(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    up = "SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE public.a (id int);\n"
    source = history_of(write(tmp_path, {"1_a/up.sql": up}))
    with pytest.raises(AttemptFailed, match="the ledger could not be written, at which diesel stops"):
        apply_all(source, direct(pg, database))
    assert tables(pg, database) == ["__diesel_schema_migrations"]


def test_folders_are_found_and_diesel_toml_makes_it_sure(tmp_path: Path) -> None:
    write(tmp_path, {"migrations/1_a/up.sql": "", "src/lib.rs": ""})
    assert [(f.path.name, f.certainty) for f in diesel.find(tmp_path)] == [("migrations", Certainty.LIKELY)]
    write(tmp_path, {"diesel.toml": '[migrations_directory]\ndir = "db/steps"', "db/steps/.keep": ""})
    survey.cache_clear()
    sure = [f.path for f in diesel.find(tmp_path) if f.certainty is Certainty.SURE]
    assert sure == [tmp_path / "db" / "steps"]


def test_cargo_toml_makes_it_sure(tmp_path: Path) -> None:
    write(tmp_path, {"Cargo.toml": '[dependencies]\ndiesel = "2"', "crates/db/migrations/1_a/up.sql": ""})
    assert [f.certainty for f in diesel.find(tmp_path)] == [Certainty.SURE]
