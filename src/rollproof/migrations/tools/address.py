"""Where a runner's database is, in the words that programs of others understand."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlencode

from rollproof.environments.base import LIBRARY_PATHS
from rollproof.migrations.source import Runner

INHERITED = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR", "TEMP", "TMP"),
    *("VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR", "JAVA_HOME", "GOPATH", "GOROOT", "CARGO_HOME"),
    *("RUSTUP_HOME", "NVM_DIR", "GEM_HOME", "BUNDLE_PATH", "NODE_PATH", "PNPM_HOME", *LIBRARY_PATHS),
)
"""What a program inherits: an allow-list, so that no PG* or AWS_* of the caller aims it elsewhere."""


def places(runner: Runner) -> dict[str, str]:
    """The values of `{url}`, `{dsn}`, `{host}`, `{port}`, `{user}`, `{database}` and `{python}`."""
    server = runner.server
    return {
        "url": url(runner),
        "dsn": server.conninfo(runner.database, user=runner.user),
        "host": server.host,
        "port": str(server.port),
        "user": runner.user or server.user,
        "database": runner.database,
        "python": sys.executable,
    }


def url(runner: Runner) -> str:
    """`postgresql://…` of the database; a socket's folder goes as the parameter `host`, as drivers expect."""
    server = runner.server
    who = quote(runner.user or server.user, safe="")
    if server.password:
        who += f":{quote(server.password, safe='')}"
    name = quote(runner.database, safe="")
    if not server.host.startswith("/"):
        return f"postgresql://{who}@{server.host}:{server.port}/{name}"
    return f"postgresql://{who}@localhost:{server.port}/{name}?{urlencode({'host': server.host})}"


def filled(words: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Words with their placeholders replaced, once; braces around anything else stay."""
    pattern = re.compile("|".join(re.escape(f"{{{name}}}") for name in values))
    return [pattern.sub(lambda found: values[found[0][1:-1]], word) for word in words]


def environment_of(runner: Runner, extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a project's program: PG*, DATABASE_URL, what it may inherit, and `extra`."""
    values = places(runner)
    own = {name: os.environ[name] for name in INHERITED if name in os.environ}
    ours = runner.server.program_environment(runner.database, user=runner.user)
    given = dict(zip(extra, filled(list(extra.values()), values), strict=True))
    return {**own, **ours, "PGAPPNAME": "migrations", "DATABASE_URL": values["url"], **given}
