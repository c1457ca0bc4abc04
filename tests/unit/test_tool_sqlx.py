"""sqlx: reversible and simple migrations, transactions, its ledger."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from tool_support import TABLE, applied, apply_all, direct, ids, rows, tables, write

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, MigrationError
from rollproof.migrations.script import Mode
from rollproof.migrations.tools import sqlx
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.migrations.tools.sqlx import Sqlx

LEDGER = "SELECT version, description, success, checksum FROM _sqlx_migrations ORDER BY version"


def history_of(folder: Path) -> Sqlx:
    return Sqlx(folder, ToolSettings())


def test_both_directions_are_paired_and_simple_ones_have_no_way_back(tmp_path: Path) -> None:
    names = ["20230102_b.up.sql", "20230102_b.down.sql", "9_a.sql"]
    history = history_of(write(tmp_path, dict.fromkeys(names, "SELECT 1;"))).load()
    assert ids(history) == ["9_a", "20230102_b"]
    assert [migration.down is None for migration in history] == [True, False]
    assert {migration.up.mode for migration in history} == {Mode.TRANSACTION}


def test_the_first_line_may_ask_for_no_transaction(tmp_path: Path) -> None:
    write(tmp_path, {"1_a.sql": "-- no-transaction\nSELECT 1", "2_b.sql": "\n-- no-transaction\nSELECT 1"})
    first, second = history_of(tmp_path).load()
    assert (first.up.mode, second.up.mode) == (Mode.SIMPLE, Mode.TRANSACTION)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["1_a.up.sql", "01_b.up.sql"], "version 1 is taken twice"),
        (["1_a.up.sql", "1_b.sql"], "version 1 is taken twice"),
        (["1_a.sql", "notes_x.sql"], "'notes' is no version, and sqlx refuses the whole folder"),
        (["a.sql"], "there is no migration of sqlx here"),
    ],
)
def test_what_sqlx_refuses_is_one_error(tmp_path: Path, files: list[str], said: str) -> None:
    write(tmp_path, dict.fromkeys(files, "SELECT 1;"))
    with pytest.raises(MigrationError, match=said):
        history_of(tmp_path).load()


def test_a_missing_down_says_how_to_write_one(tmp_path: Path) -> None:
    source = history_of(write(tmp_path, {"1_a.sql": "SELECT 1", "2_b.up.sql": "SELECT 1"}))
    said = [source.how_to_write_down(migration) for migration in source.load()]
    assert said == [
        "make it reversible: 1_a.up.sql and 1_a.down.sql (sqlx migrate add -r)",
        "write 2_b.down.sql beside it",
    ]


def test_the_ledger_is_sqlxs(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    text = TABLE.format("a")
    write(tmp_path, {"1_make_a.up.sql": text, "1_make_a.down.sql": "DROP TABLE a", "2_b.sql": "SELECT 1"})
    source, runner = history_of(tmp_path), direct(pg, database)
    apply_all(source, runner)
    assert rows(pg, database, LEDGER)[0] == (1, "make a", True, hashlib.sha384(text.encode()).digest())
    assert applied(source, pg, database) == ["1_make_a", "2_b"]
    source.roll_back(source.load().named("1"), runner)
    assert applied(source, pg, database) == ["2_b"]


def test_script_and_ledger_are_one_transaction(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    source = history_of(write(tmp_path, {"1_a.sql": "CREATE TABLE a (id int); SELECT 1/0;"}))
    with pytest.raises(AttemptFailed, match="division by zero"):
        apply_all(source, direct(pg, database))
    assert tables(pg, database) == ["_sqlx_migrations"]


def test_without_a_transaction_an_index_can_be_built_concurrently(
    tmp_path: Path, pg: PostgresServer, database: str
) -> None:
    concurrently = "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON a (id);\n"
    source = history_of(write(tmp_path, {"1_a.sql": TABLE.format("a"), "2_b.sql": concurrently}))
    apply_all(source, direct(pg, database))
    assert applied(source, pg, database) == ["1_a", "2_b"]


def test_a_folder_is_sqlxs_only_in_a_project_that_uses_it(tmp_path: Path) -> None:
    write(tmp_path, {"migrations/1_a.sql": "SELECT 1", "goose/00001_a.sql": "-- +goose Up\nSELECT 1;"})
    assert sqlx.find(tmp_path) == []
    write(tmp_path, {"Cargo.toml": '[dependencies]\nsqlx = { version = "0.8" }'})
    assert [found.path.name for found in sqlx.find(tmp_path)] == ["migrations"]


@pytest.mark.parametrize("cache", [".sqlx/query-1.json", "sqlx-data.json"])
def test_sqlxs_cache_tells_it_too(tmp_path: Path, cache: str) -> None:
    write(tmp_path, {"crates/db/migrations/1_a.up.sql": "SELECT 1", cache: "{}"})
    assert [found.path.name for found in sqlx.find(tmp_path)] == ["migrations"]


CONFIG = "[migrate]\ntable-name = '{}'\ncreate-schemas = [\"ops\"]\n"


@pytest.mark.parametrize(
    ("name", "ledger"),
    [
        ("ops.done", "ops.done"),
        ('ops."Done so far"', 'ops."Done so far"'),
        ("Applied", "public.applied"),
        ('"Applied"', 'public."Applied"'),
    ],
)
def test_the_ledger_is_the_one_that_sqlx_toml_names(
    tmp_path: Path, pg: PostgresServer, database: str, name: str, ledger: str
) -> None:
    write(tmp_path, {"sqlx.toml": CONFIG.format(name), "db/migrations/1_a.up.sql": TABLE.format("a")})
    write(tmp_path, {"db/migrations/1_a.down.sql": "DROP TABLE a;"})
    source = history_of(tmp_path / "db" / "migrations")
    assert source.load().ledger == ledger
    apply_all(source, direct(pg, database))
    assert rows(pg, database, f"SELECT version FROM {name}") == [(1,)]
    assert applied(source, pg, database) == ["1_a"]
    source.roll_back(source.load().migrations[0], direct(pg, database))
    assert rows(pg, database, f"SELECT version FROM {name}") == []


def test_the_folder_that_sqlx_toml_names_is_its_history(tmp_path: Path) -> None:
    files = {
        "api/sqlx.toml": '[migrate]\nmigrations-dir = "schema"\n',
        "api/schema/1_a.sql": TABLE.format("a"),
    }
    assert [(f.path, f.why) for f in sqlx.find(write(tmp_path, files))] == [
        (tmp_path / "api" / "schema", "numbered SQL files, and sqlx.toml names it")
    ]
