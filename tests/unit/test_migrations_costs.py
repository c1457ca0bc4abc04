"""What takes longer on a larger table: each rule with its bad and its good example, and the arithmetic."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from rollproof.environments.base import PostgresServer
from rollproof.migrations.direct import DirectRunner
from rollproof.migrations.locks.costs import RULES, Effort, Rule
from rollproof.migrations.locks.estimate import Rates, calibrate, estimate, find_work
from rollproof.migrations.locks.model import LockReport
from rollproof.migrations.script import Mode, Script

MB = 1_000_000
BEFORE = (
    "CREATE TABLE u (id int PRIMARY KEY); CREATE TABLE p (a int NOT NULL, id int);"
    "CREATE MATERIALIZED VIEW m AS SELECT 1 AS one;"
)
TABLE = "CREATE TABLE t (id int, a int DEFAULT 1)"
PARTITIONED = "CREATE TABLE t (a int NOT NULL, id int) PARTITION BY LIST (a)"
NEEDS = {
    "validate-constraint": "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
    "add-indexed-constraint": "CREATE UNIQUE INDEX i ON t (a)",
    "create-index-concurrently": "SELECT 1",
}


def script(text: str) -> Script:
    return Script(Path("001.sql"), text)


def rules_of(text: str) -> set[str]:
    return {work.rule.id for work in find_work(script(text))}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_each_rule_is_about_its_bad_example_and_not_about_its_good_one(rule: Rule) -> None:
    assert rule.id in rules_of(rule.bad)
    assert rule.id not in rules_of(rule.good)
    assert rule.source.startswith("PostgreSQL manual, ")
    assert rule.instead


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_server_takes_the_lock_that_the_rule_says(pg: PostgresServer, database: str, rule: Rule) -> None:
    with psycopg.connect(pg.conninfo(database), autocommit=True) as conn:
        conn.execute(BEFORE.encode())
        conn.execute((PARTITIONED if rule.id == "attach-partition" else TABLE).encode())
        if rule.id == "validate-constraint":
            conn.execute(NEEDS[rule.id].encode())
        runner = DirectRunner(pg, database, observer=conn)
        report = runner.run(replace(script(rule.bad), mode=Mode.PSQL)).locks
        assert report
        held = {lock.relation: lock.mode for lock in report.held}
    if report.incomplete:
        assert rule.id in ("create-index-concurrently", "vacuum-full", "reindex")
        return
    names = {"refresh": "public.m", "attach-partition": "public.p"}
    assert held[names.get(rule.id, "public.t")] == rule.lock
    if rule.effort is Effort.REWRITE and rule.id != "update-every-row":
        assert report.rewritten


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_what_to_do_instead_is_sql_that_runs(pg: PostgresServer, database: str, rule: Rule) -> None:
    with psycopg.connect(pg.conninfo(database), autocommit=True) as conn:
        conn.execute(BEFORE.encode())
        if rule.id == "attach-partition":
            conn.execute(f"DROP TABLE p; {PARTITIONED}".encode())
        else:
            conn.execute(TABLE.encode())
        if rule.id == "add-indexed-constraint":
            conn.execute(NEEDS[rule.id].encode())
        if rule.id == "create-index-concurrently":
            conn.execute(b"CREATE INDEX i ON t (a)")
        conn.execute(rule.good.encode())


def test_work_on_tables_of_the_scripts_own_costs_nothing() -> None:
    made = "CREATE TABLE s.t (a int);\nCREATE TABLE x AS SELECT 1 AS a;\n"
    assert not find_work(script(f"{made}CREATE INDEX i ON s.t (a);\nCREATE INDEX j ON x (a);\n"))
    (work,) = find_work(script(f"{made}\n-- of another\nCREATE INDEX i ON t (a);\n"))
    assert (work.relation, work.line) == ("t", 5)


def test_time_grows_with_the_table() -> None:
    works = find_work(script("ALTER TABLE t ALTER a SET NOT NULL; CREATE INDEX i ON t (a);"))
    seconds = [
        estimate(None, works, table_bytes=size * MB, bytes_per_second=100.0 * MB) for size in (100, 1000)
    ]
    assert seconds == pytest.approx([4.0, 40.0])


def test_sizes_may_be_given_by_table() -> None:
    works = find_work(script('CREATE INDEX i ON t (a); CREATE INDEX j ON "U" (a);'))
    sizes = {"public.t": 10 * MB, 'public."U"': 20 * MB}
    assert estimate(None, works, table_bytes=sizes, bytes_per_second=3.0 * MB) == pytest.approx(30.0)


def test_a_measured_run_has_the_last_word_about_rewrites() -> None:
    works = find_work(script("ALTER TABLE t ALTER a TYPE varchar(20);"))
    rates = Rates(scan=1.0 * MB, rewrite=1.0 * MB, index=1.0 * MB)

    def seconds(report: LockReport | None) -> float:
        return estimate(report, works, table_bytes=7 * MB, bytes_per_second=rates)

    assert seconds(None) == 7
    assert seconds(LockReport()) == 0
    assert seconds(LockReport(rewritten=("public.t",))) == 7
    assert seconds(LockReport(incomplete="nobody looked")) == 7
    assert estimate(LockReport(rewritten=("public.o",)), (), table_bytes=7 * MB, bytes_per_second=rates) == 7


def test_what_lets_writers_go_on_can_be_left_out() -> None:
    works = find_work(script("ALTER TABLE t VALIDATE CONSTRAINT c; ALTER TABLE t ALTER a SET NOT NULL;"))
    assert estimate(None, works, table_bytes=MB, bytes_per_second=1.0 * MB) == 2
    assert estimate(None, works, table_bytes=MB, bytes_per_second=1.0 * MB, blocking=True) == 1


def test_rates_are_measured_and_leave_nothing(pg: PostgresServer, database: str) -> None:
    with psycopg.connect(pg.conninfo(database), autocommit=True) as conn:
        rates = calibrate(conn, megabytes=1)
        assert min(rates.scan, rates.rewrite, rates.index) > MB
        left = conn.execute("SELECT count(*) FROM pg_class WHERE relname LIKE 'rollproof%'").fetchone()
        assert left == (0,)
