"""The Postgres server in a container: how it is started, who may come in, when it is ready."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from rollproof.environments.base import PostgresServer
from rollproof.environments.containers.clients import Programs
from rollproof.environments.containers.container import ContainerSpec, Running
from rollproof.environments.embedded.cluster import SETTINGS, SUPERUSER
from rollproof.environments.embedded.ports import LOOPBACK
from rollproof.errors import AttemptFailed
from rollproof.waiting import eventually

DATA = "/rollproof"
"""Where the data's volume is: not where images declare one of their own, which differs by version."""
RULES = "/etc/rollproof-pg_hba.conf"
_SETTING = re.compile(r"^(\w+) = (.+)$", re.MULTILINE)
BUILTIN_LOCALE = 17
"""Major version from which on the server has a locale of its own that is the same everywhere."""


def server_spec(
    *,
    image: str,
    port: int,
    environment: str,
    run: str,
    major: int,
    password: str,
    shared: tuple[Path, ...] = (),
) -> ContainerSpec:
    """What to start.

    Args:
        shared: folders of this machine that client programs inside the container need, the first of
            them to write to.
    """
    folders = [(str(folder), str(folder), "ro" if index else "rw") for index, folder in enumerate(shared)]
    options = [part for name, value in settings().items() for part in ("-c", f"{name}={value}")]
    return ContainerSpec(
        role="postgres",
        image=image,
        port=port,
        environment=environment,
        run=run,
        network=environment,
        env={
            "POSTGRES_USER": SUPERUSER,
            "POSTGRES_PASSWORD": password,
            "POSTGRES_INITDB_ARGS": _initdb(major),
            "PGDATA": f"{DATA}/data",
            "PGPORT": str(port),
            "TZ": "UTC",
        },
        command=["postgres", "-c", f"hba_file={RULES}", *options],
        volumes=[(f"{environment}-postgres", DATA, "rw"), *folders],
        files={RULES: rules(major).encode()},
        health=["pg_isready", "-q", "-h", LOOPBACK, "-p", str(port), "-U", SUPERUSER],
    )


def settings() -> Mapping[str, str]:
    """The same as the embedded server's: what holds in a drill there holds here."""
    return {name: value.strip("'") for name, value in _SETTING.findall(SETTINGS)}


def _initdb(major: int) -> str:
    text = "--encoding=UTF8 --locale=C.UTF-8 --no-sync"
    return f"{text} --locale-provider=builtin --builtin-locale=C.UTF-8" if major >= BUILTIN_LOCALE else text


def rules(major: int) -> str:
    """Who comes in. The port is open to every user of this machine, so the superuser needs a password.

    Other roles need none, as in the embedded environment: what they may do is the drill's own data, and
    a drill that looks at passwords has one role asked for its own.
    """
    method = "scram-sha-256" if major >= 14 else "md5"  # before 14 passwords are stored for md5
    return (
        "local all all trust\n"
        f"host all,replication {SUPERUSER} all {method}\n"
        "host all,replication all all trust\n"
    )


def new_password() -> str:
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, this environment's own or one that was found running."""

    running: Running
    server: PostgresServer
    version: str

    def check(self) -> PostgresServer:
        """Where it is. Raises EnvironmentUnavailable when it has died."""
        if not self.running.alive:
            raise self.running.death("the Postgres container")
        return self.server


def wait_until_ready(running: Running, *, user: str, password: str | None, within: float) -> str:
    """Waits until a superuser gets in; the server's version, such as `17.10`.

    Raises EnvironmentUnavailable when the container has ended, or it takes longer.
    """
    last = ""

    def version() -> str | None:
        nonlocal last
        if not running.alive:
            raise AttemptFailed("it has ended")
        try:
            with psycopg.connect(
                host=LOOPBACK,
                port=running.port,
                user=user,
                password=password,
                dbname="postgres",
                connect_timeout=5,
            ) as conn:
                row = conn.execute("SHOW server_version").fetchone()
                return str(row[0]).split()[0] if row else None
        except psycopg.OperationalError as error:
            last = (str(error).splitlines() or [""])[-1]
            return None

    try:
        return eventually(version, within=within, what="it lets the superuser in", every=0.1)
    except AttemptFailed as error:
        found = f"{error.found} ({last})" if last and running.alive else error.found
        raise running.death("the Postgres container", found) from error


def as_server(
    running: Running, *, version: str, user: str, password: str | None, programs: Programs, private: bool
) -> Server:
    """The server as the rest of Rollproof sees it."""
    server = PostgresServer(
        host=LOOPBACK,
        port=running.port,
        user=user,
        major=major_of(version),
        bin_dir=programs.bin_dir,
        private=private,
        password=password,
        container=running.name if private else "",
    )
    return Server(running, server, version)


def major_of(version: str) -> int:
    """17 of `17.10` and of `17beta1`."""
    found = re.match(r"\d+", version)
    return int(found[0]) if found else 0
