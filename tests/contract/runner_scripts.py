"""Scripts of every sort that a migration may be; each by its name."""

# ruff: noqa: E501 -- a case is a line

SECRET = "ana.souza@example.com"  # noqa: S105 -- a row's value, which must never be shown
BASE = (
    "CREATE TABLE leads (id int PRIMARY KEY, mail text UNIQUE, n int NOT NULL);\n"
    f"INSERT INTO leads VALUES (1, '{SECRET}', 1);\n"
    "CREATE TYPE mood AS ENUM ('sad', 'ok');\n"
)
DEFERRED = (
    "CREATE TABLE late (id int REFERENCES leads DEFERRABLE INITIALLY DEFERRED);\n"
    "INSERT INTO late VALUES (99);\n"
)
PLPGSQL = (
    "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n  RETURN 1; -- ; \nEND\n$$;\n"
    "CREATE OR REPLACE FUNCTION g() RETURNS int\nBEGIN ATOMIC SELECT CASE 1 WHEN 1 THEN 1 END;END;\n"
)
SCRIPTS = {
    "plain": "CREATE TABLE a (id int);\n-- one\nINSERT INTO a VALUES (1), (2);\nSELECT * FROM a",
    "nothing": "-- nothing at all\n",
    "empty": "",
    "bodies": PLPGSQL,
    "its own transaction": "BEGIN;\nCREATE TABLE a (id int);\nCOMMIT;\nCREATE TABLE b (id int);\n",
    "its own transaction, failing": "BEGIN;\nCREATE TABLE a (id int);\nSELECT nope;\nCOMMIT;\n",
    "failing after its own transaction": (
        "CREATE TABLE z (id int);\nBEGIN;\nCREATE TABLE a (id int);\nCOMMIT;\nCREATE TABLE b (id int);\n  SELECT\n nope;"
    ),
    "rolled back": "BEGIN;\nCREATE TABLE a (id int);\nROLLBACK;\nCREATE TABLE b (id int);\n",
    "left open": "BEGIN;\nCREATE TABLE a (id int);\n",
    "savepoints": "BEGIN;\nSAVEPOINT s;\nDROP TABLE leads;\nROLLBACK TO s;\nALTER TABLE leads ADD x int;\nCOMMIT;\n",
    "failing": "CREATE TABLE a (id int);\n\n-- c\n  SELECT 1 FROMM x y;",
    "failing at a column": "SELECT 1;\n/* c\n */\nSELECT\n  a,\n  nope\nFROM (SELECT 1 AS a) s;\nSELECT 2;",
    "failing far right": "SELECT '日本語', nope;",
    "failing in a block": "SELECT 1;\nDO $$\nBEGIN\n  PERFORM 1;\n  DROP TABLE nope;\nEND $$;",
    "failing without a place": "SELECT 1;\n\nCREATE TABLE\nt (id int,\nid int);",
    "failing on two of one line": "SELECT 1; SELECT nope; SELECT 2;",
    "failing on a value": f"INSERT INTO leads VALUES (2, '{SECRET}', 1);",
    "failing on a cast": "UPDATE leads SET n = mail::int;",
    "raising": "DO $$ BEGIN RAISE EXCEPTION 'bad lead %', (SELECT mail FROM leads); END $$;",
    "failing in dynamic SQL": "DO $$ BEGIN EXECUTE 'TABLE ' || (SELECT quote_ident(mail) FROM leads); END $$;",
    "index concurrently": "CREATE TABLE a (id int);\nCREATE INDEX CONCURRENTLY i ON leads (n);\n",
    "index concurrently alone": "CREATE INDEX CONCURRENTLY i ON leads (n);",
    "vacuum": "VACUUM leads;\n",
    "a label of an enum": "ALTER TYPE mood ADD VALUE 'happy';\n",
    "a label that is used at once": "ALTER TYPE mood ADD VALUE 'happy';\nSELECT 'happy'::mood;\n",
    "alter system": "ALTER SYSTEM RESET work_mem;\n",
    "a set role": "SET ROLE pg_monitor;\nCREATE TABLE a (id int);\n",
    "settings": "SET search_path = pg_catalog;\nCREATE TABLE public.a (id int);\nSET statement_timeout = '5s';\nDISCARD ALL;\n",
    "discard": "CREATE TEMP TABLE t (i int);\nCREATE TABLE a AS SELECT * FROM t;\nDISCARD ALL;\n",
    "notifications": "LISTEN x;\nNOTIFY x, 'y';\nCREATE TABLE a (id int);\n",
    "notices": "DROP TABLE IF EXISTS nowhere;\nDO $$ BEGIN RAISE NOTICE 'lead %', (SELECT mail FROM leads); END $$;\n",
    "deferred": DEFERRED,
    "copied out": "COPY leads TO STDOUT;\nCREATE TABLE a (id int);\n",
    "killed": "CREATE TABLE a (id int);\nSELECT pg_terminate_backend(pg_backend_pid());\nCREATE TABLE b (id int);\n",
    "killed in a transaction": "BEGIN;\nCREATE TABLE a (i int);\nSELECT pg_terminate_backend(pg_backend_pid());\nCOMMIT;",
    "advisory lock": "SELECT pg_advisory_lock(7);\nCREATE TABLE a (id int);\n",
    "unended quote": "CREATE TABLE a (id int);\nSELECT 'never ends;",
    "colons": "CREATE TABLE a AS SELECT (ARRAY[1,2,3])[1:2] AS x, '1'::int AS y;\n",
    "backslashes in quotes": "CREATE TABLE a AS SELECT '\\d' AS x, E'\\n;' AS y;\n",
    "windows": "CREATE TABLE a (id int);\r\nCREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$\r\n SELECT 1;\r\n$$;\r\n",
    "windows, failing": "SELECT 1;\r\n\r\nSELECT 1,\r\n  nope;\r\n",
    "mixed line ends": "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$\r\n SELECT 'a\n b\r\n';\n$$;\nCREATE TABLE a ();\n",
}
PSQLS_OWN = {
    "copied rows": "COPY leads FROM stdin;\n2\tb\t2\n3\t\\N\t3\n\\.\nCREATE TABLE a (id int);\n",
    "copied nothing": "COPY leads FROM stdin;\n\\.\nCREATE TABLE a (id int);\n",
    "copied rows to the end": "COPY leads FROM stdin;\n2\tb\t2\n",
    "copied rows, failing": f"SELECT 1;\nCOPY leads FROM stdin;\n2\tb\t2\n3\tc\t{SECRET}\n\\.\nSELECT 1;\n",
    "copied rows to nowhere": "COPY nowhere FROM stdin;\n1\n\\.\n",
    "copied rows, windows": "COPY leads FROM stdin;\r\n2\tb\t2\r\n\\.\r\n",
    "mark and windows": "\ufeffCREATE TABLE a (id int);\r\n\r\nSELECT 1,\r\n  nope;\r\n",
    "meta": "\\set n 7\nINSERT INTO leads VALUES (:n, 'x', 1);\nSELECT nope;\n",
    "two at once": "CREATE TABLE a (id int)\\; SELECT nope;\n",
}
