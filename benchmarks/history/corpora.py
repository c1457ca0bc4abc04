"""The histories that are walked, each installed from PyPI in an environment of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rollproof.migrations.source import MigrationSource
from rollproof.migrations.tools import alembic, django
from rollproof.migrations.tools.settings import ToolSettings

_SITE = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
_DRIVER = "psycopg2-binary==2.9.13"
_DJANGO = tuple(
    f"django.contrib.{name}"
    for name in ("contenttypes", "auth", "admin", "sites", "flatpages", "redirects", "sessions")
)
_WAGTAIL = (
    *("django.contrib.messages", "django.contrib.staticfiles", "taggit", "modelcluster"),
    *(f"wagtail.contrib.{name}" for name in ("forms", "redirects", "search_promotions")),
    *("wagtail.contrib.simple_translation", "wagtail.embeds", "wagtail.sites", "wagtail.users"),
    *("wagtail.documents", "wagtail.images", "wagtail.search", "wagtail.admin", "wagtail"),
)
_WAGTAIL_SETTINGS = (
    '{"WAGTAIL_SITE_NAME": "x", "WAGTAILADMIN_BASE_URL": "http://x", '
    '"DEFAULT_AUTO_FIELD": "django.db.models.AutoField"}'
)
_MLFLOW_TABLES = "mlflow.store.tracking.dbmodels.initial_models:Base.metadata.create_all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """One public history.

    Attributes:
        name: as the files with the truth name it. title: what a reader calls it.
        venv: folder of the environment that it is installed in. requirements: what goes there.
        path: of the history, inside site-packages; empty where the tool is told the apps.
        home: a variable with the folder that the project wants to write to; empty mostly.
    """

    name: str
    title: str
    tool: str
    venv: str
    requirements: tuple[str, ...]
    path: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    home: str = ""

    def python(self, venvs: Path) -> Path:
        """The environment's interpreter."""
        return venvs / self.venv / "bin" / "python"

    def root(self, venvs: Path) -> Path:
        """Where the history lies."""
        base = venvs / self.venv / _SITE
        return base / self.path if self.path else venvs / self.venv / "home"

    def settings(self, venvs: Path) -> ToolSettings:
        """What Rollproof is told of it."""
        home = {self.home: str(venvs / self.venv / "home")} if self.home else {}
        return ToolSettings(
            python=self.python(venvs),
            environment={**self.environment, **home},
            options=dict(self.options),
        )

    def open(self, venvs: Path) -> MigrationSource:
        """The history, opened anew; a process of a walk calls it too."""
        (venvs / self.venv / "home").mkdir(exist_ok=True)
        opens = django.open if self.tool == "django" else alembic.open
        return opens(self.root(venvs), self.settings(venvs))

    def install(self, venvs: Path, *, extra: tuple[str, ...] = ()) -> None:
        """Makes the environment, unless it is there."""
        if not self.python(venvs).exists():
            print(f"installing {', '.join(self.requirements)}", flush=True)
            subprocess.run([sys.executable, "-m", "venv", str(venvs / self.venv)], check=True)
            self.add(venvs, *self.requirements)
        if extra:
            self.add(venvs, *extra)

    def add(self, venvs: Path, *requirements: str) -> None:
        """More packages."""
        pip = [str(self.python(venvs)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *requirements], check=True)

    def version(self, venvs: Path) -> str:
        """Of the package that the history is of."""
        package = self.requirements[0].partition("==")[0]
        found = f"import importlib.metadata as m; print(m.version({package!r}))"
        done = subprocess.run(
            [str(self.python(venvs)), "-c", found], check=True, capture_output=True, text=True
        )
        return f"{package} {done.stdout.strip()}"


_WAGTAIL_NEEDS = ("wagtail==8.0.1", "Django==5.2.19", "django-taggit==6.1.0", _DRIVER)
CORPORA = (
    Corpus(
        name="dj_std",
        title="Django's own apps",
        tool="django",
        venv="wagtail",
        requirements=("Django==5.2.19", *_WAGTAIL_NEEDS),
        options={"installed_apps": ",".join(_DJANGO)},
    ),
    Corpus(
        name="dj_wagtail",
        title="wagtail",
        tool="django",
        venv="wagtail",
        requirements=_WAGTAIL_NEEDS,
        options={"installed_apps": ",".join((*_DJANGO, *_WAGTAIL)), "settings": _WAGTAIL_SETTINGS},
    ),
    Corpus(
        name="airflow",
        title="airflow",
        tool="alembic",
        venv="airflow",
        requirements=("apache-airflow-core==3.3.2", _DRIVER, "asyncpg==0.32.0"),
        path="airflow/alembic.ini",
        environment={"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "{url}", "AIRFLOW__CORE__LOAD_EXAMPLES": "False"},
        home="AIRFLOW_HOME",
    ),
    Corpus(
        name="prefect",
        title="prefect",
        tool="alembic",
        venv="prefect",
        requirements=("prefect==3.9.1", _DRIVER),
        path="prefect/server/database/_migrations",
        environment={"PREFECT_API_DATABASE_CONNECTION_URL": "{url}"},
        options={"version_locations": "versions/postgresql"},
        home="PREFECT_HOME",
    ),
    Corpus(
        name="mlflow",
        title="mlflow",
        tool="alembic",
        venv="mlflow",
        requirements=("mlflow==3.17.2", _DRIVER),
        path="mlflow/store/db_migrations",
        options={"prepare": _MLFLOW_TABLES},
    ),
)


def chosen(names: list[str]) -> tuple[Corpus, ...]:
    """Those of these names; all when there are none. Exits for a name that is none."""
    known = {corpus.name: corpus for corpus in CORPORA}
    if unknown := [name for name in names if name not in known]:
        sys.exit(f"no such history: {', '.join(unknown)}; there are {', '.join(known)}")
    return tuple(known[name] for name in names) if names else CORPORA
