"""Backups on a real server: taken, read through, restored over and beside."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from psycopg import sql

from rollproof.components.postgres import backup as backup_module
from rollproof.components.postgres.admin import create_database, databases, drop_database, swap_databases
from rollproof.components.postgres.backup import (
    Backup,
    listing,
    major_of,
    restore_beside,
    restore_into,
    restore_over,
    take_backup,
)
from rollproof.components.postgres.privileges import revoke_statements, write_grants
from rollproof.components.postgres.programs import run_program
from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed
from rollproof.fingerprint import compare
from tests.contract.postgres_support import RoleMaker, fingerprint_of, roles_of, rows_of, run_sql

LIMIT = 60.0
SETUP = (
    "CREATE SCHEMA shop",
    "CREATE TABLE shop.orders (id serial PRIMARY KEY, note text)",
    "CREATE INDEX orders_by_note ON shop.orders (note)",
    "INSERT INTO shop.orders (note) SELECT md5(n::text) || chr(65 + n % 26) FROM generate_series(1, 3000) n",
    'CREATE TABLE shop."Odd Name" (id int PRIMARY KEY, payload bytea)',
    """INSERT INTO shop."Odd Name" SELECT n, decode(md5(n::text), 'hex') FROM generate_series(1, 500) n""",
)
CONTENT = "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY id)) FROM shop.orders t"


@pytest.fixture
def shop(pg: PostgresServer, database: str) -> str:
    run_sql(pg, database, *SETUP)
    return database


@pytest.fixture
def spare(pg: PostgresServer) -> Iterator[list[str]]:
    """Names of databases that are dropped when the test is over."""
    names = ["rp side", "rp old"]
    yield names
    for name in names:
        drop_database(pg, name)


def back_up(pg: PostgresServer, database: str, path: Path, **more: Any) -> Backup:
    """A backup of a snapshot taken now."""
    with psycopg.connect(pg.conninfo(database)) as conn:
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        snapshot = conn.execute("SELECT pg_export_snapshot()").fetchone()
        assert snapshot is not None
        return take_backup(pg, database, path, snapshot=snapshot[0], at_ns=5, **more)


@pytest.fixture
def taken(pg: PostgresServer, shop: str, tmp_path: Path) -> Backup:
    return back_up(pg, shop, tmp_path / "backups" / "shop.dump")


class TestTaking:
    def test_what_is_taken_can_be_read_and_tells_its_major_version(
        self, pg: PostgresServer, taken: Backup
    ) -> None:
        listed = listing(pg, taken)
        assert "TABLE DATA shop orders" in listed
        assert major_of(listed) == pg.major
        assert taken.snapshot_ns == 5
        assert taken.bytes == taken.path.stat().st_size > 1000
        assert not taken.compared
        assert [path.name for path in taken.path.parent.iterdir()] == ["shop.dump"]

    def test_it_holds_what_the_snapshot_held_and_nothing_later(
        self, pg: PostgresServer, shop: str, spare: list[str], tmp_path: Path
    ) -> None:
        with psycopg.connect(pg.conninfo(shop)) as conn:
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            snapshot = conn.execute("SELECT pg_export_snapshot()").fetchone()
            assert snapshot is not None
            run_sql(pg, shop, "DELETE FROM shop.orders WHERE id > 10")
            taken = take_backup(pg, shop, tmp_path / "a.dump", snapshot=snapshot[0], at_ns=1)
        create_database(pg, spare[0])
        restore_into(pg, spare[0], taken, limit=LIMIT)
        assert rows_of(pg, spare[0], "SELECT count(*) FROM shop.orders") == [(3000,)]

    def test_without_room_nothing_is_written(self, pg: PostgresServer, shop: str, tmp_path: Path) -> None:
        path = tmp_path / "backups" / "a.dump"
        with pytest.raises(AttemptFailed) as caught:
            back_up(pg, shop, path, room_needed=2**60)
        assert "MB free" in caught.value.found
        assert caught.value.where == str(path.parent)
        assert "make room" in caught.value.remedy
        assert list(path.parent.iterdir()) == []

    def test_a_disk_that_is_full_only_later_leaves_no_half_file_and_the_earlier_backup_whole(
        self, pg: PostgresServer, shop: str, taken: Backup, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The disk is played by a pg_dump that has written half when it fails."""
        before = taken.content()

        def fail(server: Any, database: Any, program: Any, arguments: list[str], **more: Any) -> str:
            file = next(word for word in arguments if word.startswith("--file="))
            Path(file.partition("=")[2]).write_bytes(b"PGDMP half")
            raise AttemptFailed("pg_dump failed: could not write: No space left on device")

        monkeypatch.setattr(backup_module, "run_program", fail)
        with pytest.raises(AttemptFailed, match="No space left"):
            back_up(pg, shop, taken.path)
        assert taken.content() == before
        assert [path.name for path in taken.path.parent.iterdir()] == ["shop.dump"]

    def test_a_snapshot_that_is_gone_is_one_clear_error(
        self, pg: PostgresServer, shop: str, tmp_path: Path
    ) -> None:
        with pytest.raises(AttemptFailed) as caught:
            take_backup(pg, shop, tmp_path / "a.dump", snapshot="00000000-00000000-1", at_ns=1)
        assert caught.value.found.startswith("pg_dump failed: ")
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_cannot_be_made_is_one_clear_error(
        self, pg: PostgresServer, shop: str, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(AttemptFailed) as caught:
            back_up(pg, shop, tmp_path / "file" / "a.dump")
        assert "cannot be used" in caught.value.found
        assert caught.value.remedy

    def test_a_snapshot_read_at_names_that_need_quotes(
        self, pg: PostgresServer, spare: list[str], tmp_path: Path
    ) -> None:
        spare[:] = ['We"ird = name', "Another' one"]
        create_database(pg, spare[0])
        run_sql(pg, spare[0], *SETUP)
        taken = back_up(pg, spare[0], tmp_path / 'a "b".dump')
        create_database(pg, spare[1])
        restore_into(pg, spare[1], taken, limit=LIMIT)
        assert rows_of(pg, spare[1], CONTENT) == rows_of(pg, spare[0], CONTENT)


class TestReading:
    @pytest.mark.parametrize(
        "content",
        [b"", b"PGDMP", b"not a dump at all", b"\0" * 5000, b"-- PostgreSQL database dump\nSELECT 1;\n"],
    )
    def test_a_file_that_is_no_archive_is_refused(
        self, pg: PostgresServer, tmp_path: Path, content: bytes
    ) -> None:
        path = tmp_path / "a.dump"
        path.write_bytes(content)
        with pytest.raises(AttemptFailed) as caught:
            listing(pg, Backup(path, None))
        assert caught.value.found.startswith("pg_restore failed: ")

    def test_a_file_that_is_not_there_is_refused(self, pg: PostgresServer, tmp_path: Path) -> None:
        gone = Backup(tmp_path / "gone.dump", None)
        assert (gone.bytes, gone.content()) == (0, "")
        with pytest.raises(AttemptFailed):
            listing(pg, gone)

    @pytest.mark.parametrize("missing", [1, 2, 4, 5, 8, 16, 100, 1000, 20_000])
    def test_an_archive_that_lacks_its_end_is_refused_however_little_is_missing(
        self, pg: PostgresServer, taken: Backup, missing: int
    ) -> None:
        body = taken.path.read_bytes()
        assert len(body) > missing
        taken.path.write_bytes(body[:-missing])
        with pytest.raises(AttemptFailed):
            listing(pg, taken)

    @pytest.mark.parametrize("share", [0.5, 0.7, 0.9, 0.97])
    def test_a_damaged_byte_in_the_data_is_found(
        self, pg: PostgresServer, taken: Backup, share: float
    ) -> None:
        body = bytearray(taken.path.read_bytes())
        body[int(len(body) * share)] ^= 0x55
        taken.path.write_bytes(bytes(body))
        with pytest.raises(AttemptFailed):
            listing(pg, taken)

    def test_content_changes_with_every_byte(self, taken: Backup) -> None:
        before = taken.content()
        with taken.path.open("ab") as file:
            file.write(b"\0")
        assert taken.content() != before

    @pytest.mark.parametrize(
        ("listed", "major"),
        [
            (";     Dumped from database version: 17.10\n", 17),
            (";     Dumped from database version: 9.6.24 (Debian)\n", 9),
            (";     Dumped from database version: 18beta1\n", 18),
            (";     Dumped by pg_dump version: 17.10\n", None),
            ("", None),
        ],
    )
    def test_the_major_version_is_the_servers_not_the_programs(self, listed: str, major: int | None) -> None:
        assert major_of(listed) == major


class TestRestoringOver:
    def test_it_is_what_it_was(self, pg: PostgresServer, shop: str, taken: Backup, tmp_path: Path) -> None:
        before, content = fingerprint_of(pg, shop), rows_of(pg, shop, CONTENT)
        run_sql(pg, shop, "DELETE FROM shop.orders WHERE id % 2 = 0", "DROP INDEX shop.orders_by_note")
        restore_over(pg, shop, taken, limit=LIMIT, scratch=tmp_path)
        assert compare(before, fingerprint_of(pg, shop)) == ()
        assert rows_of(pg, shop, CONTENT) == content
        assert list(tmp_path.glob("*.sql")) == []

    def test_a_failure_leaves_the_database_as_it_was(
        self, pg: PostgresServer, shop: str, taken: Backup, tmp_path: Path
    ) -> None:
        run_sql(
            pg, shop, "CREATE VIEW shop.in_the_way AS SELECT * FROM shop.orders", "DELETE FROM shop.orders"
        )
        before = fingerprint_of(pg, shop)
        with pytest.raises(AttemptFailed) as caught:
            restore_over(pg, shop, taken, limit=LIMIT, scratch=tmp_path)
        assert "cannot drop" in caught.value.found
        assert not caught.value.facts.get("indeterminate")
        assert fingerprint_of(pg, shop).digest == before.digest
        assert rows_of(pg, shop, "SELECT count(*) FROM shop.orders") == [(0,)]
        assert list(tmp_path.glob("*.sql")) == []

    def test_what_comes_last_is_committed_with_it_or_not_at_all(
        self, pg: PostgresServer, shop: str, taken: Backup, tmp_path: Path
    ) -> None:
        restore_over(
            pg, shop, taken, limit=LIMIT, scratch=tmp_path, last="CREATE TABLE shop.mark (id int);\n"
        )
        assert rows_of(pg, shop, "SELECT to_regclass('shop.mark')::text") == [("shop.mark",)]
        run_sql(pg, shop, "DROP TABLE shop.mark", "DELETE FROM shop.orders")
        with pytest.raises(AttemptFailed):
            restore_over(pg, shop, taken, limit=LIMIT, scratch=tmp_path, last="SELECT 1 / 0;\n")
        assert rows_of(pg, shop, "SELECT count(*) FROM shop.orders") == [(0,)]

    def test_a_connection_that_breaks_meanwhile_leaves_it_unknown(
        self, pg: PostgresServer, shop: str, taken: Backup, tmp_path: Path
    ) -> None:
        last = "SELECT pg_terminate_backend(pg_backend_pid());\n"
        with pytest.raises(AttemptFailed) as caught:
            restore_over(pg, shop, taken, limit=LIMIT, scratch=tmp_path, last=last)
        assert caught.value.facts["indeterminate"]

    def test_a_restore_that_is_not_over_in_time_is_ended_and_unknown(
        self, pg: PostgresServer, shop: str, taken: Backup, tmp_path: Path
    ) -> None:
        with psycopg.connect(pg.conninfo(shop)) as holder:
            holder.execute("LOCK TABLE shop.orders IN ACCESS SHARE MODE")
            with pytest.raises(AttemptFailed, match="still running") as caught:
                restore_over(pg, shop, taken, limit=2.0, scratch=tmp_path)
        assert caught.value.facts["indeterminate"]

    def test_an_archive_that_cannot_be_read_touches_nothing(
        self, pg: PostgresServer, shop: str, taken: Backup, tmp_path: Path
    ) -> None:
        taken.path.write_bytes(taken.path.read_bytes()[:-2000])
        with pytest.raises(AttemptFailed):
            restore_over(pg, shop, taken, limit=LIMIT, scratch=tmp_path)
        assert rows_of(pg, shop, "SELECT count(*) FROM shop.orders") == [(3000,)]


class TestRestoringBeside:
    @staticmethod
    def restore(pg: PostgresServer, shop: str, taken: Backup, spare: list[str], **more: Any) -> None:
        restore_beside(pg, shop, taken, side=spare[0], old=spare[1], limit=LIMIT, **more)

    def test_the_restored_database_takes_the_name_and_the_old_one_can_still_be_looked_at(
        self, pg: PostgresServer, shop: str, taken: Backup, spare: list[str]
    ) -> None:
        before, content = fingerprint_of(pg, shop), rows_of(pg, shop, CONTENT)
        run_sql(pg, shop, "DELETE FROM shop.orders", "CREATE TABLE shop.left_over (id int)")
        self.restore(pg, shop, taken, spare)
        assert compare(before, fingerprint_of(pg, shop)) == ()
        assert rows_of(pg, shop, CONTENT) == content
        assert rows_of(pg, spare[1], "SELECT count(*) FROM shop.orders") == [(0,)]
        assert spare[0] not in databases(pg)

    def test_a_restore_that_fails_leaves_the_database_in_use_alone(
        self, pg: PostgresServer, shop: str, taken: Backup, spare: list[str]
    ) -> None:
        taken.path.write_bytes(taken.path.read_bytes()[:-2000])
        with psycopg.connect(pg.conninfo(shop), autocommit=True) as client:
            with pytest.raises(AttemptFailed):
                self.restore(pg, shop, taken, spare)
            assert client.execute("SELECT count(*) FROM shop.orders").fetchone() == (3000,)
        assert spare[1] not in databases(pg)

    def test_what_comes_last_is_done_before_anybody_can_connect_by_the_old_name(
        self, pg: PostgresServer, shop: str, taken: Backup, spare: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[Any] = []

        def swap(*args: Any, **more: Any) -> None:
            seen.append(rows_of(pg, spare[0], "SELECT to_regclass('shop.mark')::text"))
            swap_databases(*args, **more)

        monkeypatch.setattr(backup_module, "swap_databases", swap)
        self.restore(pg, shop, taken, spare, last="CREATE TABLE shop.mark (id int);\nSELECT 1;\n")
        assert seen == [[("shop.mark",)]]
        assert rows_of(pg, shop, "SELECT to_regclass('shop.mark')::text") == [("shop.mark",)]

    def test_what_comes_last_and_fails_is_one_clear_error_and_the_database_is_what_it_was(
        self, pg: PostgresServer, shop: str, taken: Backup, spare: list[str]
    ) -> None:
        run_sql(pg, shop, "DELETE FROM shop.orders WHERE id = 1")
        with pytest.raises(AttemptFailed, match="22012"):
            self.restore(pg, shop, taken, spare, last="SELECT 1 / 0")
        assert rows_of(pg, shop, "SELECT count(*) FROM shop.orders") == [(2999,)]

    def test_a_side_name_that_is_taken_is_one_clear_error(
        self, pg: PostgresServer, shop: str, taken: Backup, spare: list[str]
    ) -> None:
        create_database(pg, spare[0])
        with pytest.raises(AttemptFailed, match="42P04"):
            self.restore(pg, shop, taken, spare)

    def test_writes_stay_revoked_for_a_role_whose_grants_come_back_with_the_restore(
        self, pg: PostgresServer, shop: str, spare: list[str], tmp_path: Path
    ) -> None:
        with roles_of(pg, shop) as make_role:
            self._stay_revoked(pg, shop, spare, tmp_path, make_role)
            drop_database(pg, spare[1])

    def _stay_revoked(
        self, pg: PostgresServer, shop: str, spare: list[str], folder: Path, make_role: RoleMaker
    ) -> None:
        app, other = make_role("app x"), make_role("other x")
        run_sql(
            pg,
            shop,
            "GRANT USAGE ON SCHEMA shop TO PUBLIC",
            f'GRANT INSERT ON shop.orders TO "{other}" WITH GRANT OPTION',
            f'SET ROLE "{other}"; GRANT INSERT ON shop.orders TO "{app}"; RESET ROLE',
            f'GRANT SELECT, UPDATE (note) ON shop.orders TO "{app}"',
        )
        taken = back_up(pg, shop, folder / "a.dump")
        with psycopg.connect(pg.conninfo(shop)) as conn:
            grants = write_grants(conn, app)
            last = "".join(f"{text};\n" for text in revoke_statements(conn, grants, app))
        assert len(grants) == 2
        self.restore(pg, shop, taken, spare, last=last)
        with psycopg.connect(pg.conninfo(shop)) as conn:
            assert write_grants(conn, app) == []
        with psycopg.connect(pg.conninfo(shop, user=app)) as conn:
            assert conn.execute("SELECT count(*) FROM shop.orders").fetchone() == (3000,)


def test_a_client_that_keeps_reconnecting_sees_the_old_database_then_the_new_one_and_nothing_between(
    pg: PostgresServer, shop: str, taken: Backup, spare: list[str]
) -> None:
    run_sql(pg, shop, "DELETE FROM shop.orders")
    seen: list[int] = []
    trouble: list[str] = []
    stop = threading.Event()

    def client() -> None:
        while not stop.is_set():
            try:
                with psycopg.connect(pg.conninfo(shop), autocommit=True) as conn:
                    while not stop.is_set():
                        row = conn.execute("SELECT count(*) FROM shop.orders").fetchone()
                        seen.append(row[0] if row else -1)
            except psycopg.OperationalError:
                pass
            except psycopg.Error as error:
                trouble.append(str(error))

    thread = threading.Thread(target=client)
    thread.start()
    try:
        while not seen:
            stop.wait(0.01)
        restore_beside(pg, shop, taken, side=spare[0], old=spare[1], limit=LIMIT)
        while seen[-1] != 3000 and not stop.wait(0.01):
            assert thread.is_alive()
    finally:
        stop.set()
        thread.join()
    assert trouble == []
    assert seen == sorted(seen)
    assert set(seen) == {0, 3000}


def test_disk_usage_is_asked_of_the_folder_that_the_backup_goes_to(
    pg: PostgresServer, shop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def usage(path: Path) -> SimpleNamespace:
        asked.append(path)
        return SimpleNamespace(free=10)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    with pytest.raises(AttemptFailed):
        back_up(pg, shop, tmp_path / "deep" / "er" / "a.dump", room_needed=11)
    assert asked == [tmp_path / "deep" / "er"]


def test_the_archive_is_of_the_kind_that_pg_restore_can_pick_from(pg: PostgresServer, taken: Backup) -> None:
    arguments = ["--schema=shop", "--table=orders", "--file=-", str(taken.path)]
    text = run_program(pg, "postgres", "pg_restore", arguments, limit=LIMIT, doing="picking one table")
    assert "COPY shop.orders" in text
    assert sql.Identifier("Odd Name").as_string(None) not in text
