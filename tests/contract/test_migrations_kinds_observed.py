"""Text and effect agree: each script is read, run on a real server, and its effect named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from rollproof.environments.base import PostgresServer
from rollproof.fingerprint import compare, compare_rows, keep_rows, take_fingerprint
from rollproof.migrations import builtin
from rollproof.migrations.execute import PsqlRunner
from rollproof.migrations.kinds import Background, Kind, classify
from rollproof.migrations.observed import disagreement, observed_kind
from rollproof.migrations.script import Script

SETUP = """
CREATE SCHEMA s;
CREATE TABLE s.old (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    a varchar(20) NOT NULL DEFAULT 'x', b int, c bigint, e text
);
CREATE TABLE s."Other" (id serial, old int REFERENCES s.old, PRIMARY KEY (id));
CREATE TABLE s.plain (x int, y text);
CREATE TABLE s.parent (k int, v text) PARTITION BY LIST (k);
CREATE TABLE s.part PARTITION OF s.parent FOR VALUES IN (1);
CREATE INDEX old_b ON s.old (b);
CREATE SEQUENCE s.numbers;
CREATE TYPE s.mood AS ENUM ('sad', 'glad');
CREATE TYPE s.pair AS (l int, r int);
CREATE VIEW s.v AS SELECT id, e FROM s.old;
CREATE MATERIALIZED VIEW s.m AS SELECT count(*) FROM s.old;
CREATE FUNCTION s.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER g BEFORE UPDATE ON s.old FOR EACH ROW EXECUTE FUNCTION s.f();
CREATE POLICY p ON s.old USING (true);
COMMENT ON TABLE s.old IS 'old';
CREATE TABLE public.migrations (name text);
INSERT INTO s.old (b, c) SELECT n, n FROM generate_series(1, 20) n;
INSERT INTO s.plain VALUES (1, 'one'), (2, 'two');
INSERT INTO s.parent VALUES (1, 'a');
CREATE TABLE s.loose AS SELECT 2 AS k, 'x' AS v;
"""
ROLE = "rp_kind_role"
CASES = [
    "CREATE TABLE s.t (id serial PRIMARY KEY, r int REFERENCES s.old); CREATE INDEX ON s.t (r)",
    f"CREATE TABLE s.t (id int); GRANT SELECT ON s.t TO {ROLE}; ALTER TABLE s.t OWNER TO {ROLE}",
    "CREATE TABLE s.t (id int); COMMENT ON TABLE s.t IS 'x'; COMMENT ON TABLE s.old IS 'y'",
    "CREATE TABLE s.part2 PARTITION OF s.parent FOR VALUES IN (2)",
    "CREATE TABLE s.t AS SELECT * FROM s.old",
    "CREATE SCHEMA n; CREATE TYPE n.e AS ENUM ('a'); CREATE DOMAIN n.d AS int; CREATE TABLE n.t (e n.e)",
    "CREATE VIEW s.w AS SELECT 1 AS one",
    "CREATE OR REPLACE VIEW s.v AS SELECT id, e, b FROM s.old",
    "DROP VIEW s.v; CREATE VIEW s.v AS SELECT id FROM s.old",
    "DROP VIEW IF EXISTS s.none; CREATE VIEW s.none AS SELECT 1 AS one",
    "DROP VIEW s.v",
    "DROP MATERIALIZED VIEW s.m",
    "CREATE FUNCTION s.h() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE OR REPLACE FUNCTION s.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
    "DROP TRIGGER g ON s.old",
    "CREATE TRIGGER h AFTER INSERT ON s.old FOR EACH ROW EXECUTE FUNCTION s.f()",
    "ALTER TABLE s.old ADD COLUMN d timestamptz DEFAULT now()",
    "ALTER TABLE s.old ADD COLUMN d int REFERENCES s.old UNIQUE",
    "ALTER TABLE s.old DROP COLUMN b",
    "ALTER TABLE s.old DROP COLUMN id CASCADE",
    "ALTER TABLE s.old ALTER COLUMN b SET NOT NULL",
    "ALTER TABLE s.old ALTER COLUMN a DROP DEFAULT",
    "ALTER TABLE s.old ALTER COLUMN a TYPE text",
    "ALTER TABLE s.old ALTER COLUMN a TYPE varchar(40)",
    "ALTER TABLE s.old ALTER COLUMN a TYPE varchar(10)",
    "ALTER TABLE s.old ALTER COLUMN b TYPE bigint",
    "ALTER TABLE s.old ALTER COLUMN c TYPE int",
    "ALTER TABLE s.old ADD CONSTRAINT positive CHECK (b > 0)",
    "ALTER TABLE s.plain ADD PRIMARY KEY (x)",
    "ALTER TABLE s.plain ADD CONSTRAINT one UNIQUE (y)",
    'ALTER TABLE s."Other" DROP CONSTRAINT "Other_old_fkey"',
    "ALTER TABLE s.old RENAME COLUMN b TO bb",
    "ALTER TABLE s.plain RENAME TO simple",
    "ALTER TABLE s.plain SET SCHEMA public",
    "ALTER TABLE s.parent DETACH PARTITION s.part",
    "ALTER TABLE s.parent ATTACH PARTITION s.loose FOR VALUES IN (2)",
    "ALTER TABLE s.plain ALTER COLUMN x SET STATISTICS 100",
    "ALTER TYPE s.mood ADD VALUE 'so so' BEFORE 'glad'",
    "ALTER TYPE s.mood RENAME VALUE 'sad' TO 'blue'",
    "ALTER TYPE s.pair ADD ATTRIBUTE z int",
    "DROP TYPE s.mood",
    "DROP TABLE s.plain",
    'DROP TABLE s."Other"',
    "DROP SEQUENCE s.numbers",
    "DROP SCHEMA s CASCADE",
    "CREATE TABLE s.x (id int); DROP TABLE s.x",
    "CREATE INDEX ON s.old (c)",
    "CREATE UNIQUE INDEX CONCURRENTLY u ON s.plain (x)",
    "DROP INDEX s.old_b",
    "ALTER INDEX s.old_b RENAME TO old_bb",
    f"GRANT SELECT ON s.old TO {ROLE}",
    f"GRANT SELECT (a) ON s.old TO {ROLE}",
    f"ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO {ROLE}",
    f"ALTER TABLE s.old OWNER TO {ROLE}",
    "ALTER TABLE s.old ENABLE ROW LEVEL SECURITY; CREATE POLICY q ON s.old USING (b > 0)",
    "ALTER POLICY p ON s.old USING (b > 1)",
    "DROP POLICY p ON s.old",
    "ALTER SEQUENCE s.numbers INCREMENT 10",
    "ALTER SEQUENCE s.numbers RESTART WITH 100",
    "SELECT setval('s.numbers', 50)",
    "COMMENT ON TABLE s.old IS 'new'",
    "COMMENT ON COLUMN s.old.b IS 'new'; ALTER TABLE s.old ADD COLUMN d int",
    "CREATE PUBLICATION pub FOR TABLE s.old",
    "CREATE STATISTICS s.st ON b, c FROM s.old",
    "CREATE EXTENSION pgcrypto",
    "SET search_path = s; CREATE TABLE t (id int); ALTER TABLE old ADD COLUMN d int",
    "DO $$ BEGIN IF NOT EXISTS (SELECT FROM s.plain WHERE x > 9) THEN CREATE SCHEMA n; END IF; END $$",
    "BEGIN; DROP TABLE s.plain; ROLLBACK",
    "BEGIN; DROP TABLE s.plain",
    "CREATE TEMP TABLE t (id int); INSERT INTO t VALUES (1)",
    "VACUUM s.old",
    "SELECT count(*) FROM s.old",
    "UPDATE s.old SET b = b + 1 WHERE id < 5",
    "DELETE FROM s.plain WHERE x = 1",
    "TRUNCATE s.plain",
    "INSERT INTO s.plain VALUES (3, 'three')",
    "INSERT INTO s.plain VALUES (3, 'three'); CREATE TABLE s.t (id int); INSERT INTO s.t VALUES (1)",
    "COPY s.plain FROM stdin;\n5\tfive\n\\.\n",
    "CREATE TABLE s.t (x int); INSERT INTO s.t SELECT x FROM s.plain; UPDATE s.t SET x = 0; DELETE FROM s.t",
    "ALTER TABLE s.plain ADD COLUMN z int; UPDATE s.plain SET z = x * 2",
    "ALTER TABLE s.plain ADD COLUMN z int; UPDATE s.plain SET z = x, y = upper(y)",
    "ALTER TABLE s.plain ALTER COLUMN y TYPE text USING upper(y)",
    "ALTER TABLE s.plain ALTER COLUMN x TYPE text USING x::text",
    "WITH gone AS (DELETE FROM s.plain RETURNING *) INSERT INTO s.parent SELECT 1, y FROM gone",
    "INSERT INTO s.old (b) VALUES (1); INSERT INTO public.migrations VALUES ('010_case.sql')",
    "CREATE TABLE s.t (id int); INSERT INTO public.migrations VALUES ('010_case.sql')",
    "DO $$ BEGIN FOR i IN 1..3 LOOP UPDATE s.plain SET y = y || i; END LOOP; END $$",
    "UPDATE s.parent SET v = 'b'",
    "DROP TABLE s.part",
    "MERGE INTO s.plain p USING s.old o ON o.id = p.x WHEN NOT MATCHED THEN INSERT VALUES (o.id, 'new')",
    "CREATE FUNCTION s.fill() RETURNS void LANGUAGE sql AS 'UPDATE s.plain SET y = NULL'; SELECT s.fill()",
]


@pytest.fixture
def conn(pg: PostgresServer, database: str) -> Iterator[psycopg.Connection]:
    with PsqlRunner(pg, database).connect() as connection:
        connection.execute(f"DROP ROLE IF EXISTS {ROLE}".encode())
        connection.execute(f"CREATE ROLE {ROLE}".encode())
        yield connection
        connection.execute(
            f"REASSIGN OWNED BY {ROLE} TO postgres; DROP OWNED BY {ROLE}; DROP ROLE {ROLE}".encode()
        )


@pytest.mark.parametrize("text", CASES, ids=[text[:60] for text in CASES])
def test_text_and_effect_agree(
    pg: PostgresServer, database: str, conn: psycopg.Connection, tmp_path: Path, text: str
) -> None:
    script = Script(tmp_path / "010_case.sql", text)
    script.path.write_text(text)
    background = Background()
    classify(Script(tmp_path / "001_setup.sql", SETUP), background=background)
    conn.execute(SETUP.encode())
    before, rows = take_fingerprint(conn), keep_rows(conn, tmp_path / "rows")
    said = classify(script, background=background)
    PsqlRunner(pg, database, limit=30).run(script)
    changes = compare_rows(conn, rows, digester=str)
    seen = observed_kind(compare(before, take_fingerprint(conn)), changes, renamed=said.renamed)
    assert disagreement(said, seen) is None
    assert said.kind is not Kind.UNDECIDED


def test_functions_said_to_leave_no_trace_are_postgresqls_own(conn: psycopg.Connection) -> None:
    known = {
        str(name): str(volatility)
        for name, volatility in conn.execute(
            "SELECT proname, string_agg(DISTINCT provolatile::text, '') FROM pg_proc "
            "WHERE pronamespace = 'pg_catalog'::regnamespace GROUP BY 1"
        )
    }
    newer = {
        "array_reverse",
        "array_sort",
        "casefold",
        "crc32",
        "crc32c",
        "gamma",
        "lgamma",
        "uuidv4",
        "uuidv7",
    }
    assert builtin._HARMLESS - newer <= set(known)
    assert all("v" in known[name] for name in builtin.VOLATILE - newer)
    assert not {"setval", "lo_unlink", "lo_create", "query_to_xml", "nextval"} & builtin._HARMLESS
