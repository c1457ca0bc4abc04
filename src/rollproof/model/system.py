"""The System under drill, as its `system.toml` declares it.

These models are the edge: reading and explaining mistakes is `rollproof.model.systemfile`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from rollproof.model.aws import (
    Alarm,
    Api,
    Deploy,
    Function,
    Maintenance,
    Notifications,
    Release,
    Secret,
    Settings,
    Site,
    Stack,
    StatusPage,
    Table,
    Watch,
)
from rollproof.model.containers import Containers
from rollproof.model.environments import Staging
from rollproof.model.incident import ChecklistItem, Contact, Decision, Severity
from rollproof.model.spec import Command, Identifier, QualifiedName, Seconds, Spec

__all__ = ["Command", "Identifier", "QualifiedName", "Seconds", "Spec", "System"]


class Identity(Spec):
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=40)]
    description: str = ""
    differences: tuple[str, ...] = ()
    """how what is drilled differs from production, a sentence each; it goes into the evidence"""


class Objectives(Spec):
    """What the business asks for. `rto` and `rpo` in seconds."""

    rto: Seconds = 900.0
    rpo: Seconds = 0.0
    source: str = ""
    """where the targets come from: a contract, a policy, a meeting"""
    critical: tuple[str, ...] | None = None
    """tags of the scenarios that must not be refuted; left out, those that come to the rescue of data"""


class Migrations(Spec):
    """Where the history is, which tool keeps it and how it is recorded."""

    tool: Literal[
        "sql-files",
        "golang-migrate",
        "diesel",
        "sqlx",
        "goose",
        "dbmate",
        "sql-migrate",
        "sqitch",
        "flyway",
        "prisma",
        "alembic",
        "django",
        "command",
    ] = "sql-files"
    path: str
    ledger: QualifiedName = "public.migrations"
    """left out, every tool but sql-files has its own ledger where it keeps it itself"""
    ledger_column: Identifier = "migration_name"
    rollback: str = "{any}_rollback_{number}.sql"
    """file name of a rollback script: `{number}` is the number of the migration that it undoes,
    `{any}` any number of its own, `{name}` the rest of the migration's name"""
    reverse: str = "{any}_revert_{number}.sql"
    """file name of a reversing migration, which puts changed data back"""
    python: str | None = None
    """interpreter that a tool written in Python runs in: the project's own; relative to the system file"""
    config: str | None = None
    """the tool's own configuration file, relative to the system file"""
    django_settings: str | None = None
    """dotted name of Django's settings module"""
    apps: tuple[str, ...] = ()
    """Django's apps to walk through; all when empty"""
    up: Command | None = None
    """command line that applies the next migration, or the one that `{id}` names"""
    down: Command | None = None
    """command line that goes back one migration"""
    list: Command | None = None
    """command line that prints the migrations' ids in order, one a line"""
    environment: dict[str, str] = Field(default_factory=dict)
    """variables for a tool that is run natively; `{url}` and its kin are filled in"""
    options: dict[str, str] = Field(default_factory=dict)
    """what only this tool has, such as Flyway's placeholders"""
    limit: Seconds = 120.0
    """how long one call of a tool that is run natively may take"""


class Seed(Spec):
    """Rows that are there before anything is drilled: a SQL file or a command that loads them."""

    after: str
    """number or name of the migration after which the rows are loaded; later ones migrate them"""
    sql: str | None = None
    command: Command | None = None
    limit: Seconds = 120.0

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.sql is None) == (self.command is None):
            raise ValueError("give either `sql` or `command`")
        return self


class Database(Spec):
    """A Postgres database."""

    major: Annotated[int, Field(ge=13, le=30)] | None = None
    """the production's major version; the embedded environment uses the same where it can"""
    migrations: Migrations
    app_role: Identifier | None = None
    roles: tuple[Identifier, ...] = ()
    """roles that must be there before the first migration; `app_role` always is"""
    critical_tables: tuple[QualifiedName, ...] = ()
    seed: Seed | None = None
    restore: Literal["swap", "clean"] = "swap"
    """how a backup takes the database's place: restored beside it and swapped in by name, or over it
    with `pg_restore --clean`"""
    statement_limit: Seconds = 60.0
    """how long one migration script may run before it counts as hanging"""

    @property
    def all_roles(self) -> tuple[str, ...]:
        """Every role to create, the application's own included, each once."""
        return tuple(dict.fromkeys([*([self.app_role] if self.app_role else []), *self.roles]))


class Flag(Spec):
    """A feature flag in a service's environment variables, and what shows whether it is on."""

    variable: str
    off: str = ""
    """value of the variable with the flag off"""
    path: str
    """path that is answered otherwise with the flag off"""
    off_status: Annotated[int, Field(ge=200, le=599)] = 404
    """how that path is answered then; any other status but 5xx says that it is on"""


class Endpoint(Spec):
    """Something that a service is asked, to see whether code and schema of two releases fit together.

    `{token}` in `path` and `body` is a fresh unguessable text each time it is asked.
    """

    name: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    path: str
    status: Annotated[int, Field(ge=100, le=599)] = 200
    """what a release that has this endpoint answers on its own schema"""
    body: dict[str, object] | None = None
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    """such as the token of a user made for drills; never a real secret"""
    find: str | None = None
    """SQL whose first value takes the place of `{found}` in `path` and `body`; where it finds nothing,
    there is nothing to ask"""
    compare: Literal["status", "shape", "values"] = "shape"
    """how much of the answer has to be what it is on the release's own schema"""
    may_fail: str = ""
    """why it is accepted that it breaks between two steps of a rollback: it is named all the same, and not
    held against an order"""


class Service(Spec):
    """A process that serves the system; started for a drill with its database's DSN."""

    command: Command
    health: str = "/health"
    """path that answers 200 when the service is up *and* can use its database"""
    env: dict[str, str] = Field(default_factory=dict)
    start_limit: Seconds = 30.0
    endpoint: tuple[Endpoint, ...] = ()
    """what it is asked besides its health and the declared traffic, release by release"""
    openapi: str | None = None
    """path of its OpenAPI document in JSON; the usual ones are tried when left out"""
    runner: Literal["process", "apprunner", "ecs"] = "process"
    """what runs its releases: `process` is `command` alone, without releases"""
    name: str | None = None
    """name of the App Runner or ECS service; `{env}` is filled in"""
    cluster: str = "default"
    """`ecs`: the cluster that it is in"""
    repository: str | None = None
    """ECR repository of its images"""
    start: Command | None = None
    """what an image that Rollproof makes runs, in the release's folder; its Dockerfile's CMD when left out"""
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    """port that its container listens on"""
    identity: str = ""
    """path whose answer tells one release from another; `health` when left out"""
    identity_field: str = ""
    """key of the JSON answered there that does; all of the answer when left out"""
    unhealthy_after: Seconds = 20.0
    """how long a new release may be unhealthy before its deploy is given up"""
    domain: str | None = None
    """its name in Route 53, where weights share requests among its revisions"""
    flag: Flag | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.runner != "process" and not (self.name and self.repository):
            raise ValueError(f"runner {self.runner!r} needs the service's `name` and its `repository`")
        return self


class Traffic(Spec):
    """One kind of read or write that clients make all through a drill, by SQL or by HTTP.

    `{token}` in `sql`, `verify`, `path` and `body` is a fresh unguessable text for each operation.
    """

    name: str
    kind: Literal["read", "write"]
    sql: str | None = None
    service: str | None = None
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    path: str | None = None
    body: dict[str, object] | None = None
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    """sent with each request, such as the token of a user made for drills; never a real secret"""
    table: QualifiedName | None = None
    """the table that a write adds a row to"""
    verify: str | None = None
    """SQL that returns at least one row when the write with that `{token}` is there"""
    every: Seconds = 0.02
    """pause between two operations of one client"""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.sql is None) == (self.path is None):
            raise ValueError("give either `sql` or `path`")
        if self.path is not None and self.service is None:
            raise ValueError("`path` needs the `service` that it is asked of")
        if self.kind == "write" and not (self.table and self.verify):
            raise ValueError("a write needs `table` and `verify`, or nobody can tell whether it was lost")
        return self


class Compatibility(Spec):
    """How code and schema of two releases may be taken back one after the other."""

    order: Literal["code first", "database first", "code alone", "both at once"] | None = None
    """the order that the runbook relies on; left out, the first that breaks nothing"""


class Smoke(Spec):
    """The system's own smoke tests: exit code 0 means it works."""

    command: Command
    limit: Seconds = 60.0


class System(Spec):
    """A whole system file."""

    system: Identity
    objectives: Objectives = Objectives()
    database: Database | None = None
    service: dict[str, Service] = Field(default_factory=dict)
    traffic: tuple[Traffic, ...] = ()
    smoke: Smoke | None = None
    compatibility: Compatibility = Compatibility()
    deploy: Deploy = Deploy()
    release: tuple[Release, ...] = ()
    stack: dict[str, Stack] = Field(default_factory=dict)
    function: dict[str, Function] = Field(default_factory=dict)
    api: dict[str, Api] = Field(default_factory=dict)
    table: dict[str, Table] = Field(default_factory=dict)
    site: dict[str, Site] = Field(default_factory=dict)
    secret: dict[str, Secret] = Field(default_factory=dict)
    settings: dict[str, Settings] = Field(default_factory=dict)
    alarm: dict[str, Alarm] = Field(default_factory=dict)
    notifications: Notifications | None = None
    status_page: StatusPage | None = None
    maintenance: Maintenance = Maintenance()
    watch: Watch = Watch()
    severity: tuple[Severity, ...] = ()
    decision: tuple[Decision, ...] = ()
    contact: dict[str, Contact] = Field(default_factory=dict)
    checklist: tuple[ChecklistItem, ...] = ()
    containers: Containers = Containers()
    environments: dict[str, Staging] = Field(default_factory=dict)
    source: Path = Path("system.toml")
    """the file it was read from; set by the reader"""

    @model_validator(mode="after")
    def _known_services(self) -> Self:
        for entry in self.traffic:
            if entry.service is not None and entry.service not in self.service:
                raise ValueError(
                    f"traffic {entry.name!r} asks service {entry.service!r}, which is not declared"
                )
        return self

    @model_validator(mode="after")
    def _endpoints_told_apart(self) -> Self:
        for key, service in self.service.items():
            asked = [entry.name for entry in self.traffic if entry.service == key]
            names = ["health", *asked, *(endpoint.name for endpoint in service.endpoint)]
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"service {key!r} has two endpoints called {twice[0]!r}, traffic included")
        return self

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        """Its name alone: pytest and Allure show the values of parameters, and variables may be secret."""
        yield "name", self.system.name

    @property
    def name(self) -> str:
        return self.system.name

    @property
    def uses_aws(self) -> bool:
        """Whether anything that it declares lives in an AWS account."""
        here = {
            "database",
            "service",
            "smoke",
            "traffic",
            "release",
            "pipeline",
            "image",
            "runnable",
            "variables",
        }
        if {spec.kind for spec in self.settings.values()} <= {"service-environment"}:
            here |= {"settings"}
        if self.notifications and not (self.notifications.topic or self.notifications.sender):
            here |= {"notifications"}
        return bool(self.components - here)

    @property
    def root(self) -> Path:
        """Folder of the system file; every path in it is relative to this one."""
        return self.source.parent

    @cached_property
    def runs_releases(self) -> Mapping[str, Service]:
        """The services whose command names `{path}`: they run the code of whichever release is deployed."""
        return {
            name: service
            for name, service in self.service.items()
            if any("{path}" in word for word in (*service.command, *service.env.values()))
        }

    @property
    def _runs_folders(self) -> bool:
        """Whether one release after another can run here: two with code, and a service that starts it."""
        built = [release for release in self.release if release.path]
        started = any(one.start or "{path}" in " ".join(one.command) for one in self.service.values())
        return len(built) > 1 and started

    @cached_property
    def components(self) -> frozenset[str]:
        """Kinds of component that it declares, as scenario tags name them."""
        healthy = [release for release in self.release if not release.broken]
        declared = {
            "database": self.database,
            "service": self.service,
            "smoke": self.smoke,
            "traffic": self.traffic,
            "release": self.release,
            "pipeline": len(healthy) > 1 and self.runs_releases,
            "image": self.release and any(one.runner != "process" for one in self.service.values()),
            "runnable": self._runs_folders,
            "variables": any(one.kind == "service-environment" for one in self.settings.values()),
            "stack": self.stack,
            "function": self.function,
            "api": self.api,
            "table": self.table,
            "site": self.site,
            "secret": self.secret,
            "settings": self.settings,
            "alarm": self.alarm,
            "notifications": self.notifications,
        }
        return frozenset(kind for kind, value in declared.items() if value)
