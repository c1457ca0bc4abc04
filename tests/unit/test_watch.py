"""What a watch tells besides the fingerprint, what it leaves behind, and that broken ones are caught."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from psycopg import pq

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, PreconditionNotMet
from rollproof.fingerprint import incremental_reach, incremental_scan, take_fingerprint
from rollproof.fingerprint.catalog import QUERIES
from rollproof.fingerprint.incremental_scan import Scan
from rollproof.fingerprint.incremental_statements import statements
from rollproof.fingerprint.pipeline import Answer
from rollproof.fingerprint.queries import query
from rollproof.fingerprint.watch import CatalogWatch

SCHEMA = """
CREATE SCHEMA "Odd one";
CREATE TABLE public.users (id serial PRIMARY KEY, email text, born date);
CREATE TABLE "Odd one"."Orders" (id integer PRIMARY KEY, buyer integer REFERENCES public.users, note text);
CREATE INDEX orders_buyer ON "Odd one"."Orders" (buyer);
CREATE VIEW public.buyers AS SELECT u.email FROM public.users u JOIN "Odd one"."Orders" o ON o.buyer = u.id;
CREATE MATERIALIZED VIEW public.ages AS SELECT born, count(*) FROM public.users GROUP BY born;
CREATE TYPE public.mood AS ENUM ('sad', 'glad');
COMMENT ON COLUMN public.users.email IS 'where to write to';
"""


@pytest.fixture
def conn(pg: PostgresServer, database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(pg.conninfo(database), autocommit=True) as conn:
        conn.execute(SCHEMA)
        yield conn


@pytest.fixture
def observer(pg: PostgresServer, database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(pg.conninfo(database), autocommit=True) as conn:
        yield conn


@pytest.fixture
def watch(conn: psycopg.Connection, observer: psycopg.Connection) -> CatalogWatch:
    watch = CatalogWatch(observer)
    watch.look()
    return watch


def test_a_look_at_an_unchanged_database_gives_the_last_fingerprint_itself(watch: CatalogWatch) -> None:
    assert watch.look() is watch.look()


def test_facts_that_did_not_change_stay_the_same_objects(
    watch: CatalogWatch, conn: psycopg.Connection
) -> None:
    before = watch.look()
    conn.execute("ALTER TABLE users ADD COLUMN phone text")
    after = watch.look()
    changed = {key for key in after.facts if after.facts[key] is not before.facts.get(key)}
    assert changed == {("column", "public.users.phone"), ("column order", "public.users")}


def test_facts_stay_the_same_objects_when_all_were_read_anew(
    watch: CatalogWatch, conn: psycopg.Connection
) -> None:
    before = watch.look()
    conn.execute('ALTER SCHEMA "Odd one" RENAME TO odd; ALTER SCHEMA odd RENAME TO "Odd one"')
    conn.execute("GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_waldir() TO pg_monitor")
    after = watch.look()
    assert all(after.facts[key] is fact for key, fact in before.facts.items() if key in after.facts)


def test_the_first_look_is_the_full_fingerprint_and_is_written_alike(
    watch: CatalogWatch, observer: psycopg.Connection
) -> None:
    seen, full = watch.look(), take_fingerprint(observer)
    assert seen.to_json() == full.to_json()
    assert (seen.digest, seen.source) == (full.digest, full.source)


@pytest.mark.parametrize("autocommit", [True, False])
def test_a_look_leaves_no_transaction_no_lock_and_no_setting(
    pg: PostgresServer, database: str, conn: psycopg.Connection, autocommit: bool
) -> None:
    with psycopg.connect(pg.conninfo(database), autocommit=autocommit) as observer:
        watch = CatalogWatch(observer)
        for _ in range(3):
            watch.look()
            conn.execute("CREATE TABLE IF NOT EXISTS more (id serial)")
            assert observer.info.transaction_status == pq.TransactionStatus.IDLE
        locks = "SELECT count(*) FROM pg_locks WHERE pid = %s"
        assert conn.execute(locks, (observer.info.backend_pid,)).fetchone() == (0,)
        assert observer.execute("SHOW plan_cache_mode").fetchone() == ("auto",)


def test_a_look_amid_a_transaction_is_refused(watch: CatalogWatch, observer: psycopg.Connection) -> None:
    with observer.transaction(), pytest.raises(PreconditionNotMet, match="in a transaction"):
        watch.look()


def test_after_an_error_the_watch_starts_over(
    watch: CatalogWatch, observer: psycopg.Connection, conn: psycopg.Connection
) -> None:
    with observer.transaction(), pytest.raises(PreconditionNotMet):
        watch.look()
    conn.execute("DROP VIEW buyers")
    assert watch.look().to_json() == take_fingerprint(observer).to_json()


def test_forgetting_starts_over(watch: CatalogWatch, observer: psycopg.Connection) -> None:
    before = watch.look()
    watch.forget()
    assert (watch.rewritten(), watch.changed_tables()) == ((), frozenset())
    after = watch.look()
    assert after == before
    assert after is not before
    assert "public.users" in watch.changed_tables()


@pytest.mark.parametrize(
    ("statement", "written"),
    [
        ("TRUNCATE users CASCADE", {'"Odd one"."Orders"', '"Odd one"."Orders_pkey"', '"Odd one".orders_buyer',
                                    "public.users", "public.users_pkey"}),
        ("VACUUM FULL users", {"public.users", "public.users_pkey"}),
        (
            'ALTER TABLE "Odd one"."Orders" ALTER id TYPE bigint',
            {'"Odd one"."Orders"', '"Odd one".orders_buyer'},
        ),
        ('REINDEX INDEX "Odd one".orders_buyer', {'"Odd one".orders_buyer'}),
        ("REFRESH MATERIALIZED VIEW ages", {"public.ages"}),
        (
            'ALTER TABLE "Odd one"."Orders" RENAME TO odd; ALTER TABLE "Odd one".odd SET UNLOGGED',
            {'"Odd one".odd', '"Odd one"."Orders_pkey"', '"Odd one".orders_buyer'},
        ),
        ("CREATE TABLE fresh (id integer)", set()),
        ("ALTER TABLE users ADD COLUMN n integer DEFAULT 7", set()),
        ("ANALYZE users", set()),
        ("VACUUM users", set()),
    ],
)  # fmt: skip
def test_what_was_written_anew_is_named(
    watch: CatalogWatch, conn: psycopg.Connection, statement: str, written: set[str]
) -> None:
    conn.execute(statement)
    watch.look()
    assert set(watch.rewritten()) == written
    watch.look()
    assert watch.rewritten() == ()


@pytest.mark.parametrize(
    ("statement", "changed"),
    [
        ("SELECT 1", set()),
        ("INSERT INTO users (email) VALUES ('a')", set()),
        ("ALTER TABLE users ADD COLUMN n integer", {"public.users"}),
        ("ALTER TABLE users RENAME TO people", {"public.users", "public.people"}),
        ("DROP VIEW buyers", {"public.buyers"}),
        (
            'ALTER TABLE "Odd one"."Orders" DROP CONSTRAINT "Orders_buyer_fkey"',
            {'"Odd one"."Orders"', "public.users"},
        ),
        ("ALTER TABLE users ALTER email SET DEFAULT 'x'", {"public.users"}),
        ("CREATE UNIQUE INDEX ON users (email)", {"public.users"}),
        ("CREATE TABLE fresh (id serial)", {"public.fresh"}),
        ("CREATE TEMP TABLE fleeting (id serial)", set()),
        ("ALTER SCHEMA \"Odd one\" RENAME TO odd", {'"Odd one"."Orders"', 'odd."Orders"'}),
        ("ALTER TYPE mood RENAME TO temper", set()),
        ("COMMENT ON TABLE users IS 'people'", set()),
    ],
)  # fmt: skip
def test_tables_whose_catalog_rows_changed_are_named(
    watch: CatalogWatch, conn: psycopg.Connection, statement: str, changed: set[str]
) -> None:
    conn.execute(statement)
    watch.look()
    assert watch.changed_tables() == changed


def test_ignored_schemas_are_left_out_with_what_belongs_to_them(
    conn: psycopg.Connection, observer: psycopg.Connection
) -> None:
    ignored = ["Odd one", "later"]
    watch = CatalogWatch(observer, ignore_schemas=ignored)
    for statement in (
        "SELECT 1",
        'COMMENT ON CONSTRAINT "Orders_pkey" ON "Odd one"."Orders" IS \'hidden\'',
        'ALTER SEQUENCE users_id_seq OWNED BY "Odd one"."Orders".id',
        "CREATE SCHEMA later; CREATE TABLE later.t (id serial)",
        "ALTER TABLE later.t SET SCHEMA public",
        "ALTER SCHEMA later RENAME TO sooner",
        'DROP SCHEMA "Odd one" CASCADE',
    ):
        try:
            conn.execute(statement)
        except psycopg.errors.ObjectNotInPrerequisiteState:  # an owned sequence stays in its table's schema
            conn.execute("ALTER TABLE users ALTER id DROP DEFAULT; ALTER SEQUENCE users_id_seq OWNED BY NONE")
        full = take_fingerprint(observer, ignore_schemas=ignored)
        assert watch.look().to_json() == full.to_json(), statement


def test_a_check_names_what_the_watch_did_not_see(watch: CatalogWatch, conn: psycopg.Connection) -> None:
    watch.check()
    conn.execute("ALTER TABLE users ADD COLUMN unseen text")
    with pytest.raises(AttemptFailed, match=r"column public\.users\.unseen"):
        watch.check()
    watch.look()
    watch.check()


def test_every_statement_of_the_full_fingerprint_is_run(conn: psycopg.Connection) -> None:
    major = conn.info.server_version // 10000
    for name in QUERIES:
        parts = [statement for statement in statements(major) if statement.name.split()[0] == name]
        assert len(parts) == sum(
            line.split(" -- ")[0].rstrip().endswith(";")
            for line in query(name, major=major).splitlines()
            if not line.startswith("--")
        )


def test_a_watch_that_ignores_what_depends_on_a_change_is_caught(
    watch: CatalogWatch, conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def itself(cursor: object, seeds: set[tuple[str, int]], major: int) -> dict[str, frozenset[int]]:
        return {catalog: frozenset(oid for of, oid in seeds if of == catalog) for catalog, _ in seeds}

    monkeypatch.setattr(incremental_reach, "_dependents", itself)
    conn.execute("ALTER TABLE users RENAME COLUMN email TO address")
    watch.look()
    with pytest.raises(AttemptFailed, match=r"view public\.buyers"):
        watch.check()


def test_a_watch_that_does_not_look_for_lost_rows_is_caught(
    watch: CatalogWatch, conn: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incremental_scan.Kept, "_misses", lambda self, catalog, scan: False)
    conn.execute('DROP INDEX "Odd one".orders_buyer')
    watch.look()
    with pytest.raises(AttemptFailed, match="index"):
        watch.check()


def began_before_and_ended_after(watch: CatalogWatch, conn: psycopg.Connection, dsn: str) -> None:
    """A transaction that got its number before a look and is committed after it; others do meanwhile."""
    with psycopg.connect(dsn) as early:
        early.execute("SAVEPOINT s; ALTER TABLE users ADD COLUMN early text; RELEASE s")
        conn.execute("CREATE TABLE later (id integer)")
        watch.look()
        early.commit()
    watch.look()


def test_a_transaction_that_began_before_a_look_and_ended_after_it_is_seen(
    watch: CatalogWatch, conn: psycopg.Connection, pg: PostgresServer, database: str
) -> None:
    began_before_and_ended_after(watch, conn, pg.conninfo(database))
    watch.check()


def test_a_watch_that_goes_by_the_newest_transaction_is_caught(
    watch: CatalogWatch,
    conn: psycopg.Connection,
    pg: PostgresServer,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = incremental_scan.scan_of

    def wrong(answer: Answer) -> Scan:
        newest = conn.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::xid::text").fetchone() or ("",)
        return replace(told(answer), marker=str(newest[0]))

    monkeypatch.setattr("rollproof.fingerprint.watch.scan_of", wrong)
    began_before_and_ended_after(watch, conn, pg.conninfo(database))
    with pytest.raises(AttemptFailed, match=r"column public\.users\.early"):
        watch.check()


def test_a_role_that_may_read_little_watches_as_well_as_it_takes_fingerprints(
    conn: psycopg.Connection, pg: PostgresServer, database: str
) -> None:
    conn.execute(
        "CREATE ROLE watch_reader LOGIN; GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO watch_reader"
    )
    try:
        with psycopg.connect(pg.conninfo(database, user="watch_reader"), autocommit=True) as observer:
            watch = CatalogWatch(observer)
            watch.look()
            conn.execute("CREATE FOREIGN DATA WRAPPER w; CREATE SERVER v FOREIGN DATA WRAPPER w")
            conn.execute(
                "CREATE USER MAPPING FOR watch_reader SERVER v; GRANT SELECT ON users TO watch_reader"
            )
            assert watch.look().to_json() == take_fingerprint(observer).to_json()
    finally:
        conn.execute("DROP OWNED BY watch_reader CASCADE; DROP SERVER v CASCADE; DROP ROLE watch_reader")


def test_a_watch_of_a_copy_goes_on_from_what_is_known_of_the_original(
    watch: CatalogWatch,
    conn: psycopg.Connection,
    observer: psycopg.Connection,
    pg: PostgresServer,
    database: str,
) -> None:
    conn.execute("CREATE TABLE before_the_copy (id serial PRIMARY KEY)")
    watch.look()
    memory = watch.memory()
    assert memory is not None
    conn.close()
    observer.close()
    copy = f"{database}_copy"
    with psycopg.connect(pg.conninfo("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {copy} TEMPLATE {database}")
        try:
            with (
                psycopg.connect(pg.conninfo(copy), autocommit=True) as there,
                psycopg.connect(pg.conninfo(copy), autocommit=True) as looking,
            ):
                again = CatalogWatch(looking, memory=memory)
                there.execute("DROP VIEW buyers; ALTER TABLE users RENAME born TO birthday")
                there.execute("SELECT nextval('before_the_copy_id_seq')")
                there.execute(f"ALTER DATABASE {copy} SET work_mem = '5MB'")
                again.look()
                again.check()
                again.look()
                assert again.changed_tables() == frozenset()
        finally:
            admin.execute(f"DROP DATABASE {copy} WITH (FORCE)")


def test_what_a_watch_remembers_is_not_touched_by_its_later_looks(
    watch: CatalogWatch, conn: psycopg.Connection, observer: psycopg.Connection
) -> None:
    memory = watch.memory()
    assert memory is not None
    conn.execute("CREATE TABLE later (id serial PRIMARY KEY); DROP TABLE users CASCADE")
    watch.look()
    for _ in range(2):
        again = CatalogWatch(observer, memory=memory)
        assert again.look().to_json() == take_fingerprint(observer).to_json()


def test_a_watch_remembers_nothing_before_its_first_look(observer: psycopg.Connection) -> None:
    assert CatalogWatch(observer).memory() is None
