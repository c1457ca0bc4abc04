"""Taking a fingerprint: what is in it, what is not, and that it depends on nothing but the database."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import pq, sql

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, PreconditionNotMet
from rollproof.fingerprint import compare, keep_rows, take_fingerprint
from rollproof.fingerprint.catalog import QUERIES
from rollproof.fingerprint.queries import query
from rollproof.model.fingerprint import Fingerprint


@pytest.fixture
def conn(pg: PostgresServer, database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(pg.conninfo(database)) as connection:
        yield connection


def lines(before: Fingerprint, after: Fingerprint) -> list[str]:
    return [str(difference) for difference in compare(before, after)]


SCHEMA = (
    "CREATE SCHEMA s; CREATE TYPE s.mood AS ENUM ('a', 'b');"
    "CREATE TABLE s.t (id serial PRIMARY KEY, m s.mood DEFAULT 'a', d date DEFAULT '2020-12-01',"
    " at timestamptz DEFAULT '2020-03-01 00:00+00', w interval DEFAULT '1 day 02:00',"
    " b bytea DEFAULT '\\x00ff', n float8 DEFAULT 0.1);"
    "CREATE TABLE s.p (at timestamptz) PARTITION BY RANGE (at);"
    "CREATE TABLE s.p1 PARTITION OF s.p FOR VALUES FROM ('2020-01-01 00:00+00') TO ('2021-01-01 00:00+00');"
    "CREATE FUNCTION s.f(s.mood) RETURNS s.mood LANGUAGE sql AS 'SELECT $1';"
    "CREATE VIEW s.v AS SELECT s.f(m) AS m, at::text FROM s.t WHERE at > '2020-02-01 00:00+00';"
)


def test_it_depends_neither_on_the_search_path_nor_on_the_sessions_settings(conn: psycopg.Connection) -> None:
    conn.execute(SCHEMA)
    conn.commit()
    before = take_fingerprint(conn)
    conn.execute(
        "SET search_path = s, public; SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German';"
        "SET quote_all_identifiers = on;"
        "SET IntervalStyle = 'iso_8601'; SET bytea_output = 'escape'; SET extra_float_digits = -5;"
        "SET standard_conforming_strings = off"
    )
    conn.commit()
    assert take_fingerprint(conn).to_json() == before.to_json()


def test_the_connection_is_left_as_it_was(conn: psycopg.Connection) -> None:
    conn.execute("SET search_path = 'x'")
    conn.commit()
    take_fingerprint(conn)
    assert conn.info.transaction_status == pq.TransactionStatus.IDLE
    assert conn.execute("SHOW search_path").fetchone() == ("x",)
    assert conn.execute("SHOW transaction_read_only").fetchone() == ("off",)


def test_an_autocommit_connection_and_other_row_factories_do(pg: PostgresServer, database: str) -> None:
    rows = psycopg.rows.dict_row
    with psycopg.connect(pg.conninfo(database), autocommit=True, row_factory=rows) as conn:
        assert ("schema", "public") in take_fingerprint(conn).facts
        conn.execute("CREATE TABLE t (a integer)")
        assert ("table", "public.t") in take_fingerprint(conn).facts


def test_a_transaction_that_sees_other_peoples_commits_is_refused(conn: psycopg.Connection) -> None:
    conn.execute("SELECT 1")
    with pytest.raises(PreconditionNotMet, match="not at REPEATABLE READ"):
        take_fingerprint(conn)


def test_a_failed_transaction_is_refused(conn: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.SyntaxError):
        conn.execute("nonsense")
    with pytest.raises(PreconditionNotMet):
        take_fingerprint(conn)


def test_an_extensions_own_objects_are_not_listed(conn: psycopg.Connection) -> None:
    before = take_fingerprint(conn)
    conn.execute("CREATE EXTENSION pgcrypto")
    conn.commit()
    after = take_fingerprint(conn)
    assert lines(before, after) == ["extension pgcrypto: added"]
    conn.execute("REVOKE EXECUTE ON FUNCTION digest(text, text) FROM PUBLIC")
    conn.commit()
    assert lines(after, take_fingerprint(conn)) == [
        "grant on function public.digest(text, text) to PUBLIC: added"
    ]


def test_temporary_objects_are_not_listed(conn: psycopg.Connection) -> None:
    conn.commit()
    before = take_fingerprint(conn)
    conn.execute(
        "CREATE TEMPORARY TABLE t (id serial PRIMARY KEY, a text UNIQUE CHECK (a <> ''));"
        "CREATE TEMPORARY VIEW v AS SELECT 1 AS one; CREATE INDEX ON t (a);"
        "CREATE FUNCTION pg_temp.f() RETURNS integer LANGUAGE sql AS 'SELECT 1';"
        "CREATE TYPE pg_temp.e AS ENUM ('a'); COMMENT ON TABLE t IS 'x'; GRANT SELECT ON t TO PUBLIC"
    )
    conn.commit()
    assert lines(before, take_fingerprint(conn)) == []


def test_ignored_schemas_are_left_out_with_all_that_is_in_them(conn: psycopg.Connection) -> None:
    before = take_fingerprint(conn)
    conn.execute(
        SCHEMA + "COMMENT ON TABLE s.t IS 'x'; GRANT SELECT ON s.t TO PUBLIC; CREATE INDEX ON s.t (m);"
        "ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO PUBLIC; COMMENT ON SCHEMA s IS 'y';"
        "COMMENT ON CONSTRAINT t_pkey ON s.t IS 'z'; COMMENT ON COLUMN s.v.m IS 'z'"
    )
    conn.commit()
    assert lines(before, take_fingerprint(conn, ignore_schemas=["s"])) == []


def test_what_may_not_be_read_is_a_clear_error(
    pg: PostgresServer, database: str, conn: psycopg.Connection
) -> None:
    conn.execute("CREATE ROLE fp_weak LOGIN; CREATE SEQUENCE public.q")
    conn.commit()
    try:
        with (
            psycopg.connect(pg.conninfo(database, user="fp_weak")) as theirs,
            pytest.raises(AttemptFailed, match="permission denied for sequence q") as caught,
        ):
            take_fingerprint(theirs)
    finally:
        conn.execute("DROP ROLE fp_weak")
        conn.commit()
    assert caught.value.doing == "taking the database's fingerprint"
    assert "superuser" in caught.value.remedy


def test_no_secret_is_in_it(conn: psycopg.Connection) -> None:
    conn.execute(
        "CREATE ROLE fp_login LOGIN PASSWORD 'geheim-1'; CREATE TABLE t (a integer);"
        "GRANT SELECT ON t TO fp_login;"
        "CREATE FOREIGN DATA WRAPPER w OPTIONS (secret_key 'geheim-2');"
        "CREATE SERVER v FOREIGN DATA WRAPPER w OPTIONS (password 'geheim-3', host 'h');"
        "CREATE USER MAPPING FOR fp_login SERVER v OPTIONS (user 'u', password 'geheim-4',"
        " passfile 'geheim-5');"
        "CREATE FOREIGN TABLE f (a integer) SERVER v OPTIONS (access_token 'geheim-6');"
        "CREATE SUBSCRIPTION sub CONNECTION 'host=x password=geheim-7' PUBLICATION p"
        " WITH (connect = false, slot_name = NONE)"
    )
    conn.commit()
    text = json.dumps(take_fingerprint(conn).to_json())
    conn.execute("DROP SUBSCRIPTION sub; DROP OWNED BY fp_login CASCADE; DROP ROLE fp_login")
    conn.commit()
    assert "password=(not shown)" in text
    assert "geheim" not in text


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_of_another_encoding_can_be_read(
    pg: PostgresServer, encoding: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with psycopg.connect(pg.conninfo("postgres"), autocommit=True) as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE fp_encoded ENCODING {} LOCALE 'C' TEMPLATE template0").format(
                sql.Literal(encoding)
            )
        )
        try:
            with psycopg.connect(pg.conninfo("fp_encoded")) as conn:
                conn.execute("SET client_encoding = 'UTF8'")
                conn.execute(
                    "CREATE TABLE t (id integer PRIMARY KEY, \"straße\" text DEFAULT 'é');"
                    "INSERT INTO t VALUES (1)"
                )
                conn.commit()
            with psycopg.connect(pg.conninfo("fp_encoded")) as conn:
                facts = take_fingerprint(conn).facts
                kept = keep_rows(conn, tmp_path_factory.mktemp("kept"))
        finally:
            admin.execute("DROP DATABASE fp_encoded WITH (FORCE)")
    assert facts["column", 'public.t."straße"'].attributes["default"] == "'é'::text"
    assert kept.tables[0].columns == ("id", "straße")


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_runs_as_it_stands_in_psql(conn: psycopg.Connection, name: str) -> None:
    """The marks `since` and `before` only leave out lines: what is left is SQL without any placeholder."""
    conn.execute(query(name, major=conn.info.server_version // 10000))


def test_lines_meant_for_other_versions_are_left_out() -> None:
    assert "attcompression" in query("columns", major=14)
    assert "attcompression" not in query("columns", major=13)
    assert "colliculocale" in query("operators", major=16)
    assert "colliculocale" not in query("operators", major=17)
    assert "p.prosrc AS body" in query("functions", major=13)
