"""Where Django's connections are led to, in the words of Django, of libpq and of URLs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from rollproof.migrations.source import Runner

_URL = "DATABASE_URL"
_SCHEME = re.compile(r"(postgres|postgresql|postgis|psql|pgsql|timescale|timescalegis)://")


@dataclass(frozen=True, slots=True)
class Target:
    """A database, and who connects to it."""

    host: str
    port: int
    user: str
    database: str
    password: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, runner: Runner) -> Target:
        """The database that a runner is for."""
        server = runner.server
        return cls(server.host, server.port, runner.user or server.user, runner.database, server.password)

    @property
    def connection(self) -> dict[str, str]:
        """What replaces the same keys of an entry of DATABASES."""
        return {
            "HOST": self.host,
            "PORT": str(self.port),
            "USER": self.user,
            "NAME": self.database,
            "PASSWORD": self.password or "",
        }

    @property
    def url(self) -> str:
        """As dj-database-url and django-environ read it; the host of a socket's folder is quoted."""
        secret = f":{quote(self.password, safe='')}" if self.password else ""
        host = quote(self.host, safe=".-") if "/" in self.host else self.host
        return (
            f"{_scheme()}://{quote(self.user, safe='')}{secret}@{host}:{self.port}/"
            f"{quote(self.database, safe='')}"
        )

    @property
    def dsn(self) -> str:
        """As libpq reads it."""
        words = {"host": self.host, "port": str(self.port), "user": self.user, "dbname": self.database}
        words |= {"password": self.password} if self.password else {}
        return " ".join(f"{name}={_quoted(value)}" for name, value in words.items())

    def environment(self, extra: Mapping[str, str], python: Path) -> dict[str, str]:
        """Variables for the project: its URL, libpq's, and those that a person gives, filled in."""
        values = {
            "{url}": self.url,
            "{dsn}": self.dsn,
            "{host}": self.host,
            "{port}": str(self.port),
            "{user}": self.user,
            "{database}": self.database,
            "{python}": str(python),
        }
        plain = {
            _URL: self.url,
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGDATABASE": self.database,
            "PGPASSWORD": self.password or "",
        }
        return {**plain, **{name: _filled(value, values) for name, value in extra.items()}}


NOWHERE = Target("127.0.0.1", 1, "rollproof", "rollproof")
"""where everything leads until the database is known: nobody listens there"""


def _scheme() -> str:
    """The caller's own, which may choose another engine for the same server."""
    found = _SCHEME.match(os.environ.get(_URL, ""))
    return found[1] if found else "postgres"


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{[a-z]+\}", lambda word: values.get(word[0], word[0]), text)


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
