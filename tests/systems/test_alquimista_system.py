"""The reference system's declaration: its file is valid, its statements run, every kind has a subject."""

from __future__ import annotations

import psycopg
import pytest
from alquimista_support import FORWARD, HOME, MIGRATIONS, WAY_BACK, History, way_back

from rollproof.migrations.kinds import Kind, classify
from rollproof.migrations.script import Script
from rollproof.model.sqltemplate import SqlTemplate
from rollproof.model.system import Traffic
from rollproof.model.systemfile import read_system

SYSTEM = read_system(HOME / "system.toml")
SQL_TRAFFIC = [entry for entry in SYSTEM.traffic if entry.sql]
WRITES = [entry for entry in SYSTEM.traffic if entry.kind == "write"]


def kind_of(number: str) -> Kind:
    return classify(Script.read(FORWARD[number])).kind


def newest(kind: Kind) -> str:
    return max(number for number in FORWARD if kind_of(number) is kind)


def test_reads_and_writes_come_by_sql_and_by_http() -> None:
    assert {(entry.kind, entry.sql is None) for entry in SYSTEM.traffic} == {
        (kind, by_http) for kind in ("read", "write") for by_http in (True, False)
    }
    assert {entry.table for entry in WRITES} == {"nigredo_leads.leads", "fibonacci_core.events"}


def test_the_newest_additive_migration_is_the_newest_of_all_and_has_a_rollback_script() -> None:
    assert newest(Kind.ADDITIVE) == max(FORWARD) == "023"
    assert way_back("023") == MIGRATIONS / "024_rollback_023.sql"


def test_the_plans_are_additive_too_and_their_rollback_script_comes_next() -> None:
    assert kind_of("010") is Kind.ADDITIVE
    assert way_back("010") == MIGRATIONS / "011_rollback_010.sql"


def test_there_is_a_data_change_with_a_reversing_script_and_one_without_any_way_back() -> None:
    assert newest(Kind.DATA) == "017"
    assert way_back("017") == MIGRATIONS / "018_revert_017.sql"
    assert kind_of("016") is Kind.DATA
    assert way_back("016") is None


def test_what_is_dropped_and_what_adds_rows_has_a_rollback_script() -> None:
    assert way_back(newest(Kind.DROPPING)) == MIGRATIONS / "020_rollback_019.sql"
    assert way_back(newest(Kind.ROWS)) == MIGRATIONS / "022_rollback_021.sql"


@pytest.mark.parametrize("entry", SQL_TRAFFIC, ids=lambda entry: entry.name)
def test_sql_traffic_runs_as_the_application_role(entry: Traffic, head: str, history: History) -> None:
    template = SqlTemplate.of(entry.sql or "")
    with psycopg.connect(history.conninfo(head, user="app_user"), autocommit=True) as conn:
        cursor = conn.execute(template.query.encode(), template.parameters("Tö-ken_1'"))
        assert cursor.rowcount > 0


@pytest.mark.parametrize("entry", [e for e in SQL_TRAFFIC if e.verify], ids=lambda entry: entry.name)
def test_a_write_is_verified_by_its_own_token_alone(entry: Traffic, head: str, history: History) -> None:
    write, verify = SqlTemplate.of(entry.sql or ""), SqlTemplate.of(entry.verify or "")
    with (
        psycopg.connect(history.conninfo(head, user="app_user"), autocommit=True) as app,
        psycopg.connect(history.conninfo(head), autocommit=True) as conn,
    ):
        app.execute(write.query.encode(), write.parameters("one"))
        counts = [
            conn.execute(verify.query.encode(), verify.parameters(token)).rowcount for token in ("one", "two")
        ]
    assert counts == [1, 0]


@pytest.mark.parametrize("entry", WRITES, ids=lambda entry: entry.name)
def test_verifying_a_write_reads_no_whole_table(entry: Traffic, head: str, history: History) -> None:
    verify = SqlTemplate.of(entry.verify or "")
    with psycopg.connect(history.conninfo(head)) as conn:
        conn.execute("SET enable_seqscan = off")  # small tables are scanned although they have an index
        plan = conn.execute(f"EXPLAIN {verify.query}".encode(), verify.parameters("one")).fetchall()
    scanned = [line for (line,) in plan if "Seq Scan" in line]
    assert scanned == []


def test_reads_see_the_rows_of_their_tenant(head: str, history: History) -> None:
    with psycopg.connect(history.conninfo(head, user="app_user"), autocommit=True) as conn:
        stages = conn.execute("SELECT leads FROM nigredo_leads.pipeline_of('agata-alimentos')").fetchall()
        unseen = conn.execute("SELECT count(*) FROM nigredo_leads.leads").fetchone()
    assert sum(leads for (leads,) in stages) > 100
    assert unseen == (0,)


def test_the_readme_lists_every_migration_and_its_way_back() -> None:
    text = (HOME / "README.md").read_text(encoding="utf-8")
    for path in MIGRATIONS.iterdir():
        name = path.name if not WAY_BACK.match(path.name) else path.stem
        assert name in text, path.name
