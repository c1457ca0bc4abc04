"""A Django project brought up with its database taken away from it, and pointed at Rollproof's instead.

Part of django_program.py, which see. Whatever the project's settings say of databases, and wherever they
have it from, no connection of its aliases leads anywhere but to the scratch database: their host, port,
name, user and password are replaced before anything can connect. Until the scratch database is known they
lead to port 1 of this machine, where nobody listens.
"""

from __future__ import annotations

import contextlib
import gc
import os
import runpy
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rollproof.migrations.tools.worker_program import Refused
else:
    from rollproof_worker import Refused

POSTGRES = "django.db.backends.postgresql"
_DUMMY = "django.db.backends.dummy"
_NOWHERE = {"HOST": "127.0.0.1", "PORT": "1", "NAME": "rollproof", "USER": "rollproof", "PASSWORD": ""}
_LEADING = frozenset(
    "host hostaddr port dbname database user password service passfile pool sslmode sslcert sslkey "
    "sslrootcert sslpassword sslnegotiation sslcrl sslcrldir requiressl channel_binding gssencmode "
    "krbsrvname gsslib target_session_attrs load_balance_hosts require_auth requirepeer dsn "
    "connection_factory".split()
)
"""options of a connection that say where it leads and how it is guarded there, and Django's pool, which
would hand out a connection that is not fresh"""
_GC = (20_000, 10, 10)
"""collecting less often saves a third of the time that rendering models takes"""


class _Ready(BaseException):
    """manage.py has come to the point where it hands over to Django."""


_OTHERS = ("sqlite", "spatialite", "mysql", "oracle", "mssql", "sql_server")
POSTGIS = "django.contrib.gis.db.backends.postgis"
_replaced: list[str] = []


def bring_up(project: Mapping[str, Any]) -> str:
    """Imports the project's settings and apps; the alias whose migrations are run.

    Args:
        project: `manage`, `settings`, `installed_apps`, `more_settings`, `alias`, `engine`, `mirrors`,
            `paths`, as django_source.py makes it.

    Raises:
        Refused: the settings cannot be used.
    """
    sys.path[:0] = [path for path in project["paths"] if path not in sys.path]
    sys.argv[:] = [project["manage"] or "manage.py", "migrate"]
    import django

    if project["installed_apps"]:
        _configure(project)
    else:
        _choose_settings(project)
    alias = str(project["alias"])
    _take_databases(project)
    _expect_postgres(alias, project)
    django.setup()
    _expect_migrations_to_be(project)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC)
    return alias


def _configure(project: Mapping[str, Any]) -> None:
    """Settings for apps without a project: what Django needs to import them, and no more."""
    from django.conf import settings

    settings.configure(
        **{
            "INSTALLED_APPS": list(project["installed_apps"]),
            "SECRET_KEY": "rollproof",
            "DATABASES": {project["alias"]: {"ENGINE": project["engine"] or POSTGRES}},
            "USE_TZ": True,
            "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
            "STATIC_URL": "/static/",
            **project["more_settings"],
        }
    )


def _choose_settings(project: Mapping[str, Any]) -> None:
    """The settings module as manage.py sets it up, unless a person has named one."""
    if project["settings"]:
        os.environ["DJANGO_SETTINGS_MODULE"] = project["settings"]
    if project["manage"]:
        _run_manage(project["manage"])
    if project["settings"]:
        os.environ["DJANGO_SETTINGS_MODULE"] = project["settings"]
    if not os.environ.get("DJANGO_SETTINGS_MODULE"):
        raise Refused(
            "it does not say which settings module is to be used",
            "name it with --django-settings, or set DJANGO_SETTINGS_MODULE",
            project["manage"] or "",
        )


def _run_manage(path: str) -> None:
    """Runs manage.py up to where it would run a command: it may change sys.path or read .env files."""
    from django.core.management import ManagementUtility

    def execute(_: Any) -> None:
        raise _Ready

    real, ManagementUtility.execute = ManagementUtility.execute, execute
    try:
        runpy.run_path(path, run_name="__main__")
    except _Ready:
        pass
    except SystemExit as error:
        raise Refused(f"manage.py ended by itself (exit code {error.code})", where=path) from error
    finally:
        ManagementUtility.execute = real


def _take_databases(project: Mapping[str, Any]) -> None:
    """Replaces what the settings say of databases, in place, before any of them is used."""
    from django.conf import settings

    alias, databases = project["alias"], settings.DATABASES
    own = databases.get(alias) or {}
    if not own.get("ENGINE") and not project["engine"]:
        raise Refused(
            f"the settings have no database {alias!r}, or say no engine for it",
            f"name one of DATABASES with the option `alias`, or the engine with engine={POSTGRES}",
            _settings_name(),
        )
    mirrors = {alias, *project["mirrors"], *_mirrors(databases, alias)}
    engine = project["engine"] or _in_place_of(str(own["ENGINE"]))
    taken = {
        name: _leading_nowhere(own, engine) if name in mirrors else {"ENGINE": _DUMMY}
        for name in {*databases, "default", alias, *project["mirrors"]}
    }
    databases.clear()
    databases.update(taken)
    _forget_connections(taken)


def _in_place_of(engine: str) -> str:
    """The engine for PostgreSQL that takes another one's place; empty where the settings' own will do.

    Settings often name a file of SQLite where no variable says otherwise: with DATABASE_URL unread, say.
    """
    name = engine.rpartition(".")[2].lower()
    if not any(other in name for other in _OTHERS):
        return ""
    _replaced.append(engine)
    return POSTGIS if "spatialite" in name or ".gis." in engine else POSTGRES


def replaced() -> str:
    """The settings' own engine, where one for PostgreSQL takes its place; else empty."""
    return _replaced[-1] if _replaced else ""


def _forget_connections(names: Iterable[str]) -> None:
    """For settings that have made some before they were through."""
    from django.db import connections

    connections.__dict__.pop("settings", None)
    for name in names:
        with contextlib.suppress(AttributeError):
            del connections[name]


def _settings_name() -> str:
    return os.environ.get("DJANGO_SETTINGS_MODULE") or "settings"


def _mirrors(databases: Mapping[str, Any], alias: str) -> Iterable[str]:
    """Aliases that the settings call replicas of the one."""
    for name, settings in databases.items():
        if (settings.get("TEST") or {}).get("MIRROR") == alias:
            yield name


def _leading_nowhere(own: Mapping[str, Any], engine: str) -> dict[str, Any]:
    same = not engine or engine == own.get("ENGINE")
    options = dict(own.get("OPTIONS") or {}) if same else {}
    kept = {key: own[key] for key in ("ATOMIC_REQUESTS", "AUTOCOMMIT", "TIME_ZONE", "TEST") if key in own}
    return {
        **(kept if same else {}),
        **_NOWHERE,
        "ENGINE": engine or own.get("ENGINE") or _DUMMY,
        "OPTIONS": {key: value for key, value in options.items() if key not in _LEADING},
        "CONN_MAX_AGE": 0,
        "DISABLE_SERVER_SIDE_CURSORS": own.get("DISABLE_SERVER_SIDE_CURSORS", False),
    }


def _expect_postgres(alias: str, project: Mapping[str, Any]) -> None:
    """Loads the database engine, without connecting. Raises Refused."""
    from django.core.exceptions import ImproperlyConfigured
    from django.db import connections

    engine = connections.settings[alias]["ENGINE"]
    where = f"DATABASES[{alias!r}] of {_settings_name()}"
    try:
        vendor = connections[alias].vendor
    except ImproperlyConfigured as error:
        remedy = "install what it needs in the project's interpreter: psycopg, and for PostGIS GDAL and GEOS"
        raise Refused(f"Django cannot load the engine {engine}: {_first(error)}", remedy, where) from error
    if vendor != "postgresql":
        raise Refused(
            f"its engine is {engine}, not PostgreSQL",
            f"let the settings use PostgreSQL, or set the option engine={POSTGRES} to run the same "
            "migrations there",
            where,
        )


def _expect_migrations_to_be(project: Mapping[str, Any]) -> None:
    from django.apps import apps

    known = {config.label for config in apps.get_app_configs()}
    unknown = [label for label in project["apps"] if label not in known]
    if unknown:
        raise Refused(
            f"there is no app {unknown[0]!r} among INSTALLED_APPS",
            f"name one of: {', '.join(sorted(known))}",
        )


def _first(error: BaseException) -> str:
    return str(error).strip().split("\n")[0][:300]


def lead_to(target: Mapping[str, Any], alias: str, mirrors: Iterable[str]) -> None:
    """Points the alias, and those that mirror it, at a database."""
    from django.db import connections

    options = {"application_name": target["application"], "connect_timeout": 10}
    for name in {alias, *mirrors}:
        connection = connections[name]
        connection.close()
        connection.settings_dict.update({key: target[key] for key in _NOWHERE})
        connection.settings_dict["OPTIONS"].update(options)
    for key, value in target["environment"].items():
        os.environ[key] = value


def mirrors_of(alias: str) -> list[str]:
    """Other aliases that lead to the same database."""
    from django.db import connections

    settings = connections.settings
    return [name for name in settings if name != alias and settings[name]["ENGINE"] != _DUMMY]
