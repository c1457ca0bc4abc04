"""Row digests: two orders of the same rows are equal, any changed value is seen, whatever its type."""

from __future__ import annotations

import random
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, PreconditionNotMet
from rollproof.fingerprint import digest_rows, snapshot, take_fingerprint, user_tables
from rollproof.model.rows import RowDigest


@pytest.fixture
def conn(pg: PostgresServer, database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(pg.conninfo(database)) as connection:
        yield connection


@pytest.fixture(scope="module")
def module_conn(pg: PostgresServer) -> Iterator[psycopg.Connection]:
    """A connection to a database of the module's own, for tests that roll back."""
    with psycopg.connect(pg.conninfo("postgres"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE fp_digests")
        with psycopg.connect(pg.conninfo("fp_digests")) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            yield connection
        admin.execute("DROP DATABASE fp_digests WITH (FORCE)")


@pytest.fixture
def shared(module_conn: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """The module's connection; whatever a test does in it is rolled back."""
    yield module_conn
    module_conn.rollback()


def digest_of(conn: psycopg.Connection, table: str = "public.t") -> RowDigest:
    (found,) = digest_rows(conn, tables=[table])
    return found.digest


TOLD_APART = [
    ("numeric", "1.0", "1.00"),
    ("numeric", "NaN", "0"),
    ("float8", "-0", "0"),
    ("float8", "NaN", "0"),
    ("float8", "0.1", "0.10000000000000002"),
    ("float4", "16777216", "16777218"),
    ("interval", "1 day", "24 hours"),
    ("interval", "1 mon", "30 days"),
    ("text", "", None),
    ("text", "a", "a "),
    ("text", "\u00e9", "e\u0301"),
    ("text", "(1,2)", '"(1,2)"'),
    ("varchar(5)", "NULL", None),
    ("bytea", r"\x00", r"\x0000"),
    ("bytea", r"\x", None),
    ("json", '{"a":1}', '{"a": 1}'),
    ("json", '{"a":1,"a":2}', '{"a":2}'),
    ("jsonb", '{"a": 1}', '{"a": 1.0}'),
    ("jsonb", "null", None),
    ("xml", "<a/>", "<a></a>"),
    ("money", "1.00", "1.01"),
    ("bit(3)", "101", "100"),
    ("bit varying", "1", "10"),
    ("point", "(1,2)", "(1,2.0000000000000004)"),
    ("polygon", "((0,0),(1,1),(2,0))", "((1,1),(2,0),(0,0))"),
    ("circle", "<(0,0),1>", "<(0,0),2>"),
    ("box", "(1,1),(0,0)", "(1,2),(0,0)"),
    ("line", "{1,2,3}", "{1,2,4}"),
    ("lseg", "[(0,0),(1,1)]", "[(0,0),(1,2)]"),
    ("path", "[(0,0),(1,1)]", "((0,0),(1,1))"),
    ("tsvector", "a:1", "a:2"),
    ("tsquery", "a & b", "a | b"),
    ("inet", "10.0.0.1/8", "10.0.0.1"),
    ("macaddr", "08:00:2b:01:02:03", "08:00:2b:01:02:04"),
    ("uuid", "00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000001"),
    ("timestamptz", "2020-01-01 00:00:00.000001+00", "2020-01-01 00:00:00+00"),
    ("timestamp", "infinity", "-infinity"),
    ("timetz", "00:00:00+00", "00:00:00+01"),
    ("date", "0001-01-01", "0001-01-01 BC"),
    ("integer[]", "{1,2}", "{2,1}"),
    ("integer[]", "{1,2}", "[0:1]={1,2}"),
    ("integer[]", "{{1},{2}}", "{1,2}"),
    ("integer[]", "{}", "{NULL}"),
    ("text[]", "{NULL}", '{"NULL"}'),
    ("text[]", '{""}', "{}"),
    ("int4range", "[1,2]", "[1,4)"),
    ("int4range", "empty", None),
    ("numrange", "[1,2)", "[1,2]"),
    ("s_pair", "(1,)", '(1,"")'),
    ("s_pair", "(,)", None),
    ("s_pair[]", '{"(1,a)"}', '{"(1,b)"}'),
    ("s_mood", "sad", "glad"),
    ("s_short", "a", "b"),
    ("pg_lsn", "0/1", "0/2"),
    ("regclass", "pg_class", "pg_type"),
    ("boolean", "f", None),
    ('"char"', "a", "b"),
    ("name", "a", "b"),
    ("char(4)", "a", "b"),
]


@pytest.mark.parametrize(("kind", "one", "other"), TOLD_APART)
def test_two_values_that_are_not_the_same_give_two_digests(
    shared: psycopg.Connection, kind: str, one: str | None, other: str | None
) -> None:
    shared.execute(
        "CREATE TYPE s_pair AS (a integer, b text); CREATE TYPE s_mood AS ENUM ('sad', 'glad');"
        "CREATE DOMAIN s_short AS varchar(3)"
    )
    shared.execute(sql.SQL("CREATE TABLE t (v {})").format(sql.SQL(kind)))
    digests = []
    for value in (one, other, one):
        shared.execute("TRUNCATE t")
        shared.execute("INSERT INTO t VALUES (%s)", [value])
        digests.append(digest_of(shared))
    assert digests[0] != digests[1]
    assert digests[0] == digests[2]


def test_values_swapped_between_rows_are_seen_each_time(shared: psycopg.Connection) -> None:
    shared.execute("CREATE TABLE t (a integer, b integer)")
    shared.execute("INSERT INTO t SELECT g, g * 7 % 101 FROM generate_series(1, 100) g")
    before = digest_of(shared)
    chance = random.Random(4)  # noqa: S311  nothing secret
    for _ in range(150):
        pair = chance.sample(range(1, 101), 2)
        with shared.transaction(force_rollback=True):
            shared.execute(
                "UPDATE t SET b = other.b FROM t AS other WHERE t.a = ANY (%(pair)s)"
                " AND other.a = ANY (%(pair)s) AND other.a <> t.a",
                {"pair": pair},
            )
            assert digest_of(shared) != before
    assert digest_of(shared) == before


def test_duplicates_do_not_cancel_out(shared: psycopg.Connection) -> None:
    shared.execute("CREATE TABLE t (a integer)")
    shared.execute("INSERT INTO t VALUES (1), (1), (2)")
    before = digest_of(shared)
    shared.execute("TRUNCATE t; INSERT INTO t VALUES (3), (3), (2)")
    assert digest_of(shared) != before


def test_the_order_of_columns_does_not_count(shared: psycopg.Connection) -> None:
    shared.execute("CREATE TABLE t (a integer, b text); INSERT INTO t VALUES (1, 'x'), (2, NULL)")
    before = digest_of(shared)
    shared.execute("ALTER TABLE t ADD c integer; UPDATE t SET c = a; ALTER TABLE t DROP a")
    shared.execute("ALTER TABLE t RENAME c TO a")
    assert digest_of(shared) == before


def test_a_type_made_again_does_not_count(shared: psycopg.Connection) -> None:
    make = (
        "CREATE TYPE pair AS (a integer, b text); CREATE TYPE mood AS ENUM ('sad', 'glad');"
        "CREATE TABLE t (p pair, m mood[]); INSERT INTO t VALUES ((1, 'x'), '{glad}')"
    )
    shared.execute(make)
    before = digest_of(shared)
    shared.execute("DROP TABLE t; DROP TYPE pair, mood; " + make)
    assert digest_of(shared) == before


def test_the_sessions_own_settings_do_not_count_and_come_back(shared: psycopg.Connection) -> None:
    shared.execute(
        "CREATE TABLE t (a timestamptz, b float8, c bytea, d interval, e money, f date, g timestamptz[]);"
        "INSERT INTO t VALUES ('2020-06-01 12:00+00', 0.1, 'x', '1 day', 1.5, '2020-02-03',"
        " '{2020-06-01 12:00+00}')"
    )
    before = digest_of(shared)
    shared.execute(
        "SET LOCAL TimeZone = 'Asia/Tokyo'; SET LOCAL DateStyle = 'German';"
        "SET LOCAL IntervalStyle = 'iso_8601'; SET LOCAL bytea_output = 'escape';"
        "SET LOCAL extra_float_digits = -3; SET LOCAL search_path = ''"
    )
    assert digest_of(shared) == before
    assert shared.execute("SHOW TimeZone").fetchone() == ("Asia/Tokyo",)


ROWS = st.lists(
    st.tuples(
        st.integers(-(2**31), 2**31 - 1),
        st.one_of(
            st.none(),
            st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=4),
        ),
        st.one_of(st.none(), st.decimals(-100, 100, places=2).map(lambda number: number + 0)),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=ROWS, data=st.data())
def test_reordering_keeps_the_digest_and_any_change_breaks_it(
    shared: psycopg.Connection, rows: list[tuple[object, ...]], data: st.DataObject
) -> None:
    def digest(some: list[tuple[object, ...]]) -> RowDigest:
        shared.execute("TRUNCATE t")
        with shared.cursor() as cursor:
            cursor.executemany("INSERT INTO t VALUES (%s, %s, %s)", some)
        return digest_of(shared)

    with shared.transaction(force_rollback=True):
        shared.execute("CREATE TABLE t (a integer, b text, c numeric)")
        before = digest(rows)
        assert digest(data.draw(st.permutations(rows))) == before
        other = _changed(rows, data)
        assert (digest(other) == before) == (sorted(map(repr, other)) == sorted(map(repr, rows)))


def _changed(rows: list[tuple[object, ...]], data: st.DataObject) -> list[tuple[object, ...]]:
    """The rows after one change: a row dropped, doubled, or replaced, or a value moved to another row."""
    at, to = (data.draw(st.integers(0, len(rows) - 1)) for _ in range(2))
    column = data.draw(st.integers(0, 2))
    match data.draw(st.sampled_from(["drop", "double", "replace", "swap"])):
        case "drop":
            return rows[:at] + rows[at + 1 :]
        case "double":
            return [*rows, rows[at]]
        case "replace":
            return [*rows[:at], data.draw(ROWS)[0], *rows[at + 1 :]]
        case _:
            moved = [list(row) for row in rows]
            moved[at][column], moved[to][column] = moved[to][column], moved[at][column]
            return [tuple(row) for row in moved]


def test_a_partitioned_table_is_one_table_however_it_is_cut(conn: psycopg.Connection) -> None:
    fill = "INSERT INTO t SELECT g, '2020-01-01'::date + g FROM generate_series(0, 999) g"
    conn.execute("CREATE TABLE t (id integer, at date)")
    conn.execute(fill)
    conn.commit()
    before = digest_rows(conn)
    conn.execute("DROP TABLE t; CREATE TABLE t (id integer, at date) PARTITION BY RANGE (at)")
    conn.execute("CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')")
    conn.execute("CREATE TABLE t2 PARTITION OF t DEFAULT PARTITION BY HASH (id)")
    conn.execute("CREATE TABLE t3 PARTITION OF t2 FOR VALUES WITH (MODULUS 1, REMAINDER 0)")
    conn.execute(fill)
    conn.commit()
    assert digest_rows(conn) == before
    assert [table.qualified for table in user_tables(conn)] == ["public.t"]


def test_rows_of_inheriting_tables_count_once(conn: psycopg.Connection) -> None:
    conn.execute("CREATE TABLE p (a integer); CREATE TABLE c () INHERITS (p); INSERT INTO c VALUES (1), (2)")
    conn.commit()
    assert {rows.table: rows.digest.rows for rows in digest_rows(conn)} == {"public.c": 2, "public.p": 0}


def test_foreign_and_temporary_tables_and_materialized_views_are_left_out(conn: psycopg.Connection) -> None:
    conn.execute(
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER v FOREIGN DATA WRAPPER w;"
        "CREATE FOREIGN TABLE f (a integer) SERVER v; CREATE TEMPORARY TABLE temp (a integer);"
        "CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;"
        "CREATE TABLE p (a integer) PARTITION BY LIST (a); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);"
        "CREATE FOREIGN TABLE p2 PARTITION OF p FOR VALUES IN (2) SERVER v; INSERT INTO p1 VALUES (1)"
    )
    conn.commit()
    assert {rows.table: rows.digest.rows for rows in digest_rows(conn)} == {"public.p": 1}


def test_odd_tables_are_digested(conn: psycopg.Connection) -> None:
    conn.execute(
        'CREATE SCHEMA "Odd ""Schema";'
        'CREATE TABLE "Odd ""Schema"."T.t" ("select" integer, "É ""x" text, "%s" text);'
        """INSERT INTO "Odd ""Schema"."T.t" VALUES (1, 'x', '%s');"""
        "CREATE TABLE none (); INSERT INTO none DEFAULT VALUES; INSERT INTO none DEFAULT VALUES;"
        'CREATE TABLE one (t text, "text" text); CREATE TABLE "user" ("user" text)'
    )
    conn.commit()
    found = {rows.table: rows.digest.rows for rows in digest_rows(conn)}
    assert found == {'"Odd ""Schema"."T.t"': 1, 'public."none"': 2, "public.one": 0, 'public."user"': 0}


def test_large_objects_are_digested_by_their_pages(conn: psycopg.Connection) -> None:
    conn.execute("SELECT lo_from_bytea(77, 'one')")
    conn.commit()
    before = digest_of(conn, "pg_catalog.pg_largeobject")
    facts = take_fingerprint(conn)
    conn.execute("SELECT lo_put(77, 0, 'two')")
    conn.commit()
    assert digest_of(conn, "pg_catalog.pg_largeobject") != before
    assert facts.facts["large objects", "all"].attributes["count"] == 1


def test_a_table_that_is_not_there_is_a_clear_error(conn: psycopg.Connection) -> None:
    with pytest.raises(PreconditionNotMet, match=r"there is no table public\.nowhere"):
        digest_rows(conn, tables=["public.nowhere"])


@pytest.fixture
def owner(conn: psycopg.Connection) -> Iterator[str]:
    """A role without superpowers that owns a table with row-level security."""
    conn.execute(
        "CREATE ROLE fp_owner LOGIN; CREATE TABLE t (a integer); INSERT INTO t VALUES (1), (2);"
        "ALTER TABLE t OWNER TO fp_owner; ALTER TABLE t ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY p ON t USING (a = 1)"
    )
    conn.commit()
    yield "fp_owner"
    conn.rollback()
    conn.execute("DROP OWNED BY fp_owner; DROP ROLE fp_owner")
    conn.commit()


def test_rows_hidden_by_a_policy_are_an_error_not_a_smaller_digest(
    pg: PostgresServer, database: str, conn: psycopg.Connection, owner: str
) -> None:
    with psycopg.connect(pg.conninfo(database, user=owner)) as theirs:
        assert digest_of(theirs).rows == 2
        conn.execute("ALTER TABLE t FORCE ROW LEVEL SECURITY")
        conn.commit()
        theirs.rollback()
        with pytest.raises(AttemptFailed, match="row-level security") as caught:
            digest_of(theirs)
    assert "BYPASSRLS" in caught.value.remedy


def test_a_table_that_may_not_be_read_is_an_error(
    pg: PostgresServer, database: str, conn: psycopg.Connection, owner: str
) -> None:
    conn.execute("CREATE TABLE secret (a integer)")
    conn.commit()
    with (
        psycopg.connect(pg.conninfo(database, user=owner)) as theirs,
        pytest.raises(AttemptFailed, match="permission denied for table secret"),
    ):
        digest_rows(theirs)


def test_a_connection_that_sees_other_peoples_commits_is_refused(conn: psycopg.Connection) -> None:
    conn.execute("SELECT 1")
    with pytest.raises(PreconditionNotMet, match="REPEATABLE READ"):
        digest_rows(conn)


def test_looks_that_share_a_snapshot_see_the_same(
    pg: PostgresServer, database: str, conn: psycopg.Connection
) -> None:
    conn.execute("CREATE TABLE t (a integer)")
    conn.commit()
    with snapshot(conn, doing="looking twice"):
        before = digest_of(conn)
        with psycopg.connect(pg.conninfo(database), autocommit=True) as other:
            other.execute("INSERT INTO t VALUES (1)")
        assert digest_of(conn) == before
    assert digest_of(conn) != before


def test_a_large_table_gives_the_same_digest_in_parallel_and_alone(conn: psycopg.Connection) -> None:
    conn.execute("CREATE TABLE t AS SELECT g AS a, md5(g::text) AS b FROM generate_series(1, 200000) g")
    conn.execute("ANALYZE t")
    conn.commit()
    parallel = digest_of(conn)
    conn.execute("ALTER TABLE t SET (parallel_workers = 0)")
    conn.commit()
    assert digest_of(conn) == parallel
