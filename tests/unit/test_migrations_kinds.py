"""The kind of a migration, read from its SQL: one table row a case."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollproof.errors import MigrationError
from rollproof.migrations.kinds import Background, Classification, Kind, classify, classify_or_explain, decide
from rollproof.migrations.script import Script
from rollproof.migrations.validation import validate

A, R, D, X = Kind.ADDITIVE, Kind.ROWS, Kind.DATA, Kind.DROPPING
F, I, P, S = Kind.DEFINITION, Kind.INDEX, Kind.PRIVILEGE, Kind.SERVER  # noqa: E741 -- a table reads better so
M, U, N = Kind.MIXED, Kind.UNDECIDED, Kind.NOTHING


def script(text: str) -> Script:
    return Script(Path("/migrations/010_case.sql"), text)


def read(text: str, **options: object) -> Classification:
    return classify(script(text), **options)  # type: ignore[arg-type]  # ledger and background, as given


CASES: list[tuple[str, Kind]] = [
    # additive
    ("CREATE TABLE t (id int PRIMARY KEY)", A),
    ("CREATE TABLE IF NOT EXISTS t (id int)", A),
    ("CREATE UNLOGGED TABLE t (id int)", A),
    ("CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2)", A),
    ("CREATE TABLE t AS SELECT * FROM old", A),
    ("SELECT * INTO t FROM old", A),
    ("CREATE FOREIGN TABLE f (a int) SERVER s", A),
    ("CREATE SCHEMA s", A),
    ("CREATE SCHEMA s CREATE TABLE t (id int) CREATE VIEW v AS SELECT * FROM t", A),
    ("CREATE SEQUENCE s", A),
    ("CREATE TYPE e AS ENUM ('a')", A),
    ("CREATE TYPE c AS (a int, b text)", A),
    ("CREATE TYPE r AS RANGE (subtype = int)", A),
    ("CREATE DOMAIN d AS text CHECK (VALUE <> '')", A),
    ("CREATE VIEW v AS SELECT 1", A),
    ("CREATE OR REPLACE VIEW v AS SELECT 1", A),
    ("CREATE MATERIALIZED VIEW v AS SELECT 1", A),
    ("CREATE EXTENSION IF NOT EXISTS pgcrypto", A),
    ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'DELETE FROM old RETURNING 1'", A),
    ("CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN TRUNCATE old; END $$", A),
    ("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC DELETE FROM old; SELECT 1; END", A),
    ("CREATE TRIGGER g AFTER INSERT ON old FOR EACH ROW EXECUTE FUNCTION f()", A),
    ("CREATE RULE r AS ON DELETE TO old DO INSTEAD DELETE FROM other", A),
    ("CREATE PUBLICATION p FOR TABLE t", A),
    ("CREATE STATISTICS s ON a, b FROM t", A),
    ("CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f()", A),
    ("CREATE AGGREGATE a (int) (sfunc = int4pl, stype = int)", A),
    ("ALTER TABLE old ADD COLUMN c int", A),
    ("ALTER TABLE old ADD COLUMN c timestamptz NOT NULL DEFAULT now()", A),
    ("ALTER TABLE old ADD CONSTRAINT k UNIQUE (a)", A),
    ("ALTER TABLE old ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES t (id) NOT VALID", A),
    ("ALTER TYPE e ADD VALUE 'b'", A),
    ("ALTER TYPE c ADD ATTRIBUTE z int", A),
    ("ALTER DOMAIN d ADD CONSTRAINT k CHECK (VALUE <> 'x')", A),
    ("CREATE TABLE t (id serial); INSERT INTO t VALUES (1); SELECT setval('t_id_seq', 9)", A),
    (
        "CREATE TABLE t (id int); INSERT INTO t VALUES (1); UPDATE t SET id = 2; DELETE FROM t",
        A,
    ),
    ("CREATE TABLE t (id serial); SELECT setval(pg_get_serial_sequence('t', 'id'), max(id)) FROM t", A),
    ("CREATE TABLE a.t (id int); COPY a.t FROM stdin;\n1\n2\n\\.\n", A),
    ("CREATE TABLE t (id int); TRUNCATE t; ALTER TABLE t DROP COLUMN id", A),
    ("CREATE TABLE t (id int); CREATE TABLE u (id int); DROP TABLE u", A),
    ("ALTER TABLE old ADD COLUMN c int; UPDATE old SET c = length(name)", A),
    ("ALTER TABLE old ADD COLUMN c int; UPDATE old SET c = 1; ALTER TABLE old DROP COLUMN c", A),
    ("CREATE TABLE t (id int); CREATE INDEX ON t (id); GRANT SELECT ON t TO app", A),
    (
        "CREATE TABLE t (id int); ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (true)",
        A,
    ),
    ("CREATE TABLE t (id int); COMMENT ON TABLE t IS 'x'; COMMENT ON COLUMN t.id IS 'y'", A),
    ("CREATE TABLE t (id int); COMMENT ON TABLE old IS 'x'", A),
    ("CREATE TABLE t (id int); CREATE INDEX i ON old (a); GRANT SELECT ON old TO app", A),
    ("CREATE SCHEMA s; ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO app", A),
    ("DROP TRIGGER IF EXISTS g ON old; CREATE TRIGGER g AFTER INSERT ON old EXECUTE FUNCTION f()", A),
    ("DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT 1", A),
    ("CREATE TABLE t (id int); INSERT INTO public.migrations (migration_name) VALUES ('010_case.sql')", A),
    ("SET search_path TO s; CREATE TABLE t (id int); INSERT INTO s.t VALUES (1)", A),
    ("DO $$ BEGIN CREATE TYPE e AS ENUM ('a'); EXCEPTION WHEN duplicate_object THEN NULL; END $$", A),
    ("DO $$ BEGIN EXECUTE 'CREATE TABLE t (id int)'; END $$", A),
    # adds rows to older tables
    ("INSERT INTO old VALUES (1)", R),
    ("INSERT INTO old SELECT * FROM other ON CONFLICT DO NOTHING", R),
    ("CREATE TABLE t (id int); INSERT INTO old VALUES (1)", R),
    ("COPY old FROM stdin;\n1\n\\.\n", R),
    ("\\copy old (a, b) FROM 'rows.csv' CSV\n", R),
    ("MERGE INTO old USING s ON s.id = old.id WHEN NOT MATCHED THEN INSERT VALUES (1)", R),
    ("WITH new AS (INSERT INTO old VALUES (1) RETURNING id) SELECT count(*) FROM new", R),
    ("SELECT lo_create(0)", R),
    ("DO $$ BEGIN IF EXISTS (SELECT FROM old) THEN INSERT INTO old VALUES (2); END IF; END $$", R),
    # changes rows in place
    ("UPDATE old SET a = 1", D),
    ("DELETE FROM old WHERE a", D),
    ("TRUNCATE old, other CASCADE", D),
    ("INSERT INTO old VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 2", D),
    ("MERGE INTO old USING s ON s.id = old.id WHEN MATCHED THEN UPDATE SET a = 1", D),
    ("MERGE INTO old USING s ON s.id = old.id WHEN MATCHED THEN DELETE", D),
    ("ALTER TABLE old ADD COLUMN c int; UPDATE old SET c = 1, a = 2", D),
    ("WITH gone AS (DELETE FROM old RETURNING *) INSERT INTO archive SELECT * FROM gone", D),
    (
        "CREATE TABLE t (id int); WITH x AS (DELETE FROM old RETURNING *) INSERT INTO t SELECT * FROM x",
        D,
    ),
    ("EXPLAIN ANALYZE UPDATE old SET a = 1", D),
    ("PREPARE p AS DELETE FROM old; EXECUTE p", D),
    ("ALTER TABLE old ALTER COLUMN c TYPE text USING lower(c)", D),
    (
        "DO $$ DECLARE r record; BEGIN FOR r IN SELECT 1 LOOP UPDATE old SET a = 1; END LOOP; END $$",
        D,
    ),
    ("DO $$ BEGIN EXECUTE 'UPDATE old SET a = 1'; END $$", D),
    (
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DELETE FROM old; END $$; SELECT f()",
        D,
    ),
    ("CREATE PROCEDURE p() LANGUAGE sql AS 'UPDATE old SET a = 1'; CALL p()", D),
    ("CREATE TABLE t (id int); UPDATE T2 SET a = 1", D),
    ("CREATE TABLE s1.t (id int); DELETE FROM s2.t", D),
    ('CREATE TABLE "T" (id int); DELETE FROM t', D),
    # drops what may hold data
    ("DROP TABLE old", X),
    ("DROP TABLE IF EXISTS old; CREATE TABLE old (id int)", X),
    ("ALTER TABLE old DROP COLUMN c", X),
    ("ALTER TABLE old ADD COLUMN d int, DROP COLUMN c", X),
    ("DROP SCHEMA s CASCADE", X),
    ("DROP TYPE e CASCADE", X),
    ("DROP DOMAIN d CASCADE", X),
    ("DROP EXTENSION hstore CASCADE", X),
    ("DROP SEQUENCE s", X),
    ("DROP OWNED BY app", X),
    ("DROP DATABASE d", X),
    ("ALTER TYPE c DROP ATTRIBUTE a", X),
    ("UPDATE old SET a = 1; DROP TABLE other", X),
    (
        "CREATE TABLE n AS SELECT id FROM old; DROP TABLE old; ALTER TABLE n RENAME TO old",
        X,
    ),
    ("DO $$ BEGIN DROP TABLE old; EXECUTE format('x %I', y); END $$", X),
    ("CREATE TEMP TABLE old (id int); DROP TABLE old; DROP TABLE old", X),
    ("SELECT lo_unlink(5)", X),
    # changes definitions
    ("CREATE VIEW v AS SELECT 1; DROP VIEW w", M),
    ("DROP VIEW v", F),
    ("DROP VIEW v; CREATE VIEW v AS SELECT 2", F),
    ("DROP FUNCTION f(int)", F),
    ("DROP TRIGGER g ON old", F),
    ("DROP MATERIALIZED VIEW v CASCADE", F),
    ("DROP TYPE e", F),
    ("DROP SCHEMA s", F),
    ("ALTER TABLE old ALTER COLUMN c SET NOT NULL", F),
    ("ALTER TABLE old ALTER COLUMN c SET DEFAULT 1", F),
    ("ALTER TABLE old DROP CONSTRAINT k", F),
    ("ALTER TABLE old VALIDATE CONSTRAINT k", F),
    ("ALTER TABLE old ALTER COLUMN c TYPE text", F),
    ("ALTER TABLE old ALTER COLUMN c TYPE text USING c::text", F),
    ("ALTER TABLE old RENAME COLUMN a TO b", F),
    ("ALTER TABLE old RENAME TO new; ALTER TABLE new RENAME CONSTRAINT a TO b", F),
    ("ALTER TABLE old SET SCHEMA archive", F),
    ("ALTER TABLE old DETACH PARTITION p", F),
    ("ALTER TABLE old ATTACH PARTITION p FOR VALUES IN (1)", F),
    ("ALTER TABLE old DISABLE TRIGGER ALL", F),
    ("ALTER TYPE e RENAME VALUE 'a' TO 'b'", F),
    ("ALTER SEQUENCE s RESTART WITH 100", F),
    ("SELECT setval('old_id_seq', 100)", F),
    ("COMMENT ON TABLE old IS 'x'", F),
    ("ALTER FUNCTION f() IMMUTABLE", F),
    ("ALTER TABLE old ALTER COLUMN c DROP EXPRESSION", F),
    # indexes only
    ("CREATE INDEX i ON old (a)", I),
    ("CREATE UNIQUE INDEX CONCURRENTLY i ON old (a)", I),
    ("DROP INDEX i; CREATE INDEX i ON old (b)", I),
    ("REINDEX TABLE CONCURRENTLY old", I),
    ("ALTER INDEX i RENAME TO j", I),
    # who may do what
    ("GRANT SELECT (a) ON old TO app", P),
    ("REVOKE ALL ON ALL TABLES IN SCHEMA s FROM PUBLIC", P),
    ("CREATE ROLE app", P),
    ("DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles) THEN CREATE ROLE app; END IF; END $$", P),
    ("ALTER TABLE old OWNER TO app", P),
    ("ALTER TABLE old ENABLE ROW LEVEL SECURITY", P),
    ("CREATE POLICY p ON old USING (true)", P),
    ("DROP POLICY IF EXISTS p ON old; CREATE POLICY p ON old USING (true)", P),
    ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app", P),
    ("GRANT app TO other; REASSIGN OWNED BY other TO app", P),
    ("ALTER FUNCTION f() OWNER TO app", P),
    ("ALTER ROLE app SET work_mem = '64MB'", P),
    # outside the database, several, undecided, nothing
    ("ALTER SYSTEM SET work_mem = '64MB'", S),
    ("CREATE DATABASE d", S),
    ("CREATE INDEX i ON old (a); GRANT SELECT ON old TO app", M),
    ("CREATE TABLE t (id int); ALTER TABLE old ALTER c SET DEFAULT 1", M),
    ("DO $$ BEGIN EXECUTE format('DROP TABLE %I', 'x'); END $$", U),
    ("DO $$ DECLARE t text; BEGIN FOR t IN EXECUTE q LOOP NULL; END LOOP; END $$", U),
    ("DO LANGUAGE plpython3u $$ pass $$", U),
    ("SELECT migrate_everything()", U),
    ("SELECT to_archive(1), make_room(2), array_purge(3)", U),
    ("INSERT INTO old VALUES (nextval('s'), slug('a'))", R),
    ("SELECT public.lower('x')", U),
    ("CALL elsewhere()", U),
    ("DO $$ BEGIN PERFORM elsewhere(); END $$", U),
    ("UPDATE old SET a = 1; SELECT elsewhere()", U),
    ("\\i more.sql\n", U),
    ("COMMIT PREPARED 'x'", U),
    ("SELECT 'DROP TABLE ' || relname FROM pg_class \\gexec\n", U),
    ("ALTER TABLE old ALTER COLUMN c TYPE varchar(20)", U),
    ("DROP EXTENSION hstore", U),
    ("SELECT 1", N),
    ("SELECT count(*), now(), pg_sleep(0), set_config('search_path', '', false) FROM old", N),
    ("VACUUM ANALYZE old", N),
    ("REFRESH MATERIALIZED VIEW v", N),
    ("EXPLAIN DELETE FROM old", N),
    ("BEGIN; LOCK TABLE old; SAVEPOINT a; COMMIT", N),
    ("CREATE TEMP TABLE x (id int); INSERT INTO x VALUES (1); UPDATE x SET id = 2; DROP TABLE x", N),
    ("COPY old TO stdout", N),
    ("BEGIN; DROP TABLE old; ROLLBACK", N),
    ("BEGIN; DROP TABLE old;", N),
    ("INSERT INTO public.migrations VALUES ('a'); DELETE FROM public.migrations WHERE true", N),
    ("-- nothing but a comment\n;;", N),
    ("CREATE TABLE t (id int); CREATE VIEW v AS SELECT * FROM t; DROP VIEW v; DROP TABLE t", N),
    ("ALTER TABLE old ADD COLUMN c int; ALTER TABLE old DROP COLUMN c", N),
    ("CREATE TABLE t (id int); BEGIN; DROP TABLE t; ROLLBACK", A),
    ("DROP TABLE t; CREATE TABLE t (id int); DROP TABLE t", X),
]


@pytest.mark.parametrize(("text", "kind"), CASES, ids=[text[:70] for text, _ in CASES])
def test_the_text_decides_the_kind(text: str, kind: Kind) -> None:
    found = read(text)
    assert found.kind is kind, [str(reason) for reason in found.reasons]


def test_every_kind_has_a_case() -> None:
    assert {kind for _, kind in CASES} == set(Kind)


def test_every_reason_names_a_line_and_a_statement() -> None:
    for text, _ in CASES:
        for reason in read(text).reasons:
            assert 1 <= reason.line <= text.count("\n") + 1
            assert reason.statement


def test_reasons_name_the_line_that_each_statement_begins_on() -> None:
    found = read(
        "-- one\n\nCREATE TABLE t (\n id int);\n/* six\n */ UPDATE old\n SET a = 1;\nDROP TABLE\n old;"
    )
    assert [(reason.line, reason.statement) for reason in found.reasons] == [
        (3, "CREATE TABLE"),
        (6, "UPDATE"),
        (8, "DROP TABLE"),
    ]


def test_lines_inside_a_do_block_are_lines_of_the_file() -> None:
    text = (
        "SELECT 1;\nDO\n$$\nDECLARE n int;\nBEGIN\n  UPDATE old SET a = 1;\n  EXECUTE format('x');\nEND $$;"
    )
    assert [reason.line for reason in read(text).reasons] == [6, 7]


def test_lines_inside_a_called_function_are_lines_of_its_body() -> None:
    head = "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $f$"
    text = "\n".join([head, "BEGIN", "  DELETE FROM old;", "END $f$;", "SELECT f();"])
    assert [(r.line, r.statement) for r in read(text).reasons] == [(1, "CREATE FUNCTION"), (3, "DELETE")]


def test_a_function_that_calls_itself_is_read_once() -> None:
    text = "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DELETE FROM old; SELECT f()'; SELECT f();"
    assert [r.statement for r in read(text).reasons] == ["CREATE FUNCTION", "DELETE"]


def test_destroyed_objects_are_named_with_their_schema() -> None:
    drops = 'DROP TABLE "Leads", other.x CASCADE; ALTER TABLE leads DROP COLUMN "Old Name";'
    found = read(f"SET search_path = nigredo; {drops}")
    assert found.destroys == ('nigredo."Leads"', "other.x", 'nigredo.leads."Old Name"')
    assert [item.line for item in found.irreversible] == [1, 1, 1]


def test_touched_tables_are_those_from_before_only() -> None:
    found = read(
        "CREATE TABLE t (id int); UPDATE t SET id = 1; UPDATE a.b SET c = 1; ALTER TABLE old ADD c int"
    )
    assert found.touches == ("a.b", "public.old")


@pytest.mark.parametrize(
    ("text", "statement"),
    [
        ("ALTER TYPE e ADD VALUE 'b'", "ALTER TYPE … ADD VALUE"),
        ("DELETE FROM old", "DELETE"),
        ("TRUNCATE old", "TRUNCATE"),
        ("ALTER TABLE old DROP COLUMN a", "ALTER TABLE … DROP COLUMN"),
        ("ALTER TABLE old ALTER c DROP EXPRESSION", "ALTER TABLE … ALTER COLUMN … DROP EXPRESSION"),
        ("ALTER SEQUENCE s RESTART", "ALTER SEQUENCE … RESTART"),
    ],
)
def test_what_plain_sql_cannot_take_back_is_listed(text: str, statement: str) -> None:
    assert [item.statement for item in read(text).irreversible] == [statement]


@pytest.mark.parametrize(
    "text",
    [
        "CREATE INDEX CONCURRENTLY i ON old (a)",
        "DROP INDEX CONCURRENTLY i",
        "REINDEX INDEX CONCURRENTLY i",
        "VACUUM old",
        "ALTER SYSTEM SET a = 1",
        "CREATE DATABASE d",
        "ALTER TABLE old DETACH PARTITION p CONCURRENTLY",
        "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p",
        "REINDEX DATABASE d",
    ],
)
def test_statements_that_refuse_a_transaction_are_told(text: str) -> None:
    found = read(text)
    assert found.needs_no_transaction
    assert not found.transactional
    inside = read(f"BEGIN;\n{text};\nCOMMIT;")
    assert any(note.startswith("line 2: cannot run inside the transaction") for note in inside.notes)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("BEGIN; CREATE TABLE a (i int); CREATE TABLE b (i int); COMMIT", True),
        ("CREATE TABLE a (i int)", True),
        ("SET lock_timeout = '1s'; SELECT 1; CREATE TABLE a (i int)", True),
        ("CREATE TABLE a (i int); CREATE TABLE b (i int)", False),
        ("BEGIN; CREATE TABLE a (i int); COMMIT; INSERT INTO public.migrations VALUES ('x')", False),
        ("BEGIN; CREATE TABLE a (i int); COMMIT AND CHAIN; CREATE TABLE b (i int); COMMIT", False),
        ("BEGIN; DROP TABLE a; ROLLBACK; CREATE TABLE b (i int)", True),
    ],
)
def test_only_one_transaction_is_applied_as_a_whole(text: str, whole: bool) -> None:
    assert read(text).transactional is whole


@pytest.mark.parametrize(
    ("default", "volatile"),
    [
        ("uuid DEFAULT gen_random_uuid()", True),
        ("uuid DEFAULT public.uuid_generate_v4()", True),
        ("float DEFAULT 1 + random() * 2", True),
        ("timestamptz DEFAULT clock_timestamp()", True),
        ("bigserial", True),
        ("int GENERATED ALWAYS AS IDENTITY", True),
        ("text DEFAULT make_code()", True),
        ("timestamptz DEFAULT now()", False),
        ("int DEFAULT 0", False),
        ("text DEFAULT lower('A')", False),
        ("date DEFAULT CURRENT_DATE", False),
    ],
)
def test_a_default_computed_for_each_row_is_told(default: str, volatile: bool) -> None:
    assert read(f"ALTER TABLE old ADD COLUMN c {default}").volatile_default is volatile
    assert not read(f"CREATE TABLE t (c {default})").volatile_default


def test_what_earlier_migrations_made_decides_widening_and_replacing() -> None:
    known = Background()
    first = "CREATE TABLE t (a varchar(20), b bigint, c int, d numeric(10, 2)); CREATE VIEW v AS SELECT 1;"
    classify(script(first), background=known)

    def then(text: str) -> Kind:
        return classify(script(text), background=Background(set(known.objects), dict(known.types))).kind

    assert then("ALTER TABLE t ALTER a TYPE varchar(50)") is F
    assert then("ALTER TABLE t ALTER a TYPE varchar(10)") is X
    assert then("ALTER TABLE t ALTER b TYPE int") is X
    assert then("ALTER TABLE t ALTER c TYPE bigint") is F
    assert then("ALTER TABLE t ALTER d TYPE numeric(10, 1)") is X
    assert then("ALTER TABLE t RENAME TO u; ALTER TABLE u ALTER b TYPE int") is X
    assert then("CREATE OR REPLACE VIEW v AS SELECT 2") is F
    assert then("DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT 2") is F
    assert then("CREATE TABLE IF NOT EXISTS t (a int); UPDATE t SET a = 1") is D
    assert then("ALTER TABLE t ADD COLUMN IF NOT EXISTS a int; UPDATE t SET a = 1") is D


def test_a_function_of_an_earlier_migration_is_read_where_it_is_called() -> None:
    known = Background()
    body = "\n\nBEGIN\n  UPDATE old SET a = 1;\nEND"
    classify(script(f"CREATE FUNCTION s.f() RETURNS void LANGUAGE plpgsql AS $${body}$$"), background=known)
    found = classify(script("SELECT 1;\nSELECT s.f();"), background=known)
    assert found.kind is D
    assert [reason.line for reason in found.reasons] == [2]


def test_background_forgets_what_was_dropped() -> None:
    known = Background()
    for text in ("CREATE TABLE t (a int)", "DROP TABLE t"):
        classify(script(text), background=known)
    assert not {key for key in known.objects if "public.t" in key}


def test_the_ledger_is_the_one_that_the_settings_name() -> None:
    text = 'INSERT INTO ops."Ledger" VALUES (1)'
    assert read(text).kind is R
    assert read(text, ledger="ops.Ledger").kind is N


def test_a_transaction_left_open_is_told_because_nothing_of_it_stays() -> None:
    found = read("BEGIN;\nDROP TABLE old;\n")
    assert "never committed" in found.notes[0]
    assert not found.destroys
    assert not found.irreversible


def test_meta_commands_and_copied_rows_are_reported_without_their_content() -> None:
    found = read("\\set password 'secret'\nCOPY old FROM stdin;\nsecret\t1\n\\.\n\\echo done\n")
    assert [(m.line, m.name) for m in found.meta] == [(1, "set"), (5, "echo")]
    assert [(d.line, d.rows) for d in found.data] == [(3, 1)]
    assert "secret" not in str(found.to_json())


def test_psql_variables_are_taken_as_names_and_told() -> None:
    found = read("\\set t old\nDROP TABLE :t; SELECT :'t', :\"t\";\n")
    assert found.kind is X
    assert found.notes == ("psql variables are taken as plain names: t",)


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("SELECT 1;\n\n  SELCT 2;", 3, 3, 'syntax error at or near "SELCT"'),
        ("SELECT 'ä€😀';\nDROP TABEL x;", 2, 6, 'syntax error at or near "TABEL"'),
        ("COPY old FROM stdin;\n'\n;;;\n\\.\nSELECT FROM WHERE;", 5, 13, 'syntax error at or near "WHERE"'),
        ("\\set x 'y\nCREATE TABLE (", 2, 14, 'syntax error at or near "("'),
        ("CREATE TABLE t (id int", 1, 23, "syntax error at end of input"),
        ("SELECT 'open", 1, 8, 'unterminated quoted string at or near "\'open"'),
        ("SELECT :unset;", 1, 8, 'syntax error at or near ":"'),
        ("COMMIT PREPARED", 1, 16, "syntax error at end of input"),
    ],
)
def test_invalid_sql_names_file_line_column_and_message(
    text: str, line: int, column: int, message: str
) -> None:
    with pytest.raises(MigrationError) as raised:
        validate(script(text))
    assert raised.value.where == f"/migrations/010_case.sql:{line}:{column}"
    assert message in raised.value.found
    assert raised.value.facts["line"] == line
    assert raised.value.remedy


def test_whole_histories_go_on_past_a_script_that_cannot_be_parsed() -> None:
    found = classify_or_explain(script("SELECT 1;\nSELCT 2;"))
    assert found.kind is U
    assert "SELCT" in str(found.reasons[0])
    assert found.reasons[0].line == 2


def test_the_most_dangerous_part_decides() -> None:
    assert decide([A, D, X, U]) is X
    assert decide([A, D, U]) is U
    assert decide([R, D]) is D
    assert decide([R, F]) is R
    assert decide([A, I, P]) is A
    assert decide([I, P]) is M
    assert decide([N]) is N
    assert decide([]) is N
