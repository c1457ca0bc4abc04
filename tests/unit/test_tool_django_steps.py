"""Each step of a Django history, run by Django itself on a real server, and what may go wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from django_projects import (
    ADD,
    BOOK,
    CODE,
    ITEM,
    Project,
    applied,
    columns,
    create,
    migration,
    shop,
    tables,
    walk,
)

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, MigrationError
from rollproof.migrations.classification import Kind
from rollproof.migrations.execute import PsqlRunner
from rollproof.migrations.locks import held_query

USER = """
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models


class User(AbstractBaseUser):
    email = models.EmailField(unique=True)
    USERNAME_FIELD = "email"
"""


@pytest.fixture
def runner(pg: PostgresServer, database: str) -> PsqlRunner:
    return PsqlRunner(pg, database, limit=60.0)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "site", {"shop": {"0001_initial": migration(ITEM)}})


# Steps


def test_code_runs_with_the_models_of_its_time_in_both_directions(
    project: Project, runner: PsqlRunner
) -> None:
    shop(
        project,
        **{
            "0002_price": migration(ADD, after=["shop.0001_initial"]),
            "0003_code": migration(
                "migrations.RunPython(forward, back, elidable=True)", head=CODE, after=["shop.0002_price"]
            ),
            "0004_gone": migration('migrations.RemoveField("item", "price")', after=["shop.0003_code"]),
        },
    )
    with project.opened() as source:
        walk(source, runner)
        assert "elidable" in source.load().named("shop.0003_code").note
        assert columns(runner, "shop_item") == ["id", "name"]
        for one in reversed(source.load().migrations):
            source.roll_back(one, runner)
        assert tables(runner) == set()


def test_an_index_built_concurrently_runs_outside_of_a_transaction(
    project: Project, runner: PsqlRunner
) -> None:
    head = "from django.contrib.postgres.operations import AddIndexConcurrently"
    operation = 'AddIndexConcurrently("item", models.Index(fields=["name"], name="by_name"))'
    shop(
        project,
        **{
            "0002_index": migration(
                operation, head=head, body="    atomic = False\n", after=["shop.0001_initial"]
            )
        },
    )
    with project.opened() as source:
        walk(source, runner)
        index = source.load().named("shop.0002_index")
        assert index.stated is not None
        assert index.stated.concurrent
        assert not index.stated.transactional
        assert "atomic = False" in index.note


def test_a_swapped_user_model_and_references_to_it(tmp_path: Path, runner: PsqlRunner) -> None:
    user = create(
        "User",
        '("password", models.CharField(max_length=128))',
        '("email", models.EmailField(unique=True))',
    )
    note = create("Note", '("by", models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE))')
    people = {"people": USER}
    swap = "    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]\n"
    project = Project(
        tmp_path / "site",
        {
            "people": {"0001_initial": migration(user)},
            "notes": {"0001_initial": migration(note, head="from django.conf import settings", body=swap)},
        },
        models=people,
        settings="AUTH_USER_MODEL = 'people.User'",
        installed=["django.contrib.contenttypes", "django.contrib.auth"],
    ).write()
    with project.opened() as source:
        history = source.load()
        assert "people.0001_initial" in history.named("notes.0001_initial").parents
        made = history.named("auth.0001_initial").stated
        assert made is not None
        assert "public.auth_user" not in {reason.about for reason in made.reasons}
        walk(source, runner)
        assert "people_user" in tables(runner)
        assert "auth_user" not in tables(runner)


def test_a_reference_by_a_field_that_is_renamed_later(tmp_path: Path, runner: PsqlRunner) -> None:
    parent = create("Parent", '("code", models.CharField(max_length=9, unique=True))')
    link = 'models.ForeignKey("shop.Parent", models.CASCADE, to_field="code")'
    child = create("Child", f'("parent", {link})')
    rename = 'migrations.RenameField("parent", "code", "slug")'
    project = Project(
        tmp_path / "site",
        {
            "shop": {
                "0001_initial": migration(parent),
                "0002_child": migration(child, after=["shop.0001_initial"]),
                "0003_rename": migration(rename, after=["shop.0002_child"]),
            }
        },
    ).write()
    with project.opened() as source:
        walk(source, runner)
        walk_back = list(reversed(source.load().migrations))
        for one in walk_back:
            source.roll_back(one, runner)
        assert tables(runner) == set()
        walk(source, runner)
        assert columns(runner, "shop_parent") == ["id", "slug"]


def test_migrate_app_zero_takes_what_depends_on_it_along(tmp_path: Path, runner: PsqlRunner) -> None:
    project = Project(
        tmp_path / "site",
        {
            "shop": {
                "0001_initial": migration(ITEM),
                "0002_price": migration(ADD, after=["shop.0001_initial"]),
            },
            "library": {"0001_initial": migration(BOOK, after=["shop.0002_price"])},
        },
    ).write()
    with project.opened() as source:
        walk(source, runner)
        back, run = source.roll_back_to("shop", "0001_initial", runner)
        assert back == ["library.0001_initial", "shop.0002_price"]
        assert run.seconds > 0
        assert tables(runner) == {"shop_item"}
        assert source.roll_back_to("shop", "zero", runner)[0] == ["shop.0001_initial"]
        assert tables(runner) == set()
        walk(source, runner)
        with pytest.raises(MigrationError, match="no app 'nothing'"):
            source.roll_back_to("nothing", None, runner)


def test_what_is_held_is_seen_before_the_commit(
    project: Project, pg: PostgresServer, runner: PsqlRunner
) -> None:
    class Asking(PsqlRunner):
        held_query = held_query()

    shop(project, **{"0002_price": migration(ADD, after=["shop.0001_initial"])})
    with project.opened() as source:
        first, second = source.load()
        source.apply(first, runner)
        locks = source.apply(second, Asking(pg, runner.database)).locks
        assert locks is not None
        assert {(lock.relation, lock.mode) for lock in locks.held} >= {
            ("public.shop_item", "AccessExclusiveLock")
        }
        assert source.roll_back(second, runner).locks is None


def test_signals_are_sent_only_when_asked_for(tmp_path: Path, runner: PsqlRunner) -> None:
    installed = ["django.contrib.contenttypes"]
    rename = 'migrations.RenameModel("Item", "Thing")'
    models = {"shop": "from django.db import models\nclass Thing(models.Model):\n    pass\n"}
    project = Project(
        tmp_path / "site",
        {
            "shop": {
                "0001_initial": migration(ITEM),
                "0002_rename": migration(rename, after=["shop.0001_initial"]),
            }
        },
        installed=installed,
        models=models,
    ).write()

    def types() -> list[tuple[str]]:
        with runner.connect() as conn:
            return conn.execute(
                "SELECT model::text FROM django_content_type WHERE app_label = 'shop'"
            ).fetchall()

    with project.opened() as source:
        walk(source, runner)
        assert types() == []
        for one in reversed(source.load().migrations):
            source.roll_back(one, runner)
    with project.opened(options={"signals": "true"}) as source:
        walk(source, runner)
        assert types() == [("thing",)]


# Failures


def test_a_failing_migration_names_the_operation_its_line_and_the_sqlstate(
    project: Project, runner: PsqlRunner
) -> None:
    unique = 'migrations.AlterField("item", "name", models.CharField(max_length=50, unique=True))'
    shop(project, **{"0002_unique": migration(ADD, unique, after=["shop.0001_initial"])})
    with project.opened() as source:
        first, second = source.load()
        source.apply(first, runner)
        with runner.connect() as conn:
            conn.execute("INSERT INTO shop_item (name) VALUES ('twice'), ('twice')")
        with pytest.raises(AttemptFailed) as caught:
            source.apply(second, runner)
        error = caught.value
        assert error.facts["sqlstate"] == "23505"
        assert error.where == f"{second.path}:8"
        assert "Alter field name on item" in error.doing
        assert "twice" not in str(error)
        assert applied(source, runner) == [first.id]
        assert columns(runner, "shop_item") == ["id", "name"]
        with runner.connect() as conn:
            conn.execute("DELETE FROM shop_item")
        source.apply(second, runner)
        source.roll_back(second, runner)


def test_failing_code_names_its_own_line(project: Project, runner: PsqlRunner) -> None:
    head = "def forward(apps, schema_editor):\n    apps.get_model('shop', 'Item').objects.get(pk=1)\n"
    shop(
        project,
        **{
            "0002_code": migration(
                "migrations.RunPython(forward, forward)", head=head, after=["shop.0001_initial"]
            )
        },
    )
    with project.opened() as source:
        first, second = source.load()
        source.apply(first, runner)
        with pytest.raises(AttemptFailed, match="DoesNotExist") as caught:
            source.apply(second, runner)
        assert caught.value.where == f"{second.path}:3"
        assert applied(source, runner) == [first.id]


def test_a_hanging_migration_is_ended_and_the_next_order_works(
    project: Project, pg: PostgresServer, database: str
) -> None:
    shop(
        project,
        **{
            "0002_hang": migration(
                'migrations.RunSQL("SELECT pg_sleep(600)", "")', after=["shop.0001_initial"]
            )
        },
    )
    runner = PsqlRunner(pg, database, limit=60.0)
    with project.opened() as source:
        first, second = source.load()
        source.apply(first, runner)
        with pytest.raises(AttemptFailed, match="hung") as caught:
            source.apply(second, PsqlRunner(pg, database, limit=1.0))
        assert caught.value.facts["timed_out"] == 1
        assert caught.value.where.startswith(str(second.path))
        with runner.connect() as conn:
            left = conn.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rollproof'"
            ).fetchone()
        assert left == (0,)
        assert applied(source, runner) == [first.id]
        source.roll_back(first, runner)
        assert tables(runner) == set()


def test_a_step_out_of_order_is_refused_on_a_server_that_is_not_ours_alone(
    project: Project, pg: PostgresServer, runner: PsqlRunner
) -> None:
    shop(project, **{"0002_price": migration(ADD, after=["shop.0001_initial"])})
    shared = PsqlRunner(replace(pg, private=False), runner.database, limit=60.0)
    with project.opened() as source:
        first, second = source.load()
        with pytest.raises(MigrationError, match=r"depends on shop\.0001_initial, which is not applied"):
            source.apply(second, shared)
        source.apply(first, shared)
        with pytest.raises(MigrationError, match="already applied"):
            source.apply(first, shared)
        source.apply(second, shared)
        with pytest.raises(MigrationError, match=r"depends on shop\.0001_initial, and is applied"):
            source.roll_back(first, shared)


def test_what_follows_a_migration_that_cannot_be_applied_is_tried_all_the_same(
    project: Project, runner: PsqlRunner
) -> None:
    broken = migration('migrations.RunSQL("SELECT 1/0", "")', after=["shop.0001_initial"])
    price = migration(ADD, after=["shop.0002_broken"])
    gone = migration('migrations.RemoveField("item", "price")', after=["shop.0003_price"])
    shop(project, **{"0002_broken": broken, "0003_price": price, "0004_gone": gone})
    with project.opened() as source:
        first, second, third, fourth = source.load()
        source.apply(first, runner)
        with pytest.raises(AttemptFailed, match="division by zero"):
            source.apply(second, runner)
        for one in (third, fourth):
            assert "shop.0002_broken" in source.apply(one, runner).stderr
            source.roll_back(one, runner)
            source.apply(one, runner)
        assert applied(source, runner) == [first.id, third.id, fourth.id]
        source.close()
        source.roll_back(fourth, runner)
        assert columns(runner, "shop_item") == ["id", "name", "price"]


def test_a_file_that_changed_since_it_was_read_is_not_run(project: Project, runner: PsqlRunner) -> None:
    with project.write().opened() as source:
        first = source.load().migrations[0]
        first.up.path.write_text(first.up.text + "# changed\n")
        with pytest.raises(MigrationError, match="has changed"):
            source.apply(first, runner)


def test_custom_operations_get_states_of_their_own(project: Project, runner: PsqlRunner) -> None:
    head = """
class Twice(migrations.AddField):
    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        assert type(from_state).__name__ == "ProjectState"
        super().database_forwards(app_label, schema_editor, from_state, to_state)
"""
    operation = 'Twice("item", "price", models.IntegerField(default=0))'
    shop(project, **{"0002_price": migration(operation, head=head, after=["shop.0001_initial"])})
    with project.opened() as source:
        stated = source.load().named("shop.0002_price").stated
        assert stated is not None
        assert stated.kind is Kind.UNDECIDED
        walk(source, runner)
        assert columns(runner, "shop_item") == ["id", "name", "price"]
