"""Which tool a repository is for: found, told apart, or asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from tool_support import ids, write

from rollproof.errors import MigrationError
from rollproof.migrations.source import open_source
from rollproof.migrations.tools import base
from rollproof.migrations.tools.base import adapters, survey
from rollproof.migrations.tools.choice import candidates, find_tool
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.model.system import Migrations
from rollproof.model.toolkeys import TOOLS, fitting

CARGO_SQLX = '[dependencies]\nsqlx = "0.8"\n'
CARGO_DIESEL = '[dependencies]\ndiesel = "2"\n'
GO_MIGRATE = "require github.com/golang-migrate/migrate/v4 v4.17.0\n"


@pytest.mark.parametrize(
    ("files", "tool", "place"),
    [
        (["db/1_a.up.sql", "db/1_a.down.sql"], "golang-migrate", "db"),
        (["db/migrations/20200101_a.up.sql", "node_modules/x/1_a.up.sql"], "golang-migrate", "db/migrations"),
        (["db/1_a.up.sql", "testdata/db/1_a.up.sql"], "golang-migrate", "db"),
        (["testdata/db/1_a.up.sql"], "golang-migrate", "testdata/db"),
        (["sql/postgres/1_a.up.sql", "sql/mysql/1_a.up.sql"], "golang-migrate", "sql/postgres"),
        (["migrations/2019-01-01-000000_a/up.sql", "diesel.toml"], "diesel", "migrations"),
        (["hasura/migrations/default/1600000000000_a/up.sql"], "diesel", "hasura/migrations/default"),
        (["src/main/resources/db/migration/V1__a.sql"], "flyway", "src/main/resources/db/migration"),
        (["database/010_a.sql", "database/011_rollback_010.sql"], "sql-files", "database"),
    ],
)
def test_the_tool_and_its_folder_are_found(tmp_path: Path, files: list[str], tool: str, place: str) -> None:
    write(tmp_path, dict.fromkeys(files, ""))
    assert [(found.tool, found.path) for found in candidates(tmp_path)] == [(tool, tmp_path / place)]


@pytest.mark.parametrize(
    ("manifest", "content", "tool"),
    [("Cargo.toml", CARGO_SQLX, "sqlx"), ("go.mod", GO_MIGRATE, "golang-migrate")],
)
def test_pairs_are_whose_manifest_says_so(tmp_path: Path, manifest: str, content: str, tool: str) -> None:
    write(tmp_path, {"migrations/1_a.up.sql": "SELECT 1", manifest: content})
    assert find_tool(tmp_path).tool == tool


def test_one_place_that_two_tools_take_for_theirs_is_for_a_person_to_decide(tmp_path: Path) -> None:
    write(tmp_path, {"m/1_a.up.sql": "SELECT 1", "Cargo.toml": CARGO_SQLX, "go.mod": GO_MIGRATE})
    with pytest.raises(MigrationError, match="2 histories here") as caught:
        find_tool(tmp_path)
    assert f"--tool golang-migrate {tmp_path / 'm'}" in caught.value.remedy
    assert f"--tool sqlx {tmp_path / 'm'}" in caught.value.remedy
    assert find_tool(tmp_path, tool="sqlx").tool == "sqlx"


def test_two_histories_are_listed_and_a_path_chooses(tmp_path: Path) -> None:
    write(tmp_path, {"a/1_a.up.sql": "SELECT 1", "b/1_b.up.sql": "SELECT 1"})
    with pytest.raises(MigrationError, match="2 histories here"):
        find_tool(tmp_path)
    assert ids(find_tool(tmp_path / "b").load()) == ["1_b"]
    assert ids(find_tool(tmp_path, settings=ToolSettings(path=tmp_path / "a")).load()) == ["1_a"]


def test_the_named_folder_wins_over_those_below_it(tmp_path: Path) -> None:
    write(tmp_path, {"1_a.up.sql": "SELECT 1", "old/1_b.up.sql": "SELECT 1"})
    assert ids(find_tool(tmp_path).load()) == ["1_a"]


def test_nothing_found_says_what_was_looked_for(tmp_path: Path) -> None:
    write(tmp_path, {"README.md": "", "sql/schema.sql": "SELECT 1"})
    with pytest.raises(MigrationError, match="there are no migrations here") as caught:
        find_tool(tmp_path)
    assert "NNN_name.up.sql" in caught.value.remedy


def test_a_tool_that_finds_nothing_says_what_it_misses(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="there is no migration of diesel here"):
        find_tool(tmp_path, tool="diesel").load()


@pytest.mark.parametrize(
    ("tool", "said"), [("goos", "did you mean 'goose'"), ("liquibase", "there is no tool 'liquibase'")]
)
def test_an_unknown_tool_is_one_error(tmp_path: Path, tool: str, said: str) -> None:
    with pytest.raises(MigrationError, match=said):
        find_tool(tmp_path, tool=tool)


def test_a_path_that_is_not_there_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="there is no such file or folder"):
        find_tool(tmp_path / "gone")


def test_hidden_and_installed_folders_are_not_searched(tmp_path: Path) -> None:
    skipped = [".git", ".venv", "vendor", "node_modules", "target", "site-packages"]
    write(tmp_path, {f"{name}/m/1_a.up.sql": "" for name in skipped})
    write(tmp_path, {"py/m/1_a.up.sql": "", "py/pyvenv.cfg": ""})
    assert candidates(tmp_path) == []


def test_the_search_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = "/".join(f"d{level}" for level in range(base.DEPTH + 1))
    write(tmp_path, {f"{deep}/1_a.up.sql": "", "loop/x": ""})
    (tmp_path / "loop" / "again").symlink_to(tmp_path)
    survey.cache_clear()
    assert max(folder.depth for folder in survey(tmp_path)) == base.DEPTH
    monkeypatch.setattr(base, "MOST_FOLDERS", 3)
    survey.cache_clear()
    assert len(survey(tmp_path)) == 3
    survey.cache_clear()


def test_every_tool_of_the_system_file_has_its_keys() -> None:
    assert all({"tool", "path"} <= set(fitting(tool)) for tool in TOOLS)


def test_every_adapter_bears_a_name_that_system_files_know() -> None:
    assert set(adapters()) <= set(TOOLS)
    assert all(name == adapter.NAME for name, adapter in adapters().items())


def test_a_missing_module_is_left_out_but_a_broken_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"broken_tool.py": "import no_such_thing_at_all\n"})
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(base, "_PACKAGE", "tool_package")
    assert base._import("tool_package_that_is_not_there") is None
    with pytest.raises(ModuleNotFoundError, match="no_such_thing_at_all"):
        base._import("broken_tool")


def test_a_system_file_names_the_tool_and_the_folder(tmp_path: Path) -> None:
    write(tmp_path, {"db/1_a.up.sql": "SELECT 1"})
    source = open_source(Migrations(tool="golang-migrate", path="db"), tmp_path)
    assert source.tool == "golang-migrate"
    assert ids(source.load()) == ["1_a"]


def test_settings_of_a_system_file_are_relative_to_it(tmp_path: Path) -> None:
    declared = Migrations(tool="alembic", path="app", python="venv/bin/python", config="alembic.ini")
    settings = ToolSettings.of_system(declared, tmp_path)
    assert settings.path == tmp_path / "app"
    assert settings.python == tmp_path / "venv/bin/python"
    assert settings.config == tmp_path / "alembic.ini"
    assert settings.ledger is None
    assert ToolSettings.of_system(Migrations(path=".", ledger="public.m"), tmp_path).ledger == "public.m"
