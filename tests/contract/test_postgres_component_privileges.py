"""Writes taken from a role and given back exactly, on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

import rollproof.components.healers  # noqa: F401  they register themselves
from rollproof.components.postgres.admin import undo_database
from rollproof.components.postgres.privileges import (
    grant_statements,
    grant_writes,
    revoke_writes,
    still_writable,
    write_grants,
)
from rollproof.drill.healing import heal, outstanding
from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed
from rollproof.journal import Journal, Recorder
from rollproof.model.json import Json
from tests.contract.postgres_support import RoleMaker, fingerprint_of, roles_of, rows_of, run_sql

APP = "app role"
SETUP = (
    "CREATE SCHEMA shop",
    "CREATE TABLE shop.orders (id int PRIMARY KEY, total int, note text)",
    'CREATE TABLE shop."Order Items" (id int, "Unit Price" int)',
    "CREATE TABLE shop.parted (id int, at date) PARTITION BY RANGE (at)",
    "CREATE TABLE shop.parted_1 PARTITION OF shop.parted FOR VALUES FROM ('2020-01-01') TO ('2030-01-01')",
    "CREATE VIEW shop.open_orders AS SELECT * FROM shop.orders WHERE total > 0",
    "CREATE MATERIALIZED VIEW shop.totals AS SELECT sum(total) FROM shop.orders",
    "GRANT USAGE ON SCHEMA shop TO PUBLIC",
)
GRANTS = {
    "a table": ["GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON shop.orders TO {app}"],
    "columns": ["GRANT INSERT (id, total), UPDATE (note), SELECT (id) ON shop.orders TO {app}"],
    "a table and columns": [
        "GRANT UPDATE ON shop.orders TO {app}",
        "GRANT UPDATE (note) ON shop.orders TO {app}",
    ],
    "everybody": [
        "GRANT SELECT, INSERT ON shop.orders TO PUBLIC",
        "GRANT UPDATE (note) ON shop.orders TO PUBLIC",
    ],
    "everybody and the role": [
        "GRANT INSERT ON shop.orders TO PUBLIC",
        "GRANT INSERT ON shop.orders TO {app}",
    ],
    "with grant option": ["GRANT INSERT, DELETE ON shop.orders TO {app} WITH GRANT OPTION"],
    "a column with grant option": ["GRANT UPDATE (note) ON shop.orders TO {app} WITH GRANT OPTION"],
    "names that need quotes": ['GRANT INSERT, UPDATE ("Unit Price") ON shop."Order Items" TO {app}'],
    "a partitioned table": ["GRANT INSERT ON shop.parted TO {app}"],
    "a partition": ["GRANT INSERT, DELETE ON shop.parted_1 TO {app}", "GRANT UPDATE ON shop.parted TO {app}"],
    "a view": ["GRANT INSERT, UPDATE, DELETE ON shop.open_orders TO {app}"],
    "by another grantor": [
        "GRANT INSERT, UPDATE ON shop.orders TO {other} WITH GRANT OPTION",
        "SET ROLE {other}",
        "GRANT INSERT ON shop.orders TO {app} WITH GRANT OPTION",
        "RESET ROLE",
    ],
    "by two grantors": [
        "GRANT INSERT ON shop.orders TO {other} WITH GRANT OPTION",
        "SET ROLE {other}",
        "GRANT INSERT ON shop.orders TO {app}",
        "RESET ROLE",
        "GRANT INSERT ON shop.orders TO {app}",
    ],
    "passed on to everybody by the role itself": [
        "GRANT INSERT ON shop.orders TO {app} WITH GRANT OPTION",
        "SET ROLE {app}",
        "GRANT INSERT ON shop.orders TO PUBLIC",
        "RESET ROLE",
    ],
    "by an owner who may not use the schema": [
        "ALTER TABLE shop.orders OWNER TO {other}",
        "GRANT INSERT ON shop.orders TO {app}",
        "REVOKE USAGE ON SCHEMA shop FROM PUBLIC",
        "GRANT USAGE ON SCHEMA shop TO {app}",
    ],
}


@pytest.fixture
def make_role(pg: PostgresServer, database: str) -> Iterator[RoleMaker]:
    with roles_of(pg, database) as make:
        yield make


@pytest.fixture
def shop(pg: PostgresServer, database: str, make_role: RoleMaker) -> str:
    """The database with a schema, and with the roles `app role` and `Other"Role`."""
    make_role(APP)
    make_role('Other"Role')
    run_sql(pg, database, *SETUP)
    return database


def give(pg: PostgresServer, database: str, *grants: str) -> None:
    filled = [grant.format(app=f'"{APP}"', other='"Other""Role"') for grant in grants]
    run_sql(pg, database, *filled)


def connection(pg: PostgresServer, database: str) -> psycopg.Connection[Any]:
    return psycopg.connect(pg.conninfo(database), autocommit=True)


def access_lists(pg: PostgresServer, database: str) -> set[tuple[object, ...]]:
    """Each single privilege as the catalog has it, grantor included."""
    query = """
        SELECT c.relname, '', x.* FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', relowner))) x
        WHERE relnamespace = 'shop'::regnamespace AND relkind <> 'i'
        UNION ALL SELECT c.relname, a.attname, x.* FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid,
        aclexplode(a.attacl) x WHERE relnamespace = 'shop'::regnamespace
    """
    return set(rows_of(pg, database, query))


@pytest.mark.parametrize("case", GRANTS)
def test_what_was_taken_is_given_back_exactly(pg: PostgresServer, shop: str, case: str) -> None:
    give(pg, shop, *GRANTS[case])
    before, listed = fingerprint_of(pg, shop), access_lists(pg, shop)
    with connection(pg, shop) as conn:
        grants = write_grants(conn, APP)
        assert still_writable(conn, APP) != []
        revoke_writes(conn, APP, grants)
        assert still_writable(conn, APP) == []
        assert write_grants(conn, APP) == []
    assert fingerprint_of(pg, shop).digest != before.digest
    with connection(pg, shop) as conn:
        grant_writes(conn, APP, grants)
        assert set(write_grants(conn, APP)) == set(grants)
    assert access_lists(pg, shop) == listed
    assert fingerprint_of(pg, shop).digest == before.digest


def test_no_write_of_the_role_gets_in_meanwhile_and_reads_go_on(pg: PostgresServer, shop: str) -> None:
    give(pg, shop, "GRANT SELECT, INSERT, UPDATE (note) ON shop.orders TO {app}")
    write = "INSERT INTO shop.orders VALUES (1, 2, 'x')"
    with connection(pg, shop) as conn, psycopg.connect(pg.conninfo(shop, user=APP), autocommit=True) as app:
        app.execute(write.encode())
        grants = write_grants(conn, APP)
        revoke_writes(conn, APP, grants)
        for statement in (
            b"INSERT INTO shop.orders VALUES (2, 2, 'x')",
            b"UPDATE shop.orders SET note = 'y'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(statement)
        assert app.execute(b"SELECT note FROM shop.orders").fetchall() == [("x",)]
        grant_writes(conn, APP, grants)
        app.execute(b"UPDATE shop.orders SET note = 'y'")


def test_other_roles_keep_what_they_have(pg: PostgresServer, shop: str, make_role: RoleMaker) -> None:
    third = make_role("third")
    give(pg, shop, *GRANTS["a table"], "GRANT INSERT, UPDATE ON shop.orders TO third")
    with connection(pg, shop) as conn:
        revoke_writes(conn, APP, write_grants(conn, APP))
        assert [grant.privilege for grant in write_grants(conn, third)] == ["INSERT", "UPDATE"]


def test_default_privileges_are_left_alone(pg: PostgresServer, shop: str) -> None:
    give(
        pg,
        shop,
        "ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT INSERT, UPDATE ON TABLES TO {app}",
        "ALTER DEFAULT PRIVILEGES GRANT DELETE ON TABLES TO {other}",
        "GRANT INSERT ON shop.orders TO {app}",
    )
    query = (
        "SELECT defaclrole, defaclnamespace, defaclobjtype, defaclacl::text FROM pg_default_acl ORDER BY 1, 2"
    )
    before = rows_of(pg, shop, query)
    with connection(pg, shop) as conn:
        grants = write_grants(conn, APP)
        revoke_writes(conn, APP, grants)
        assert rows_of(pg, shop, query) == before
        grant_writes(conn, APP, grants)
    assert rows_of(pg, shop, query) == before


@pytest.mark.parametrize(
    "ways",
    [
        pytest.param(
            ["GRANT INSERT ON shop.orders TO {other}", "GRANT {other} TO {app}"], id="through another role"
        ),
        pytest.param(["ALTER TABLE shop.orders OWNER TO {app}"], id="as the owner"),
        pytest.param(["ALTER ROLE {app} SUPERUSER"], id="as superuser"),
        pytest.param(["GRANT pg_write_all_data TO {app}"], id="through a role of PostgreSQL's own"),
        pytest.param(
            ["GRANT UPDATE (note) ON shop.orders TO {other}", "GRANT {other} TO {app}"],
            id="to a column, through another role",
        ),
        pytest.param(
            ["GRANT DELETE ON shop.open_orders TO {other}", "GRANT {other} TO {app}"], id="through a view"
        ),
        pytest.param(
            ["GRANT TRUNCATE ON shop.parted TO {other}", "GRANT {other} TO {app}"], id="by TRUNCATE"
        ),
    ],
)
def test_a_role_that_could_write_all_the_same_is_refused_and_nothing_is_changed(
    pg: PostgresServer, shop: str, ways: list[str]
) -> None:
    give(pg, shop, 'GRANT INSERT ON shop."Order Items" TO {app}', *ways)
    before = fingerprint_of(pg, shop)
    with connection(pg, shop) as conn:
        grants = write_grants(conn, APP)
        with pytest.raises(AttemptFailed) as caught:
            revoke_writes(conn, APP, grants)
        assert write_grants(conn, APP) == grants
    assert "all the same" in caught.value.found
    assert "shop." in caught.value.found
    assert caught.value.remedy
    assert fingerprint_of(pg, shop).digest == before.digest


def test_a_view_that_cannot_be_written_through_stops_nobody(pg: PostgresServer, shop: str) -> None:
    give(
        pg,
        shop,
        "GRANT INSERT ON shop.orders TO {app}",
        "CREATE VIEW shop.counted AS SELECT count(*) FROM shop.orders",
        "ALTER VIEW shop.counted OWNER TO {app}",
    )
    with connection(pg, shop) as conn:
        revoke_writes(conn, APP, write_grants(conn, APP))
        assert still_writable(conn, APP) == []


def test_what_the_role_passed_on_to_another_stops_the_revoke_with_a_clear_error(
    pg: PostgresServer, shop: str
) -> None:
    give(
        pg,
        shop,
        "GRANT INSERT ON shop.orders TO {app} WITH GRANT OPTION",
        "GRANT UPDATE ON shop.orders TO {app}",
        "SET ROLE {app}",
        "GRANT INSERT ON shop.orders TO {other}",
    )
    before = fingerprint_of(pg, shop)
    with connection(pg, shop) as conn, pytest.raises(AttemptFailed) as caught:
        revoke_writes(conn, APP, write_grants(conn, APP))
    assert "2BP01" in caught.value.found
    assert f"revoking writes from {APP}" in caught.value.doing
    assert not caught.value.facts.get("indeterminate")
    assert fingerprint_of(pg, shop).digest == before.digest


def test_a_role_that_may_write_nothing_holds_nothing(pg: PostgresServer, shop: str) -> None:
    give(pg, shop, "GRANT SELECT, REFERENCES, TRIGGER ON shop.orders TO {app}")
    with connection(pg, shop) as conn:
        assert write_grants(conn, APP) == []
        assert write_grants(conn, "nobody of that name") == []


def test_a_table_that_is_gone_makes_giving_back_fail_clearly_and_changes_nothing(
    pg: PostgresServer, shop: str
) -> None:
    give(pg, shop, "GRANT INSERT ON shop.orders TO {app}", "GRANT INSERT ON shop.parted TO {app}")
    with connection(pg, shop) as conn:
        grants = write_grants(conn, APP)
        revoke_writes(conn, APP, grants)
        conn.execute("DROP TABLE shop.orders CASCADE")
        with pytest.raises(AttemptFailed, match="42P01"):
            grant_writes(conn, APP, grants)
        assert write_grants(conn, APP) == []


def test_a_connection_that_breaks_leaves_the_revoke_unknown(pg: PostgresServer, shop: str) -> None:
    give(pg, shop, "GRANT INSERT ON shop.orders TO {app}")
    with connection(pg, shop) as conn:
        grants = write_grants(conn, APP)
        run_sql(pg, "postgres", f"SELECT pg_terminate_backend({conn.info.backend_pid})")
        with pytest.raises(AttemptFailed) as caught:
            revoke_writes(conn, APP, grants)
    assert caught.value.facts["indeterminate"]


class TestHealer:
    """What a journal says is enough to give writes back, in whatever state a kill left them."""

    @pytest.fixture
    def undo(self, pg: PostgresServer, shop: str) -> dict[str, Json]:
        give(pg, shop, *GRANTS["a table and columns"], *GRANTS["by two grantors"], *GRANTS["a partition"])
        with connection(pg, shop) as conn:
            steps: list[Json] = list(grant_statements(conn, write_grants(conn, APP), APP))
        return {**undo_database(pg), "kind": "postgres.grants", "database": shop, "steps": steps}

    @staticmethod
    def heal(folder: Path, undo: dict[str, Json]) -> tuple[list[str], str]:
        """What failed, and what the journal says."""
        with Journal(folder / f"{len(list(folder.iterdir()))}.ndjson", run="r1") as journal:
            recorder = Recorder(journal, "a::b")
            recorder.begin("writes.revoke", {"undo": undo})
            failures = heal(outstanding(journal.events), recorder)
            return failures, str(journal.events[-1].data.get("found"))

    def revoke(self, pg: PostgresServer, database: str) -> None:
        with connection(pg, database) as conn:
            revoke_writes(conn, APP, write_grants(conn, APP))

    @pytest.mark.parametrize("revoked", [True, False])
    def test_gives_back_what_was_taken_and_does_no_harm_twice(
        self, pg: PostgresServer, shop: str, undo: dict[str, Json], tmp_path: Path, revoked: bool
    ) -> None:
        before = fingerprint_of(pg, shop)
        if revoked:
            self.revoke(pg, shop)
        for _ in range(2):
            assert self.heal(tmp_path, undo) == ([], "grants given back")
            assert fingerprint_of(pg, shop).digest == before.digest

    def test_passes_over_what_went_with_a_rollback(
        self, pg: PostgresServer, shop: str, undo: dict[str, Json], tmp_path: Path
    ) -> None:
        self.revoke(pg, shop)
        run_sql(
            pg, shop, "DROP TABLE shop.parted CASCADE", "ALTER TABLE shop.orders DROP COLUMN note CASCADE"
        )
        failures, found = self.heal(tmp_path, undo)
        assert failures == []
        assert "objects that are gone" in found
        with connection(pg, shop) as conn:
            assert {grant.privilege for grant in write_grants(conn, APP)} == {"INSERT", "UPDATE"}

    def test_passes_over_a_database_that_is_gone(
        self, pg: PostgresServer, undo: dict[str, Json], tmp_path: Path
    ) -> None:
        failures, found = self.heal(tmp_path, {**undo, "database": "long gone"})
        assert (failures, found) == ([], "grants in long gone: gone with the database")

    def test_a_private_server_that_is_gone_took_everything_with_it(
        self, undo: dict[str, Json], tmp_path: Path
    ) -> None:
        (tmp_path / "gone").mkdir()
        failures, found = self.heal(tmp_path, {**undo, "host": str(tmp_path / "gone")})
        assert failures == []
        assert "gone with its private server" in found

    def test_any_other_server_that_does_not_answer_is_named_and_stays_to_be_healed(
        self, undo: dict[str, Json], tmp_path: Path
    ) -> None:
        away = {**undo, "host": str(tmp_path / "away"), "private": False}
        (failure,), _ = self.heal(tmp_path, away)
        assert str(tmp_path / "away") in failure
        assert "rollproof heal" in failure

    def test_a_refusal_of_a_private_server_is_no_sign_that_it_is_gone(
        self, pg: PostgresServer, undo: dict[str, Json], tmp_path: Path
    ) -> None:
        (failure,), _ = self.heal(tmp_path, {**undo, "user": "nobody of that name"})
        assert "not undone" in failure


def test_the_servers_password_is_in_no_undo_data(pg: PostgresServer) -> None:
    assert "S3cret" not in str(undo_database(replace(pg, password="S3cret"), "a"))  # noqa: S106  made up
