"""Backups on a real server: restored over the database in use, and beside it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from rollproof.components.postgres import backup as backup_module
from rollproof.components.postgres.admin import create_database, databases, drop_database, swap_databases
from rollproof.components.postgres.backup import (
    Backup,
    restore_beside,
    restore_over,
)
from rollproof.components.postgres.privileges import revoke_statements, write_grants
from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed
from rollproof.fingerprint import compare
from tests.contract.postgres_support import (
    SHOP,
    RoleMaker,
    back_up,
    fingerprint_of,
    roles_of,
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
