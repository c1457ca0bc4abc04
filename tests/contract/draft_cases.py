"""What migrations add and change, by name; each on the same base."""

# ruff: noqa: E501 -- a case is a line

BASE = """
CREATE SCHEMA s;
CREATE TYPE s.mood AS ENUM ('sad', 'ok');
CREATE DOMAIN s.age AS int;
CREATE TABLE s.t (id int PRIMARY KEY, a int NOT NULL DEFAULT 3, b varchar(20), m s.mood, CONSTRAINT a_positive CHECK (a > 0));
CREATE TABLE s."Odd Name" ("Id" int PRIMARY KEY, "a b" text);
CREATE INDEX t_b ON s.t (b);
CREATE VIEW s.v AS SELECT id, a FROM s.t;
CREATE SEQUENCE s.q;
CREATE FUNCTION s.f(x int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN x; END $$;
CREATE FUNCTION s.tf() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER old_one BEFORE INSERT ON s.t FOR EACH ROW EXECUTE FUNCTION s.tf();
CREATE POLICY p ON s.t FOR SELECT USING (a > 1);
COMMENT ON TABLE s.t IS 'it''s a table';
GRANT SELECT ON s.t TO pg_monitor;
GRANT SELECT ON s.v TO pg_monitor WITH GRANT OPTION;
CREATE PUBLICATION pub FOR TABLE s.t;
CREATE TABLE s.part (id int, r int) PARTITION BY RANGE (r);
"""
UNDONE = {
    "nothing": "SELECT 1;",
    "a table": "CREATE TABLE s.n (id serial PRIMARY KEY, t_id int REFERENCES s.t, u text UNIQUE); CREATE INDEX ON s.n (t_id); COMMENT ON TABLE s.n IS 'x'; GRANT SELECT ON s.n TO PUBLIC;",
    "tables that need each other": "CREATE TABLE s.z (id int PRIMARY KEY); CREATE TABLE s.c (id int PRIMARY KEY, z int REFERENCES s.z); CREATE TABLE s.a (id int REFERENCES s.c);",
    "tables in a circle": "CREATE TABLE s.x (id int PRIMARY KEY, y int); CREATE TABLE s.y (id int PRIMARY KEY, x int REFERENCES s.x); ALTER TABLE s.x ADD FOREIGN KEY (y) REFERENCES s.y;",
    "a column": "ALTER TABLE s.t ADD c int NOT NULL DEFAULT 1 CHECK (c > 0); CREATE INDEX ON s.t (c);",
    "a column with a foreign key": "ALTER TABLE s.t ADD parent int REFERENCES s.t;",
    "a serial column": "ALTER TABLE s.t ADD n bigserial; ALTER TABLE s.t ADD i int GENERATED ALWAYS AS IDENTITY;",
    "a generated column": "ALTER TABLE s.t ADD g int GENERATED ALWAYS AS (a * 2) STORED; ALTER TABLE s.t ADD h int; ALTER TABLE s.t ADD k int GENERATED ALWAYS AS (h + 1) STORED;",
    "odd names": 'ALTER TABLE s."Odd Name" ADD "c.d" int DEFAULT 1; CREATE INDEX "an idx" ON s."Odd Name" ("c.d"); ALTER TABLE s."Odd Name" ADD CONSTRAINT "no on x" CHECK ("Id" > 0); COMMENT ON COLUMN s."Odd Name"."a b" IS \'odd\';',
    "a type and its users": "CREATE TYPE s.kind AS ENUM ('a'); CREATE DOMAIN s.kinds AS s.kind; CREATE TYPE s.pair AS (k s.kind, n int); ALTER TABLE s.t ADD k s.kinds; CREATE FUNCTION s.g(p s.pair) RETURNS s.kind LANGUAGE sql AS 'SELECT p.k';",
    "a schema": "CREATE SCHEMA n; CREATE TABLE n.t (id int); CREATE FUNCTION n.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; GRANT USAGE ON SCHEMA n TO pg_monitor; ALTER DEFAULT PRIVILEGES IN SCHEMA n GRANT SELECT ON TABLES TO pg_monitor;",
    "views upon views": "CREATE VIEW s.a1 AS SELECT * FROM s.v; CREATE VIEW s.b1 AS SELECT * FROM s.a1; CREATE MATERIALIZED VIEW s.aa AS SELECT * FROM s.b1; CREATE INDEX ON s.aa (id);",
    "a function that a default needs": "CREATE FUNCTION s.n() RETURNS int LANGUAGE sql AS 'SELECT 7'; ALTER TABLE s.t ALTER a SET DEFAULT s.n(); ALTER TABLE s.t ADD CONSTRAINT x CHECK (s.f(a) > 0);",
    "a function of a table's rows": "CREATE TABLE s.n (id int); CREATE FUNCTION s.r(n s.n) RETURNS int LANGUAGE sql AS 'SELECT n.id'; CREATE FUNCTION s.rs() RETURNS SETOF s.n LANGUAGE sql BEGIN ATOMIC SELECT * FROM s.n; END;",
    "a trigger": "CREATE FUNCTION s.n() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$; CREATE TRIGGER a AFTER UPDATE ON s.t FOR EACH ROW EXECUTE FUNCTION s.n();",
    "policies": "ALTER TABLE s.t ENABLE ROW LEVEL SECURITY; ALTER TABLE s.t FORCE ROW LEVEL SECURITY; CREATE POLICY q ON s.t USING (true); ALTER POLICY p ON s.t USING (a > 2);",
    "a rule": "CREATE RULE r AS ON INSERT TO s.v DO INSTEAD NOTHING;",
    "grants": "GRANT UPDATE, DELETE ON s.t TO pg_monitor; GRANT SELECT (a) ON s.t TO PUBLIC; GRANT USAGE ON SCHEMA s TO pg_monitor; REVOKE EXECUTE ON FUNCTION s.f(int) FROM PUBLIC; REVOKE GRANT OPTION FOR SELECT ON s.v FROM pg_monitor; GRANT USAGE ON SEQUENCE s.q TO PUBLIC; GRANT SELECT ON s.t TO pg_monitor WITH GRANT OPTION;",
    "a revoked privilege": "REVOKE SELECT ON s.t FROM pg_monitor; REVOKE ALL ON FUNCTION s.f(int) FROM PUBLIC;",
    "default privileges": "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor; ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT EXECUTE ON FUNCTIONS TO pg_monitor; ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;",
    "comments": "COMMENT ON TABLE s.t IS 'other \\ words'; COMMENT ON COLUMN s.t.a IS 'c'; COMMENT ON CONSTRAINT a_positive ON s.t IS 'k'; COMMENT ON FUNCTION s.f(int) IS 'f'; COMMENT ON TRIGGER old_one ON s.t IS 't'; COMMENT ON TYPE s.mood IS 'm'; COMMENT ON DOMAIN s.age IS 'd'; COMMENT ON VIEW s.v IS 'v'; COMMENT ON COLUMN s.v.id IS 'vc'; COMMENT ON INDEX s.t_b IS 'i'; COMMENT ON SCHEMA s IS 's'; COMMENT ON POLICY p ON s.t IS 'p'; COMMENT ON SEQUENCE s.q IS 'q';",
    "a comment taken away": "COMMENT ON TABLE s.t IS NULL;",
    "defaults and nulls": "ALTER TABLE s.t ALTER a DROP DEFAULT, ALTER a DROP NOT NULL, ALTER b SET DEFAULT 'x', ALTER b SET NOT NULL;",
    "a wider type": 'ALTER TABLE s.t ALTER b TYPE text; ALTER TABLE s."Odd Name" ALTER "Id" TYPE bigint;',
    "a longer text": "ALTER TABLE s.t ALTER b TYPE varchar(50);",
    "owners": "ALTER TABLE s.t OWNER TO pg_monitor; ALTER FUNCTION s.f(int) OWNER TO pg_monitor; ALTER VIEW s.v OWNER TO pg_monitor; ALTER TYPE s.mood OWNER TO pg_monitor; ALTER SCHEMA s OWNER TO pg_monitor; ALTER SEQUENCE s.q OWNER TO pg_monitor; ALTER DOMAIN s.age OWNER TO pg_monitor;",
    "storage": 'ALTER TABLE s.t ALTER b SET STORAGE EXTERNAL, ALTER a SET STATISTICS 500; ALTER TABLE s.t SET (fillfactor = 70, autovacuum_enabled = off); ALTER TABLE s."Odd Name" SET UNLOGGED;',
    "a replica identity": "ALTER TABLE s.t REPLICA IDENTITY FULL;",
    "another function body": "CREATE OR REPLACE FUNCTION s.f(x int) RETURNS int LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER SET search_path = s, pg_temp COST 5 AS $$ BEGIN RETURN x + 1; END $$;",
    "another function result": "DROP FUNCTION s.f(int); CREATE FUNCTION s.f(x int) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';",
    "another view": "CREATE OR REPLACE VIEW s.v AS SELECT id, a + 0 AS a FROM s.t;",
    "a wider view": "CREATE OR REPLACE VIEW s.v AS SELECT id, a, b FROM s.t; COMMENT ON VIEW s.v IS 'x';",
    "another index": "DROP INDEX s.t_b; CREATE UNIQUE INDEX t_b ON s.t (b) WHERE b > '';",
    "an index dropped": "DROP INDEX s.t_b;",
    "another constraint": "ALTER TABLE s.t DROP CONSTRAINT a_positive; ALTER TABLE s.t ADD CONSTRAINT a_positive CHECK (a > 1) NOT VALID;",
    "a constraint dropped": "ALTER TABLE s.t DROP CONSTRAINT a_positive; ALTER TABLE s.t DROP CONSTRAINT t_pkey;",
    "a view dropped": "DROP VIEW s.v;",
    "a function dropped": "DROP FUNCTION s.f(int);",
    "a trigger dropped": "DROP TRIGGER old_one ON s.t;",
    "a trigger disabled": "ALTER TABLE s.t DISABLE TRIGGER old_one;",
    "a policy dropped": "DROP POLICY p ON s.t;",
    "a primary key in place of another": "ALTER TABLE s.t DROP CONSTRAINT t_pkey; ALTER TABLE s.t ADD CONSTRAINT t_pk PRIMARY KEY (id, a);",
    "a sequence changed": "ALTER SEQUENCE s.q INCREMENT BY 5 MAXVALUE 1000 CYCLE; CREATE SEQUENCE s.q2;",
    "a label renamed": "ALTER TYPE s.mood RENAME VALUE 'sad' TO 'blue';",
    "a domain tightened": "ALTER DOMAIN s.age SET NOT NULL; ALTER DOMAIN s.age SET DEFAULT 1; ALTER DOMAIN s.age ADD CONSTRAINT old CHECK (VALUE > 0);",
    "partitions": "CREATE TABLE s.part_1 PARTITION OF s.part FOR VALUES FROM (1) TO (10); CREATE INDEX ON s.part (id); ALTER TABLE s.part ADD c int;",
    "a partitioned table": "CREATE TABLE s.np (id int, r int) PARTITION BY LIST (r); CREATE TABLE s.np_1 PARTITION OF s.np FOR VALUES IN (1); CREATE TABLE s.a_np_2 PARTITION OF s.np DEFAULT;",
    "an extension": "CREATE EXTENSION pgcrypto SCHEMA s; ALTER TABLE s.t ADD tok text DEFAULT s.gen_salt('md5');",
    "statistics": "CREATE STATISTICS s.st ON a, m FROM s.t;",
    "a publication": "CREATE PUBLICATION p2 FOR TABLE s.t; ALTER PUBLICATION pub ADD TABLE s.part;",
    "an operator": "CREATE FUNCTION s.eq(int, text) RETURNS bool LANGUAGE sql AS 'SELECT true'; CREATE OPERATOR s.=== (LEFTARG = int, RIGHTARG = text, FUNCTION = s.eq); CREATE AGGREGATE s.total (int) (SFUNC = int4pl, STYPE = int);",
    "a procedure": "CREATE PROCEDURE s.pr(INOUT x int) LANGUAGE plpgsql AS $$ BEGIN x := 1; END $$;",
    "a setting": "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path TO s, public', current_database()); END $$;",
    "an event trigger": "CREATE FUNCTION s.et() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$; CREATE EVENT TRIGGER et ON sql_drop WHEN TAG IN ('DROP INDEX') EXECUTE FUNCTION s.et();",
    "a foreign server": "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER sv FOREIGN DATA WRAPPER w; CREATE USER MAPPING FOR PUBLIC SERVER sv; CREATE FOREIGN TABLE s.ft (a int) SERVER sv;",
    "a collation and a cast": "CREATE COLLATION s.c FROM \"C\"; CREATE FUNCTION s.cf(s.mood) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE CAST (s.mood AS int) WITH FUNCTION s.cf(s.mood);",
}
REFUSED = {
    "a table dropped": ('DROP TABLE s."Odd Name";', 'table s."Odd Name" was dropped'),
    "a table renamed": ("ALTER TABLE s.t RENAME TO u;", "table s.t was dropped"),
    "a column dropped": ("ALTER TABLE s.t DROP COLUMN b;", "column s.t.b was dropped"),
    "a narrower type": (
        "ALTER TABLE s.t ALTER b TYPE varchar(5);",
        "column s.t.b: character varying(5) cannot hold",
    ),
    "another type": ("ALTER TABLE s.t ALTER b TYPE int USING b::int;", "column s.t.b: integer"),
    "a sequence dropped": ("DROP SEQUENCE s.q;", "sequence s.q was dropped"),
    "a label added": ("ALTER TYPE s.mood ADD VALUE 'glad';", "enum s.mood: labels was changed"),
    "a type dropped": ("DROP DOMAIN s.age;", "domain s.age was dropped"),
    "two losses": (
        "DROP TABLE s.t CASCADE; DROP SEQUENCE s.q;",
        "sequence s.q was dropped; table s.t was dropped",
    ),
}
