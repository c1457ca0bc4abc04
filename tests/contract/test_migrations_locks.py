"""What scripts lock on a real server, seen from beside; the estimates are in their own file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed
from rollproof.migrations.direct import DirectRunner
from rollproof.migrations.locks import LockReport, held_query, parse_locks
from rollproof.migrations.script import Mode, Script

BEFORE = (
    'CREATE SCHEMA "S"; CREATE TABLE "S"."Leads" (id int PRIMARY KEY, n int NOT NULL, mail text);'
    "CREATE TABLE orders (id int PRIMARY KEY, lead int); CREATE VIEW v AS SELECT id FROM orders;"
    "INSERT INTO orders SELECT g, g FROM generate_series(1, 1000) g;"
)


@dataclass(frozen=True)
class Lab:
    runner: DirectRunner
    conn: psycopg.Connection
    folder: Path

    def report(self, text: str, mode: Mode = Mode.TRANSACTION) -> LockReport:
        path = self.folder / "001.sql"
        path.write_text(text)
        report = self.runner.run(replace(Script.read(path), mode=mode)).locks
        assert report is not None
        return report

    def held(self, text: str, mode: Mode = Mode.TRANSACTION) -> dict[str, tuple[str, int | None]]:
        return {lock.relation: (lock.mode, lock.line) for lock in self.report(text, mode).held}


@pytest.fixture
def lab(pg: PostgresServer, database: str, tmp_path: Path) -> Iterator[Lab]:
    with psycopg.connect(pg.conninfo(database), autocommit=True) as conn:
        conn.execute(BEFORE.encode())
        yield Lab(DirectRunner(pg, database, limit=20, observer=conn), conn, tmp_path)


SCRIPT = (
    'ALTER TABLE "S"."Leads"\n ADD c int;\n'
    "CREATE TABLE fresh (id int REFERENCES orders);\n"
    "CREATE INDEX i ON orders (lead);\n"
    "ALTER TABLE fresh ADD x int;\n"
)
LOCKED = {'"S"."Leads"': ("AccessExclusiveLock", 1), "public.orders": ("ShareRowExclusiveLock", 3)}


@pytest.mark.parametrize("mode", [Mode.TRANSACTION, Mode.PSQL, Mode.AUTOCOMMIT])
def test_what_was_there_before_is_told_with_its_strongest_lock_and_line(lab: Lab, mode: Mode) -> None:
    assert lab.held(SCRIPT, mode) == LOCKED


def test_a_script_that_is_sent_whole_is_seen_too_but_for_its_lines(lab: Lab) -> None:
    assert lab.held(SCRIPT, Mode.SIMPLE) == {name: (mode, None) for name, (mode, _) in LOCKED.items()}


def test_a_transaction_of_the_scripts_own_is_seen(lab: Lab) -> None:
    assert lab.held(f"BEGIN;\n{SCRIPT}COMMIT;\n", Mode.PSQL) == {
        name: (mode, (line or 0) + 1) for name, (mode, line) in LOCKED.items()
    }


def test_a_long_transaction_is_looked_at_before_its_end(lab: Lab) -> None:
    text = "".join(f"ALTER TABLE orders ADD c{n} int;\n" for n in range(30))
    for mode, script in ((Mode.TRANSACTION, text), (Mode.PSQL, f"BEGIN;\n{text}COMMIT;\n")):
        assert lab.held(script, mode) == {"public.orders": ("AccessExclusiveLock", None)}
        lab.conn.execute(b"DROP TABLE orders CASCADE; CREATE TABLE orders (id int)")


def test_dropped_and_renamed_relations_bear_the_names_of_before(lab: Lab) -> None:
    held = lab.held('DROP VIEW v;\nALTER TABLE orders RENAME TO sales;\nDROP TABLE "S"."Leads";\n')
    assert held == {
        "public.v": ("AccessExclusiveLock", 1),
        "public.orders": ("AccessExclusiveLock", 2),
        '"S"."Leads"': ("AccessExclusiveLock", 3),
    }


def test_times_are_from_the_statement_to_the_commit(lab: Lab) -> None:
    report = lab.report("ALTER TABLE orders ADD c int;\nSELECT pg_sleep(0.2);\nTABLE v;\n")
    seconds = {lock.relation: lock.seconds for lock in report.held}
    assert (seconds["public.orders"] or 0) >= 0.2
    assert 0 <= (seconds["public.v"] or 0) < (seconds["public.orders"] or 0)


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("ALTER TABLE orders ALTER lead TYPE bigint;", ("public.orders",)),
        ("ALTER TABLE orders ADD c float DEFAULT random();", ("public.orders",)),
        ("ALTER TABLE orders ADD c int DEFAULT 1;", ()),
        ("ALTER TABLE orders ADD c text; ALTER TABLE orders ALTER c TYPE varchar;", ()),
        ("TRUNCATE TABLE orders;", ()),
        ("DROP TABLE orders CASCADE;", ()),
    ],
)
def test_tables_written_anew_are_told(lab: Lab, text: str, rewritten: tuple[str, ...]) -> None:
    assert lab.report(text).rewritten == rewritten


def test_what_cannot_be_seen_is_said(lab: Lab) -> None:
    report = lab.report("CREATE INDEX CONCURRENTLY i ON orders (lead);\nVACUUM orders;\n", Mode.PSQL)
    assert report.incomplete == (
        "line 1: CREATE INDEX ran outside a transaction: its locks were only sampled; "
        "line 2: VACUUM ORDERS ran outside a transaction: its locks were only sampled"
    )
    assert "psql ran the script" in lab.report("\\set n 1\nSELECT :n;\n", Mode.PSQL).incomplete


def test_a_long_statement_outside_a_transaction_is_sampled(lab: Lab) -> None:
    body = "BEGIN LOCK TABLE orders; PERFORM pg_sleep(0.2); COMMIT; END"
    text = f"CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ {body} $$;\nCALL p();\n"
    assert lab.held(text, Mode.PSQL)["public.orders"] == ("AccessExclusiveLock", 2)


def test_a_script_that_locks_the_catalog_is_not_waited_for(lab: Lab) -> None:
    report = lab.report("LOCK TABLE pg_catalog.pg_class;\nALTER TABLE orders ADD c int;\n")
    assert report.incomplete == "locks could not be read: TimeUpError"
    assert lab.conn.execute("SELECT 1").fetchone() == (1,)


def test_an_observer_in_a_transaction_is_left_alone(lab: Lab) -> None:
    with lab.conn.transaction():
        lab.conn.execute("SELECT 1")
        assert "was busy" in lab.report("ALTER TABLE orders ADD c int;").incomplete


@pytest.mark.parametrize("text", ["SELECT 1/0", "ALTER TABLE missing ADD c int", "SELEC 1"])
def test_an_observer_is_idle_again_after_a_script_that_fails(lab: Lab, text: str) -> None:
    with pytest.raises(AttemptFailed):
        lab.report(text, Mode.SIMPLE)

    assert lab.conn.execute("SELECT 1").fetchone() == (1,)


def test_without_an_observer_one_is_made(lab: Lab) -> None:
    alone = replace(lab, runner=replace(lab.runner, observer=None))
    assert alone.held("ALTER TABLE orders ADD c int;") == {"public.orders": ("AccessExclusiveLock", 1)}
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )
    assert lab.conn.execute(others).fetchone() == (0,)


def test_nobody_looks_when_nobody_asks(lab: Lab) -> None:
    path = lab.folder / "002.sql"
    path.write_text("SELECT 1;")
    assert replace(lab.runner, locks=False).run(Script.read(path)).locks is None


def test_readers_and_writers_wait_as_long_as_the_lock_is_held(lab: Lab) -> None:
    probed = replace(lab, runner=replace(lab.runner, blocked=True))
    report = probed.report("CREATE INDEX i ON orders (lead);\nSELECT pg_sleep(0.3);\nTABLE v;\n")
    waits = {wait.relation: wait for wait in report.blocked}
    assert report.measured
    assert (waits["public.orders"].reader, waits["public.orders"].gave_up) == (0.0, False)
    assert waits["public.orders"].writer >= 0.25
    report = probed.report("ALTER TABLE orders ADD c int;\nSELECT pg_sleep(0.3);\n")
    assert min(report.blocked[0].reader, report.blocked[0].writer) >= 0.25


def test_a_table_that_a_script_drops_ends_the_wait(lab: Lab) -> None:
    probed = replace(lab, runner=replace(lab.runner, blocked=True))
    report = probed.report("DROP TABLE orders CASCADE;\nSELECT pg_sleep(0.3);\n")
    assert report.blocked[0].reader >= 0.25


def test_a_prober_that_gives_up_says_so_and_leaves_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollproof.migrations.locks.probe._LONGEST", 0.1)
    probed = replace(lab, runner=replace(lab.runner, blocked=True))
    report = probed.report("ALTER TABLE orders ADD c int;\nSELECT pg_sleep(0.4);\n")
    assert report.blocked[0].gave_up
    left = lab.conn.execute("SELECT count(*) FROM pg_locks WHERE relation = 'orders'::regclass")
    assert left.fetchone() == (0,)


def test_a_worker_reads_its_own_locks(lab: Lab, pg: PostgresServer) -> None:
    with psycopg.connect(pg.conninfo(lab.runner.database)) as worker:
        found = worker.execute(
            "SELECT oid::int8, oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        ).fetchall()
        names = {number: f"public.{name}" for number, name in found}
        worker.execute("SET search_path = nowhere")
        worker.execute(
            "CREATE TABLE public.fresh (id int); SAVEPOINT s; CREATE TABLE public.other (id int); RELEASE s;"
            "ALTER TABLE public.fresh ADD x int; CREATE VIEW public.w AS SELECT 1 AS one;"
            "ALTER TABLE public.orders ADD c int; DROP VIEW public.v;"
        )
        rows = worker.execute(held_query()).fetchall()
        worker.rollback()
        quiet = worker.execute(held_query()).fetchall()
    held = {lock.relation: lock.mode for lock in parse_locks(rows, names=names).held}
    assert held == {"public.orders": "AccessExclusiveLock", "public.v": "AccessExclusiveLock"}
    unnamed = {lock.relation for lock in parse_locks(rows).held}
    assert any(name.startswith("a relation that it dropped (oid ") for name in unnamed)
    assert quiet == []


def test_looking_changes_nothing_about_a_failure(lab: Lab) -> None:
    with pytest.raises(AttemptFailed, match="42703"):
        lab.report("ALTER TABLE orders ADD c int;\nSELECT nope;\n", Mode.PSQL)
    columns = lab.conn.execute("SELECT count(*) FROM information_schema.columns WHERE column_name = 'c'")
    assert columns.fetchone() == (1,)


def test_messages_that_a_tool_puts_together_are_seen(lab: Lab) -> None:
    text = "ALTER TABLE orders ADD c int; DROP VIEW v;\nVACUUM orders;\n"
    first, second = text.index("\n"), len(text)
    path = lab.folder / "003.sql"
    path.write_text(text)
    told = replace(Script.read(path), mode=Mode.AUTOCOMMIT, statements=((0, first), (first + 1, second)))
    report = lab.runner.run(told).locks
    assert report
    assert {lock.relation: lock.line for lock in report.held} == {"public.orders": 1, "public.v": 1}
    assert report.incomplete == "line 2: VACUUM ORDERS ran outside a transaction: its locks were only sampled"
