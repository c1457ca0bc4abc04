"""Prisma: folders with a migration.sql, down.sql where there is one, its ledger."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from tool_support import TABLE, applied, apply_all, direct, ids, rows, tables, write

from rollproof.environments.base import PostgresServer
from rollproof.errors import MigrationError
from rollproof.migrations.script import Mode
from rollproof.migrations.tools.choice import find_tool
from rollproof.migrations.tools.prisma import Prisma, find
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.walk.model import Outcome
from rollproof.walk.settings import WalkSettings
from rollproof.walk.walk import walk

LOCK = '# do not edit\nprovider = "{}"\n'
FIRST, SECOND = "20240101120000_users", "20240102120000_posts"
FILES: dict[str, str | bytes] = {
    "prisma/migrations/migration_lock.toml": LOCK.format("postgresql"),
    f"prisma/migrations/{FIRST}/migration.sql": '-- CreateTable\nCREATE TABLE "User" ("id" SERIAL NOT NULL);',
    f"prisma/migrations/{SECOND}/migration.sql": TABLE.format("posts"),
    f"prisma/migrations/{SECOND}/down.sql": "DROP TABLE posts;",
}


def history_of(root: Path) -> Prisma:
    return Prisma(root / "prisma" / "migrations", ToolSettings())


def test_it_is_found_and_read_in_the_order_of_names(tmp_path: Path) -> None:
    source = find_tool(write(tmp_path, FILES))
    assert source.tool == "prisma"
    history = source.load()
    assert ids(history) == [FIRST, SECOND]
    assert [migration.down is None for migration in history] == [True, False]
    assert {migration.up.mode for migration in history} == {Mode.SIMPLE}


def test_without_a_lock_file_the_names_will_do(tmp_path: Path) -> None:
    write(tmp_path, {name: text for name, text in FILES.items() if "lock" not in name})
    assert find_tool(tmp_path).tool == "prisma"


@pytest.mark.parametrize("provider", ["mysql", "sqlite", "sqlserver"])
def test_another_servers_history_is_none_of_ours(tmp_path: Path, provider: str) -> None:
    write(tmp_path, FILES | {"prisma/migrations/migration_lock.toml": LOCK.format(provider)})
    assert find(tmp_path) == []
    with pytest.raises(MigrationError, match=f"these migrations are for {provider}"):
        history_of(tmp_path).load()


def test_a_folder_without_its_script_is_refused(tmp_path: Path) -> None:
    write(tmp_path, FILES | {"prisma/migrations/20240103000000_none/README.md": ""})
    with pytest.raises(MigrationError, match=r"holds no migration\.sql"):
        history_of(tmp_path).load()


def test_the_ledger_is_prismas_own(tmp_path: Path, pg: PostgresServer, database: str) -> None:
    source = history_of(write(tmp_path, FILES))
    apply_all(source, direct(pg, database))
    sums = [
        hashlib.sha256((tmp_path / f"prisma/migrations/{n}/migration.sql").read_bytes()).hexdigest()
        for n in (FIRST, SECOND)
    ]
    query = (
        "SELECT migration_name, checksum, finished_at IS NOT NULL, rolled_back_at IS NULL, "
        "applied_steps_count, length(id) FROM _prisma_migrations ORDER BY started_at"
    )
    assert rows(pg, database, query) == [
        (FIRST, sums[0], True, True, 1, 36),
        (SECOND, sums[1], True, True, 1, 36),
    ]
    source.roll_back(source.load().migrations[1], direct(pg, database))
    assert applied(source, pg, database) == [FIRST]
    assert tables(pg, database) == ["User", "_prisma_migrations"]


def test_a_migration_without_a_way_back_says_how_to_write_one(tmp_path: Path) -> None:
    source = history_of(write(tmp_path, FILES))
    said = source.how_to_write_down(source.load().migrations[0])
    assert said.startswith(f"prisma migrate goes one way only: write {tmp_path}")


def test_what_has_a_way_back_is_judged(tmp_path: Path, pg: PostgresServer) -> None:
    result = walk(history_of(write(tmp_path, FILES)), pg, WalkSettings())
    assert [one.outcome for one in result.migrations] == [Outcome.NO_DOWN, Outcome.RESTORED]
