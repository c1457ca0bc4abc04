"""What acts on more than the drill's database is known by its SQL, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from rollproof.components.postgres.bounded import BoundedRunner
from rollproof.drill.limits import Bounds
from rollproof.environments.base import PostgresServer
from rollproof.errors import OutOfBounds
from rollproof.migrations.beyond import beyond_database, hides_statements
from rollproof.migrations.script import Script


def script(folder: Path, text: str) -> Script:
    (folder / "up.sql").write_text(text)
    return Script.read(folder / "up.sql")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("CREATE ROLE auditor", "CREATE ROLE"),
        ("CREATE USER auditor", "CREATE ROLE"),
        ("ALTER ROLE app SUPERUSER", "ALTER ROLE"),
        ("ALTER ROLE app SET search_path = shop", "ALTER ROLE … SET"),
        ("ALTER ROLE app IN DATABASE shop SET work_mem = '1GB'", "ALTER ROLE … SET"),
        ("DROP ROLE auditor", "DROP ROLE"),
        ("GRANT pg_read_all_data TO app", "GRANT of a role"),
        ("DROP OWNED BY app", "DROP OWNED"),
        ("ALTER SYSTEM SET fsync = off", "ALTER SYSTEM"),
        ("CREATE DATABASE other", "CREATE DATABASE"),
        ("DROP DATABASE shop", "DROP DATABASE shop"),
        ("ALTER DATABASE shop SET timezone = 'UTC'", "ALTER DATABASE … SET shop"),
        ("ALTER DATABASE shop CONNECTION LIMIT 0", "ALTER DATABASE shop"),
        ("ALTER DATABASE shop RENAME TO old", "RENAME of shop"),
        ("ALTER DATABASE shop OWNER TO app", "OWNER TO of shop"),
        ("ALTER ROLE app RENAME TO other", "RENAME of app"),
        ("COMMENT ON DATABASE shop IS 'x'", "COMMENT ON shop"),
        ("COMMENT ON ROLE app IS 'x'", "COMMENT ON app"),
        ("GRANT CONNECT ON DATABASE shop TO app", "GRANT on shop"),
        ("REVOKE ALL ON DATABASE shop FROM public", "REVOKE on shop"),
        ("CREATE TABLESPACE fast LOCATION '/x'", "CREATE TABLESPACE"),
        ("CREATE SUBSCRIPTION s CONNECTION 'host=live' PUBLICATION p", "CREATE SUBSCRIPTION"),
        ("ALTER SUBSCRIPTION s DISABLE", "ALTER SUBSCRIPTION"),
        ("COPY shop.orders TO '/tmp/orders'", "COPY with a file"),
        ("COPY shop.orders FROM PROGRAM 'curl live'", "COPY with a file"),
    ],
)
def test_what_acts_on_more_is_named(text: str, says: str, tmp_path: Path) -> None:
    [found] = beyond_database(script(tmp_path, f"CREATE TABLE t (); {text};"), database="rollproof_1")
    assert found.startswith(says)


@pytest.mark.parametrize(
    "text",
    [
        "ALTER DATABASE shop SET timezone = 'UTC'",
        "GRANT CONNECT ON DATABASE shop TO app",
        "COMMENT ON DATABASE shop IS 'x'",
        "ALTER TABLE t OWNER TO app",
        "ALTER TABLE t RENAME TO u",
        "ALTER TABLE t RENAME COLUMN a TO b",
        "COMMENT ON TABLE t IS 'x'",
        "COMMENT ON COLUMN t.a IS 'x'",
        "GRANT SELECT ON t TO app",
        "GRANT USAGE ON SCHEMA shop TO app",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO app",
        "REASSIGN OWNED BY app TO other",
        "CREATE POLICY p ON t USING (true)",
        "SET ROLE app",
        "CREATE SCHEMA shop AUTHORIZATION app",
    ],
)
def test_what_stays_within_the_database_is_not(text: str, tmp_path: Path) -> None:
    assert beyond_database(script(tmp_path, f"{text};"), database="shop") == []


@pytest.mark.parametrize(("text", "hides"), [("CREATE TABLE t ();", False), ("DO $$BEGIN END$$;", True)])
def test_what_runs_a_text_hides_what_it_does(text: str, hides: bool, tmp_path: Path) -> None:
    assert hides_statements(script(tmp_path, text)) is hides


@pytest.fixture
def shared(pg: PostgresServer, database: str) -> PostgresServer:
    """As a server that others use is."""
    with psycopg.connect(pg.conninfo("postgres")) as conn:
        row = conn.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone()
    assert row is not None
    return replace(pg, private=False, system_identifier=str(row[0]), source="shop")


def test_such_a_script_is_not_run_on_a_server_of_others_and_proves_nothing(
    shared: PostgresServer, database: str, tmp_path: Path
) -> None:
    bounds = Bounds()
    runner = BoundedRunner(shared, database, bounds=bounds)
    with pytest.raises(OutOfBounds, match="ALTER DATABASE … SET postgres acts on more"):
        runner.run(script(tmp_path, "ALTER DATABASE postgres SET work_mem = '5MB'; CREATE TABLE t ();"))
    assert bounds.refused
    with psycopg.connect(shared.conninfo(database)) as conn:
        assert conn.execute("SELECT to_regclass('t')").fetchone() == (None,)
    runner.run(script(tmp_path, "CREATE TABLE t (); DO $$BEGIN PERFORM 1; END$$;"))


def test_what_a_hidden_statement_did_to_the_server_is_seen_and_proves_nothing(
    shared: PostgresServer, database: str, tmp_path: Path
) -> None:
    bounds, role = Bounds(), f"of_{database}"
    try:
        with pytest.raises(OutOfBounds, match=f"the whole server has changed meanwhile: role {role}"):
            BoundedRunner(shared, database, bounds=bounds).run(
                script(tmp_path, f"DO $$BEGIN EXECUTE 'CREATE ' || 'ROLE {role}'; END$$;")
            )
        assert bounds.refused
    finally:
        with psycopg.connect(shared.conninfo("postgres"), autocommit=True) as conn:
            conn.execute(f"DROP ROLE IF EXISTS {role}".encode())
