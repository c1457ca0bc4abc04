"""How a Django project is found and brought up, and that its own databases are never reached."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from django_projects import ADD, ITEM, MANAGE, Project, columns, migration, shop, tables, walk

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, MigrationError
from rollproof.migrations.execute import PsqlRunner
from rollproof.migrations.tools import django as adapter
from rollproof.migrations.tools.base import survey
from rollproof.migrations.tools.choice import find_tool
from rollproof.migrations.tools.django_target import NOWHERE, Target
from rollproof.migrations.tools.settings import ToolSettings

FROM_URL = """
from urllib.parse import unquote, urlsplit
url = urlsplit(os.environ["DATABASE_URL"])
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": url.path[1:],
    "HOST": unquote(url.hostname), "PORT": str(url.port), "USER": url.username}}
"""


@pytest.fixture
def runner(pg: PostgresServer, database: str) -> PsqlRunner:
    return PsqlRunner(pg, database, limit=60.0)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "site", {"shop": {"0001_initial": migration(ITEM)}})


# Where it is


def test_a_project_is_found_by_its_manage_py(project: Project, tmp_path: Path) -> None:
    project.write()
    survey.cache_clear()
    assert [found.path for found in adapter.find(tmp_path)] == [project.root / "manage.py"]
    source = find_tool(tmp_path, settings=ToolSettings(python=Path(sys.executable)))
    try:
        assert source.tool == "django"
        assert [one.id for one in source.load()] == ["shop.0001_initial"]
    finally:
        source.close()


def test_several_projects_are_one_clear_error(tmp_path: Path) -> None:
    for name in ("one", "two"):
        Project(tmp_path / name, {"shop": {"0001_initial": migration(ITEM)}}).write()
    with pytest.raises(MigrationError, match="2 histories") as caught:
        find_tool(tmp_path)
    assert "one/manage.py" in str(caught.value)


def test_manage_py_of_another_framework_and_of_a_template_is_none(tmp_path: Path) -> None:
    (tmp_path / "manage.py").write_text("from flask_script import Manager\n")
    template = tmp_path / "{{cookiecutter.name}}"
    template.mkdir()
    (template / "manage.py").write_text(MANAGE)
    survey.cache_clear()
    assert adapter.find(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest.ini", "[pytest]\nDJANGO_SETTINGS_MODULE = config.settings\n"),
        ("setup.cfg", "[tool:pytest]\nDJANGO_SETTINGS_MODULE = config.settings\n"),
        ("tox.ini", "[pytest]\nDJANGO_SETTINGS_MODULE=config.settings\n"),
        ("pyproject.toml", '[tool.pytest.ini_options]\nDJANGO_SETTINGS_MODULE = "config.settings"\n'),
        ("pyproject.toml", '[tool.django-stubs]\ndjango_settings_module = "config.settings"\n'),
    ],
)
def test_without_manage_py_the_settings_are_those_of_pytest(project: Project, name: str, text: str) -> None:
    project.write()
    (project.root / "manage.py").unlink()
    (project.root / name).write_text(text)
    survey.cache_clear()
    assert [found.path.name for found in adapter.find(project.root)] == [name]
    with project.opened() as source:
        assert len(source.load()) == 1


def test_apps_without_a_project_are_walked_with_settings_made_up(
    project: Project, runner: PsqlRunner
) -> None:
    site = 'migrations.AddField("item", "site", models.ForeignKey("sites.Site", models.CASCADE, null=True))'
    shop(project, **{"0002_site": migration(site, after=["shop.0001_initial", "sites.0001_initial"])})
    (project.root / "manage.py").unlink()
    (project.root / "shop").rename(project.root / "src")
    (project.root / "lib").mkdir()
    (project.root / "src").rename(project.root / "lib" / "shop")
    survey.cache_clear()
    assert [found.path for found in adapter.find(project.root)] == [project.root]
    with project.opened() as source:
        assert {"sites.0001_initial", "shop.0002_site"} < {one.id for one in source.load()}
        walk(source, runner)


def test_a_folder_that_says_nothing_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    with pytest.raises(MigrationError, match=r"no manage\.py") as caught:
        adapter.open(tmp_path, ToolSettings())
    assert "installed_apps" in caught.value.remedy


def test_what_manage_py_does_before_django_is_done(project: Project, runner: PsqlRunner) -> None:
    project.manage = MANAGE.replace(
        "    from django.core",
        "    sys.path.append(os.path.join(os.path.dirname(__file__), 'apps'))\n    from django.core",
    )
    project.write()
    (project.root / "apps").mkdir()
    (project.root / "shop").rename(project.root / "apps" / "shop")
    with project.opened() as source:
        walk(source, runner)


def test_the_named_settings_are_taken_before_those_of_manage_py(project: Project) -> None:
    project.write()
    (project.root / "config" / "other.py").write_text("from config.settings import *\nINSTALLED_APPS = []\n")
    other = project.opened(django_settings="config.other")
    with other as source, pytest.raises(MigrationError, match="no app of this project has a migration"):
        source.load()


# What is wrong with settings


@pytest.mark.parametrize(
    ("settings", "said", "remedy"),
    [
        ("raise RuntimeError('out of order')", "RuntimeError: out of order", "correct it"),
        ("SECRET = os.environ['NOT_THERE']", "KeyError: 'NOT_THERE'", "environment"),
        ("import nothing_of_that_name", "nothing_of_that_name", "--python"),
        ("INSTALLED_APPS = ['nothing_of_that_name']", "nothing_of_that_name", "--python"),
        ("DATABASES = {}", "no database 'default'", "alias"),
        ("DATABASES = {'default': {'ENGINE': 'no.such.engine'}}", "no.such.engine", "psycopg"),
    ],
)
def test_broken_settings_are_one_clear_error(project: Project, settings: str, said: str, remedy: str) -> None:
    project.settings = settings
    with project.write().opened() as source:
        for _ in range(2):
            with pytest.raises(MigrationError) as caught:
                source.load()
            assert said in str(caught.value)
            assert remedy in caught.value.remedy
            assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize("engine", ["django.db.backends.sqlite3", "django_prometheus.db.backends.mysql"])
def test_migrations_of_a_project_for_another_server_are_run_on_postgresql_and_that_is_said(
    project: Project, engine: str
) -> None:
    project.settings = f"DATABASES = {{'default': {{'ENGINE': {engine!r}, 'NAME': 'db.sqlite3'}}}}"
    with project.write().opened() as source:
        assert source.load().warnings[0] == (
            f"the settings' own engine is {engine}: the migrations are run on PostgreSQL in its place"
        )


def test_an_error_of_the_settings_names_their_line(project: Project) -> None:
    project.settings = "raise RuntimeError('out of order')"
    with project.write().opened() as source, pytest.raises(MigrationError) as caught:
        source.load()
    assert caught.value.where.startswith(str(project.root / "config" / "settings.py:"))


def test_missing_settings_are_one_clear_error(project: Project) -> None:
    missing = project.write().opened(django_settings="config.missing")
    with missing as source, pytest.raises(MigrationError, match=r"config\.missing"):
        source.load()


def test_a_project_that_asks_its_database_at_import_is_told_so(project: Project) -> None:
    asking = "with connection.cursor() as cursor:\n    cursor.execute('SELECT 1')\n"
    project.models = {"shop": f"from django.db import connection\n{asking}"}
    with project.write().opened() as source, pytest.raises(MigrationError, match="while it is imported"):
        source.load()


def test_an_interpreter_without_django_is_told_so(project: Project, tmp_path: Path) -> None:
    project.write()
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    bare.chmod(0o755)
    source = adapter.open(project.root, ToolSettings(python=bare))
    try:
        with pytest.raises(MigrationError, match="django") as caught:
            source.load()
        assert "--python" in caught.value.remedy
    finally:
        source.close()


# Databases


def test_settings_that_read_the_environment_get_the_scratch_database(
    project: Project, runner: PsqlRunner
) -> None:
    project.settings = FROM_URL
    with project.write().opened() as source:
        walk(source, runner)
        assert tables(runner) == {"shop_item"}


def test_variables_of_the_project_are_given_to_it(project: Project, runner: PsqlRunner) -> None:
    project.settings = "assert os.environ['KEY'] == 'secret'\nassert os.environ['HOST'] == '127.0.0.1'\n"
    with project.write().opened(environment={"KEY": "secret", "HOST": "{host}"}) as source:
        walk(source, runner)


def test_what_the_project_prints_disturbs_nothing(project: Project, runner: PsqlRunner) -> None:
    project.settings = (
        "import sys\nprint('{\"ok\": {}}')\nprint('noise', file=sys.stderr)\nos.write(1, b'more')\n"
    )
    with project.write().opened() as source:
        walk(source, runner)


def test_a_project_for_sqlite_can_be_run_on_postgres(project: Project, runner: PsqlRunner) -> None:
    sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3", "OPTIONS": {"timeout": 5}}
    project.databases = repr({"default": sqlite})
    with project.write().opened(options={"engine": "django.db.backends.postgresql"}) as source:
        walk(source, runner)
    assert not (project.root / "db.sqlite3").exists()


def test_another_database_of_the_project_is_out_of_reach(project: Project, runner: PsqlRunner) -> None:
    asking = "apps.get_model('shop', 'Item').objects.using('other').count()"
    head = f"def forward(apps, schema_editor):\n    {asking}\n"
    shop(
        project,
        **{
            "0002_code": migration(
                "migrations.RunPython(forward, forward)", head=head, after=["shop.0001_initial"]
            )
        },
    )
    project.settings = "DATABASES['other'] = {**DATABASES['default'], 'NAME': 'other'}"
    with project.write().opened() as source:
        first, second = source.load()
        source.apply(first, runner)
        with pytest.raises(AttemptFailed, match="another database alias"):
            source.apply(second, runner)
    project.settings += "\nDATABASES['other']['TEST'] = {'MIRROR': 'default'}"
    with project.write().opened() as source:
        source.apply(source.load().migrations[1], runner)


def test_routers_decide_what_is_made(project: Project, runner: PsqlRunner) -> None:
    router = """
class Router:
    def allow_migrate(self, db, app_label, model_name=None, **hints):
        return db == "other" if model_name == "item" else None
"""
    shop(project, **{"0002_price": migration(ADD, after=["shop.0001_initial"])})
    project.settings = (
        "DATABASE_ROUTERS = ['config.router.Router']\nDATABASES['other'] = dict(DATABASES['default'])"
    )
    project.write()
    (project.root / "config" / "router.py").write_text(router)
    with project.opened() as source:
        assert [one.stated.kind.value for one in source.load() if one.stated] == ["nothing", "nothing"]
        walk(source, runner)
        assert tables(runner) == set()
    with project.opened(options={"alias": "other"}) as source:
        with runner.connect() as conn:
            conn.execute("DROP TABLE django_migrations")
        walk(source, runner)
        assert columns(runner, "shop_item") == ["id", "name", "price"]


def test_an_engine_that_leads_elsewhere_is_refused(project: Project, runner: PsqlRunner) -> None:
    engine = """
from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    def get_connection_params(self):
        return {**super().get_connection_params(), "dbname": "postgres"}
"""
    project.settings = "DATABASES['default']['ENGINE'] = 'config.engine'"
    project.write()
    (project.root / "config" / "engine").mkdir()
    (project.root / "config" / "engine" / "__init__.py").write_text("")
    (project.root / "config" / "engine" / "base.py").write_text(engine)
    with project.opened() as source:
        first = source.load().migrations[0]
        with pytest.raises(MigrationError, match="does not lead to the scratch database"):
            source.apply(first, runner)
        assert tables(runner) == set()


def test_another_database_of_the_same_server_is_led_to_next(
    project: Project, pg: PostgresServer, runner: PsqlRunner
) -> None:
    import psycopg

    with (
        project.write().opened() as source,
        psycopg.connect(pg.conninfo("postgres"), autocommit=True) as conn,
    ):
        first = source.load().migrations[0]
        source.apply(first, runner)
        name = f"{runner.database}_again"
        conn.execute(f'CREATE DATABASE "{name}"')
        try:
            again = PsqlRunner(pg, name, limit=60.0)
            source.apply(first, again)
            assert tables(again) == {"shop_item"}
            source.roll_back(first, again)
            assert tables(runner) == {"shop_item"}
        finally:
            conn.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_a_target_is_written_as_url_dsn_and_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target("/run/my sockets", 5432, "o'neil", "odd db", "p@ss/word")
    monkeypatch.setenv("DATABASE_URL", "postgis://somewhere/else")
    assert target.url == "postgis://o%27neil:p%40ss%2Fword@%2Frun%2Fmy%20sockets:5432/odd%20db"
    assert (
        target.dsn
        == "host='/run/my sockets' port='5432' user='o\\'neil' dbname='odd db' password='p@ss/word'"
    )
    assert (
        target.environment({"A": "{host}:{port} {x} {python}"}, Path("p"))["A"]
        == "/run/my sockets:5432 {x} p"
    )
    assert "p@ss" not in repr(target)
    monkeypatch.delenv("DATABASE_URL")
    assert NOWHERE.url == "postgres://rollproof@127.0.0.1:1/rollproof"


def test_made_up_settings_that_do_not_do_are_not_taken_for_the_projects_fault(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    shop(project)
    (project.root / "manage.py").unlink()
    (project.root / "shop" / "models.py").write_text("from django.conf import settings\nsettings.SHOP_URL\n")
    survey.cache_clear()
    with project.opened() as source, pytest.raises(MigrationError, match="SHOP_URL") as caught:
        source.load()
    assert "settings are made up" in caught.value.remedy
    assert "DJANGO_SETTINGS_MODULE" in caught.value.remedy


def test_settings_for_a_library_are_a_json_object(tmp_path: Path) -> None:
    options = {"installed_apps": "django.contrib.sites", "settings": "SITE_ID = 1"}
    with pytest.raises(MigrationError, match="no JSON object"):
        adapter.open(tmp_path, ToolSettings(options=options))
