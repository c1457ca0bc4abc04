"""Generated rows: every table holds some that obey its constraints, and keeps holding them."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from rollproof.environments.base import PostgresServer
from rollproof.errors import PreconditionNotMet
from rollproof.fingerprint import take_fingerprint
from rollproof.rowgen import Filler, FillReport


@pytest.fixture
def db(pg: PostgresServer, database: str) -> Iterator[psycopg.Connection]:
    """Where migrations run: not the connection that fills."""
    with psycopg.connect(pg.conninfo(database), autocommit=True) as connection:
        yield connection


@pytest.fixture
def conn(pg: PostgresServer, database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(pg.conninfo(database), autocommit=True) as connection:
        yield connection


def count(db: psycopg.Connection, table: str) -> int:
    row = db.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.SQL(table))).fetchone()
    assert row is not None
    return int(row[0])


def all_rows(db: psycopg.Connection, table: str) -> list[str]:
    query = sql.SQL("SELECT ROW(t.*)::text FROM {} t").format(sql.SQL(table))
    return sorted(row[0] for row in db.execute(query))


def filled(report: FillReport) -> set[str]:
    assert report.not_made == ()
    return set(report.made)


TYPES = """
smallint; integer; bigint; numeric; numeric(5,2); numeric(3,3); numeric(4,-2); numeric(30,10); real;
double precision; money; text; varchar; varchar(1); varchar(2); varchar(3); varchar(5);
varchar(255); char; char(1); char(3); char(12); name; "char"; bytea; uuid; json; jsonb; inet; cidr;
macaddr; macaddr8; bit; bit(3); bit varying; bit varying(5); boolean; date; timestamp; timestamp(0);
timestamptz; timestamptz(3); time; timetz; interval; interval day to second(2); point; line; lseg;
box; path; polygon; circle; tsvector; tsquery; int4range; int8range; numrange; tsrange; tstzrange;
daterange; int4multirange; tstzmultirange; text[]; integer[][]; numeric(5,2)[]; timestamptz[];
jsonb[]; boolean[]; pg_lsn; xid; xid8; cid; tid; oid; regclass; regtype; regproc; regprocedure;
regrole; regnamespace; regconfig; regdictionary; regoper; regoperator; regcollation; jsonpath;
txid_snapshot; pg_snapshot; int2vector; oidvector; aclitem; citext; hstore; mood; mood[]; posint;
email; addr; addr[]; posint[]; floatrange; nested; xml; required_domain; ltree; cube; seg
"""
USER_TYPES = (
    "CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE EXTENSION ltree; CREATE EXTENSION cube;"
    "CREATE EXTENSION seg; CREATE TYPE mood AS ENUM ('sad', 'it''s ok', 'Happy \\');"
    "CREATE DOMAIN posint AS integer CHECK (VALUE > 0 AND VALUE < 1000);"
    "CREATE DOMAIN email AS citext CHECK (VALUE ~ '^[a-z0-9._%+-]+@[a-z0-9.-]+\\.[a-z]{2,4}$');"
    "CREATE DOMAIN required_domain AS varchar(4) NOT NULL CHECK (length(VALUE) = 4) CHECK (VALUE <> '');"
    "CREATE TYPE addr AS (street text, no posint, mood mood);"
    "CREATE TYPE floatrange AS RANGE (subtype = float8);"
    "CREATE TYPE nested AS (a addr, b addr[], r floatrange)"
)


@pytest.mark.parametrize("constraint", ["NOT NULL", "UNIQUE", ""])
def test_a_column_of_any_type_gets_values(
    db: psycopg.Connection, conn: psycopg.Connection, constraint: str
) -> None:
    db.execute(USER_TYPES)
    types = [name.strip() for name in TYPES.split(";")]
    unordered = {
        "json",
        "xml",
        "point",
        "line",
        "lseg",
        "box",
        "path",
        "polygon",
        "circle",
        "cid",
        "jsonpath",
    }
    unordered |= {"aclitem", "txid_snapshot", "pg_snapshot", "xid", "nested", "tid"}
    for number, name in enumerate(types):
        unique = constraint if name not in unordered or constraint != "UNIQUE" else ""
        db.execute(
            sql.SQL("CREATE TABLE {} (id integer PRIMARY KEY, v {} {})").format(
                sql.Identifier(f"t{number}"), sql.SQL(name), sql.SQL(unique)
            )
        )
    report = Filler(conn).top_up()
    assert len(filled(report)) == len(types)
    assert not report.notes
    for number, name in enumerate(types):
        row = db.execute(
            sql.SQL("SELECT count(v), count(*) FROM {}").format(sql.Identifier(f"t{number}"))
        ).fetchone()
        assert row is not None
        assert row[0] == row[1] >= (1 if constraint == "UNIQUE" else 3), (name, row)


CHECKS = """
v integer | v > 5
v integer | v BETWEEN 1 AND 5
v integer | v IN (3, 7)
v integer | v = ANY (ARRAY[3, 7])
v integer | v % 10 = 0
v integer | v <> 31001
v integer | v < -5
v smallint | v > 32000
v numeric(5,2) | v >= 0 AND v <= 100
v numeric(3,2) | v > 9.5
v double precision | v > 0 AND v < 1
v text | v IN ('new', 'open')
v text | v = 'a\\b'
v text | length(v) = 7
v text | char_length(v) > 300
v text | octet_length(v) <= 3
v varchar(10) | v ~ '^[A-Z]{3}-\\d{4}$'
v text | v ~* '^[[:alpha:]_][[:alnum:]_]*$'
v text | v ~ '^\\+?[1-9]\\d{1,14}$'
v text | v ~ '^(?:a|b)c*(d|e){2}$'
v text | v ~ '^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$'
v char(2) | v ~ '^[A-Z]{2}$'
v text | v !~ '[A-Z ]'
v text | v = lower(v)
v text | v = upper(v)
v text | v LIKE 'pre\\_%'
v text | v NOT LIKE '% %'
v text | btrim(v) <> '' AND v = btrim(v)
v text | starts_with(v, 'http')
v citext | v ~ '^[a-z]+$'
v date | v > '2030-01-01'
v timestamptz | v < '1999-01-01 00:00:00+00'
v date | extract(day FROM v) = 1
v date | extract(isodow FROM v) = 1
v jsonb | jsonb_typeof(v) = 'array'
v jsonb | v ? 'name' AND jsonb_typeof(v -> 'name') = 'string'
v jsonb | jsonb_typeof(v -> 'list') = 'array' AND jsonb_typeof(v -> 'name') = 'string'
v jsonb | v = '{}'::jsonb
v json | json_typeof(v) = 'object'
v jsonb | jsonb_array_length(v) > 0
v text[] | array_length(v, 1) BETWEEN 1 AND 3
v text[] | v <@ ARRAY['red', 'green']
v integer[] | cardinality(v) = 4
v mood | v <> 'sad'
v mood | v IN ('sad')
v boolean | v
v boolean | NOT v
v boolean | v IS NOT TRUE
v uuid | v <> '00000000-0000-0000-0000-000000000000'
v inet | masklen(v) = 32
v inet | family(v) = 4
v interval | v > '1 day'
v interval | v < '2 hours'
v bytea | octet_length(v) < 100
v int4range | NOT isempty(v) AND lower(v) > 0
v point | v[0] > 0
v money | v > 5::money
v time | v < '12:00'
a integer, b integer | a < b
a date, b date | b > a
a timestamptz, b timestamptz | b >= a + interval '1 hour'
a integer, b integer | a IS NULL <> (b IS NULL)
a integer, b text | num_nonnulls(a, b) = 1
a integer, b text, c date | num_nulls(a, b, c) = 2
a integer, b integer, c integer | a = b + c
a text, b text | a <> b
a text, b text | a = 'x' AND b IS NOT NULL OR a = 'y' AND b IS NULL
a text, b integer | CASE a WHEN 'small' THEN b < 10 ELSE b > 100 END
a integer, b integer | (a IS NOT NULL AND b IS NOT NULL) OR (a IS NULL AND b IS NULL)
a boolean, b timestamptz | NOT a OR b IS NOT NULL
v text | v::integer > 5
v text | v::uuid IS NOT NULL
v text | is_short(v)
v text | length(v) <= 3 AND v <> ''
"""


def test_checks_are_met_with_values_that_are_not_null_where_that_is_possible(
    db: psycopg.Connection, conn: psycopg.Connection
) -> None:
    db.execute("CREATE EXTENSION citext; CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')")
    db.execute(
        "CREATE FUNCTION is_short(text) RETURNS boolean LANGUAGE sql AS 'SELECT length($1) < 3' IMMUTABLE"
    )
    cases = [line.split("|", 1) for line in CHECKS.strip().splitlines()]
    for number, (columns, check) in enumerate(cases):
        db.execute(
            sql.SQL("CREATE TABLE {} (id integer PRIMARY KEY, {}, CHECK ({}))").format(
                sql.Identifier(f"t{number}"), sql.SQL(columns), sql.SQL(check)
            )
        )
    report = Filler(conn).top_up()
    assert report.not_made == ()
    assert len(report.made) == len(cases)
    for number, (columns, check) in enumerate(cases):
        if "," in columns.replace("(5,2)", "").replace("(3,2)", "") or "NOT TRUE" in check:
            continue
        row = db.execute(
            sql.SQL("SELECT count(v), count(*) FROM {}").format(sql.Identifier(f"t{number}"))
        ).fetchone()
        assert row is not None
        assert row[0] == row[1] >= 1, (columns, check, row)


SCHEMAS: dict[str, tuple[str, set[str]]] = {
    "composite key of two columns": (
        "CREATE TABLE p (a integer, b serial, PRIMARY KEY (a, b));"
        "CREATE TABLE c (a integer NOT NULL, b integer NOT NULL, FOREIGN KEY (a, b) REFERENCES p)",
        {"public.p", "public.c"},
    ),
    "two keys that share a column": (
        "CREATE TABLE tenant (id integer PRIMARY KEY);"
        "CREATE TABLE p (tenant integer NOT NULL REFERENCES tenant, id integer, PRIMARY KEY (tenant, id));"
        "CREATE TABLE q (tenant integer NOT NULL REFERENCES tenant, id integer, PRIMARY KEY (tenant, id));"
        "CREATE TABLE c (tenant integer NOT NULL, p integer NOT NULL, q integer NOT NULL,"
        " FOREIGN KEY (tenant, p) REFERENCES p, FOREIGN KEY (tenant, q) REFERENCES q)",
        {"public.tenant", "public.p", "public.q", "public.c"},
    ),
    "one to one": (
        "CREATE TABLE p (id uuid PRIMARY KEY); CREATE TABLE c (id uuid PRIMARY KEY REFERENCES p)",
        {"public.p", "public.c"},
    ),
    "a circle that may be null": (
        "CREATE TABLE a (id serial PRIMARY KEY, b integer);"
        "CREATE TABLE b (id serial PRIMARY KEY, a integer NOT NULL REFERENCES a);"
        "ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b",
        {"public.a", "public.b"},
    ),
    "a circle that must be set": (
        "CREATE TABLE a (id integer PRIMARY KEY, b integer NOT NULL);"
        "CREATE TABLE b (id integer PRIMARY KEY, a integer NOT NULL REFERENCES a);"
        "ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b;"
        "CREATE TABLE behind (a integer NOT NULL REFERENCES a)",
        {"public.a", "public.b", "public.behind"},
    ),
    "a circle that is looked at late": (
        "CREATE TABLE a (id integer PRIMARY KEY, b integer NOT NULL);"
        "CREATE TABLE b (id integer PRIMARY KEY,"
        " a integer NOT NULL REFERENCES a DEFERRABLE INITIALLY DEFERRED);"
        "ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b DEFERRABLE INITIALLY DEFERRED",
        {"public.a", "public.b"},
    ),
    "to itself, must be set": (
        "CREATE TABLE a (id integer PRIMARY KEY, up integer NOT NULL REFERENCES a)",
        {"public.a"},
    ),
    "another schema, names that need quotes": (
        'CREATE SCHEMA "Odd Schema"; CREATE TABLE "Odd Schema"."P""x" ("I d" integer PRIMARY KEY);'
        'CREATE TABLE "sel%ect" ("Gr\'p" integer REFERENCES "Odd Schema"."P""x" CHECK ("Gr\'p" > 5))',
        {'"Odd Schema"."P""x"', 'public."sel%ect"'},
    ),
    "two tables refer to the same, and must not to the same row": (
        "CREATE TABLE p (id integer PRIMARY KEY);"
        "CREATE TABLE c (a integer NOT NULL REFERENCES p, b integer NOT NULL REFERENCES p, CHECK (a <> b))",
        {"public.p", "public.c"},
    ),
    "exactly one of two keys": (
        "CREATE TABLE p (id integer PRIMARY KEY); CREATE TABLE q (id integer PRIMARY KEY);"
        "CREATE TABLE c (p integer REFERENCES p, q integer REFERENCES q, CHECK ((p IS NULL) <> (q IS NULL)))",
        {"public.p", "public.q", "public.c"},
    ),
    "partitions by range, list, hash, and of partitions": (
        "CREATE TABLE r (id integer, at timestamptz, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);"
        "CREATE TABLE r1 PARTITION OF r FOR VALUES FROM ('2020-01-01') TO ('2020-02-01');"
        "CREATE TABLE r2 PARTITION OF r FOR VALUES FROM ('2031-02-01') TO ('2031-03-01');"
        "CREATE TABLE l (k text NOT NULL, n integer) PARTITION BY LIST (k);"
        "CREATE TABLE l1 PARTITION OF l FOR VALUES IN ('a', 'b') PARTITION BY RANGE (n);"
        "CREATE TABLE l1a PARTITION OF l1 FOR VALUES FROM (5) TO (10);"
        "CREATE TABLE h (id uuid PRIMARY KEY) PARTITION BY HASH (id);"
        "CREATE TABLE h0 PARTITION OF h FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
        "CREATE TABLE h1 PARTITION OF h FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
        "CREATE TABLE d (id integer) PARTITION BY RANGE (id); CREATE TABLE d0 PARTITION OF d DEFAULT;"
        "CREATE TABLE c (r integer, at timestamptz, h uuid NOT NULL REFERENCES h,"
        " FOREIGN KEY (r, at) REFERENCES r)",
        {"public.r", "public.l", "public.h", "public.d", "public.c"},
    ),
    "a partition by an expression": (
        "CREATE TABLE e (at timestamp NOT NULL) PARTITION BY RANGE (date_trunc('year', at));"
        "CREATE TABLE e1 PARTITION OF e FOR VALUES FROM ('2019-01-01') TO ('2020-01-01')",
        {"public.e"},
    ),
    "children by inheritance": (
        "CREATE TABLE p (id integer PRIMARY KEY, n text NOT NULL);"
        "CREATE TABLE c (x integer NOT NULL) INHERITS (p);"
        "CREATE TABLE k (p integer NOT NULL REFERENCES p)",
        {"public.p", "public.c", "public.k"},
    ),
    "unique in every way": (
        "CREATE TABLE u (id serial PRIMARY KEY, a text UNIQUE, b integer, c integer, flag boolean,"
        " UNIQUE (b, c));"
        "CREATE UNIQUE INDEX ON u (lower(a)); CREATE UNIQUE INDEX ON u (c) WHERE flag;"
        "CREATE TABLE d (id integer UNIQUE DEFERRABLE INITIALLY DEFERRED, flag boolean UNIQUE DEFERRABLE)",
        {"public.u", "public.d"},
    ),
    "exclusion": (
        "CREATE EXTENSION btree_gist; CREATE TABLE x (room integer, during tstzrange NOT NULL,"
        " EXCLUDE USING gist (room WITH =, during WITH &&)); "
        "CREATE TABLE y (during daterange, EXCLUDE USING gist (during WITH &&) DEFERRABLE)",
        {"public.x", "public.y"},
    ),
    "what the server makes itself": (
        "CREATE TABLE g (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, w integer NOT NULL,"
        " area integer GENERATED ALWAYS AS (w * 2) STORED CHECK (area > 0));"
        "CREATE TABLE k (id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,"
        " g integer NOT NULL REFERENCES g)",
        {"public.g", "public.k"},
    ),
    "a rule, row security, no column at all": (
        "CREATE TABLE log (t text); CREATE TABLE r (id integer PRIMARY KEY);"
        "CREATE RULE also AS ON INSERT TO r DO ALSO INSERT INTO log VALUES ('x');"
        "CREATE TABLE s (id integer); ALTER TABLE s ENABLE ROW LEVEL SECURITY;"
        "ALTER TABLE s FORCE ROW LEVEL SECURITY; CREATE TABLE nothing ()",
        {"public.log", "public.r", "public.s", "public.nothing"},
    ),
    "one row at most": (
        "CREATE TABLE one (id boolean PRIMARY KEY DEFAULT true CHECK (id), v text)",
        {"public.one"},
    ),
}


@pytest.mark.parametrize("autocommit", [True, False])
@pytest.mark.parametrize(("setup", "tables"), SCHEMAS.values(), ids=SCHEMAS.keys())
def test_every_table_holds_rows_and_the_same_for_the_same_seed(
    pg: PostgresServer, database: str, setup: str, tables: set[str], autocommit: bool
) -> None:
    with (
        psycopg.connect(pg.conninfo(database), autocommit=True) as db,
        psycopg.connect(pg.conninfo(database), autocommit=autocommit) as conn,
    ):
        db.execute(setup)
        filler = Filler(conn)
        assert filled(filler.top_up()) == tables
        assert conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        first = {table: all_rows(db, table) for table in tables}
        assert all(first.values())
        assert filler.top_up(changed=()) == FillReport()
        assert filler.top_up() == FillReport()
        assert {table: all_rows(db, table) for table in tables} == first
        db.execute(
            'DROP SCHEMA public CASCADE; DROP SCHEMA IF EXISTS "Odd Schema" CASCADE; CREATE SCHEMA public'
        )
        db.execute(setup)
        assert filled(filler.top_up(changed=tables)) == tables
        assert {table: all_rows(db, table) for table in tables} == first


def test_every_partition_gets_a_row_also_one_that_comes_later(
    db: psycopg.Connection, conn: psycopg.Connection
) -> None:
    db.execute("CREATE TABLE p (id integer PRIMARY KEY, v text) PARTITION BY RANGE (id)")
    filler = Filler(conn)
    (found,) = filler.top_up().not_made
    assert (found.table, found.why) == ("public.p", "it has no partition")
    for number in range(5):
        db.execute(
            sql.SQL("CREATE TABLE {} PARTITION OF p FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier(f"p{number}"), number * 10, number * 10 + 10
            )
        )
        assert filled(filler.top_up(changed=[f"public.p{number}"])) == {"public.p"}
    assert [count(db, f"p{number}") > 0 for number in range(5)] == [True] * 5


def test_a_column_that_comes_is_filled_in_the_rows_that_are_there(
    db: psycopg.Connection, conn: psycopg.Connection
) -> None:
    db.execute(
        "CREATE TABLE p (id serial PRIMARY KEY); CREATE TABLE t (id serial PRIMARY KEY, a integer NOT NULL)"
    )
    db.execute("CREATE TABLE nokey (a integer)")
    filler = Filler(conn)
    filler.top_up()
    db.execute(
        "ALTER TABLE t ADD b integer CHECK (b < a AND b > 5), ADD c boolean NOT NULL DEFAULT true,"
        " ADD p integer REFERENCES p, ADD u text UNIQUE, ADD up integer REFERENCES t;"
        "ALTER TABLE nokey ADD b text"
    )
    assert filled(filler.top_up(changed=["public.t", "public.nokey"])) == {"public.t", "public.nokey"}
    row = db.execute(
        "SELECT count(*), count(b), count(p), count(DISTINCT u), count(up), bool_and(c) FROM t"
    ).fetchone()
    assert row == (3, 3, 3, 3, 2, False)
    assert db.execute("SELECT count(b) FROM nokey").fetchone() == (3,)
    db.execute("ALTER TABLE t DROP c; ALTER TABLE t ADD c boolean NOT NULL DEFAULT true")
    filler.top_up(changed=["public.t"])
    assert db.execute("SELECT count(*), bool_and(c) FROM t").fetchone() == (3, False)


def test_what_changed_is_told_from_the_facts(db: psycopg.Connection, conn: psycopg.Connection) -> None:
    filler = Filler(conn)
    db.execute("CREATE TABLE a (id integer PRIMARY KEY)")
    assert filled(filler.top_up(take_fingerprint(conn))) == {"public.a"}
    assert filler.top_up(take_fingerprint(conn)) == FillReport()
    db.execute("CREATE TABLE b (id integer PRIMARY KEY REFERENCES a); ALTER TABLE a ADD v text")
    assert filled(filler.top_up(take_fingerprint(conn))) == {"public.a", "public.b"}
    db.execute("DROP TABLE b; ALTER TABLE a RENAME TO c")
    assert filler.top_up(take_fingerprint(conn)) == FillReport()
    assert count(db, "c") == 3


@pytest.mark.parametrize(
    "loss", ["TRUNCATE t", "DELETE FROM t", "DROP TABLE t; CREATE TABLE t (id integer, b text)"]
)
def test_a_table_that_lost_its_rows_gets_new_ones_though_no_change_was_told(
    db: psycopg.Connection, conn: psycopg.Connection, loss: str
) -> None:
    db.execute("CREATE TABLE t (id integer, a text)")
    filler = Filler(conn)
    filler.top_up()
    db.execute(loss)
    assert filled(filler.top_up(changed=())) == {"public.t"}
    assert count(db, "t") == 3


def test_sequences_stay_where_they_are_unless_the_rows_need_them(
    db: psycopg.Connection, conn: psycopg.Connection
) -> None:
    db.execute(
        "CREATE TABLE s (id serial PRIMARY KEY); CREATE TABLE d (id bigint GENERATED BY DEFAULT AS IDENTITY);"
        "CREATE TABLE i (id integer GENERATED ALWAYS AS IDENTITY)"
    )
    Filler(conn).top_up()
    for table, expected in (("s", (1, False)), ("d", (1, False)), ("i", (3, True))):
        query = sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(f"{table}_id_seq"))
        assert db.execute(query).fetchone() == expected


def test_first_rows_of_a_migration_find_their_numbers_free(
    db: psycopg.Connection, conn: psycopg.Connection
) -> None:
    db.execute("CREATE TABLE roles (id serial PRIMARY KEY, name text UNIQUE)")
    Filler(conn).top_up()
    db.execute("INSERT INTO roles VALUES (1, 'admin'), (2, 'user'); SELECT setval('roles_id_seq', 2)")
    db.execute("INSERT INTO roles (name) VALUES ('guest')")
    assert count(db, "roles") == 6


def test_a_table_that_cannot_be_filled_is_told_with_the_reason_until_it_can(
    db: psycopg.Connection, conn: psycopg.Connection
) -> None:
    db.execute(
        "CREATE TABLE never (id integer NOT NULL CHECK (id > 5 AND id < 3), k integer PRIMARY KEY);"
        "CREATE TABLE behind (id integer PRIMARY KEY);"
        "CREATE TABLE refers (id integer PRIMARY KEY, n integer NOT NULL REFERENCES never);"
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER f FOREIGN DATA WRAPPER w;"
        "CREATE FOREIGN TABLE far (id integer) SERVER f"
    )
    filler = Filler(conn)
    report = filler.top_up()
    reasons = {found.table: found.why for found in report.not_made}
    assert set(report.made) == {"public.behind"}
    assert set(reasons) == {"public.never", "public.refers", "public.far"}
    assert "never_id_check" in reasons["public.never"]
    assert 'refer to "public"."never", which holds no row' in reasons["public.refers"]
    assert "foreign table" in reasons["public.far"]
    assert filler.top_up(changed=()).not_made == report.not_made
    db.execute("ALTER TABLE never DROP CONSTRAINT never_id_check")
    report = filler.top_up(changed=["public.never"])
    assert set(report.made) == {"public.never", "public.refers"}
    assert [found.table for found in report.not_made] == ["public.far"]


TRIGGER = (
    "CREATE TABLE audit (id serial PRIMARY KEY, what text); CREATE TABLE t (id integer PRIMARY KEY, v text);"
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} RETURN NEW; END $$;"
    "CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()"
)


def test_a_trigger_runs_and_is_left_out_only_when_it_refuses(
    db: psycopg.Connection, conn: psycopg.Connection
) -> None:
    db.execute(TRIGGER.format("INSERT INTO audit (what) VALUES (NEW.v);"))
    report = Filler(conn).top_up()
    assert (count(db, "t"), count(db, "audit"), report.notes) == (3, 6, {})
    db.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    db.execute(TRIGGER.format("INSERT INTO audit (what) VALUES (NEW.v); RAISE EXCEPTION 'not today';"))
    report = Filler(conn).top_up()
    assert (count(db, "t"), count(db, "audit")) == (3, 3)
    assert report.notes == {"public.t": "its triggers were left out: not today"}
    assert conn.execute("SHOW session_replication_role").fetchone() == ("origin",)


def test_a_trigger_that_swallows_rows_leaves_a_reason(
    db: psycopg.Connection, conn: psycopg.Connection
) -> None:
    db.execute(TRIGGER.format("RETURN NULL;"))
    (found,) = Filler(conn).top_up().not_made
    assert found.table == "public.t"
    assert found.why


def test_a_table_with_rows_of_its_own_that_takes_no_other_is_no_alarm(
    db: psycopg.Connection, conn: psycopg.Connection
) -> None:
    db.execute("CREATE TABLE t (id integer PRIMARY KEY CHECK (id = 1)); INSERT INTO t VALUES (1)")
    report = Filler(conn).top_up()
    assert report.not_made == ()
    assert "rows of its own" in report.notes["public.t"]


def test_a_column_of_a_type_that_nothing_is_known_of_stays_null_and_it_is_said(
    db: psycopg.Connection, conn: psycopg.Connection
) -> None:
    db.execute(
        "CREATE TYPE odd;"
        "CREATE FUNCTION odd_in(cstring) RETURNS odd LANGUAGE internal IMMUTABLE STRICT AS 'int4in';"
        "CREATE FUNCTION odd_out(odd) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';"
        "CREATE TYPE odd (INPUT = odd_in, OUTPUT = odd_out, LIKE = integer);"
        "CREATE TABLE may (id integer, o odd); CREATE TABLE must (id integer, o odd NOT NULL)"
    )
    report = Filler(conn).top_up()
    assert report.notes["public.may"] == "no value is known for the type of o"
    (found,) = report.not_made
    assert (found.table, found.why) == (
        "public.must",
        "column o must be set, and no value of type public.odd is known",
    )
    assert count(db, "may") == 3


def test_generated_rows_can_be_taken_away_and_others_stay(
    db: psycopg.Connection, conn: psycopg.Connection
) -> None:
    db.execute(
        "CREATE TABLE p (id serial PRIMARY KEY, up integer REFERENCES p); INSERT INTO p DEFAULT VALUES;"
        "CREATE TABLE c (p integer NOT NULL REFERENCES p); CREATE TABLE n (x text);"
        "INSERT INTO n VALUES ('own');"
        "CREATE TABLE a (id integer PRIMARY KEY, b integer NOT NULL);"
        "CREATE TABLE b (id integer PRIMARY KEY, a integer NOT NULL REFERENCES a);"
        "ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b"
    )
    filler = Filler(conn)
    filler.top_up()
    report = filler.empty()
    assert set(report.made) == {"public.p", "public.c", "public.a", "public.b"}
    assert [count(db, table) for table in "pcabn"] == [1, 0, 0, 0, 4]
    assert [found.table for found in report.not_made] == ["public.n"]
    assert set(filler.top_up(changed=()).made) == {"public.p", "public.c", "public.a", "public.b"}
    assert set(filler.empty(["public.c"]).made) == {"public.c"}
    assert set(filler.empty(["public.p"]).made) == {"public.p"}


def test_rows_that_others_refer_to_stay_and_it_is_said(
    db: psycopg.Connection, conn: psycopg.Connection
) -> None:
    db.execute("CREATE TABLE p (id serial PRIMARY KEY); CREATE TABLE c (id integer PRIMARY KEY REFERENCES p)")
    filler = Filler(conn, ignore=["public.c"])
    filler.top_up()
    db.execute("INSERT INTO c SELECT id FROM p")
    (found,) = filler.empty().not_made
    assert found.table == "public.p"
    assert "foreign key" in found.why


def test_no_rows_are_made_where_none_are_wanted(db: psycopg.Connection, conn: psycopg.Connection) -> None:
    db.execute("CREATE TABLE t (id integer); CREATE SCHEMA s; CREATE TABLE s.t (id integer)")
    assert Filler(conn, rows=0).top_up() == FillReport()
    assert Filler(conn, ignore=["public.t", "s"]).top_up() == FillReport()
    assert set(Filler(conn, ignore=["s"], rows=5).top_up().made) == {"public.t"}
    assert (count(db, "t"), count(db, "s.t")) == (5, 0)


def test_an_open_transaction_is_refused(conn: psycopg.Connection) -> None:
    with conn.transaction(), pytest.raises(PreconditionNotMet):
        Filler(conn).top_up()


def test_settings_of_the_connection_and_its_search_path_stay(
    db: psycopg.Connection, conn: psycopg.Connection
) -> None:
    db.execute(
        "CREATE SCHEMA app; CREATE TABLE app.log (t text); CREATE TABLE app.t (id integer PRIMARY KEY)"
    )
    db.execute(
        "CREATE FUNCTION app.f() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO log VALUES ('x'); RETURN NEW; END $$;"
        "CREATE TRIGGER tr BEFORE INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION app.f()"
    )
    conn.execute("SET search_path = app")
    report = Filler(conn).top_up()
    assert report.notes == {}
    assert conn.execute("SHOW search_path").fetchone() == ("app",)
    assert conn.execute("SHOW statement_timeout").fetchone() == ("0",)


# Schemas of any kind: each table is filled, or told with a reason, and nothing breaks.

COLUMN = st.sampled_from(
    "integer;smallint CHECK ({c} > 0);varchar(4) NOT NULL;text UNIQUE;boolean NOT NULL DEFAULT false;"
    "numeric(6,3);"
    "timestamptz NOT NULL DEFAULT now();jsonb CHECK (jsonb_typeof({c}) = 'array');uuid UNIQUE;mood NOT NULL;"
    "posint;text[] NOT NULL;daterange;integer REFERENCES t0;integer NOT NULL REFERENCES t0;"
    "integer REFERENCES {t} UNIQUE;char(2) CHECK ({c} ~ '^[A-Z]+$');integer GENERATED ALWAYS AS IDENTITY;"
    "text CHECK ({c} IN ('a', 'b')) UNIQUE;integer CHECK ({c} < 0 AND {c} > 5) NOT NULL".split(";")
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(COLUMN, max_size=5, unique=True), min_size=1, max_size=4), st.integers(1, 4))
def test_each_table_of_any_schema_is_filled_or_told_with_the_reason(
    pg: PostgresServer, database: str, tables: list[list[str]], rows: int
) -> None:
    with psycopg.connect(pg.conninfo(database), autocommit=True) as conn:
        conn.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TYPE mood AS ENUM ('x', 'y')")
        conn.execute("CREATE DOMAIN posint AS integer CHECK (VALUE > 0)")
        filler = Filler(conn, rows=rows)
        for number, columns in enumerate([["text"], *tables]):
            name = f"t{number}"
            parts = [f"c{at} {column.format(c=f'c{at}', t=name)}" for at, column in enumerate(columns)]
            conn.execute(
                sql.SQL("CREATE TABLE {} (id serial PRIMARY KEY, {})").format(
                    sql.Identifier(name), sql.SQL(", ".join(parts) or "z integer")
                )
            )
            filler.top_up(changed=[f"public.{name}"])
        told = {found.table: found.why for found in filler.top_up().not_made}
        for number, columns in enumerate([["text"], *tables]):
            name = f"public.t{number}"
            impossible = any("5) NOT NULL" in column for column in columns)
            assert (count(conn, name) == 0) == (name in told) == impossible, (columns, told)


KEY_CHANGES = {
    "of another type": (
        "CREATE TABLE t (id text PRIMARY KEY, n int)",
        "ALTER TABLE t ALTER id TYPE uuid USING md5(id)::uuid",
    ),
    "renamed": ("CREATE TABLE t (id text PRIMARY KEY, n int)", "ALTER TABLE t RENAME id TO key"),
    "a new column": (
        "CREATE TABLE t (id text PRIMARY KEY, n int)",
        "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD COLUMN k uuid PRIMARY KEY DEFAULT gen_random_uuid()",
    ),
    "in a longer key": (
        "CREATE TABLE t (id int, part text, n int, PRIMARY KEY (id, part))",
        "ALTER TABLE t ALTER id TYPE text USING 'x' || id",
    ),
}


@pytest.mark.parametrize("change", KEY_CHANGES.values(), ids=KEY_CHANGES)
def test_rows_are_told_again_once_their_key_has_changed(
    db: psycopg.Connection, conn: psycopg.Connection, change: tuple[str, str]
) -> None:
    db.execute(change[0].encode())
    filler = Filler(conn)
    filler.top_up()
    db.execute(change[1].encode())
    for column in ("a", "b"):
        db.execute(f"ALTER TABLE t ADD COLUMN {column} int".encode())
        report = filler.top_up()
        assert not report.notes
    assert count(db, "t WHERE a IS NULL OR b IS NULL") == 0
    assert count(db, "t") == 3
    filler.empty()
    assert count(db, "t") == 0


def test_only_rows_that_were_made_are_told_again(db: psycopg.Connection, conn: psycopg.Connection) -> None:
    db.execute("CREATE TABLE t (id int PRIMARY KEY, n int)")
    filler = Filler(conn)
    filler.top_up()
    db.execute("INSERT INTO t VALUES (999, 1); ALTER TABLE t ALTER id TYPE text, ADD COLUMN a int")
    assert not filler.top_up().notes
    assert count(db, "t WHERE a IS NULL") == 1
    filler.empty()
    assert all_rows(db, "t") == ["(999,1,)"]
