"""Backups on a real server: taken, and read through."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from psycopg import sql

from rollproof.components.postgres import backup as backup_module
from rollproof.components.postgres.admin import create_database, drop_database
from rollproof.components.postgres.backup import (
    Backup,
    listing,
    major_of,
    restore_into,
    take_backup,
)
from rollproof.components.postgres.programs import run_program
from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed
from tests.contract.postgres_support import (
    SHOP,
    back_up,
    rows_of,
    run_sql,
)

LIMIT = 60.0
CONTENT = "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY id)) FROM shop.orders t"


@pytest.fixture
def shop(pg: PostgresServer, database: str) -> str:
    run_sql(pg, database, *SHOP)
    return database


@pytest.fixture
def spare(pg: PostgresServer) -> Iterator[list[str]]:
    """Names of databases that are dropped when the test is over."""
    names = ["rp side", "rp old"]
    yield names
    for name in names:
        drop_database(pg, name)


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
        run_sql(pg, spare[0], *SHOP)
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
