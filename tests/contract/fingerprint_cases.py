"""What one change of the catalogs must be called: (name, before, change, differences)."""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """One change, in a transaction that is rolled back; `since` is the oldest major that knows the SQL."""

    name: str
    setup: str
    change: str
    expected: tuple[str, ...]
    since: int = 13


T = "CREATE TABLE s.t (id integer, a text, b numeric(10,2));"
VIEW = "CREATE TABLE s.t (id integer, a text); CREATE VIEW s.v AS SELECT id FROM s.t;"
STORED = "CREATE TABLE s.t (id integer, a text); CREATE MATERIALIZED VIEW s.v AS SELECT id FROM s.t;"
REFERRING = (
    "CREATE TABLE s.r (id integer PRIMARY KEY); CREATE TABLE s.t (r integer CONSTRAINT k REFERENCES s.r);"
)
ROLES = "CREATE ROLE fp_app; CREATE ROLE fp_other;"
F = "CREATE FUNCTION s.f(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1';"
PARTED = "CREATE TABLE s.p (id integer, at date) PARTITION BY RANGE (at);"
TRIGGERED = (
    T
    + "CREATE FUNCTION s.tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';"
    + "CREATE TRIGGER g BEFORE INSERT ON s.t FOR EACH ROW EXECUTE FUNCTION s.tf();"
)
FOREIGN = (
    "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER v FOREIGN DATA WRAPPER w OPTIONS (host 'a', password 'x');"
)

CASES = [
    Case("nothing", T, "SELECT 1", ()),
    # schemas
    Case(
        "schema added", "", "CREATE SCHEMA s2", ("schema s2: added", "grant on schema s2 to its owner: added")
    ),
    Case(
        "schema owner",
        ROLES,
        "ALTER SCHEMA s OWNER TO fp_app",
        ("schema s: owner postgres before, fp_app after",),
    ),
    # tables
    Case(
        "table dropped",
        "CREATE TABLE s.t (id integer);",
        "DROP TABLE s.t",
        (
            "table s.t: missing after",
            "column s.t.id: missing after",
            "grant on table s.t to its owner: missing after",
        ),
    ),
    Case(
        "table owner",
        T + ROLES,
        "ALTER TABLE s.t OWNER TO fp_app",
        ("table s.t: owner postgres before, fp_app after",),
    ),
    Case(
        "table owner with grants",
        T + ROLES + "GRANT SELECT ON s.t TO fp_other;",
        "ALTER TABLE s.t OWNER TO fp_app",
        ("table s.t: owner postgres before, fp_app after",),
    ),
    Case(
        "table unlogged",
        T,
        "ALTER TABLE s.t SET UNLOGGED",
        ("table s.t: persistence permanent before, unlogged after",),
    ),
    Case(
        "row security",
        T,
        "ALTER TABLE s.t ENABLE ROW LEVEL SECURITY",
        ("table s.t: row security no before, yes after",),
    ),
    Case(
        "row security forced",
        T,
        "ALTER TABLE s.t FORCE ROW LEVEL SECURITY",
        ("table s.t: row security forced no before, yes after",),
    ),
    Case(
        "replica identity",
        T,
        "ALTER TABLE s.t REPLICA IDENTITY FULL",
        ("table s.t: replica identity primary key before, all columns after",),
    ),
    Case(
        "replica identity by an index",
        T + "ALTER TABLE s.t ALTER id SET NOT NULL; CREATE UNIQUE INDEX i ON s.t (id);",
        "ALTER TABLE s.t REPLICA IDENTITY USING INDEX i",
        ("table s.t: replica identity primary key before, index i after",),
    ),
    Case(
        "table options",
        T,
        "ALTER TABLE s.t SET (fillfactor = 70, toast.autovacuum_enabled = false)",
        ("table s.t: options none before, fillfactor=70, toast.autovacuum_enabled=false after",),
    ),
    Case(
        "inheritance",
        T + "CREATE TABLE s.c (x integer) INHERITS (s.t);",
        "ALTER TABLE s.c NO INHERIT s.t",
        (
            "column s.c.a: inherited yes before, no after",
            "column s.c.b: inherited yes before, no after",
            "column s.c.id: inherited yes before, no after",
            "table s.c: inherits s.t before, none after",
        ),
    ),
    Case(
        "partition bounds",
        PARTED + "CREATE TABLE s.p1 PARTITION OF s.p FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');",
        "ALTER TABLE s.p DETACH PARTITION s.p1;"
        "ALTER TABLE s.p ATTACH PARTITION s.p1 FOR VALUES FROM ('2020-01-01') TO ('2022-01-01')",
        (
            "table s.p1: partition bound FOR VALUES FROM ('2020-01-01') TO ('2021-01-01') before,"
            " FOR VALUES FROM ('2020-01-01') TO ('2022-01-01') after",
        ),
    ),
    Case(
        "partition detached",
        PARTED + "CREATE TABLE s.p1 PARTITION OF s.p DEFAULT;",
        "ALTER TABLE s.p DETACH PARTITION s.p1",
        (
            "column s.p1.at: inherited yes before, no after",
            "column s.p1.id: inherited yes before, no after",
            "table s.p1: partition bound DEFAULT before, none after",
            "table s.p1: partition of s.p before, none after",
        ),
    ),
    Case(
        "partition key",
        PARTED,
        "DROP TABLE s.p; CREATE TABLE s.p (id integer, at date) PARTITION BY LIST (at)",
        ("table s.p: partition key RANGE (at) before, LIST (at) after",),
    ),
    Case(
        "table became partitioned",
        "CREATE TABLE s.p (id integer);",
        "DROP TABLE s.p; CREATE TABLE s.p (id integer) PARTITION BY HASH (id)",
        (
            "table s.p: access method heap before, none after",
            "table s.p: form ordinary before, partitioned after",
            "table s.p: partition key none before, HASH (id) after",
        ),
    ),
    # columns
    Case("column added", T, "ALTER TABLE s.t ADD c date", ("column s.t.c: added",)),
    Case("column dropped", T, "ALTER TABLE s.t DROP a", ("column s.t.a: missing after",)),
    Case(
        "column type",
        T,
        "ALTER TABLE s.t ALTER id TYPE bigint",
        ("column s.t.id: type integer before, bigint after",),
    ),
    Case(
        "column type modifier",
        T,
        "ALTER TABLE s.t ALTER b TYPE numeric(12,2)",
        ("column s.t.b: type numeric(10,2) before, numeric(12,2) after",),
    ),
    Case(
        "column not null",
        T,
        "ALTER TABLE s.t ALTER a SET NOT NULL",
        ("column s.t.a: nullable yes before, no after",),
    ),
    Case(
        "column nullable",
        "CREATE TABLE s.t (a text NOT NULL);",
        "ALTER TABLE s.t ALTER a DROP NOT NULL",
        ("column s.t.a: nullable no before, yes after",),
    ),
    Case(
        "column default",
        T,
        "ALTER TABLE s.t ALTER a SET DEFAULT 'x'",
        ("column s.t.a: default none before, 'x'::text after",),
    ),
    Case(
        "column identity",
        "CREATE TABLE s.t (id integer GENERATED ALWAYS AS IDENTITY);",
        "ALTER TABLE s.t ALTER id SET GENERATED BY DEFAULT",
        ("column s.t.id: identity always before, by default after",),
    ),
    Case(
        "column generated expression",
        T + "ALTER TABLE s.t ADD g integer GENERATED ALWAYS AS (id * 2) STORED;",
        "ALTER TABLE s.t DROP g; ALTER TABLE s.t ADD g integer GENERATED ALWAYS AS (id * 3) STORED",
        ("column s.t.g: generated as (id * 2) before, (id * 3) after",),
    ),
    Case(
        "column no longer generated",
        T + "ALTER TABLE s.t ADD g integer GENERATED ALWAYS AS (id * 2) STORED;",
        "ALTER TABLE s.t ALTER g DROP EXPRESSION",
        (
            "column s.t.g: generated stored before, no after",
            "column s.t.g: generated as (id * 2) before, none after",
        ),
    ),
    Case(
        "column collation",
        T,
        'ALTER TABLE s.t ALTER a TYPE text COLLATE "C"',
        ('column s.t.a: collation none before, pg_catalog."C" after',),
    ),
    Case(
        "column storage",
        T,
        "ALTER TABLE s.t ALTER a SET STORAGE external",
        ("column s.t.a: storage extended before, external after",),
    ),
    Case(
        "column compression",
        T,
        "ALTER TABLE s.t ALTER a SET COMPRESSION pglz",
        ("column s.t.a: compression default before, pglz after",),
        since=14,
    ),
    Case(
        "column statistics target",
        T,
        "ALTER TABLE s.t ALTER a SET STATISTICS 500",
        ("column s.t.a: statistics target none before, 500 after",),
    ),
    Case(
        "column options",
        T,
        "ALTER TABLE s.t ALTER a SET (n_distinct = 5)",
        ("column s.t.a: options none before, n_distinct=5 after",),
    ),
    Case(
        "column order",
        T,
        "ALTER TABLE s.t DROP a; ALTER TABLE s.t ADD a text",
        ("table s.t: column order id, a, b before, id, b, a after",),
    ),
    Case("column appended changes no order", T, "ALTER TABLE s.t ADD z text", ("column s.t.z: added",)),
    # constraints
    Case(
        "check changed",
        T + "ALTER TABLE s.t ADD CONSTRAINT k CHECK (id > 0);",
        "ALTER TABLE s.t DROP CONSTRAINT k; ALTER TABLE s.t ADD CONSTRAINT k CHECK (id >= 0)",
        ("constraint k on s.t: definition CHECK ((id > 0)) before, CHECK ((id >= 0)) after",),
    ),
    Case(
        "check validated",
        T + "ALTER TABLE s.t ADD CONSTRAINT k CHECK (id > 0) NOT VALID;",
        "ALTER TABLE s.t VALIDATE CONSTRAINT k",
        ("constraint k on s.t: validated no before, yes after",),
    ),
    Case(
        "check dropped",
        T + "ALTER TABLE s.t ADD CONSTRAINT k CHECK (id > 0);",
        "ALTER TABLE s.t DROP CONSTRAINT k",
        ("constraint k on s.t: missing after",),
    ),
    Case(
        "unique dropped",
        T + "ALTER TABLE s.t ADD CONSTRAINT k UNIQUE (id);",
        "ALTER TABLE s.t DROP CONSTRAINT k",
        ("constraint k on s.t: missing after",),
    ),
    Case(
        "primary key dropped",
        T + "ALTER TABLE s.t ALTER id SET NOT NULL; ALTER TABLE s.t ADD PRIMARY KEY (id);",
        "ALTER TABLE s.t DROP CONSTRAINT t_pkey",
        ("constraint t_pkey on s.t: missing after",),
    ),
    Case(
        "primary key over other columns",
        "CREATE TABLE s.t (a integer NOT NULL, b integer NOT NULL, PRIMARY KEY (a, b));",
        "ALTER TABLE s.t DROP CONSTRAINT t_pkey; ALTER TABLE s.t ADD PRIMARY KEY (b, a)",
        ("constraint t_pkey on s.t: definition PRIMARY KEY (a, b) before, PRIMARY KEY (b, a) after",),
    ),
    Case(
        "foreign key action",
        REFERRING,
        "ALTER TABLE s.t DROP CONSTRAINT k;"
        "ALTER TABLE s.t ADD CONSTRAINT k FOREIGN KEY (r) REFERENCES s.r ON DELETE CASCADE",
        (
            "constraint k on s.t: definition FOREIGN KEY (r) REFERENCES s.r(id) before,"
            " FOREIGN KEY (r) REFERENCES s.r(id) ON DELETE CASCADE after",
        ),
    ),
    Case(
        "foreign key deferrable",
        REFERRING,
        "ALTER TABLE s.t ALTER CONSTRAINT k DEFERRABLE INITIALLY DEFERRED",
        (
            "constraint k on s.t: deferrable no before, yes after",
            "constraint k on s.t: initially deferred no before, yes after",
        ),
    ),
    Case(
        "foreign key not enforced",
        REFERRING,
        "ALTER TABLE s.t ALTER CONSTRAINT k NOT ENFORCED",
        (
            "constraint k on s.t: enforced yes before, no after",
            "constraint k on s.t: validated yes before, no after",
        ),
        since=18,
    ),
    Case(
        "foreign key silenced by DISABLE TRIGGER ALL",
        REFERRING,
        "ALTER TABLE s.t DISABLE TRIGGER ALL",
        (
            "constraint k on s.t: triggers not enabled none before,"
            " RI_FKey_check_ins on s.t: disabled, RI_FKey_check_upd on s.t: disabled after",
        ),
    ),
    Case(
        "exclusion constraint",
        "CREATE TABLE s.t (r int4range, CONSTRAINT k EXCLUDE USING gist (r WITH &&));",
        "ALTER TABLE s.t DROP CONSTRAINT k; ALTER TABLE s.t ADD CONSTRAINT k EXCLUDE USING gist (r WITH =)",
        (
            "constraint k on s.t: definition EXCLUDE USING gist (r WITH &&) before,"
            " EXCLUDE USING gist (r WITH =) after",
        ),
    ),
    Case(
        "constraint's index options",
        T + "ALTER TABLE s.t ADD CONSTRAINT k UNIQUE (id);",
        "ALTER INDEX s.k SET (fillfactor = 60)",
        ("constraint k on s.t: options none before, fillfactor=60 after",),
    ),
    Case(
        "clustered by a constraint's index",
        T + "ALTER TABLE s.t ADD CONSTRAINT k UNIQUE (id);",
        "ALTER TABLE s.t CLUSTER ON k",
        ("constraint k on s.t: clustered no before, yes after",),
    ),
    # indexes
    Case("index dropped", T + "CREATE INDEX i ON s.t (a);", "DROP INDEX s.i", ("index s.i: missing after",)),
    Case(
        "index no longer unique",
        T + "CREATE UNIQUE INDEX i ON s.t (a);",
        "DROP INDEX s.i; CREATE INDEX i ON s.t (a)",
        ("index s.i: unique yes before, no after",),
    ),
    Case(
        "index over another expression",
        T + "CREATE INDEX i ON s.t (lower(a));",
        "DROP INDEX s.i; CREATE INDEX i ON s.t (upper(a))",
        ("index s.i: definition USING btree (lower(a)) before, USING btree (upper(a)) after",),
    ),
    Case(
        "partial index",
        T + "CREATE INDEX i ON s.t (a);",
        "DROP INDEX s.i; CREATE INDEX i ON s.t (a) WHERE id > 3",
        ("index s.i: definition USING btree (a) before, USING btree (a) WHERE (id > 3) after",),
    ),
    Case(
        "index invalid",
        T + "CREATE INDEX i ON s.t (a);",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 's.i'::regclass",
        ("index s.i: valid yes before, no after",),
    ),
    Case(
        "index not ready",
        T + "CREATE INDEX i ON s.t (a);",
        "UPDATE pg_index SET indisready = false WHERE indexrelid = 's.i'::regclass",
        ("index s.i: ready yes before, no after",),
    ),
    Case(
        "clustered",
        T + "CREATE INDEX i ON s.t (a);",
        "ALTER TABLE s.t CLUSTER ON i",
        ("index s.i: clustered no before, yes after",),
    ),
    Case(
        "index statistics target",
        T + "CREATE INDEX i ON s.t (lower(a));",
        "ALTER INDEX s.i ALTER COLUMN 1 SET STATISTICS 300",
        ("index s.i: statistics targets none before, 1: 300 after",),
    ),
    Case(
        "index detached from its partitioned index",
        PARTED
        + "CREATE TABLE s.p1 PARTITION OF s.p DEFAULT; CREATE INDEX i ON ONLY s.p (id);"
        + "CREATE INDEX i1 ON s.p1 (id);",
        "ALTER INDEX s.i ATTACH PARTITION s.i1",
        ("index s.i: valid no before, yes after", "index s.i1: partition of none before, s.i after"),
    ),
    Case(
        "unique index instead of a unique constraint",
        T + "ALTER TABLE s.t ADD CONSTRAINT k UNIQUE (id);",
        "ALTER TABLE s.t DROP CONSTRAINT k; CREATE UNIQUE INDEX k ON s.t (id)",
        ("constraint k on s.t: missing after", "index s.k: added"),
    ),
    Case(
        "statistics object",
        T + "CREATE STATISTICS s.x ON id, a FROM s.t;",
        "DROP STATISTICS s.x",
        ("statistics s.x: missing after",),
    ),
    Case(
        "statistics object's kinds",
        T + "CREATE STATISTICS s.x (ndistinct) ON id, a FROM s.t;",
        "DROP STATISTICS s.x; CREATE STATISTICS s.x (mcv) ON id, a FROM s.t",
        (
            "statistics s.x: definition CREATE STATISTICS s.x (ndistinct) ON id, a FROM s.t before,"
            " CREATE STATISTICS s.x (mcv) ON id, a FROM s.t after",
        ),
    ),
    # sequences
    Case(
        "sequence type and maximum",
        "CREATE SEQUENCE s.q AS integer;",
        "ALTER SEQUENCE s.q AS bigint",
        (
            "sequence s.q: maximum 2147483647 before, 9223372036854775807 after",
            "sequence s.q: type integer before, bigint after",
        ),
    ),
    Case(
        "sequence increment",
        "CREATE SEQUENCE s.q;",
        "ALTER SEQUENCE s.q INCREMENT 10",
        ("sequence s.q: increment 1 before, 10 after",),
    ),
    Case(
        "sequence start",
        "CREATE SEQUENCE s.q;",
        "ALTER SEQUENCE s.q START 5",
        ("sequence s.q: start 1 before, 5 after",),
    ),
    Case(
        "sequence cache",
        "CREATE SEQUENCE s.q;",
        "ALTER SEQUENCE s.q CACHE 20",
        ("sequence s.q: cache 1 before, 20 after",),
    ),
    Case(
        "sequence cycle",
        "CREATE SEQUENCE s.q;",
        "ALTER SEQUENCE s.q CYCLE",
        ("sequence s.q: cycle no before, yes after",),
    ),
    Case(
        "sequence minimum",
        "CREATE SEQUENCE s.q;",
        "ALTER SEQUENCE s.q MINVALUE -5",
        ("sequence s.q: minimum 1 before, -5 after",),
    ),
    Case(
        "sequence owned by",
        T + "CREATE SEQUENCE s.q OWNED BY s.t.id;",
        "ALTER SEQUENCE s.q OWNED BY NONE",
        ("sequence s.q: owned by s.t.id before, none after",),
    ),
    Case(
        "sequence state",
        "CREATE SEQUENCE s.q;",
        "SELECT setval('s.q', 41)",
        ("sequence s.q: next value 1 before, 42 after",),
    ),
    Case(
        "sequence asked for its first value",
        "CREATE SEQUENCE s.q; SELECT setval('s.q', 7, false);",
        "SELECT setval('s.q', 6)",
        (),
    ),
    # views and rules
    Case(
        "view redefined",
        VIEW,
        "CREATE OR REPLACE VIEW s.v AS SELECT id FROM s.t WHERE id > 0",
        ("view s.v: definition line 2 `FROM s.t;` before, `FROM s.t` after",),
    ),
    Case(
        "view option",
        VIEW,
        "ALTER VIEW s.v SET (security_barrier = true)",
        ("view s.v: options none before, security_barrier=true after",),
    ),
    Case(
        "view security invoker",
        VIEW,
        "ALTER VIEW s.v SET (security_invoker = true)",
        ("view s.v: options none before, security_invoker=true after",),
        since=15,
    ),
    Case(
        "view column default",
        VIEW,
        "ALTER VIEW s.v ALTER id SET DEFAULT 4",
        ("column s.v.id: default none before, 4 after",),
    ),
    Case(
        "view dropped",
        VIEW,
        "DROP VIEW s.v",
        (
            "view s.v: missing after",
            "column s.v.id: missing after",
            "grant on view s.v to its owner: missing after",
        ),
    ),
    Case(
        "materialized view emptied",
        STORED,
        "REFRESH MATERIALIZED VIEW s.v WITH NO DATA",
        ("materialized view s.v: populated yes before, no after",),
    ),
    Case(
        "index of a materialized view",
        STORED + "CREATE INDEX i ON s.v (id);",
        "DROP INDEX s.i",
        ("index s.i: missing after",),
    ),
    Case(
        "rule added",
        T,
        "CREATE RULE r AS ON DELETE TO s.t DO INSTEAD NOTHING",
        ("rule r on s.t: added",),
    ),
    Case(
        "rule disabled",
        T + "CREATE RULE r AS ON DELETE TO s.t DO INSTEAD NOTHING;",
        "ALTER TABLE s.t DISABLE RULE r",
        ("rule r on s.t: enabled origin before, disabled after",),
    ),
    # functions
    Case(
        "function body",
        F,
        "CREATE OR REPLACE FUNCTION s.f(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1 + 1'",
        ("function s.f(integer): body SELECT $1 before, SELECT $1 + 1 after",),
    ),
    Case(
        "function volatility",
        F,
        "ALTER FUNCTION s.f(integer) IMMUTABLE",
        ("function s.f(integer): volatility volatile before, immutable after",),
    ),
    Case(
        "function security definer",
        F,
        "ALTER FUNCTION s.f(integer) SECURITY DEFINER",
        ("function s.f(integer): security definer no before, yes after",),
    ),
    Case(
        "function strict",
        F,
        "ALTER FUNCTION s.f(integer) STRICT",
        ("function s.f(integer): strict no before, yes after",),
    ),
    Case(
        "function leakproof",
        F,
        "ALTER FUNCTION s.f(integer) LEAKPROOF",
        ("function s.f(integer): leakproof no before, yes after",),
    ),
    Case(
        "function parallel",
        F,
        "ALTER FUNCTION s.f(integer) PARALLEL SAFE",
        ("function s.f(integer): parallel unsafe before, safe after",),
    ),
    Case(
        "function cost",
        F,
        "ALTER FUNCTION s.f(integer) COST 7",
        ("function s.f(integer): cost 100 before, 7 after",),
    ),
    Case(
        "function settings",
        F,
        "ALTER FUNCTION s.f(integer) SET search_path = s, pg_temp",
        ("function s.f(integer): settings none before, search_path=s, pg_temp after",),
    ),
    Case(
        "function owner",
        F + ROLES,
        "ALTER FUNCTION s.f(integer) OWNER TO fp_app",
        ("function s.f(integer): owner postgres before, fp_app after",),
    ),
    Case(
        "function argument default",
        F,
        "DROP FUNCTION s.f(integer);"
        "CREATE FUNCTION s.f(integer DEFAULT 3) RETURNS integer LANGUAGE sql AS 'SELECT $1'",
        ("function s.f(integer): arguments integer before, integer DEFAULT 3 after",),
    ),
    Case(
        "function result",
        F,
        "DROP FUNCTION s.f(integer); CREATE FUNCTION s.f(integer) RETURNS bigint LANGUAGE sql AS 'SELECT $1'",
        ("function s.f(integer): result integer before, bigint after",),
    ),
    Case(
        "one of two overloads dropped",
        F + "CREATE FUNCTION s.f(text, numeric[]) RETURNS text LANGUAGE sql AS 'SELECT $1';",
        "DROP FUNCTION s.f(text, numeric[])",
        (
            "function s.f(text, numeric[]): missing after",
            "grant on function s.f(text, numeric[]) to PUBLIC: missing after",
            "grant on function s.f(text, numeric[]) to its owner: missing after",
        ),
    ),
    Case(
        "function body laid out otherwise",
        F,
        "CREATE OR REPLACE FUNCTION s.f(integer) RETURNS integer LANGUAGE sql AS 'SELECT   $1'",
        ("function s.f(integer): body SELECT $1 before, SELECT   $1 after [white space]",),
    ),
    Case(
        "white space inside a function's text",
        "CREATE FUNCTION s.f() RETURNS text LANGUAGE sql AS $f$SELECT 'a b'$f$;",
        "CREATE OR REPLACE FUNCTION s.f() RETURNS text LANGUAGE sql AS $f$SELECT 'a  b'$f$",
        ("function s.f(): body SELECT 'a b' before, SELECT 'a  b' after",),
    ),
    Case(
        "function with a standard body",
        "CREATE FUNCTION s.f() RETURNS integer LANGUAGE sql RETURN 1;",
        "CREATE OR REPLACE FUNCTION s.f() RETURNS integer LANGUAGE sql RETURN 2",
        ("function s.f(): body RETURN 1 before, RETURN 2 after",),
        since=14,
    ),
    Case(
        "procedure",
        "CREATE PROCEDURE s.pr(integer) LANGUAGE sql AS 'SELECT 1';",
        "CREATE OR REPLACE PROCEDURE s.pr(integer) LANGUAGE sql AS 'SELECT 2'",
        ("procedure s.pr(integer): body SELECT 1 before, SELECT 2 after",),
    ),
    Case(
        "aggregate",
        "CREATE AGGREGATE s.ag(integer) (sfunc = int4pl, stype = integer, initcond = '0');",
        "CREATE OR REPLACE AGGREGATE s.ag(integer) (sfunc = int4pl, stype = integer, initcond = '5')",
        ("aggregate s.ag(integer): initial value 0 before, 5 after",),
    ),
    # triggers, policies
    Case("trigger dropped", TRIGGERED, "DROP TRIGGER g ON s.t", ("trigger g on s.t: missing after",)),
    Case(
        "trigger disabled",
        TRIGGERED,
        "ALTER TABLE s.t DISABLE TRIGGER g",
        ("trigger g on s.t: enabled origin before, disabled after",),
    ),
    Case(
        "trigger redefined",
        TRIGGERED,
        "DROP TRIGGER g ON s.t; CREATE TRIGGER g AFTER INSERT ON s.t FOR EACH ROW EXECUTE FUNCTION s.tf()",
        (
            "trigger g on s.t: definition"
            " CREATE TRIGGER g BEFORE INSERT ON s.t FOR EACH ROW EXECUTE FUNCTION s.tf() before,"
            " CREATE TRIGGER g AFTER INSERT ON s.t FOR EACH ROW EXECUTE FUNCTION s.tf() after",
        ),
    ),
    Case(
        "event trigger",
        "CREATE FUNCTION s.et() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';",
        "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION s.et()",
        ("event trigger e: added",),
    ),
    Case(
        "event trigger disabled",
        "CREATE FUNCTION s.et() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
        "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION s.et();",
        "ALTER EVENT TRIGGER e DISABLE",
        ("event trigger e: enabled origin before, disabled after",),
    ),
    Case(
        "policy expression",
        T + "CREATE POLICY p ON s.t USING (id > 0);",
        "ALTER POLICY p ON s.t USING (id > 1)",
        ("policy p on s.t: using (id > 0) before, (id > 1) after",),
    ),
    Case(
        "policy with check",
        T + "CREATE POLICY p ON s.t USING (id > 0);",
        "ALTER POLICY p ON s.t WITH CHECK (id > 1)",
        ("policy p on s.t: with check none before, (id > 1) after",),
    ),
    Case(
        "policy roles",
        T + ROLES + "CREATE POLICY p ON s.t USING (id > 0);",
        "ALTER POLICY p ON s.t TO fp_app",
        ("policy p on s.t: roles PUBLIC before, fp_app after",),
    ),
    Case(
        "policy command and mode",
        T + "CREATE POLICY p ON s.t USING (id > 0);",
        "DROP POLICY p ON s.t; CREATE POLICY p ON s.t AS RESTRICTIVE FOR SELECT USING (id > 0)",
        (
            "policy p on s.t: command all before, select after",
            "policy p on s.t: permissive yes before, no after",
        ),
    ),
    # types
    Case(
        "enum value",
        "CREATE TYPE s.e AS ENUM ('a', 'b');",
        "ALTER TYPE s.e ADD VALUE 'c' BEFORE 'b'",
        ("enum s.e: labels a, b before, a, c, b after",),
    ),
    Case(
        "enum order",
        "CREATE TYPE s.e AS ENUM ('a', 'b');",
        "DROP TYPE s.e; CREATE TYPE s.e AS ENUM ('b', 'a')",
        ("enum s.e: labels a, b before, b, a after",),
    ),
    Case(
        "domain default",
        "CREATE DOMAIN s.d AS integer;",
        "ALTER DOMAIN s.d SET DEFAULT 3",
        ("domain s.d: default none before, 3 after",),
    ),
    Case(
        "domain not null",
        "CREATE DOMAIN s.d AS integer;",
        "ALTER DOMAIN s.d SET NOT NULL",
        ("domain s.d: nullable yes before, no after",),
    ),
    Case(
        "domain constraint",
        "CREATE DOMAIN s.d AS integer CONSTRAINT k CHECK (VALUE > 0);",
        "ALTER DOMAIN s.d DROP CONSTRAINT k",
        ("constraint k on domain s.d: missing after",),
    ),
    Case(
        "composite type",
        "CREATE TYPE s.c AS (x integer, y text);",
        "ALTER TYPE s.c ALTER ATTRIBUTE x TYPE bigint",
        ("composite type s.c: attributes x integer, y text before, x bigint, y text after",),
    ),
    Case(
        "range type",
        "CREATE TYPE s.r AS RANGE (subtype = float8);",
        "DROP TYPE s.r; CREATE TYPE s.r AS RANGE (subtype = float8, subtype_diff = float8mi)",
        (
            "range type s.r: subtype difference none before,"
            " float8mi(double precision,double precision) after",
        ),
    ),
    Case("shell type", "", "CREATE TYPE s.sh", ("shell type s.sh: added",)),
    # extensions and what few make
    Case("extension dropped", "", "DROP EXTENSION plpgsql", ("extension plpgsql: missing after",)),
    Case(
        "cast",
        "CREATE TYPE s.e AS ENUM ('a');",
        "CREATE CAST (text AS s.e) WITH INOUT AS ASSIGNMENT",
        ("cast (text AS s.e): added",),
    ),
    Case(
        "operator",
        F + "CREATE FUNCTION s.eq(integer, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';",
        "CREATE OPERATOR s.=== (LEFTARG = integer, RIGHTARG = text, FUNCTION = s.eq)",
        ("operator s.===(integer, text): added",),
    ),
    Case(
        "operator class",
        "",
        "CREATE OPERATOR CLASS s.oc FOR TYPE integer USING btree"
        " AS OPERATOR 1 <, FUNCTION 1 btint4cmp(integer, integer)",
        ("operator family s.oc USING btree: added", "operator class s.oc USING btree: added"),
    ),
    Case("collation", "", 'CREATE COLLATION s.co FROM "C"', ("collation s.co: added",)),
    Case(
        "text search configuration",
        'CREATE TEXT SEARCH CONFIGURATION s.ts (PARSER = pg_catalog."default");'
        "ALTER TEXT SEARCH CONFIGURATION s.ts ADD MAPPING FOR url WITH simple;",
        "ALTER TEXT SEARCH CONFIGURATION s.ts ADD MAPPING FOR word WITH english_stem, simple",
        (
            "text search configuration s.ts: mapping url: pg_catalog.simple before,"
            " url: pg_catalog.simple, word: pg_catalog.english_stem, pg_catalog.simple after",
        ),
    ),
    Case(
        "text search dictionary",
        "CREATE TEXT SEARCH DICTIONARY s.di (TEMPLATE = simple);",
        "ALTER TEXT SEARCH DICTIONARY s.di (Accept = false)",
        ("text search dictionary s.di: options none before, accept = 'false' after",),
    ),
    Case(
        "conversion",
        "",
        "CREATE CONVERSION s.cv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
        ("conversion s.cv: added",),
    ),
    # grants
    Case("grant", T + ROLES, "GRANT SELECT ON s.t TO fp_app", ("grant on table s.t to fp_app: added",)),
    Case(
        "grant of one more privilege",
        T + ROLES + "GRANT SELECT ON s.t TO fp_app;",
        "GRANT DELETE ON s.t TO fp_app",
        ("grant on table s.t to fp_app: DELETE none before, granted after",),
    ),
    Case(
        "grant option",
        T + ROLES + "GRANT SELECT ON s.t TO fp_app;",
        "GRANT SELECT ON s.t TO fp_app WITH GRANT OPTION",
        ("grant on table s.t to fp_app: SELECT granted before, with grant option after",),
    ),
    Case(
        "grantor",
        T
        + ROLES
        + "GRANT USAGE ON SCHEMA s TO fp_other;"
        + "GRANT SELECT ON s.t TO fp_other WITH GRANT OPTION; GRANT SELECT ON s.t TO fp_app;",
        "REVOKE SELECT ON s.t FROM fp_app; SET ROLE fp_other; GRANT SELECT ON s.t TO fp_app; RESET ROLE",
        ("grant on table s.t to fp_app: SELECT granted before, granted by fp_other after",),
    ),
    Case("grant to all", T, "GRANT SELECT ON s.t TO PUBLIC", ("grant on table s.t to PUBLIC: added",)),
    Case(
        "owner revoked from itself",
        T,
        "REVOKE DELETE ON s.t FROM postgres",
        ("grant on table s.t to its owner: DELETE granted before, none after",),
    ),
    Case(
        "grants given and taken back are none",
        T + ROLES,
        "GRANT SELECT ON s.t TO fp_app; REVOKE SELECT ON s.t FROM fp_app",
        (),
    ),
    Case(
        "column grant",
        T + ROLES,
        "GRANT UPDATE (a) ON s.t TO fp_app",
        ("grant on column s.t.a to fp_app: added",),
    ),
    Case(
        "sequence grant",
        "CREATE SEQUENCE s.q;" + ROLES,
        "GRANT USAGE ON SEQUENCE s.q TO fp_app",
        ("grant on sequence s.q to fp_app: added",),
    ),
    Case("schema grant", ROLES, "GRANT USAGE ON SCHEMA s TO fp_app", ("grant on schema s to fp_app: added",)),
    Case(
        "function taken from everybody",
        F,
        "REVOKE EXECUTE ON FUNCTION s.f(integer) FROM PUBLIC",
        ("grant on function s.f(integer) to PUBLIC: missing after",),
    ),
    Case(
        "type taken from everybody",
        "CREATE TYPE s.e AS ENUM ('a');",
        "REVOKE USAGE ON TYPE s.e FROM PUBLIC",
        ("grant on enum s.e to PUBLIC: missing after",),
    ),
    Case(
        "database grant",
        "GRANT CREATE ON DATABASE {database} TO PUBLIC;",
        "REVOKE CREATE ON DATABASE {database} FROM PUBLIC",
        ("grant on database to PUBLIC: CREATE granted before, none after",),
    ),
    Case(
        "grant on the server's own function",
        ROLES,
        "GRANT EXECUTE ON FUNCTION pg_catalog.pg_stat_reset() TO fp_app",
        ("grant on function pg_catalog.pg_stat_reset() to fp_app: added",),
    ),
    Case(
        "the server's own function taken from everybody",
        "",
        "REVOKE EXECUTE ON FUNCTION pg_catalog.random() FROM PUBLIC",
        ("grant on function pg_catalog.random() to PUBLIC: added",),
    ),
    Case(
        "language",
        "",
        "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC",
        ("grant on language plpgsql to PUBLIC: added",),
    ),
    Case(
        "default privilege",
        ROLES,
        "ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO fp_app",
        ("default privilege for role postgres in schema s on tables to fp_app: added",),
    ),
    Case(
        "default privilege for all schemas",
        ROLES,
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON SEQUENCES TO fp_app",
        ("default privilege for role postgres on sequences to fp_app: added",),
    ),
    Case(
        "default privilege revoked",
        "",
        "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
        ("default privilege for role postgres on functions to PUBLIC: added",),
    ),
    Case(
        "default privilege put back",
        "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;",
        "ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
        ("default privilege for role postgres on functions to PUBLIC: missing after",),
    ),
    Case(
        "role became superuser",
        T + ROLES + "GRANT SELECT ON s.t TO fp_app;",
        "ALTER ROLE fp_app SUPERUSER",
        ("role fp_app: superuser no before, yes after",),
    ),
    Case(
        "membership no longer inherited",
        T + ROLES + "GRANT SELECT ON s.t TO fp_app; GRANT fp_other TO fp_app;",
        "GRANT fp_other TO fp_app WITH INHERIT FALSE",
        ("role fp_app: member of fp_other before, fp_other with inherit f after",),
        since=16,
    ),
    Case(
        "role became a member",
        T + ROLES + "GRANT SELECT ON s.t TO fp_app;",
        "GRANT fp_other TO fp_app WITH ADMIN OPTION",
        ("role fp_app: member of none before, fp_other with admin option after",),
    ),
    # comments, labels
    Case("comment", T, "COMMENT ON TABLE s.t IS 'x'", ("comment on table s.t: added",)),
    Case(
        "comment changed",
        T + "COMMENT ON COLUMN s.t.a IS 'x';",
        "COMMENT ON COLUMN s.t.a IS 'y'",
        ("comment on table column s.t.a: text x before, y after",),
    ),
    Case(
        "comment on a function",
        F,
        "COMMENT ON FUNCTION s.f(integer) IS 'x'",
        ("comment on function s.f(integer): added",),
    ),
    Case(
        "comment on the database",
        "",
        "COMMENT ON DATABASE {database} IS 'x'",
        ("comment on database: added",),
    ),
    Case(
        "security label",
        T,
        "INSERT INTO pg_seclabel VALUES ('s.t'::regclass, 'pg_class'::regclass, 0, 'dummy', 'secret')",
        ("security label by dummy on table s.t: added",),
    ),
    # replication
    Case(
        "publication",
        T + "CREATE PUBLICATION p FOR TABLE s.t;",
        "ALTER PUBLICATION p DROP TABLE s.t",
        ("publication table s.t in p: missing after",),
    ),
    Case(
        "publication operations",
        T + "CREATE PUBLICATION p FOR TABLE s.t;",
        "ALTER PUBLICATION p SET (publish = 'insert')",
        (
            "publication p: delete yes before, no after",
            "publication p: truncate yes before, no after",
            "publication p: update yes before, no after",
        ),
    ),
    Case(
        "publication row filter and columns",
        T + "CREATE PUBLICATION p FOR TABLE s.t;",
        "ALTER PUBLICATION p SET TABLE s.t (id, a) WHERE (id > 3)",
        (
            "publication table s.t in p: columns none before, a, id after",
            "publication table s.t in p: row filter none before, (id > 3) after",
        ),
        since=15,
    ),
    Case(
        "publication of a schema",
        "CREATE PUBLICATION p;",
        "ALTER PUBLICATION p ADD TABLES IN SCHEMA s",
        ("publication schema s in p: added",),
        since=15,
    ),
    Case(
        "subscription",
        "CREATE SUBSCRIPTION sub CONNECTION 'host=nowhere password=x' PUBLICATION p WITH (connect = false);",
        "ALTER SUBSCRIPTION sub SET (synchronous_commit = on)",
        ("subscription sub: synchronous commit off before, on after",),
        since=14,
    ),
    # foreign data
    Case(
        "server option",
        FOREIGN,
        "ALTER SERVER v OPTIONS (SET host 'b')",
        ("server v: options host=a, password=(not shown) before, host=b, password=(not shown) after",),
    ),
    Case(
        "server version", FOREIGN, "ALTER SERVER v VERSION '2'", ("server v: version none before, 2 after",)
    ),
    Case(
        "foreign table option",
        FOREIGN + "CREATE FOREIGN TABLE s.ft (id integer) SERVER v OPTIONS (table_name 'a');",
        "ALTER FOREIGN TABLE s.ft OPTIONS (SET table_name 'b')",
        ("foreign table s.ft: foreign options table_name=a before, table_name=b after",),
    ),
    Case(
        "user mapping",
        FOREIGN + ROLES,
        "CREATE USER MAPPING FOR fp_app SERVER v OPTIONS (user 'u', password 'geheim')",
        ("user mapping for fp_app on v: added",),
    ),
    # settings and the database
    Case(
        "database setting",
        "",
        "ALTER DATABASE {database} SET work_mem = '5MB'",
        ("setting work_mem: added",),
    ),
    Case(
        "database setting for a role",
        ROLES + "ALTER ROLE fp_app IN DATABASE {database} SET search_path = s;",
        "ALTER ROLE fp_app IN DATABASE {database} SET search_path = s, public",
        ("setting search_path for role fp_app: value s before, s, public after",),
    ),
    # objects made in the server's own schema are not lost
    Case(
        "function in pg_catalog",
        "",
        "CREATE FUNCTION pg_catalog.fp_mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        (
            "function pg_catalog.fp_mine(): added",
            "grant on function pg_catalog.fp_mine() to PUBLIC: added",
            "grant on function pg_catalog.fp_mine() to its owner: added",
        ),
    ),
    # names made by the server
    Case(
        "generated constraint name",
        "CREATE TABLE s.r (id integer PRIMARY KEY); CREATE TABLE s.t (r integer REFERENCES s.r);",
        "ALTER TABLE s.t RENAME CONSTRAINT t_r_fkey TO t_r_fkey1",
        ("constraint t_r_fkey on s.t: name t_r_fkey on s.t before, t_r_fkey1 on s.t after [generated name]",),
    ),
    Case(
        "primary key named after the table's former name",
        "CREATE TABLE s.t (id integer PRIMARY KEY);",
        "ALTER TABLE s.t RENAME CONSTRAINT t_pkey TO old_pkey",
        ("constraint t_pkey on s.t: name t_pkey on s.t before, old_pkey on s.t after [generated name]",),
    ),
    Case(
        "generated index name",
        T + "CREATE INDEX ON s.t (lower(a), b);",
        "ALTER INDEX s.t_lower_b_idx RENAME TO t_lower_b_idx3",
        ("index s.t_lower_b_idx: name s.t_lower_b_idx before, s.t_lower_b_idx3 after [generated name]",),
    ),
    Case(
        "generated sequence name, with its grants, comment and default",
        "CREATE TABLE s.t (id serial);" + ROLES + "GRANT USAGE ON SEQUENCE s.t_id_seq TO fp_app;"
        "COMMENT ON SEQUENCE s.t_id_seq IS 'x';",
        "ALTER SEQUENCE s.t_id_seq RENAME TO t_id_seq1",
        ("sequence s.t_id_seq: name s.t_id_seq before, s.t_id_seq1 after [generated name]",),
    ),
    Case(
        "a chosen name is no generated one",
        T + "CREATE INDEX ON s.t (a);",
        "ALTER INDEX s.t_a_idx RENAME TO leads_by_a",
        ("index s.leads_by_a: added", "index s.t_a_idx: missing after"),
    ),
    Case(
        "a generated name of something else is a difference",
        T + "CREATE INDEX ON s.t (a);",
        "DROP INDEX s.t_a_idx; CREATE INDEX ON s.t (b)",
        ("index s.t_a_idx: missing after", "index s.t_b_idx: added"),
    ),
]
