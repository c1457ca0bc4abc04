"""Drafts for whole histories, proven on a scratch database; the tables are full when they are tried."""

from __future__ import annotations

import sys
from pathlib import Path

import psycopg
import pytest
import typer
from typer.testing import CliRunner

from rollproof.cli_draft import draft_command
from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, MigrationError
from rollproof.migrations import draft_prove
from rollproof.migrations.draft_model import Draft
from rollproof.migrations.draft_prove import draft
from rollproof.migrations.source import MigrationSource
from rollproof.migrations.sqlfiles import SqlFiles
from rollproof.migrations.tools.choice import find_tool
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.model.system import Migrations

FIRST = "CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL);\n"
ADDS = (
    "CREATE TYPE kind AS ENUM ('a', 'b');\nALTER TABLE users ADD k kind NOT NULL DEFAULT 'a';\n"
    "CREATE TABLE posts (id serial PRIMARY KEY, author int NOT NULL REFERENCES users);\n"
    "CREATE INDEX ON posts (author);\n"
)
LEDGER = "CREATE TABLE public.migrations (name text PRIMARY KEY);\n"


def pairs(folder: Path, **more: str) -> MigrationSource:
    """A history of up and down files."""
    files = {"000001_users.up.sql": FIRST, "000001_users.down.sql": "DROP TABLE users;\n", **more}
    for name, text in files.items():
        (folder / name).write_text(text)
    return find_tool(folder, tool="golang-migrate")


def numbered(folder: Path, **more: str) -> SqlFiles:
    """A history whose scripts keep the ledger themselves."""
    texts = {"001_users.sql": LEDGER + FIRST, **more}
    for name, text in texts.items():
        (folder / name).write_text(
            f"BEGIN;\n{text}INSERT INTO public.migrations VALUES ('{name}');\nCOMMIT;\n"
        )
    return SqlFiles(folder, Migrations(path=".", ledger_column="name"))


def databases(pg: PostgresServer) -> set[str]:
    with psycopg.connect(pg.conninfo("postgres")) as conn:
        return {row[0] for row in conn.execute("SELECT datname FROM pg_database")}


def test_an_additive_migration_gets_a_proven_rollback(pg: PostgresServer, tmp_path: Path) -> None:
    there = databases(pg)
    drafted = draft(pairs(tmp_path, **{"000002_posts.up.sql": ADDS}), pg, "2")
    assert (drafted.proven, drafted.unproven) == (True, ())
    assert drafted.statements[-1] == "DROP TYPE public.kind;"
    assert "public.posts goes with all rows that it has been given since" in drafted.warnings
    assert databases(pg) == there


def test_a_ledger_that_scripts_keep_is_kept_by_the_draft(pg: PostgresServer, tmp_path: Path) -> None:
    drafted = draft(numbered(tmp_path, **{"002_posts.sql": ADDS}), pg, "002")
    assert drafted.unproven == ()
    assert drafted.statements[-1] == (
        """DELETE FROM "public"."migrations" WHERE "name"::text = '002_posts.sql';"""
    )


def test_a_draft_that_does_not_bring_all_back_is_not_proven(
    pg: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The saboteur drafts all but the last statement."""
    whole = draft_prove.draft_down

    def forgetful(*args: object, **options: object) -> Draft:
        made = whole(*args, **options)  # type: ignore[arg-type]
        return Draft(made.statements[:-1], made.warnings)

    monkeypatch.setattr(draft_prove, "draft_down", forgetful)
    drafted = draft(pairs(tmp_path, **{"000002_posts.up.sql": ADDS}), pg, "2")
    assert not drafted.proven
    assert drafted.unproven == ("after it: enum public.kind: added",)


def test_a_draft_that_fails_is_not_proven(
    pg: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draft_prove, "draft_down", lambda *_, **__: Draft(("DROP TABLE nowhere;",)))
    drafted = draft(pairs(tmp_path, **{"000002_posts.up.sql": ADDS}), pg, "2")
    assert drafted.unproven[0].startswith("running it failed: 42P01")


def test_a_draft_that_destroys_old_rows_is_not_proven(
    pg: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = draft_prove.draft_down

    def destructive(*args: object, **options: object) -> Draft:
        made = whole(*args, **options)  # type: ignore[arg-type]
        return Draft((*made.statements, "DELETE FROM users;"), made.warnings)

    monkeypatch.setattr(draft_prove, "draft_down", destructive)
    drafted = draft(pairs(tmp_path, **{"000002_posts.up.sql": ADDS}), pg, "2")
    assert "after it the rows of public.users are other than before" in drafted.unproven


@pytest.mark.parametrize(
    ("up", "found"),
    [
        ("ALTER TABLE users DROP COLUMN name;", "column public.users.name was dropped"),
        ("UPDATE users SET name = 'x';", "rows of public.users are other than they were"),
        ("INSERT INTO users VALUES (99999, 'x');", "1 rows were added to public.users"),
    ],
)
def test_what_cannot_come_back_is_refused(pg: PostgresServer, tmp_path: Path, up: str, found: str) -> None:
    there = databases(pg)
    with pytest.raises(MigrationError, match=found):
        draft(pairs(tmp_path, **{"000002_bad.up.sql": up}), pg, "2")
    assert databases(pg) == there


def test_what_has_a_way_back_needs_none(pg: PostgresServer, tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="has a way back already"):
        draft(pairs(tmp_path), pg, "1")


def test_a_migration_that_cannot_be_applied_is_told(pg: PostgresServer, tmp_path: Path) -> None:
    with pytest.raises(AttemptFailed, match="42P01"):
        draft(pairs(tmp_path, **{"000002_bad.up.sql": "ALTER TABLE nowhere ADD x int;"}), pg, "2")


REVISION = """from alembic import op
revision = {id!r}
down_revision = {after!r}
def upgrade():
    op.execute({up!r})
"""
ENV = """from alembic import context
from sqlalchemy import create_engine
with create_engine(context.config.get_main_option("sqlalchemy.url")).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""


def test_a_revision_whose_tool_runs_code_is_proven_by_its_sql(pg: PostgresServer, tmp_path: Path) -> None:
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/m\nsqlalchemy.url = x://\n")
    versions = tmp_path / "m" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "m" / "env.py").write_text(ENV)
    for revision, after, up in (("aaa1", None, FIRST), ("bbb2", "aaa1", ADDS)):
        text = REVISION.format(id=revision, after=after, up=up)
        (versions / f"{revision}.py").write_text(text)
    source = find_tool(tmp_path, tool="alembic", settings=ToolSettings(python=Path(sys.executable)))
    try:
        drafted = draft(source, pg, "bbb2")
    finally:
        source.close()
    assert drafted.unproven == ()
    assert drafted.statements[-1] == "DROP TYPE public.kind;"


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    made.callback()(lambda: None)
    draft_command(made)
    return made


def test_the_command_prints_or_writes_what_it_has_proven(app: typer.Typer, tmp_path: Path) -> None:
    pairs(tmp_path, **{"000002_posts.up.sql": ADDS})
    written = tmp_path / "000002_posts.down.sql"
    arguments = ["draft", "2", str(tmp_path), "--tool", "golang-migrate", "-o", str(written)]
    done = CliRunner().invoke(app, arguments)
    assert (done.exit_code, done.stdout) == (0, ""), done.output
    assert "proven on a scratch database" in written.read_text()
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 2
    assert "there is such a file already" in again.output


def test_the_command_prints_what_it_has_not_proven_and_writes_nothing(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draft_prove, "draft_down", lambda *_, **__: Draft(("DROP TABLE nowhere;",)))
    pairs(tmp_path, **{"000002_posts.up.sql": ADDS})
    written = tmp_path / "new.sql"
    arguments = ["draft", "2", str(tmp_path), "--tool", "golang-migrate", "-o", str(written)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1
    assert "NOT PROVEN" in done.stdout
    assert not written.exists()
