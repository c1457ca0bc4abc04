"""What a system has in an AWS account, as its `system.toml` declares it.

Names may hold `{env}` (the environment's name), `{account}` and `{region}`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from rollproof.model.spec import Command, Seconds, Spec

Name = Annotated[str, Field(min_length=1)]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]


class Release(Spec):
    """A named version of the system that can be deployed and rolled back to. Oldest first in the file."""

    name: Name
    path: str | None = None
    """folder that the stacks' templates are in: a `cdk synth` output, or any; relative to the system file"""
    revision: str | None = None
    """git revision of the system's repository that it is built from"""
    migrations: str | None = None
    """number or name of the newest migration that it was shipped with; left out, its folder tells"""
    broken: str = ""
    """in which way it is broken, such as `handler-bug`; left out: it is healthy"""
    variables: dict[str, str] = Field(default_factory=dict)
    """environment variables that services get with it: the configuration that belongs to this release"""


class Deploy(Spec):
    """The system's own commands that bring a release into the account; without them, its stacks are
    deployed through CloudFormation by Rollproof."""

    command: Command | None = None
    """deploys `{release}`, which is at `{path}` and `{revision}`, to `{env}`"""
    rollback: Command | None = None
    """goes back to `{release}`; `command` is run where there is none"""
    install: Command | None = None
    """installs what a checkout of `{release}` at `{path}` needs, before it is built"""
    build: Command | None = None
    """builds it there"""
    test: Command | None = None
    """tests the release that is at `{path}` before it is deployed; exit code 0: it may be"""
    limit: Seconds = 600.0


class Stack(Spec):
    """A CloudFormation stack."""

    name: Name
    template: str
    """file name of its template, relative to a release's folder"""
    parameters: dict[str, str] = Field(default_factory=dict)
    """`{env}`, `{account}`, `{region}`, `{dsn}` and `{release}` are filled in"""
    tags: dict[str, str] = Field(default_factory=dict)
    after: tuple[str, ...] = ()
    """keys of stacks that are deployed before it; imports and a cloud assembly's own order count anyway"""
    capabilities: tuple[Literal["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"], ...] = (
        "CAPABILITY_IAM",
        "CAPABILITY_NAMED_IAM",
        "CAPABILITY_AUTO_EXPAND",
    )
    """what its template may do, as for `aws cloudformation deploy`"""
    uncompared: tuple[str, ...] = ()
    """types of its resources, such as `Custom::Gate`, that nobody can read and that verdicts leave out"""
    limit: Seconds = 300.0


class Function(Spec):
    """A Lambda function whose releases are versions, and an alias that says which one serves."""

    name: Name
    alias: str = "LIVE"
    stack: str | None = None
    """the stack that it is part of"""
    log_group: str | None = None
    """`/aws/lambda/<name>` when left out"""
    payload: dict[str, object] = Field(default_factory=dict)
    """event that it answers without an error when it is well"""


class Api(Spec):
    """A REST or HTTP API of API Gateway."""

    stack: str | None = None
    output: str | None = None
    """the stack's output that holds its URL, or its id"""
    id: str | None = None
    kind: Literal["rest", "http"] = "rest"
    stage: str = "prod"
    health: str = "/health"
    """path that answers 200 when the API works"""
    paths: tuple[str, ...] = ()
    """more paths that answer 200 to a GET when it works"""
    functions: tuple[str, ...] = ()
    """keys of the `[function.*]` behind it"""


class Table(Spec):
    """A DynamoDB table."""

    name: Name
    stack: str | None = None
    critical: bool = False
    """whether its items are compared, and not only its definition"""
    seed: str | None = None
    """JSON file of items that are there before anything is drilled, relative to the system file"""


class Site(Spec):
    """Static files in S3, served through CloudFront."""

    bucket: Name
    distribution: str | None = None
    """id of its distribution, or the output of `stack` that holds it"""
    stack: str | None = None
    builds: str | None = None
    """folder of a release that holds its built files, relative to the release's folder"""
    prefix: str = ""
    """key prefix of the files in the bucket"""
    index: str = "index.html"
    cache: dict[str, str] = Field(default_factory=dict)
    """`Cache-Control` of published files by a pattern of their paths, the first that fits; left out, pages
    are `no-cache`, files with a hash in their names immutable, and all others revalidated"""
    propagation: Seconds = 300.0
    """how long an invalidation, or a change of the distribution, may take"""


class Secret(Spec):
    """A secret in Secrets Manager, and how what it opens can be tried."""

    name: Name
    stack: str | None = None
    kind: Literal["postgres", "api-key", "opaque"] = "opaque"
    """`postgres`: JSON with username and password of a role of the system's database"""
    function: str | None = None
    """key of the `[function.*]` that rotates it"""
    api: str | None = None
    """key of the `[api.*]` that an `api-key` opens"""
    path: str = "/"
    """path of that API that only the key opens"""
    header: str = "x-api-key"
    """request header that the key is sent in"""
    field: str | None = None
    """name of the key in a JSON secret; the usual names are tried when left out"""
    strategy: Literal["single-user", "alternating-users"] = "single-user"
    """`alternating-users`: two roles take turns, so that both passwords are new only after two rotations"""
    sessions: Command | None = None
    """the system's own command that revokes every session that the secret opened"""


class Maintenance(Spec):
    """How the system is closed to its clients while it is mended; left out, Rollproof does it: its functions
    may not run, and its sites show a page that says so."""

    on: Command | None = None
    """closes `{env}`; the system's own command"""
    off: Command | None = None
    """opens it again"""
    page: str | None = None
    """HTML file that sites show meanwhile, relative to the system file; Rollproof has one of its own"""
    limit: Seconds = 120.0


class Settings(Spec):
    """Configuration that code reads: SSM parameters, AppConfig, or a function's environment."""

    kind: Literal["ssm", "appconfig", "environment", "service-environment"]
    path: str | None = None
    """`ssm`: path of the parameters"""
    application: str | None = None
    """`appconfig`"""
    environment: str | None = None
    """`appconfig`"""
    profile: str | None = None
    """`appconfig`"""
    function: str | None = None
    """`environment`: key of the `[function.*]`"""
    services: tuple[str, ...] = ()
    """`service-environment`: keys of the `[service.*]` that share the variables"""
    history: str | None = None
    """`service-environment`: file in git whose earlier versions hold the variables, relative to the
    system file: `.env.example`, or a compose file"""
    wrong: dict[str, str] = Field(default_factory=dict)
    """a value that breaks the system, for the drill to set"""


class Alarm(Spec):
    """A CloudWatch alarm that should ring when the system is broken."""

    name: Name
    stack: str | None = None


class Notifications(Spec):
    """Who is told of a rollback, and how."""

    topic: str | None = None
    """name of an SNS topic"""
    sender: Email | None = None
    """address that SES sends from"""
    stakeholders: tuple[Email, ...] = ()
    webhook: str | None = None
    """incoming webhook of the team's chat; a drill posts to a receiver of its own in its place"""


class StatusPage(Spec):
    """Where users read how the system is. Drills tell a receiver of their own instead, never the page."""

    url: str
    """what updates are posted to as JSON, `{"status": …, "message": …}`"""
    command: Command | None = None
    """the system's own way of updating it instead: it gets STATUS_URL, STATUS and STATUS_MESSAGE"""
    begun: str = "investigating"
    """status while it is being worked on"""
    over: str = "resolved"
    """status once the service has been verified"""
    limit: Seconds = 30.0


class Watch(Spec):
    """How the system is watched before a fault and after a rollback, and what counts as worse."""

    duration: Seconds = 5.0
    every: Seconds = 0.1
    """pause between two questions to one API, service or function"""
    ask: tuple[str, ...] = ()
    """what is asked: `api.<key>`, `service.<key>`, `function.<key>`; all when empty"""
    error_rate: Annotated[float, Field(ge=0, le=1)] = 0.01
    """share of failing requests from which on it is not well; a rise by less counts as none"""
    visible_rise: Annotated[float, Field(gt=0, le=1)] = 0.05
    """rise of that share that a watch must rule out, or it proves nothing: 5 points take 60 requests"""
    latency: Seconds = 1.0
    """95th percentile from which on it is not well"""
    hold: Seconds = 2.0
    """how long that has to go on before a rollback is called for; until then it is investigated"""
    slowdown: Annotated[float, Field(gt=1)] = 1.5
    """factor of a latency from which on it is worse than before"""
    noise: Seconds = 0.05
    """slower by less than this counts as none, whatever the factor"""
    flaps: Annotated[int, Field(ge=0)] = 2
    """changes between well and ill that are borne after a rollback"""
    connections: Annotated[float, Field(gt=0, le=1)] = 0.8
    """share of the database server's connections from which on it is saturated"""
    cpu: Annotated[float, Field(gt=0)] = 0.5
    """processor cores that a service may use more than before"""
    memory: Annotated[float, Field(gt=1)] = 1.5
    """factor of a service's memory from which on it is worse than before; less than 32 MiB count as none"""
    leak: Annotated[float, Field(gt=0)] = 16.0
    """MiB that a service's memory may grow during a watch, beyond what it grew before"""

    @property
    def limits(self) -> dict[str, float]:
        """What a check of two watches is given."""
        return {
            "error_rate": self.error_rate,
            "visible_rise": self.visible_rise,
            "slowdown": self.slowdown,
            "noise_seconds": self.noise,
            "latency_seconds": self.latency,
            "flaps": self.flaps,
            "connections": self.connections,
            "cpu": self.cpu,
            "memory": self.memory,
            "leak": self.leak,
        }
