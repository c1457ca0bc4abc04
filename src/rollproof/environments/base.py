"""What every environment offers, whichever it is."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from rollproof.environments.keeper import Keeper
from rollproof.journal import Recorder
from rollproof.model.system import System
from rollproof.privacy.known import remember

LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why an environment cannot be opened, and what to do about it."""

    found: str
    remedy: str


@cache
def variables_of_libpq() -> Mapping[str, str]:
    """The variable that stands for each parameter of a connection: `hostaddr` is PGHOSTADDR."""
    options = Conninfo.get_defaults()
    return {item.keyword.decode(): item.envvar.decode() for item in options if item.envvar}


@dataclass(frozen=True, slots=True)
class Backups:
    """Where backups are that working copies are restored from.

    Attributes:
        where: files, a folder or `s3://bucket/prefix/`, as declared.
        root: what a relative path begins at.
        oldest: seconds that the newest may be old; None for any age.
        reaches: foreign servers and extensions that a copy may have, by which it reaches other places.
    """

    where: str
    root: Path
    oldest: float | None = None
    reaches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """Where a Postgres server is and with which client programs to talk to it.

    Attributes:
        host: socket folder or loopback address.
        user: a role that may create databases.
        password: never shown, never journaled; handed to programs by PGPASSWORD only.
        major: the server's major version.
        bin_dir: psql, pg_dump and pg_restore of the same major.
        private: True when the server exists for this run alone and goes away with it.
        container: name of the container that it runs in and goes away with; empty when there is none.
        parameters: more of libpq's, for every connection: the address that was verified, TLS…
        system_identifier: what a connection has to find there; empty where nobody could be in its place.
        role_passwords: of other roles, where each has its own.
        source: the database that the system uses there, which drills clone; empty where they make their own.
        in_place: the clone takes the source's name for as long as a scenario lasts.
        backups: what drills restore in place of cloning the source; None where they clone it.
        cluster: the Aurora cluster that was made for the run and goes away with all that is in it.
    """

    host: str
    port: int
    user: str
    major: int
    bin_dir: Path
    private: bool
    password: str | None = field(default=None, repr=False)
    container: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    system_identifier: str = ""
    role_passwords: Mapping[str, str] = field(default_factory=dict, repr=False)
    source: str = ""
    in_place: bool = False
    backups: Backups | None = None
    cluster: str = ""

    def __post_init__(self) -> None:
        remember(self.password, *self.role_passwords.values())

    def conninfo(self, database: str, *, user: str | None = None, with_password: bool = True) -> str:
        """A libpq connection string for one database; as `user` when given.

        The password is this server's user's alone, and handed out for nobody else.
        """
        who, password = user or self.user, self._password_of(user) if with_password else None
        place = {"host": self.host, "port": str(self.port), "dbname": database, "user": who}
        return make_conninfo("", **{**self.parameters, **place}, password=password)

    def _password_of(self, user: str | None) -> str | None:
        """For a verified server an empty one rather than none: PGPASSWORD would be taken in its place."""
        found = self.password if user in (None, self.user) else self.role_passwords.get(user)
        return found or ("" if self.system_identifier else None)

    def program(self, name: str) -> str:
        """Full path of a client program such as `pg_dump`."""
        return str(self.bin_dir / name)

    def program_environment(self, database: str, *, user: str | None = None) -> Mapping[str, str]:
        """PGHOST and its kin for a client program; the caller's own PG* variables are not inherited.

        The dynamic linker's paths are: programs built by hand may need them, as the server does.
        """
        settings = {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": user or self.user,
            "PGDATABASE": database,
            "PGCONNECT_TIMEOUT": "10",
            "PGAPPNAME": "rollproof",
            "PGCLIENTENCODING": "UTF8",
        }
        found = {name: os.environ[name] for name in LIBRARY_PATHS if name in os.environ}
        known, password = variables_of_libpq(), self._password_of(user)
        more = {known[name]: value for name, value in self.parameters.items() if value and name in known}
        return {**more, **settings, **found, **({"PGPASSWORD": password} if password else {})}


@dataclass(frozen=True, slots=True)
class AwsEndpoint:
    """Where an AWS API is and as whom to talk to it. The caller's own AWS_* variables never count.

    Attributes:
        url: the endpoint of every service; None for AWS itself, which only staging may hand out.
        region: `us-east-1`.
        account: 12 digits; on an emulator the access key, which keeps accounts apart.
        emulator: `ministack 1.5.33`; empty for AWS itself.
        private: True when the account exists for this run alone and goes away with it.
        others: endpoints of services that the suite provides in an emulator's place, by their names.
    """

    url: str | None
    region: str
    account: str
    access_key: str
    emulator: str
    private: bool
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    others: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        remember(self.secret_key, self.session_token)

    def program_environment(self) -> Mapping[str, str]:
        """AWS_* for a program; the profile and the metadata service of the machine are shut out."""
        settings = {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        if self.url:
            settings["AWS_ENDPOINT_URL"] = self.url
        settings |= {f"AWS_ENDPOINT_URL_{name.upper()}": url for name, url in self.others.items()}
        if self.session_token:
            settings["AWS_SESSION_TOKEN"] = self.session_token
        return settings


class OpenEnvironment(Protocol):
    """An environment in use."""

    name: str
    scratch: Path
    """a private folder that goes away with the environment"""
    facts: Mapping[str, str]
    """versions and the like for the report; no secrets"""
    guardian: Keeper
    """keeps the scratch folder; programs that write there are started `within` it"""

    def postgres(self) -> PostgresServer:
        """The server for the system's `database`; started when first asked for."""
        ...

    def aws(self, *, account: str | None = None) -> AwsEndpoint:
        """The AWS account for the system; started when first asked for.

        Args:
            account: 12 digits of a fresh account, where the environment can have as many as it likes;
                one that cannot hands out the one it has, with `private` False.

        Raises EnvironmentUnavailable: it does not start, or has died since.
        """
        ...

    def free_port(self) -> int:
        """A port on 127.0.0.1 that nothing listens on."""
        ...


class Environment(Protocol):
    """A kind of place that a System can be drilled in."""

    name: str

    def preflight(self, system: System) -> Sequence[Obstacle]:
        """What stands in the way of `open`, each with its remedy; empty when nothing does."""
        ...

    def open(self, system: System, recorder: Recorder) -> AbstractContextManager[OpenEnvironment]:
        """Starts what is needed, lazily; everything is gone again when the block ends."""
        ...
