"""Where a system may be drilled besides the embedded environment: `[environments.NAME]`.

What stands here is an allow-list: a drill touches nothing that is not named, and nothing by its name
alone. No secret stands here; the file names where credentials are.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from rollproof.model.cron import zone_named
from rollproof.model.limits import Abort, Limits, Lock
from rollproof.model.plan import Frozen, Window
from rollproof.model.spec import Seconds, Spec

Account = Annotated[str, Field(pattern=r"^\d{12}$")]
SystemIdentifier = Annotated[str, Field(pattern=r"^\d{1,20}$")]


class Credentials(Spec):
    """Variables that hold an AWS access key. Their names stand here, never what they hold."""

    access_key_env: str
    secret_key_env: str
    session_token_env: str = ""


class Aurora(Spec):
    """The Aurora cluster that working copies are made of: a cluster for each run, deleted at its end."""

    cluster: Annotated[str, Field(pattern=r"^[A-Za-z](-?[A-Za-z0-9])*$", max_length=63)]
    """identifier of the cluster that the DSN leads to"""
    take: Literal["clone", "snapshot"] = "clone"
    """a clone, which shares its pages until they change, or what its newest snapshot restores to"""
    instance_class: str = ""
    """of the copy's one instance; that of the cluster's writer when empty"""
    limit: Seconds = 2700.0
    """how long making a copy may take, and how long deleting it"""


class StagingDatabase(Spec):
    """The Postgres server of an environment, and what it must be."""

    dsn_env: str = ""
    """variable that holds the DSN"""
    service: str = ""
    """section of a service file that holds it"""
    service_file: str = ""
    """that file, relative to the system file; `~/.pg_service.conf` when empty"""
    secret: str = ""
    """secret in AWS Secrets Manager that holds it: a DSN, or JSON with host, port, username, password"""
    system_identifier: SystemIdentifier
    """`SELECT system_identifier FROM pg_control_system()`: 19 digits or so, made by initdb"""
    name: str
    """the database that the system uses there"""
    addresses: tuple[str, ...] = ()
    """addresses and networks that the server may have; when empty, the server's own must be the one that
    was connected to"""
    port: int | None = None
    """the port that the server itself listens on, where a pooler or a mapping shows another"""
    passwords_env: dict[str, str] = Field(default_factory=dict)
    """variables that hold the passwords of other roles, such as the application's, by role"""
    reaches: tuple[str, ...] = ()
    """foreign servers and extensions (dblink, http, pg_net, aws_lambda) by which a copy may reach others"""
    allow_write: tuple[str, ...] = ()
    """databases that may be written to themselves; only `touch = "in-place"` does so"""
    clone: Literal["database", "backup", "aurora"] = "database"
    """what drills work on copies of: the database itself, its newest backup, or its cluster"""
    backup: str = ""
    """files or a folder on this machine, relative to the system file, or `s3://bucket/prefix/`"""
    backup_age: Seconds | None = None
    """how old a backup or snapshot may be; any age when left out"""
    aurora: Aurora | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(map(bool, (self.dsn_env, self.service, self.secret))) != 1:
            raise ValueError("say where the DSN is: give one of `dsn_env`, `service` and `secret`")
        return self

    @model_validator(mode="after")
    def _one_way_to_copy(self) -> Self:
        if (self.clone == "backup") != bool(self.backup):
            raise ValueError('`clone = "backup"` and `backup`, which says where backups are, need each other')
        if (self.clone == "aurora") != (self.aurora is not None):
            raise ValueError('`clone = "aurora"` and the table `database.aurora` need each other')
        of_age = self.backup or (self.aurora is not None and self.aurora.take == "snapshot")
        if self.backup_age is not None and not of_age:
            raise ValueError("`backup_age` is about a backup or a snapshot, and none is taken")
        return self


class Production(Spec):
    """What marks production. One marker is enough to refuse, whatever else is on the allow-list."""

    tags: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """values of tags on stacks, functions, tables and clusters, by the tag's key"""
    settings: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """values of Postgres settings, by the setting's name"""
    hosts: tuple[str, ...] = ()
    """patterns of host names, such as `*.prod.example.com`"""
    accounts: tuple[Account, ...] = ()
    """production's AWS accounts"""
    system_identifiers: tuple[SystemIdentifier, ...] = ()
    """identifiers of production's servers; a copy of their files has the same"""
    databases: tuple[str, ...] = ()
    """names of databases that only production's servers have"""


class Staging(Spec):
    """A named environment that outlives the drill: an AWS account, a Postgres server, or both."""

    aws_account: Account | None = None
    region: str = ""
    profile: str = ""
    """profile of `~/.aws/config` and `~/.aws/credentials` with an access key in it"""
    credentials: Credentials | None = None
    role_arn: str = ""
    """role that is assumed with those credentials"""
    session_name: str = "rollproof-drill"
    external_id_env: str = ""
    """variable that holds the external id that the role's trust policy asks for"""
    endpoint_url: str = ""
    """endpoint of every AWS service, only for a private cloud or a stand-in"""
    database: StagingDatabase | None = None
    hosts: tuple[str, ...] = ()
    """names and addresses of database hosts, exactly as the DSN has them"""
    production: Production = Production()
    not_production: str = ""
    """why names that sound like production's do not mean it here; markers refuse all the same"""
    touch: Literal["clone", "in-place"] = "clone"
    """whether a drill works on databases of its own or on the database itself"""
    stacks: Literal["in-place", "copy"] = "in-place"
    """whether releases go to the stacks themselves or to copies of the run, whose `{env}` is its own"""
    limits: Limits = Limits()
    abort: Abort = Abort()
    lock: Lock = Lock()
    expires: date
    """the last day on which this allow-list holds; then somebody looks through it again"""
    window: tuple[Window, ...] = ()
    """when drills may begin, whichever plan they belong to; always when empty"""
    frozen: tuple[Frozen, ...] = ()
    """days on which none may"""
    timezone: str = "UTC"
    """of `window` and `frozen`, such as Europe/Berlin"""
    approver_differs: bool = True
    """whether the one who approves a plan must be another than the one who runs it"""
    operators: tuple[str, ...] = ()
    """users who may run drills here; anybody when empty"""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        zone_named(name)
        return name

    @field_validator("frozen")
    @classmethod
    def _sound_dates(cls, found: tuple[Frozen, ...]) -> tuple[Frozen, ...]:
        for one in found:
            if date.fromisoformat(one.last) < date.fromisoformat(one.first):
                raise ValueError(f"the last day, {one.last}, is before the first")
        return found

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.aws_account is None and self.database is None:
            raise ValueError("name an `aws_account`, a `database`, or both")
        if self.aws_account is not None:
            self._expect_aws()
        elif self.profile or self.credentials or self.role_arn or self.endpoint_url:
            raise ValueError("credentials are named, and no `aws_account` that they must be of")
        self._expect_database()
        return self

    def _expect_aws(self) -> None:
        if not self.region:
            raise ValueError("name the `region`: none is taken from anywhere else")
        if bool(self.profile) == bool(self.credentials):
            raise ValueError("say whose credentials: give either `profile` or `credentials`")

    def _expect_database(self) -> None:
        if self.database is None:
            return
        if not self.hosts:
            raise ValueError("name the database's host in `hosts`")
        if self.database.secret and self.aws_account is None:
            raise ValueError("`database.secret` needs the `aws_account` that it is in")
        if self.database.backup.startswith("s3://") and self.aws_account is None:
            raise ValueError("`database.backup` in S3 needs the `aws_account` whose credentials read it")
        if self.database.aurora is not None and self.aws_account is None:
            raise ValueError("`database.aurora` needs the `aws_account` that the cluster is in")
        if self.database.aurora is not None and self.touch == "in-place":
            raise ValueError('a copy of the cluster has another address: `touch` has to be "clone"')
        if self.touch == "in-place" and self.database.name not in self.database.allow_write:
            raise ValueError("`touch` is in-place, and `database.allow_write` does not name the database")
