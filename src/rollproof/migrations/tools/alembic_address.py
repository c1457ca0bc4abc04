"""In the project's interpreter: the URL of the database under drill, in every place that env.py may look.

Loaded beside `alembic_program.py`; SQLAlchemy 1.4 and later.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import sqlalchemy
from sqlalchemy.engine import make_url

if TYPE_CHECKING:
    from rollproof.migrations.tools.worker_program import Refused
else:
    from rollproof_worker import Refused

NOWHERE: dict[str, Any] = {"host": "/nowhere", "port": 5432, "user": "nobody", "database": "nothing"}
_DRIVERS = ("psycopg2", "psycopg", "pg8000")
_ASYNC_DRIVERS = ("asyncpg", "psycopg")
_VARIABLE = re.compile(r"""(?:environ(?:\.get)?\s*[\[(]|getenv\(|\benv(?:\.str)?\()\s*["'](\w+)["']""")
_URL_NAME = re.compile(
    r"(?i)(?:DATABASE|DB|POSTGRES(?:QL)?|PG|SQLALCHEMY|ALEMBIC|MIGRATION).*(?:URL|URI|DSN)$"
)
_ASYNC = re.compile(r"async_engine_from_config|create_async_engine|AsyncEngine|asyncpg")


def drivername(own: tuple[str | None, ...], env: str, *, plain: bool = False) -> str:
    """The one of the project's own URLs where it is there and installed, else the first that is.

    Args:
        own: URLs that the project has, likeliest first. env: text of env.py.
        plain: only those that need no event loop, as far as there are any.
    """
    wanted = _ASYNC_DRIVERS if _ASYNC.search(env) and not plain else _DRIVERS
    drivers = (*wanted, *_DRIVERS, *_ASYNC_DRIVERS)
    names = [*(() if plain else _named(own)), *(f"postgresql+{driver}" for driver in drivers)]
    found: str | None = next((name for name in names if _usable(name)), None)
    if found is None:
        raise Refused(
            "no driver for PostgreSQL is installed there",
            remedy="install one of psycopg, psycopg2, asyncpg, pg8000 into that environment",
            where=sys.executable,
        )
    return found


def _named(urls: tuple[str | None, ...]) -> list[str]:
    found = []
    for url in urls:
        try:
            found.append(str(make_url(url).drivername) if url else "")
        except (sqlalchemy.exc.ArgumentError, ValueError):
            continue
    return [name for name in found if name.startswith("postgresql")]


def _usable(name: str) -> bool:
    try:
        dialect: Any = make_url(f"{name}://").get_dialect()
        (getattr(dialect, "import_dbapi", None) or dialect.dbapi)()
    except (ImportError, sqlalchemy.exc.SQLAlchemyError):
        return False
    return True


def url_of(driver: str, server: dict[str, Any]) -> str:
    """A URL with everything in it escaped; a socket's folder goes into the query."""
    user, database = quote(server["user"], safe=""), quote(server["database"], safe="")
    password = f":{quote(server['password'], safe='')}" if server.get("password") else ""
    host, port = server["host"], server["port"]
    if host.startswith("/"):
        return f"{driver}://{user}{password}@/{database}?host={quote(host)}&port={port}"
    return f"{driver}://{user}{password}@{host}:{port}/{database}"


def variables_of(env: str) -> list[str]:
    """Environment variables from which env.py takes what is a URL by its name."""
    return sorted({name for name in _VARIABLE.findall(env) if _URL_NAME.search(name)})


def fields_of(server: dict[str, Any], url: str) -> dict[str, str]:
    """What the placeholders stand for."""
    fields = {name: str(server[name]) for name in ("host", "port", "user", "database")}
    return {**fields, "url": url, "dsn": "postgresql://" + url.split("://", 1)[1], "python": sys.executable}


def filled(template: str, fields: dict[str, str]) -> str:
    """`{url}` and its kin put in; any other braces stay."""
    return re.sub(r"\{(\w+)\}", lambda found: fields.get(found[1], found[0]), template)


def set_variables(wanted: dict[str, str], own: list[str], fields: dict[str, str]) -> None:
    """Those that were asked for, those that env.py takes a URL from, and the one that most take it from."""
    values = {**dict.fromkeys((*own, "DATABASE_URL"), "{url}"), **wanted}
    os.environ.update({name: filled(value, fields) for name, value in values.items()})
