"""Miniature Django projects, written in one line a migration, and opening them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rollproof.migrations.execute import PsqlRunner
from rollproof.migrations.tools import django as adapter
from rollproof.migrations.tools.django_source import DjangoSource
from rollproof.migrations.tools.settings import ToolSettings

MANAGE = """\
import os
import sys


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
"""
ELSEWHERE = """{"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "production",
    "HOST": "192.0.2.1", "USER": "root", "PASSWORD": "secret", "PORT": "5433",
    "CONN_MAX_AGE": 600, "OPTIONS": {"sslmode": "verify-full", "options": "-c statement_timeout=0"}}}"""


def create(name: str, *fields: str) -> str:
    """The operation that makes a model with a numbered key."""
    listed = ", ".join(['("id", models.AutoField(primary_key=True))', *fields])
    return f'migrations.CreateModel("{name}", [{listed}])'


ITEM = create("Item", '("name", models.CharField(max_length=50))')
ADD = 'migrations.AddField("item", "price", models.IntegerField(default=0))'
BOOK = create("Book", '("item", models.ForeignKey("shop.Item", models.CASCADE))')
CODE = """
def forward(apps, schema_editor):
    apps.get_model("shop", "Item").objects.using(schema_editor.connection.alias).create(name="made")


def back(apps, schema_editor):
    apps.get_model("shop", "Item").objects.filter(name="made").delete()
"""


def migration(*operations: str, after: Sequence[str] = (), head: str = "", body: str = "") -> str:
    """The text of a migration; `after` names what it depends on as `app.name`."""
    depends = [tuple(name.split(".")) for name in after]
    listed = "".join(f"        {operation},\n" for operation in operations)
    return (
        f"from django.db import migrations, models\n{head}\n\n"
        f"class Migration(migrations.Migration):\n    dependencies = {depends!r}\n{body}"
        f"    operations = [\n{listed}    ]\n"
    )


@dataclass
class Project:
    """A project on disk: manage.py, config/settings.py and one package an app."""

    root: Path
    apps: dict[str, dict[str, str]] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    databases: str = ELSEWHERE
    settings: str = ""
    installed: Sequence[str] = ()
    manage: str = MANAGE

    def write(self) -> Project:
        self._file("manage.py", self.manage)
        self._file("config/__init__.py", "")
        names = [*self.installed, *self.apps]
        base = f"INSTALLED_APPS = {names!r}\nSECRET_KEY = 'x'\nUSE_TZ = True\nDATABASES = {self.databases}\n"
        self._file(
            "config/settings.py",
            f"import os\n{base}DEFAULT_AUTO_FIELD = 'django.db.models.AutoField'\n{self.settings}\n",
        )
        for app, migrations in self.apps.items():
            self._file(f"{app}/__init__.py", "")
            self._file(f"{app}/models.py", self.models.get(app, ""))
            self._file(f"{app}/migrations/__init__.py", "")
            for name, text in migrations.items():
                self._file(f"{app}/migrations/{name}.py", text)
        return self

    def _file(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    @contextmanager
    def opened(self, **settings: Any) -> Iterator[DjangoSource]:
        """Its history, by this interpreter's Django; ended afterwards."""
        source = adapter.open(self.root, ToolSettings(python=Path(sys.executable), **settings))
        assert isinstance(source, DjangoSource)
        try:
            yield source
        finally:
            source.close()
            source.close()


def tables(runner: PsqlRunner) -> set[str]:
    """Tables in public, the ledger left out."""
    with runner.connect() as conn:
        rows = conn.execute("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {name for (name,) in rows} - {"django_migrations"}


def columns(runner: PsqlRunner, table: str) -> list[str]:
    with runner.connect() as conn:
        query = """SELECT attname::text FROM pg_attribute
                   WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"""
        return [name for (name,) in conn.execute(query, [table]).fetchall()]


def ledger(runner: PsqlRunner) -> list[str]:
    with runner.connect() as conn:
        query = "SELECT app || '.' || name FROM django_migrations ORDER BY id"
        return [name for (name,) in conn.execute(query).fetchall()]


def applied(source: DjangoSource, runner: PsqlRunner) -> list[str]:
    with runner.connect() as conn:
        return source.applied(conn)


def walk(source: DjangoSource, runner: PsqlRunner) -> None:
    """Up, down and up again of each migration; the tables must be the same each time."""
    for one in source.load():
        before = tables(runner)
        source.apply(one, runner)
        after = tables(runner)
        if one.down is not None:
            source.roll_back(one, runner)
            assert tables(runner) == before, one.id
            source.apply(one, runner)
        assert tables(runner) == after, one.id
    assert applied(source, runner) == [one.id for one in source.load()]


def shop(project: Project, **migrations: str) -> Project:
    """More migrations of the app `shop`, on disk."""
    project.apps["shop"].update(migrations)
    return project.write()
