"""Django's own histories, run by Django itself on a real server."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from django_projects import (
    ADD,
    BOOK,
    CODE,
    ITEM,
    Project,
    applied,
    create,
    ledger,
    migration,
    shop,
    tables,
    walk,
)

from rollproof.environments.base import PostgresServer
from rollproof.errors import MigrationError
from rollproof.migrations.classification import Kind
from rollproof.migrations.execute import PsqlRunner
from rollproof.migrations.tools import django as adapter
from rollproof.migrations.tools.settings import ToolSettings

STATE = """migrations.SeparateDatabaseAndState(
    state_operations=[migrations.AddField("item", "ghost", models.IntegerField(null=True))])"""
OWN = "contenttypes auth admin sites flatpages redirects sessions"


@pytest.fixture
def runner(pg: PostgresServer, database: str) -> PsqlRunner:
    return PsqlRunner(pg, database, limit=60.0)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "site", {"shop": {"0001_initial": migration(ITEM)}})


# Django's own apps


@pytest.fixture(scope="module")
def own_ids() -> list[str]:
    """The order in which `migrate` applies Django's own migrations, as Django 5.2 and 6 have it."""
    return [
        "contenttypes.0001_initial",
        "auth.0001_initial",
        "admin.0001_initial",
        "admin.0002_logentry_remove_auto_add",
        "admin.0003_logentry_add_action_flag_choices",
        "contenttypes.0002_remove_content_type_name",
        *(
            f"auth.{name}"
            for name in (
                "0002_alter_permission_name_max_length 0003_alter_user_email_max_length "
                "0004_alter_user_username_opts 0005_alter_user_last_login_null "
                "0006_require_contenttypes_0002 0007_alter_validators_add_error_messages "
                "0008_alter_user_username_max_length 0009_alter_user_last_name_max_length "
                "0010_alter_group_name_max_length 0011_update_proxy_permissions "
                "0012_alter_user_first_name_max_length"
            ).split()
        ),
        "sites.0001_initial",
        "flatpages.0001_initial",
        "redirects.0001_initial",
        "redirects.0002_alter_redirect_new_path_help_text",
        "sessions.0001_initial",
        "sites.0002_alter_domain_unique",
    ]


def test_djangos_own_apps_are_walked_without_a_project(
    tmp_path: Path, runner: PsqlRunner, own_ids: list[str]
) -> None:
    apps = ",".join(f"django.contrib.{name}" for name in OWN.split())
    settings = ToolSettings(python=Path(sys.executable), options={"installed_apps": apps})
    source = adapter.open(tmp_path, settings)
    try:
        history = source.load()
        assert [one.id for one in history] == own_ids
        assert history.ledger == "public.django_migrations"
        assert all(one.path and one.path.is_file() and one.down for one in history)
        assert source.facts["Django"]
        walk(source, runner)
        for one in reversed(history.migrations):
            source.roll_back(one, runner)
        assert tables(runner) == set()
        assert ledger(runner) == []
    finally:
        source.close()


# Order and graph


def test_the_order_is_that_of_migrate_over_all_apps(tmp_path: Path, runner: PsqlRunner) -> None:
    early = migration(
        create("Early"),
        body='    run_before = [("shop", "0002_price")]\n',
    )
    project = Project(
        tmp_path / "site",
        {
            "shop": {
                "0001_initial": migration(ITEM),
                "0002_price": migration(ADD, after=["shop.0001_initial"]),
            },
            "library": {"0001_initial": migration(BOOK, after=["shop.0002_price"])},
            "early": {"0001_initial": early},
        },
    ).write()
    with project.opened() as source:
        history = source.load()
        ids = [one.id for one in history]
        assert ids == [
            "early.0001_initial",
            "shop.0001_initial",
            "shop.0002_price",
            "library.0001_initial",
        ] or (
            ids.index("early.0001_initial") < ids.index("shop.0002_price") < ids.index("library.0001_initial")
        )
        assert set(history.named("shop.0002_price").parents) == {"shop.0001_initial", "early.0001_initial"}
        walk(source, runner)


def test_only_the_named_apps_and_what_they_need_are_walked(tmp_path: Path) -> None:
    other = migration(create("Other"))
    project = Project(
        tmp_path / "site", {"shop": {"0001_initial": migration(ITEM)}, "other": {"0001_initial": other}}
    ).write()
    with project.opened(apps=("shop",)) as source:
        assert [one.id for one in source.load()] == ["shop.0001_initial"]
    with project.opened(apps=("shp",)) as source, pytest.raises(MigrationError, match="no app 'shp'"):
        source.load()


def test_a_squashed_migration_takes_the_place_of_what_it_replaces(
    project: Project, runner: PsqlRunner
) -> None:
    both = '    replaces = [("shop", "0001_initial"), ("shop", "0002_price")]\n'
    shop(
        project,
        **{
            "0002_price": migration(ADD, after=["shop.0001_initial"]),
            "0001_squashed_0002_price": migration(ITEM, ADD, body=both),
        },
    )
    with project.opened() as source:
        history = source.load()
        assert [one.id for one in history] == ["shop.0001_squashed_0002_price"]
        assert "squashes 2 migrations" in history.migrations[0].note
        walk(source, runner)
        assert set(ledger(runner)) == {
            "shop.0001_initial",
            "shop.0002_price",
            "shop.0001_squashed_0002_price",
        }
        source.roll_back(history.migrations[0], runner)
        assert applied(source, runner) == []
        assert ledger(runner) == []


@pytest.mark.parametrize(
    ("migrations", "said"),
    [
        (
            {
                "0002_a": migration(ADD, after=["shop.0001_initial"]),
                "0002_b": migration(after=["shop.0001_initial"]),
            },
            "Conflicting migrations",
        ),
        ({"0002_a": migration(after=["shop.0009_gone"])}, "0009_gone"),
        (
            {"0002_a": migration(after=["shop.0003_b"]), "0003_b": migration(after=["shop.0002_a"])},
            "shop.0002_a",
        ),
        ({"0002_a": "import nothing_of_that_name\n"}, "nothing_of_that_name"),
        ({"0002_a": "def broken(:\n"}, "SyntaxError"),
        ({"0002_a": "operations = []\n"}, "no Migration class"),
    ],
    ids=["conflict", "missing dependency", "circular", "import error", "syntax error", "no class"],
)
def test_a_history_that_django_cannot_order_is_one_clear_error(
    project: Project, migrations: dict[str, str], said: str
) -> None:
    with shop(project, **migrations).opened() as source:
        with pytest.raises(MigrationError) as caught:
            source.load()
        assert said in str(caught.value)
        assert "Traceback" not in str(caught.value)
        assert caught.value.remedy


def test_a_project_without_migrations_is_said_to_have_none(tmp_path: Path) -> None:
    project = Project(tmp_path / "site", {"empty": {}}).write()
    with project.opened() as source, pytest.raises(MigrationError, match="no app of this project"):
        source.load()


# What operations do


def test_each_operation_is_told_by_what_it_does(project: Project, runner: PsqlRunner) -> None:
    shop(
        project,
        **{
            "0002_price": migration(ADD, after=["shop.0001_initial"]),
            "0003_index": migration(
                'migrations.AddIndex("item", models.Index(fields=["name"], name="by_name"))',
                after=["shop.0002_price"],
            ),
            "0004_longer": migration(
                'migrations.AlterField("item", "name", models.CharField(max_length=80))',
                after=["shop.0003_index"],
            ),
            "0005_shorter": migration(
                'migrations.AlterField("item", "name", models.CharField(max_length=10))',
                after=["shop.0004_longer"],
            ),
            "0006_words": migration(
                'migrations.AlterField("item", "name", models.CharField("name", max_length=10))',
                after=["shop.0005_shorter"],
            ),
            "0007_code": migration(
                "migrations.RunPython(forward, back)", head=CODE, after=["shop.0006_words"]
            ),
            "0008_sql": migration(
                "migrations.RunSQL('UPDATE shop_item SET price = 1', '')", after=["shop.0007_code"]
            ),
            "0009_gone": migration('migrations.RemoveField("item", "price")', after=["shop.0008_sql"]),
            "0010_state": migration(
                STATE,
                after=["shop.0009_gone"],
            ),
            "0011_rename": migration('migrations.RenameModel("Item", "Thing")', after=["shop.0010_state"]),
            "0012_drop": migration('migrations.DeleteModel("Thing")', after=["shop.0011_rename"]),
        },
    )
    with project.opened() as source:
        kinds = [one.stated.kind for one in source.load() if one.stated]
        assert kinds == [
            Kind.ADDITIVE,
            Kind.ADDITIVE,
            Kind.INDEX,
            Kind.DEFINITION,
            Kind.DROPPING,
            Kind.NOTHING,
            Kind.UNDECIDED,
            Kind.DATA,
            Kind.DROPPING,
            Kind.NOTHING,
            Kind.DEFINITION,
            Kind.DROPPING,
        ]
        history = source.load()
        gone = history.named("shop.0009_gone").stated
        assert gone is not None
        assert gone.destroys == ("public.shop_item.price",)
        assert gone.reasons[0].line == 7
        renamed = history.named("shop.0011_rename").stated
        assert renamed is not None
        assert renamed.renamed == (("public.shop_item", "public.shop_thing"),)


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        (
            "migrations.AddConstraint('item', "
            "models.CheckConstraint(condition=models.Q(name='x'), name='c'))",
            Kind.ADDITIVE,
        ),
        (
            "migrations.AddConstraint('item', models.UniqueConstraint(fields=['name'], name='u'))",
            Kind.ADDITIVE,
        ),
        (
            "migrations.AddConstraint('item', models.UniqueConstraint(fields=['name'], name='u', "
            "condition=models.Q(name='x')))",
            Kind.INDEX,
        ),
        ("migrations.AlterUniqueTogether('item', {('name', 'id')})", Kind.ADDITIVE),
        ("migrations.AlterUniqueTogether('item', set())", Kind.NOTHING),
    ],
)
def test_a_constraint_that_comes_is_added(project: Project, operation: str, kind: Kind) -> None:
    shop(project, **{"0002_constraint": migration(operation, after=["shop.0001_initial"])})
    with project.opened() as source:
        stated = source.load().named("shop.0002_constraint").stated
    assert stated is not None
    assert stated.kind is kind


@pytest.mark.parametrize(
    ("operation", "puts_back"),
    [
        ("migrations.RunPython(forward, back)", True),
        ("migrations.RunPython(forward, migrations.RunPython.noop)", False),
        ("migrations.RunPython(forward)", False),
        ("migrations.RunSQL('UPDATE shop_item SET name = 1', 'UPDATE shop_item SET name = 2')", True),
        (ADD, False),
    ],
)
def test_code_and_sql_with_a_way_back_put_back_what_they_change(
    project: Project, operation: str, puts_back: bool
) -> None:
    shop(project, **{"0002_change": migration(operation, head=CODE, after=["shop.0001_initial"])})
    with project.opened() as source:
        assert bool(source.load().named("shop.0002_change").reverse) is puts_back


def test_a_migration_without_a_way_back_says_so_in_djangos_words(
    project: Project, runner: PsqlRunner
) -> None:
    inside = 'migrations.SeparateDatabaseAndState(database_operations=[migrations.RunSQL("SELECT 1")])'
    shop(
        project,
        **{
            "0002_code": migration("migrations.RunPython(forward)", head=CODE, after=["shop.0001_initial"]),
            "0003_sql": migration('migrations.RunSQL("SELECT 1")', after=["shop.0002_code"]),
            "0004_inside": migration(inside, after=["shop.0003_sql"]),
            "0005_noop": migration(
                "migrations.RunPython(forward, migrations.RunPython.noop)",
                head=CODE,
                after=["shop.0004_inside"],
            ),
        },
    )
    with project.opened() as source:
        first, code, sql, within, noop = source.load()
        assert first.down is not None
        assert code.down is None
        assert "is not reversible" in code.irreversible
        assert " at 0x" not in code.irreversible
        assert "is not reversible" in sql.irreversible
        assert within.irreversible == "You cannot reverse this operation"
        assert noop.down is not None
        assert "RunPython.noop" in noop.note
        source.apply(first, runner)
        source.apply(code, runner)
        with pytest.raises(MigrationError, match="not reversible"):
            source.roll_back(code, runner)
