"""What every migration source must do, on a real server. One source a tool; all tests for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, MigrationError
from rollproof.migrations.execute import PsqlRunner
from rollproof.migrations.ledger import Ledger
from rollproof.migrations.source import MigrationSource
from rollproof.migrations.sqlfiles import SqlFiles
from rollproof.model.system import Migrations

LEDGER = (
    "CREATE TABLE migrations (migration_name text PRIMARY KEY, at timestamptz DEFAULT clock_timestamp());"
)


def self_recording(folder: Path) -> MigrationSource:
    """Each script writes the ledger itself, in its own transaction."""

    def script(name: str, *lines: str) -> None:
        (folder / name).write_text("\n".join(["BEGIN;", *lines, "COMMIT;"]))

    for number, (name, up, down) in enumerate(STEPS):
        mine, back = f"{number * 2 + 1:03}", f"{number * 2 + 2:03}"
        listed = f"('{mine}_{name}.sql')"
        first = LEDGER if number == 0 else ""
        script(f"{mine}_{name}.sql", first, up, "INSERT INTO public.migrations VALUES", f"{listed};")
        script(
            f"{back}_rollback_{mine}.sql",
            down,
            "DELETE FROM migrations WHERE migration_name IN",
            f"{listed};",
        )
    (folder / "900_revert_003.sql").write_text("UPDATE a SET x = x - 1;")
    return SqlFiles(folder, Migrations(path="."))


def kept_by_the_runner(folder: Path) -> MigrationSource:
    """No script knows of a ledger; whoever runs them keeps it, here in a table of another name."""
    for number, (name, up, down) in enumerate(STEPS):
        (folder / f"{number * 2 + 1:03}_{name}.sql").write_text(up)
        (folder / f"{number * 2 + 2:03}_rollback_{number * 2 + 1:03}.sql").write_text(down)
    (folder / "900_revert_003.sql").write_text("UPDATE a SET x = x - 1;")
    return SqlFiles(folder, Migrations(path=".", ledger="public.Done", ledger_column="Id"))


STEPS = (
    ("create", "CREATE TABLE a (x int); INSERT INTO a VALUES (1);", "DROP TABLE a;"),
    ("raise", "UPDATE a SET x = x + 1;", "UPDATE a SET x = x - 1;"),
    ("extend", "ALTER TABLE a ADD COLUMN y int;", "ALTER TABLE a DROP COLUMN y;"),
)
SOURCES: list[Callable[[Path], MigrationSource]] = [self_recording, kept_by_the_runner]


@dataclass(frozen=True)
class Lab:
    source: MigrationSource
    runner: PsqlRunner
    conn: psycopg.Connection

    def applied(self) -> list[str]:
        return self.source.applied(self.conn)

    def ids(self) -> list[str]:
        return [migration.id for migration in self.source.load()]

    def columns(self) -> list[str]:
        query = "SELECT column_name FROM information_schema.columns WHERE table_name = 'a' ORDER BY 1"
        return [str(row[0]) for row in self.conn.execute(query)]


@pytest.fixture(params=SOURCES, ids=lambda make: make.__name__)
def lab(request: pytest.FixtureRequest, pg: PostgresServer, database: str, tmp_path: Path) -> Iterator[Lab]:
    runner = PsqlRunner(pg, database, limit=30)
    with runner.connect() as conn:
        yield Lab(request.param(tmp_path), runner, conn)


def test_nothing_is_applied_to_an_empty_database(lab: Lab) -> None:
    assert lab.applied() == []


def test_what_is_applied_is_listed_in_its_order(lab: Lab) -> None:
    for migration in lab.source.load():
        run = lab.source.apply(migration, lab.runner)
        assert run.seconds > 0
    assert lab.applied() == lab.ids()


def test_rolling_back_takes_it_off_the_list_and_applying_again_puts_it_back(lab: Lab) -> None:
    history = lab.source.load()
    for migration in history:
        lab.source.apply(migration, lab.runner)
    newest = history.migrations[-1]
    lab.source.roll_back(newest, lab.runner)
    assert lab.columns() == ["x"]
    assert lab.applied() == lab.ids()[:-1]
    lab.source.apply(newest, lab.runner)
    assert lab.columns() == ["x", "y"]
    assert lab.applied() == lab.ids()


def test_a_reversing_script_runs_where_there_is_one(lab: Lab) -> None:
    history = lab.source.load()
    for migration in history:
        lab.source.apply(migration, lab.runner)
    lab.source.revert(history.migrations[1], lab.runner)
    row = lab.conn.execute("SELECT x FROM a").fetchone()
    assert row == (1,)


def test_a_missing_way_back_is_told_with_the_name_that_it_should_have(lab: Lab) -> None:
    with pytest.raises(MigrationError) as raised:
        lab.source.revert(lab.source.load().named(1), lab.runner)
    assert raised.value.found == "001_create.sql has no reversing script"
    assert raised.value.remedy == "write one and call it NNN_revert_001.sql"


def test_a_failing_script_is_not_listed(lab: Lab) -> None:
    with pytest.raises(AttemptFailed, match="42P01"):
        lab.source.apply(lab.source.load().migrations[1], lab.runner)
    with pytest.raises(psycopg.errors.UndefinedTable):
        lab.conn.execute("SELECT * FROM a")


def test_tables_without_a_ledger_are_an_error(lab: Lab) -> None:
    lab.conn.execute("CREATE TABLE other (i int)")
    with pytest.raises(MigrationError) as raised:
        lab.applied()
    assert "holds 1 others, so nobody can tell what has been applied" in raised.value.found
    assert "check which database this is" in raised.value.remedy


@pytest.fixture
def conn(pg: PostgresServer, database: str) -> Iterator[psycopg.Connection]:
    with PsqlRunner(pg, database).connect() as connection:
        yield connection


@pytest.mark.parametrize(
    ("columns", "order"),
    [
        ("name text, at timestamptz", ["b", "a", "c"]),
        ("name text, at timestamp", ["b", "a", "c"]),
        ("id serial, name text", ["c", "b", "a"]),
        ("id int GENERATED ALWAYS AS IDENTITY, name varchar(50)", ["c", "b", "a"]),
        ("name text", ["a", "b", "c"]),
        ('name name, "At Time" timestamptz', ["b", "a", "c"]),
    ],
)
def test_the_ledgers_order_is_the_order_of_writing_where_it_tells(
    conn: psycopg.Connection, columns: str, order: list[str]
) -> None:
    conn.execute(f"CREATE TABLE public.l ({columns})".encode())
    stamps = {"b": "2024-01-01", "a": "2024-01-02", "c": "2024-01-03"}
    for name in ("c", "b", "a"):
        if "time" in columns:
            conn.execute("INSERT INTO public.l VALUES (%s, %s)", [name, stamps[name]])
        else:
            conn.execute("INSERT INTO public.l (name) VALUES (%s)", [name])
    assert Ledger("public.l", "name").read(conn) == order


def test_numbers_as_ids_are_read_as_texts(conn: psycopg.Connection) -> None:
    conn.execute("CREATE SCHEMA ops; CREATE TABLE ops.versions AS SELECT 7::bigint AS version")
    assert Ledger("ops.versions", "version").read(conn) == ["7"]


@pytest.mark.parametrize(
    ("prepare", "found"),
    [
        ("CREATE TABLE l (version text)", "the ledger has no column 'name'; it has version"),
        ("CREATE TABLE l (name text); INSERT INTO l VALUES (NULL)", "an entry of the ledger has no id"),
        ('CREATE TABLE "L" (name text)', "there is no such table"),
        ("CREATE TABLE l (name text); SET ROLE pg_monitor", "role 'postgres' may not read it"),
    ],
)
def test_a_ledger_that_cannot_be_read_is_one_clear_error(
    conn: psycopg.Connection, prepare: str, found: str
) -> None:
    conn.execute(prepare.encode())
    with pytest.raises(MigrationError) as raised:
        Ledger("public.l", "name").read(conn)
    assert raised.value.found.startswith(found)
    assert raised.value.where == "public.l"
    assert raised.value.remedy


def test_tables_of_an_extension_do_not_count_as_the_databases_own(conn: psycopg.Connection) -> None:
    conn.execute("CREATE TABLE x (i int); CREATE EXTENSION pgcrypto; ALTER EXTENSION pgcrypto ADD TABLE x")
    assert Ledger("public.l", "name").read(conn) == []


def test_columns_that_only_the_systems_tool_can_fill_are_told(conn: psycopg.Connection) -> None:
    conn.execute("CREATE TABLE public.l (name text PRIMARY KEY, checksum text NOT NULL)")
    with pytest.raises(MigrationError, match="an entry needs values for checksum"):
        Ledger("public.l", "name").record(conn, "001_a.sql")


def test_a_ledger_that_refuses_an_entry_is_told_after_the_script_has_run(
    pg: PostgresServer, database: str, tmp_path: Path
) -> None:
    source, runner = kept_by_the_runner(tmp_path), PsqlRunner(pg, database, limit=30)
    with runner.connect() as conn:
        conn.execute('CREATE TABLE public."Done" ("Id" text CHECK (false))')
    with pytest.raises(AttemptFailed) as raised:
        source.apply(source.load().migrations[0], runner)
    assert raised.value.facts == {"sqlstate": "23514", "indeterminate": 0}
    assert "the script itself has run" in raised.value.remedy
