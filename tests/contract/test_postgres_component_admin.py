"""Databases made, swapped, dropped and healed on a real server; client programs and what they may say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from rollproof.components.postgres import admin
from rollproof.components.postgres.admin import (
    close_sessions,
    connected,
    create_database,
    databases,
    drop_database,
    ensure_roles,
    failed,
    first_line,
    swap_databases,
    undo_database,
)
from rollproof.components.postgres.programs import run_program
from rollproof.drill.healing import heal, outstanding
from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, EnvironmentUnavailable
from rollproof.journal import Journal, Recorder
from rollproof.model.json import JsonObject
from tests.contract.postgres_support import roles_of, rows_of, run_sql

SECRET = "Maria Silva"  # noqa: S105  # a row's value


@pytest.fixture
def names(pg: PostgresServer) -> Iterator[list[str]]:
    """Two names that need quotes; databases of these names are dropped when the test is over."""
    made = ['Side "A" = x', "old'B"]
    yield made
    for name in made:
        drop_database(pg, name)


def open_to_all(pg: PostgresServer, database: str) -> bool:
    """Whether anybody may connect."""
    closed = rows_of(pg, "postgres", "SELECT datname FROM pg_database WHERE NOT datallowconn")
    return (database,) not in closed


class TestDatabases:
    def test_a_copy_has_what_its_template_has_though_somebody_is_connected_to_it(
        self, pg: PostgresServer, database: str, names: list[str]
    ) -> None:
        run_sql(pg, database, "CREATE TABLE a (id int)", "INSERT INTO a VALUES (7)")
        with psycopg.connect(pg.conninfo(database)):
            create_database(pg, names[0], template=database)
        assert rows_of(pg, names[0], "SELECT id FROM a") == [(7,)]

    def test_an_empty_one_is_empty_whatever_template1_holds(
        self, pg: PostgresServer, names: list[str]
    ) -> None:
        run_sql(pg, "template1", "CREATE TABLE in_template1 (id int)")
        try:
            create_database(pg, names[0])
            assert rows_of(pg, names[0], "SELECT to_regclass('in_template1')") == [(None,)]
        finally:
            run_sql(pg, "template1", "DROP TABLE in_template1")

    def test_a_name_that_is_taken_is_one_clear_error(self, pg: PostgresServer, database: str) -> None:
        with pytest.raises(AttemptFailed) as caught:
            create_database(pg, database)
        assert "42P04" in caught.value.found
        assert caught.value.where == database

    def test_a_template_that_is_not_there_is_one_clear_error(
        self, pg: PostgresServer, names: list[str]
    ) -> None:
        with pytest.raises(AttemptFailed, match="3D000"):
            create_database(pg, names[0], template="nothing of that name")

    def test_dropping_ends_whoever_is_connected_and_may_be_done_twice(
        self, pg: PostgresServer, names: list[str]
    ) -> None:
        create_database(pg, names[0])
        with psycopg.connect(pg.conninfo(names[0])) as conn:
            drop_database(pg, names[0])
            drop_database(pg, names[0])
            with pytest.raises(psycopg.OperationalError):
                conn.execute("SELECT 1")
        assert names[0] not in databases(pg)

    def test_one_that_cannot_be_dropped_is_one_clear_error(self, pg: PostgresServer, database: str) -> None:
        with pytest.raises(AttemptFailed):
            drop_database(pg, "template0")

    def test_roles_are_made_once(self, pg: PostgresServer, database: str) -> None:
        with roles_of(pg, database) as make:
            known = make("Known Role")
            assert ensure_roles(pg, [known]) == []

    def test_a_server_that_does_not_answer_is_named(self, pg: PostgresServer, tmp_path: Path) -> None:
        away = replace(pg, host=str(tmp_path))
        with pytest.raises(EnvironmentUnavailable) as caught, connected(away, "postgres"):
            pass
        assert str(tmp_path) in caught.value.where

    def test_closing_sessions_counts_them_and_leaves_those_of_others(
        self, pg: PostgresServer, database: str, names: list[str]
    ) -> None:
        create_database(pg, names[0])
        with (
            psycopg.connect(pg.conninfo(names[0])),
            psycopg.connect(pg.conninfo(names[0])),
            psycopg.connect(pg.conninfo(database)) as other,
            psycopg.connect(pg.conninfo("postgres"), autocommit=True) as conn,
        ):
            assert close_sessions(conn, names[0]) == 2
            assert other.execute("SELECT 1").fetchone() == (1,)


class TestSwapping:
    @pytest.fixture
    def side(self, pg: PostgresServer, database: str, names: list[str]) -> str:
        """A database beside the one in use; each holds one table that tells which it is."""
        create_database(pg, names[0])
        run_sql(pg, names[0], "CREATE TABLE is_new ()")
        run_sql(pg, database, "CREATE TABLE is_old ()")
        return names[0]

    @staticmethod
    def is_old(pg: PostgresServer, database: str) -> bool:
        return rows_of(pg, database, "SELECT to_regclass('is_old') IS NOT NULL") == [(True,)]

    def test_the_names_change_and_both_can_be_connected_to(
        self, pg: PostgresServer, database: str, side: str, names: list[str]
    ) -> None:
        with psycopg.connect(pg.conninfo(database)), psycopg.connect(pg.conninfo(side)):
            swap_databases(pg, database, side=side, old=names[1])
        assert not self.is_old(pg, database)
        assert self.is_old(pg, names[1])
        assert side not in databases(pg)

    def test_an_old_name_that_is_taken_changes_nothing(
        self, pg: PostgresServer, database: str, side: str, names: list[str]
    ) -> None:
        create_database(pg, names[1])
        with pytest.raises(AttemptFailed, match="42P04"):
            swap_databases(pg, database, side=side, old=names[1])
        assert self.is_old(pg, database)
        assert open_to_all(pg, database)

    def test_a_side_that_is_not_there_gives_the_database_its_name_back(
        self, pg: PostgresServer, database: str, side: str, names: list[str]
    ) -> None:
        with pytest.raises(AttemptFailed, match="3D000"):
            swap_databases(pg, database, side="nothing of that name", old=names[1])
        assert self.is_old(pg, database)
        assert open_to_all(pg, database)
        assert names[1] not in databases(pg)

    def test_an_interrupt_between_the_two_renames_gives_the_database_its_name_back(
        self,
        pg: PostgresServer,
        database: str,
        side: str,
        names: list[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        real = admin.rename_database

        def rename(conn: psycopg.Connection, name: str, new: str) -> None:
            if name == side:
                raise KeyboardInterrupt
            real(conn, name, new)

        monkeypatch.setattr(admin, "rename_database", rename)
        with pytest.raises(KeyboardInterrupt):
            swap_databases(pg, database, side=side, old=names[1])
        assert self.is_old(pg, database)
        assert open_to_all(pg, database)

    def test_sessions_that_do_not_end_leave_the_database_open(
        self,
        pg: PostgresServer,
        database: str,
        side: str,
        names: list[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def stuck(conn: psycopg.Connection, name: str) -> int:
            raise AttemptFailed(f"waited in vain until the sessions of {name} are gone")

        monkeypatch.setattr(admin, "close_sessions", stuck)
        with pytest.raises(AttemptFailed, match="in vain"):
            swap_databases(pg, database, side=side, old=names[1])
        assert self.is_old(pg, database)
        assert open_to_all(pg, database)


class TestHealer:
    @staticmethod
    def heal(folder: Path, undo: JsonObject) -> tuple[list[str], str]:
        with Journal(folder / "journal.ndjson", run="r1") as journal:
            recorder = Recorder(journal, "a::b")
            recorder.begin("database.stage", {"undo": undo})
            failures = heal(outstanding(journal.events), recorder)
            return failures, str(journal.events[-1].data.get("found"))

    def test_drops_what_is_there_and_does_not_miss_the_rest(
        self, pg: PostgresServer, names: list[str], tmp_path: Path
    ) -> None:
        create_database(pg, names[0])
        with psycopg.connect(pg.conninfo(names[0])):
            failures, found = self.heal(tmp_path, undo_database(pg, *names))
        assert failures == []
        assert "dropped" in found
        assert not set(names) & set(databases(pg))

    def test_a_database_that_cannot_be_dropped_is_not_said_to_be_gone(
        self, pg: PostgresServer, tmp_path: Path
    ) -> None:
        (failure,), _ = self.heal(tmp_path, undo_database(pg, "template0"))
        assert "not undone" in failure
        assert "template0" in failure
        assert "template0" in databases(pg)

    def test_a_private_server_that_is_gone_took_everything_with_it(
        self, pg: PostgresServer, tmp_path: Path
    ) -> None:
        gone = replace(pg, host=str(tmp_path / "gone"))
        failures, found = self.heal(tmp_path, undo_database(gone, "a"))
        assert failures == []
        assert found == "database a: gone with its private server"

    def test_any_other_server_that_does_not_answer_stays_to_be_healed(
        self, pg: PostgresServer, tmp_path: Path
    ) -> None:
        away = replace(pg, host=str(tmp_path / "away"), private=False)
        (failure,), _ = self.heal(tmp_path, undo_database(away, "a"))
        assert str(tmp_path / "away") in failure


class TestWhatErrorsSay:
    @pytest.fixture
    def people(self, pg: PostgresServer, database: str) -> str:
        run_sql(
            pg,
            database,
            "CREATE TABLE people (id int PRIMARY KEY, name varchar(20) UNIQUE CHECK (name <> ''), age int)",
            "CREATE TYPE mood AS ENUM ('good')",
            f"INSERT INTO people VALUES (1, '{SECRET}', 30)",
        )
        return database

    @pytest.mark.parametrize(
        "statement",
        [
            f"INSERT INTO people VALUES (2, '{SECRET}')",
            f"INSERT INTO people VALUES (2, '{SECRET} and far too many others')",
            f"INSERT INTO people VALUES (2, 'x', '{SECRET}')",
            f"SELECT '{SECRET}'::mood",
            f"SELECT '{SECRET}'::date",
            f"SELECT '{SECRET}'::json",
            f"SELECT '{SECRET}'::inet",
            "UPDATE people SET name = ''",
            "UPDATE people SET id = NULL",
        ],
    )
    def test_no_value_of_a_row_is_shown_by_the_driver_or_by_psql(
        self, pg: PostgresServer, people: str, statement: str
    ) -> None:
        with psycopg.connect(pg.conninfo(people), autocommit=True) as conn:
            with pytest.raises(psycopg.Error) as caught:
                conn.execute(statement.encode())
            assert SECRET not in str(failed(caught.value, doing="writing"))
            assert (caught.value.sqlstate or "?") in first_line(caught.value)
        arguments = ["-X", "-v", "ON_ERROR_STOP=1", "-c", statement]
        with pytest.raises(AttemptFailed) as told:
            run_program(pg, people, "psql", arguments, limit=20, doing="writing")
        assert SECRET not in str(told.value)
        assert told.value.found.startswith("psql failed: ")
        assert "ERROR" in told.value.found

    @pytest.mark.parametrize(
        "rows", [f"2\t{SECRET}\t1\n", "2\tx\terror in Maria Silva\n", f"x{SECRET}\tx\t1\n"]
    )
    def test_no_value_is_shown_of_rows_that_a_restore_cannot_load(
        self, pg: PostgresServer, people: str, tmp_path: Path, rows: str
    ) -> None:
        script = tmp_path / "load.sql"
        script.write_text(f"COPY people FROM stdin;\n{rows}\\.\n")
        arguments = ["-X", "-v", "ON_ERROR_STOP=1", "-f", str(script)]
        with pytest.raises(AttemptFailed) as caught:
            run_program(pg, people, "psql", arguments, limit=20, doing="loading")
        assert SECRET not in str(caught.value)

    def test_names_of_objects_are_shown(self, pg: PostgresServer, people: str) -> None:
        with pytest.raises(AttemptFailed) as caught:
            run_program(pg, people, "psql", ["-X", "-c", "SELECT * FROM nowhere"], limit=20, doing="reading")
        assert 'relation "nowhere" does not exist' in caught.value.found

    @pytest.mark.parametrize(
        ("statement", "lost"),
        [
            ("SELECT pg_terminate_backend(pg_backend_pid())", True),
            ("SET statement_timeout = 1; SELECT pg_sleep(5)", False),
            ("SELECT 1 / 0", False),
            ("SELECT * FROM nowhere", False),
        ],
    )
    def test_only_a_session_that_ended_leaves_it_unknown_what_became_of_it(
        self, pg: PostgresServer, database: str, statement: str, lost: bool
    ) -> None:
        conn = psycopg.connect(pg.conninfo(database), autocommit=True)
        with pytest.raises(psycopg.Error) as caught:
            conn.execute(statement.encode())
        conn.close()
        assert bool(failed(caught.value, doing="x").facts.get("indeterminate")) is lost


class TestPrograms:
    def test_a_program_that_is_not_there_is_named_with_a_remedy(
        self, pg: PostgresServer, tmp_path: Path
    ) -> None:
        bare = replace(pg, bin_dir=tmp_path)
        with pytest.raises(EnvironmentUnavailable) as caught:
            run_program(bare, "postgres", "pg_dump", [], limit=5, doing="taking a backup")
        assert caught.value.where == str(tmp_path / "pg_dump")
        assert f"PostgreSQL {pg.major}" in caught.value.remedy

    def test_a_program_that_runs_too_long_is_ended(self, pg: PostgresServer) -> None:
        arguments = ["-X", "-c", "SELECT pg_sleep(60)"]
        with pytest.raises(AttemptFailed, match="psql was still running after") as caught:
            run_program(pg, "postgres", "psql", arguments, limit=0.5, doing="waiting")
        assert caught.value.facts["timed_out"]

    def test_the_callers_own_settings_do_not_aim_it_elsewhere(
        self, pg: PostgresServer, database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in {"PGDATABASE": "template1", "PGHOST": "/nowhere", "PGOPTIONS": "-c x.y=z"}.items():
            monkeypatch.setenv(name, value)
        arguments = ["-X", "-At", "-c", "SELECT current_database()"]
        assert run_program(pg, database, "psql", arguments, limit=20, doing="asking").strip() == database

    def test_what_a_program_says_is_read_in_english_whatever_the_callers_language(
        self, pg: PostgresServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LC_ALL", "pt_BR.UTF-8")
        with pytest.raises(AttemptFailed, match="error"):
            run_program(pg, "no such database", "psql", ["-X", "-c", "SELECT 1"], limit=20, doing="asking")
