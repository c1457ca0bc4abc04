"""All migrations taken back: what the tool keeps for itself is no trace of them, and everything else is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rollproof.checks import database as checks
from rollproof.components.postgres.acts import several
from rollproof.drill.drill import Drill
from rollproof.drill.session import DrillSession
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.model.verdict import Outcome
from tests.contract.stack_support import make_drill, write

UP = 'CREATE TABLE "Orders" (id int PRIMARY KEY); GRANT SELECT ON ALL TABLES IN SCHEMA public TO shop;'
ALEMBIC_INI = "[alembic]\nscript_location = alembic\n"
ENV = """
from alembic import context
from sqlalchemy import create_engine, pool
engine = create_engine(context.config.get_main_option("sqlalchemy.url"), poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
REVISION = """
from alembic import op
revision, down_revision = "a1", None
def upgrade(): op.execute('''{up}''')
def downgrade(): op.execute('''{down}''')
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrillSession]:
    folder = tmp_path_factory.mktemp("run")
    session = DrillSession(folder=folder / "r", run="r", environment=EmbeddedEnvironment())
    yield session
    session.finish("proven")


def taken_back(session: DrillSession, root: Path, tool: str, down: str) -> Drill:
    """In a system of its own: the templates of a history are kept by the system's name."""
    if tool == "alembic":
        write(root, "alembic.ini", ALEMBIC_INI)
        write(root, "alembic/env.py", ENV)
        write(root, "alembic/versions/a1.py", REVISION.format(up=UP, down=down))
        migrations = {"tool": tool, "path": "alembic", "config": "alembic.ini"}
    else:
        write(root, "db/1_orders.up.sql", UP)
        write(root, "db/1_orders.down.sql", down)
        migrations = {"tool": tool, "path": "db"}
    name = f"shop-{len(session.journal.events)}"
    system = {"system": {"name": name}, "database": {"app_role": "shop", "migrations": migrations}}
    drill = make_drill(session, root, system, tags=("database",))
    drill.require(several.StageReversible())
    assert drill.attempt(several.TakeBack(everything=True))
    return drill


@pytest.mark.parametrize("tool", ["golang-migrate", "alembic"])
def test_the_tools_own_ledger_may_stay(session: DrillSession, tmp_path: Path, tool: str) -> None:
    drill = taken_back(session, tmp_path, tool, 'DROP TABLE "Orders";')
    assert drill.verify(checks.schema_restored).outcome is Outcome.PROVEN
    assert drill.verify(checks.grants_restored).outcome is Outcome.PROVEN


def test_what_else_stays_is_named(session: DrillSession, tmp_path: Path) -> None:
    down = 'DROP TABLE "Orders"; CREATE TABLE schema_migrations_old (id int);'
    drill = taken_back(session, tmp_path, "golang-migrate", down)
    verdict = drill.verify(checks.schema_restored)
    assert verdict.outcome is Outcome.REFUTED
    assert verdict.findings[0] == "table public.schema_migrations_old: added"
    assert all("schema_migrations_old" in finding for finding in verdict.findings)
