"""Alembic's own histories, run by Alembic itself on a real server."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest
from alembic_projects import ASYNC_ENV, ENV, INI, Project

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, EnvironmentUnavailable, MigrationError
from rollproof.migrations.classification import Kind
from rollproof.migrations.direct import DirectRunner
from rollproof.migrations.execute import PsqlRunner
from rollproof.migrations.source import MigrationSource
from rollproof.migrations.tools import alembic as adapter
from rollproof.migrations.tools.base import survey
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.walk.model import Outcome
from rollproof.walk.settings import WalkSettings
from rollproof.walk.walk import walk as walk_all

Open = Callable[..., MigrationSource]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.make(tmp_path / "shop")


@pytest.fixture
def opened() -> Iterator[Open]:
    sources: list[MigrationSource] = []

    def open_source(path: Path, **options: str) -> MigrationSource:
        given = {name: options.pop(name) for name in ("ledger",) if name in options}
        settings = ToolSettings(options=options, limit=60.0, **given)  # type: ignore[arg-type]
        sources.append(adapter.open(path, settings))
        return sources[-1]

    yield open_source
    for source in sources:
        source.close()
        source.close()


@pytest.fixture
def runner(pg: PostgresServer, database: str) -> PsqlRunner:
    return PsqlRunner(pg, database, limit=60.0)


def tables(runner: PsqlRunner) -> set[str]:
    with runner.connect() as conn:
        rows = conn.execute("SELECT relname FROM pg_class WHERE relname LIKE 't\\_%' AND relkind = 'r'")
        return {row[0] for row in rows.fetchall()}


def ledger(runner: PsqlRunner) -> set[str]:
    with runner.connect() as conn:
        return {row[0] for row in conn.execute("SELECT version_num FROM alembic_version").fetchall()}


def walk(source: MigrationSource, runner: PsqlRunner) -> list[str]:
    """Up, down and up again, each of it; the ids in order. The ledger must be the same again each time."""
    ids = []
    before: set[str] = set()
    for migration in source.load():
        ids.append(migration.id.split()[0])
        source.apply(migration, runner)
        after = ledger(runner)
        source.roll_back(migration, runner)
        assert ledger(runner) == before
        source.apply(migration, runner)
        assert ledger(runner) == after
        before = after
        with runner.connect() as conn:
            assert source.applied(conn)[-1].split()[0] in ids
            assert {name.split()[0] for name in source.applied(conn)} == set(ids)
    return ids


def back_to_zero(source: MigrationSource, runner: PsqlRunner) -> None:
    for migration in reversed(source.load().migrations):
        source.roll_back(migration, runner)
    assert ledger(runner) == set()
    assert tables(runner) == set()


def test_a_linear_history_goes_up_down_and_up_again(
    project: Project, opened: Open, runner: PsqlRunner
) -> None:
    project.table("aaa1", message="Add the first table\n\nAnd say why")
    project.table("bbb2", "aaa1")
    project.table("ccc3", "bbb2")
    source = opened(project.ini)
    history = source.load()
    assert [migration.id for migration in history] == [
        "aaa1 Add the first table",
        "bbb2 make bbb2",
        "ccc3 make ccc3",
    ]
    assert history.named("bbb2").number == 2
    assert history.migrations[2].parents == ("bbb2 make bbb2",)
    assert history.ledger == "public.alembic_version"
    assert walk(source, runner) == ["aaa1", "bbb2", "ccc3"]
    assert tables(runner) == {"t_aaa1", "t_bbb2", "t_ccc3"}
    back_to_zero(source, runner)


def test_branches_and_their_merge_leave_the_ledger_as_it_was(
    project: Project, opened: Open, runner: PsqlRunner
) -> None:
    project.table("root1")
    project.table("left", "root1")
    project.table("left2", "left")
    project.table("right", "root1")
    project.add("both", ["left2", "right"])
    project.table("last", "both")
    source = opened(project.ini)
    ids = walk(source, runner)
    assert ids[0] == "root1"
    assert ids[-2:] == ["both", "last"]
    assert ids.index("left") < ids.index("left2")
    back_to_zero(source, runner)


def test_two_bases_with_labels_and_a_dependency_between_them_keep_their_order(
    project: Project, opened: Open, runner: PsqlRunner
) -> None:
    project.table("shop1", labels=["shop"])
    project.table("shop2", "shop1")
    project.table("auth1", labels=["auth"])
    project.table("auth2", "auth1", depends_on="shop2")
    source = opened(project.ini)
    ids = walk(source, runner)
    assert ids.index("auth2") > ids.index("shop2")
    assert "2 heads" in " ".join(source.load().warnings)
    back_to_zero(source, runner)


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_an_async_environment_with_a_transaction_for_each_migration_runs(
    tmp_path: Path, opened: Open, runner: PsqlRunner, driver: str
) -> None:
    project = Project.make(tmp_path, env=ASYNC_ENV, ini=INI.replace("+psycopg:", f"+{driver}:"))
    project.table("aaa1")
    project.table("bbb2", "aaa1")
    source = opened(project.ini)
    assert walk(source, runner) == ["aaa1", "bbb2"]


def test_an_autocommit_block_runs_outside_a_transaction(
    project: Project, opened: Open, runner: PsqlRunner
) -> None:
    project.table("aaa1")
    block = "with op.get_context().autocommit_block():\n    op.execute('{} INDEX CONCURRENTLY {}')"
    up, down = block.format("CREATE", "i ON t_aaa1 (id)"), block.format("DROP", "i")
    project.add("bbb2", "aaa1", up=up, down=down)
    source = opened(project.ini)
    stated = source.load().migrations[1].stated
    assert stated is not None
    assert stated.kind is Kind.INDEX
    assert stated.needs_no_transaction
    assert walk(source, runner) == ["aaa1", "bbb2"]


def test_an_address_in_env_py_that_is_another_server_is_never_reached(
    tmp_path: Path, opened: Open, runner: PsqlRunner
) -> None:
    own = ENV.replace(
        "connectable =",
        'config.set_main_option("sqlalchemy.url", "postgresql+psycopg://x@db.invalid/prod")\nconnectable =',
    )
    project = Project.make(tmp_path, env=own)
    project.table("aaa1")
    led, strict = opened(project.ini), opened(project.ini, redirect="false")
    led.apply(led.load().named("aaa1"), runner)
    assert tables(runner) == {"t_aaa1"}
    with pytest.raises(EnvironmentUnavailable, match=r"env.py fails before it runs a revision.*db\.invalid"):
        strict.roll_back(strict.load().named("aaa1"), runner)


def test_an_env_py_that_ignores_the_url_it_is_given_is_refused_before_it_writes(
    tmp_path: Path, opened: Open, runner: PsqlRunner, pg: PostgresServer
) -> None:
    with psycopg.connect(pg.conninfo("postgres"), autocommit=True) as conn:
        conn.execute("CREATE DATABASE stranger")
    url = f"postgresql+psycopg://{pg.user}@/stranger?host={pg.host}&port={pg.port}"
    own = ENV.replace("connectable =", f'config.set_main_option("sqlalchemy.url", {url!r})\nconnectable =')
    project = Project.make(tmp_path, env=own)
    project.table("aaa1")
    source = opened(project.ini, redirect="false")
    try:
        with pytest.raises(EnvironmentUnavailable, match="'stranger' of another place") as refused:
            source.apply(source.load().named("aaa1"), runner)
        assert "{url}" in refused.value.remedy
        with psycopg.connect(pg.conninfo("stranger")) as conn:
            found = conn.execute("SELECT count(*) FROM pg_class WHERE relname LIKE 'alembic%'").fetchone()
            assert found == (0,)
    finally:
        with psycopg.connect(pg.conninfo("postgres"), autocommit=True) as conn:
            conn.execute("DROP DATABASE stranger WITH (FORCE)")


def test_another_kind_of_database_is_refused(tmp_path: Path, opened: Open, runner: PsqlRunner) -> None:
    own = ENV.replace("connectable =", 'config.set_main_option("sqlalchemy.url", "sqlite://")\nconnectable =')
    project = Project.make(tmp_path, env=own)
    project.table("aaa1")
    source = opened(project.ini, env="own")
    with pytest.raises(EnvironmentUnavailable, match="sqlite3"):
        source.apply(source.load().named("aaa1"), runner)
    assert tables(runner) == set()


SQLITE = ENV.replace("connectable =", 'config.set_main_option("sqlalchemy.url", "sqlite://")\nconnectable =')
GIVEN = """\
from alembic import context

connection = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError("run the migrations with the application's own command")
context.configure(connection=connection)
with context.begin_transaction():
    context.run_migrations()
"""
IDLE = "import os\nif os.environ.get('NEVER_SET'):\n    raise SystemExit(1)\n"


@pytest.mark.parametrize(
    ("env", "remark"),
    [
        (SQLITE, r"env.py is not run \(env.py connects to something .*sqlite3.* plain environment"),
        (GIVEN, r'env.py is given a connection in config.attributes\["connection"\]'),
        (IDLE, r"env.py is not run \(env.py has run no migrations\)"),
    ],
    ids=["another database", "a connection is wanted", "nothing is run"],
)
def test_an_env_py_that_does_not_work_here_has_another_in_its_place_and_that_is_said(
    tmp_path: Path, opened: Open, runner: PsqlRunner, env: str, remark: str
) -> None:
    project = Project.make(tmp_path, env=env)
    project.table("aaa1")
    project.table("bbb2", "aaa1")
    source = opened(project.ini)
    assert walk(source, runner) == ["aaa1", "bbb2"]
    remarks = source.remarks  # type: ignore[attr-defined]
    assert len(remarks) == 1
    assert re.match(remark, remarks[0])


SETTINGS = "import os\nSCHEMA = os.environ.get('NEVER_SET', 'Shop data')\n"
MAKES_SCHEMA = (
    "from sqlalchemy import text\nwith connectable.begin() as connection:\n"
    "    connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS \"{SCHEMA}\"'))\n"
    "with connectable.connect() as connection:"
)


@pytest.mark.parametrize("makes", [True, False], ids=["env.py makes the schema", "it is taken for granted"])
def test_a_ledger_that_only_settings_name_is_found_out(
    tmp_path: Path, pg: PostgresServer, makes: bool
) -> None:
    env = SETTINGS + ENV.replace("target_metadata=None", "version_table_schema=SCHEMA")
    if makes:
        env = env.replace("with connectable.connect() as connection:", MAKES_SCHEMA)
    project = Project.make(tmp_path, env=env)
    project.table("aaa1")
    project.table("bbb2", "aaa1")
    reopen = partial(adapter.open, project.ini, ToolSettings(limit=60.0))
    result = walk_all(reopen(), pg, WalkSettings(reopen=reopen))
    assert [one.outcome for one in result.migrations] == [Outcome.RESTORED] * 2
    assert result.facts["ledger"] == "Shop data.alembic_version"


def test_a_server_that_is_no_scratch_server_gets_what_env_py_does_or_nothing(
    tmp_path: Path, opened: Open, runner: PsqlRunner
) -> None:
    project = Project.make(tmp_path, env=SQLITE)
    project.table("aaa1")
    source = opened(project.ini)
    staging = dataclasses.replace(runner, server=dataclasses.replace(runner.server, private=False))
    with pytest.raises(EnvironmentUnavailable, match="sqlite3"):
        source.apply(source.load().named("aaa1"), staging)
    assert tables(runner) == set()


def test_an_env_py_that_has_run_a_revision_is_never_replaced(
    tmp_path: Path, opened: Open, runner: PsqlRunner
) -> None:
    project = Project.make(tmp_path)
    project.table("aaa1")
    project.add("bbb2", "aaa1", up="raise RuntimeError('of its own')")
    source = opened(project.ini)
    history = source.load()
    source.apply(history.named("aaa1"), runner)
    with pytest.raises(AttemptFailed, match="of its own"):
        source.apply(history.named("bbb2"), runner)
    assert source.remarks == []  # type: ignore[attr-defined]


def test_a_configuration_file_that_is_filled_in_later_leads_to_the_scripts_beside_it(
    tmp_path: Path,
) -> None:
    project = Project.make(tmp_path, ini=INI.replace("%(here)s/migrations", "{alembic_dir}"))
    assert [(found.path, found.why) for found in adapter.find(tmp_path)] == [
        (project.root / "migrations", "env.py of Alembic")
    ]


def test_a_variable_that_env_py_takes_its_url_from_is_set(
    tmp_path: Path, opened: Open, runner: PsqlRunner
) -> None:
    own = ENV.replace(
        "connectable =",
        'import os\nconfig.set_main_option("sqlalchemy.url", os.environ["SHOP_DB_URL"])\nconnectable =',
    ).replace("SHOP_DB_URL", "DB_MAIN_URL")
    project = Project.make(tmp_path, env=own)
    project.table("aaa1")
    source = opened(project.ini, redirect="false")
    source.apply(source.load().named("aaa1"), runner)
    assert tables(runner) == {"t_aaa1"}
    assert "DB_MAIN_URL" in " ".join(source.load().warnings)


def test_an_error_of_the_server_names_the_line_and_the_state(
    project: Project, opened: Open, runner: PsqlRunner
) -> None:
    path = project.add("aaa1", up='op.execute("SELECT 1")\nop.execute("DROP TABLE nowhere")')
    source = opened(project.ini)
    with pytest.raises(AttemptFailed, match='42P01 table "nowhere" does not exist') as failed:
        source.apply(source.load().named("aaa1"), runner)
    assert failed.value.where == f"{path}:10"
    assert failed.value.facts["sqlstate"] == "42P01"
    assert failed.value.facts["statement"] == "DROP TABLE nowhere"


def test_rows_in_an_error_of_the_server_are_not_repeated(
    project: Project, opened: Open, runner: PsqlRunner
) -> None:
    insert = "INSERT INTO t_aaa1 VALUES (4711)"
    project.table("aaa1")
    project.add("bbb2", "aaa1", up=f'op.execute("{insert}")\nop.execute("{insert}")')
    source = opened(project.ini)
    source.apply(source.load().named("aaa1"), runner)
    with pytest.raises(AttemptFailed, match="23505") as failed:
        source.apply(source.load().named("bbb2"), runner)
    assert "4711" not in failed.value.found


def test_an_exception_of_the_project_is_an_attempt_that_failed(
    project: Project, opened: Open, runner: PsqlRunner
) -> None:
    path = project.add("aaa1", up='raise ValueError("no such shop")')
    project.add("bbb2", "aaa1", up="import os\nos._exit(7)")
    source = opened(project.ini)
    history = source.load()
    with pytest.raises(AttemptFailed, match="ValueError: no such shop") as failed:
        source.apply(history.named("aaa1"), runner)
    assert failed.value.where == f"{path}:9"


def test_a_revision_that_hangs_is_ended_with_its_backend(
    project: Project, opened: Open, pg: PostgresServer, database: str
) -> None:
    project.add("aaa1", up='op.execute("SELECT pg_sleep(600)")')
    project.add("bbb2", "aaa1")
    source = opened(project.ini)
    history = source.load()
    short = PsqlRunner(pg, database, limit=3.0)
    with pytest.raises(AttemptFailed, match="no lock is to blame") as failed:
        source.apply(history.named("aaa1"), short)
    assert failed.value.facts["timed_out"] == 1
    with short.connect() as conn:
        left = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query ~ 'sleep'"
        assert conn.execute(left + " AND pid <> pg_backend_pid()").fetchone() == (0,)
    again = PsqlRunner(pg, database, limit=60.0)
    source.apply(history.named("bbb2"), again)
    assert ledger(again) == {"bbb2"}


def test_what_follows_a_revision_that_failed_is_run_all_the_same(
    project: Project, opened: Open, runner: PsqlRunner, pg: PostgresServer, database: str
) -> None:
    project.table("aaa1")
    project.add("bbb2", "aaa1", up='op.execute("SELECT nonsense")')
    project.table("ccc3", "bbb2")
    project.table("ddd4", "ccc3")
    source = opened(project.ini)
    one, two, three, four = source.load()
    source.apply(one, runner)
    with pytest.raises(AttemptFailed, match="nonsense"):
        source.apply(two, runner)
    stranger = PsqlRunner(dataclasses.replace(pg, private=False), database)
    with pytest.raises(MigrationError, match="it follows bbb2, not applied"):
        source.apply(three, stranger)
    for migration in (three, four):
        source.apply(migration, runner)
    with runner.connect() as conn:
        assert source.applied(conn) == [one.id, three.id, four.id]
    with pytest.raises(MigrationError, match="others that follow it are applied"):
        source.roll_back(three, runner)
    source.roll_back(four, runner)
    source.roll_back(three, runner)
    assert ledger(runner) == {"bbb2"}
    assert tables(runner) == {"t_aaa1"}


def test_a_revision_that_nobody_commits_is_no_success(
    tmp_path: Path, opened: Open, runner: PsqlRunner
) -> None:
    own = ENV.replace(
        "    with context.begin_transaction():\n        context", "    if True:\n        context"
    )
    project = Project.make(tmp_path, env=own)
    project.table("aaa1")
    source = opened(project.ini)
    with pytest.raises(EnvironmentUnavailable, match="did not commit"):
        source.apply(source.load().named("aaa1"), runner)


@pytest.mark.parametrize("shape", ["syntax", "twice", "cycle", "parent", "dependency", "missing module"])
def test_a_history_that_cannot_be_read_is_one_clear_error(project: Project, opened: Open, shape: str) -> None:
    path = project.table("aaa1")
    expected = {
        "syntax": "SyntaxError",
        "twice": "revision aaa1 is there more than once",
        "cycle": "Cycle is detected",
        "parent": "revision bbb2 follows gone, which is not there",
        "dependency": "gone",
        "missing module": "ModuleNotFoundError: No module named 'nowhere_to_be_found'",
    }[shape]
    if shape == "syntax":
        path.write_text("def upgrade(:\n    pass\n")
    elif shape == "twice":
        project.table("aaa1", file="another.py")
    elif shape == "cycle":
        project.table("bbb2", "ccc3")
        project.table("ccc3", "bbb2")
    elif shape == "parent":
        project.table("bbb2", "gone")
    elif shape == "dependency":
        project.table("bbb2", "aaa1", depends_on="gone")
    else:
        path.write_text("import nowhere_to_be_found\n" + path.read_text())
    with pytest.raises(MigrationError, match=expected) as unreadable:
        opened(project.ini).load()
    assert shape not in ("syntax", "missing module") or str(path) in unreadable.value.where


def test_an_empty_history_is_empty(project: Project, opened: Open) -> None:
    history = opened(project.ini).load()
    assert len(history) == 0
    assert history.warnings == ("there is no revision",)


def test_what_downgrade_refuses_is_irreversible_in_its_own_words(project: Project, opened: Open) -> None:
    project.add("aaa1", down='raise NotImplementedError("the letters are burnt")')
    project.add("bbb2", "aaa1", down=None)
    project.add("ccc3", "bbb2", down='"""Nothing to do."""\npass')
    history = opened(project.ini).load()
    assert [migration.irreversible for migration in history] == [
        "NotImplementedError: the letters are burnt",
        "it has no downgrade()",
        "",
    ]
    assert [migration.down is None for migration in history] == [True, True, False]


def test_the_kind_is_read_from_the_operations(project: Project, opened: Open) -> None:
    project.table("a1")
    project.add("a2", "a1", up='op.add_column("t_a1", sa.Column("name", sa.Text))')
    project.add("a3", "a2", up='with op.batch_alter_table("t_a1") as batch:\n    batch.drop_column("name")')
    project.add("a4", "a3", up="op.execute(sa.text('UPDATE t_a1 SET id = 1'))")
    project.add("a5", "a4", up="name = 't_a1'\nop.execute(f'DELETE FROM {name}')")
    project.add("a6", "a5", up="op.create_index('i', 't_a1', ['id'])")
    project.add("a7", "a6")
    project.add("a8", "a7", up="if not context.is_offline_mode():\n    raise RuntimeError('run --sql')")
    history = opened(project.ini).load()
    assert [c.kind for c in history.classifications] == [
        Kind.ADDITIVE,
        Kind.ADDITIVE,
        Kind.DROPPING,
        Kind.DATA,
        Kind.UNDECIDED,
        Kind.INDEX,
        Kind.NOTHING,
        Kind.NOTHING,
    ]
    assert history.classifications[2].destroys == ("public.t_a1.name",)
    assert "offline only" in history.migrations[7].note


def test_a_ledger_of_another_name_is_found_in_env_py_or_asked_for(
    tmp_path: Path, opened: Open, runner: PsqlRunner
) -> None:
    named = ENV.replace("target_metadata=None", 'version_table="shop_versions"')
    project = Project.make(tmp_path / "one", env=named)
    project.table("aaa1")
    source = opened(project.ini)
    assert source.load().ledger == "public.shop_versions"
    source.apply(source.load().named("aaa1"), runner)
    with runner.connect() as conn:
        assert source.applied(conn) == ["aaa1 make aaa1"]
    hidden = Project.make(
        tmp_path / "two", env=ENV.replace("target_metadata=None", "**{'version_table': 'x'}")
    )
    hidden.table("bbb2")
    unknown = opened(hidden.ini)
    with pytest.raises(
        EnvironmentUnavailable, match=r"keeps its ledger in public\.x, not in public\.alembic_version"
    ):
        unknown.apply(unknown.load().named("bbb2"), runner)
    told = opened(hidden.ini, ledger="public.x")
    told.roll_back(told.load().named("bbb2"), runner)


def test_of_several_sections_one_is_taken_or_named(tmp_path: Path, opened: Open) -> None:
    more = INI.replace("[loggers]", "[auth]\nscript_location = %(here)s/auth\n[loggers]")
    project = Project.make(tmp_path, ini=more)
    project.table("aaa1")
    project.table("bbb2", folder="auth/versions")
    (tmp_path / "auth" / "env.py").write_text(ENV)
    first = opened(project.ini)
    assert [migration.name for migration in first.load()] == ["make aaa1"]
    assert "auth" in first.load().warnings[0]
    assert [migration.name for migration in opened(project.ini, name="auth").load()] == ["make bbb2"]
    with pytest.raises(MigrationError, match=r"no section \[shop\]"):
        opened(project.ini, name="shop")


def test_a_history_is_found_by_its_configuration_or_its_env_py(tmp_path: Path, opened: Open) -> None:
    Project.make(tmp_path / "one").table("aaa1")
    bare = Project.make(tmp_path / "two" / "deep")
    bare.ini.unlink()
    bare.table("bbb2")
    toml = Project.make(tmp_path / "three")
    toml.ini.unlink()
    toml.table("ccc3")
    (toml.root / "pyproject.toml").write_text('[tool.alembic]\nscript_location = "%(here)s/migrations"\n')
    survey.cache_clear()
    found = {item.path.relative_to(tmp_path).as_posix(): item for item in adapter.find(tmp_path)}
    assert set(found) == {"one/alembic.ini", "two/deep/migrations", "three/pyproject.toml"}
    names = [opened(item.path).load().migrations[0].name for item in found.values()]
    assert sorted(names) == ["make aaa1", "make bbb2", "make ccc3"]


def test_locations_may_be_named_where_there_is_no_configuration(tmp_path: Path, opened: Open) -> None:
    project = Project.make(tmp_path)
    project.ini.unlink()
    project.table("aaa1", folder="migrations/versions/postgresql")
    project.table("bbb2", folder="migrations/versions/sqlite")
    source = opened(tmp_path / "migrations", version_locations="versions/postgresql")
    assert [migration.name for migration in source.load()] == ["make aaa1"]


def test_an_interpreter_without_alembic_is_named_with_what_to_do(project: Project, tmp_path: Path) -> None:
    import venv

    venv.create(tmp_path / "empty", symlinks=True)
    settings = ToolSettings(python=tmp_path / "empty" / "bin" / "python")
    source = adapter.open(project.ini, settings)
    try:
        with pytest.raises(MigrationError, match="alembic cannot be imported there") as missing:
            source.load()
        assert "--python" in missing.value.remedy
    finally:
        source.close()


def test_locks_are_named_as_before_also_those_of_what_is_dropped(
    project: Project, opened: Open, pg: PostgresServer, database: str
) -> None:
    project.table("aaa1")
    project.add("bbb2", "aaa1", up='op.add_column("t_aaa1", sa.Column("name", sa.Text))')
    block = "with op.get_context().autocommit_block():\n    op.execute('{} INDEX CONCURRENTLY {}')"
    project.add("ccc3", "bbb2", up=block.format("CREATE", "i ON t_aaa1 (id)"), down=block.format("DROP", "i"))
    source = opened(project.ini)
    first, second, third = source.load()
    runner = DirectRunner(pg, database, limit=60.0)
    source.apply(first, runner)
    added = source.apply(second, runner).locks
    assert added is not None
    assert [(lock.relation, lock.mode) for lock in added.held if "t_" in lock.relation] == [
        ("public.t_aaa1", "AccessExclusiveLock")
    ]
    outside = source.apply(third, runner).locks
    assert outside is not None
    assert "outside of a transaction" in outside.incomplete
    source.roll_back(third, runner)
    source.roll_back(second, runner)
    dropped = source.roll_back(first, runner).locks
    assert dropped is not None
    assert ("public.t_aaa1", "AccessExclusiveLock") in [(lock.relation, lock.mode) for lock in dropped.held]
    assert source.apply(first, DirectRunner(pg, database, locks=False)).locks is None


def test_an_env_py_that_cannot_be_imported_is_replaced_by_a_plain_one_and_said_to_be(
    tmp_path: Path, opened: Open, runner: PsqlRunner
) -> None:
    project = Project.make(tmp_path, env="from shop_of_nobody import settings\n" + ENV)
    project.table("aaa1")
    project.table("bbb2", "aaa1")
    source = opened(project.ini)
    assert "env.py is not run (No module named 'shop_of_nobody')" in source.load().warnings[0]
    assert walk(source, runner) == ["aaa1", "bbb2"]
    strict = opened(project.ini, env="own")
    with pytest.raises(EnvironmentUnavailable, match="No module named 'shop_of_nobody'"):
        strict.roll_back(strict.load().named("bbb2"), runner)


def test_arguments_for_env_py_may_hold_the_url(tmp_path: Path, opened: Open, runner: PsqlRunner) -> None:
    own = ENV.replace(
        "connectable =",
        'config.set_main_option("sqlalchemy.url", context.get_x_argument(as_dictionary=True)["url"])\n'
        "connectable =",
    )
    project = Project.make(tmp_path, env=own)
    project.table("aaa1")
    source = opened(project.ini, x="url={url}\nverbose=yes", redirect="false", env="own")
    source.apply(source.load().named("aaa1"), runner)
    assert tables(runner) == {"t_aaa1"}


def test_what_the_first_revision_finds_can_be_prepared(
    project: Project, opened: Open, runner: PsqlRunner
) -> None:
    (project.root / "shop_tables.py").write_text(
        "import sqlalchemy as sa\nmetadata = sa.MetaData()\n"
        "sa.Table('t_before', metadata, sa.Column('id', sa.Integer, primary_key=True))\n"
    )
    project.add("aaa1", up='op.add_column("t_before", sa.Column("name", sa.Text))')
    source = opened(project.ini, prepare="shop_tables:metadata.create_all")
    source.prepare(runner)  # type: ignore[attr-defined]
    source.apply(source.load().named("aaa1"), runner)
    assert tables(runner) == {"t_before"}
