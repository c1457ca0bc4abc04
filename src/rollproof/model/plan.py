"""Plans: `drills/*.toml`, what to drill where, when, and who is told."""

from __future__ import annotations

from functools import cached_property
from glob import glob, has_magic
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from rollproof.features_folder import feature_path
from rollproof.model.approval import Approval
from rollproof.model.cron import Cron, zone_named
from rollproof.model.language import Language
from rollproof.model.limits import Abort, Limits
from rollproof.model.spec import Date, Seconds, Spec, TimeOfDay

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Occasion = Literal["proven", "refuted", "unknown", "missed"]


class PlanBody(Spec):
    """The `[plan]` table. Paths are relative to the folder that the plan is run from."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=60)]
    description: str = ""
    systems: Annotated[tuple[str, ...], Field(min_length=1)]
    """system files; a pattern such as `systems/*/system.toml` stands for all that it matches"""
    environment: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=40)] = "embedded"
    """embedded, containers, or the name of an `[environments.NAME]` of the systems, such as staging"""
    features: Annotated[tuple[str, ...], Field(min_length=1)]
    """files and folders, and names of features that ship with Rollproof, such as `migration`"""
    tags: str = ""
    """a marker expression, as for `pytest -m`"""
    strict: bool = False
    """"not proven here" fails as well"""
    timezone: str = "UTC"
    """of the schedule, the windows and the frozen dates: a name of the IANA database"""

    @field_validator("name")
    @classmethod
    def _sound_name(cls, name: str) -> str:
        if name.endswith("-"):
            raise ValueError(f"found {name!r}, expected no - at the end, which Kubernetes takes in no name")
        return name

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        zone_named(name)
        return name


class Schedule(Spec):
    """When it falls due."""

    cron: str | None = None
    on: Literal["push", "hand"] = "hand"
    """what else starts it: every push, or only a person"""
    start_within: Seconds = 3600.0
    """how late it may still start; after that it was missed"""

    @field_validator("cron")
    @classmethod
    def _sound_cron(cls, text: str | None) -> str | None:
        if text is not None:
            Cron(text)
        return text


class Window(Spec):
    """When a drill may start. A window that closes before it opens ends on the next day."""

    days: Annotated[tuple[Day, ...], Field(min_length=1)] = DAYS
    opens: TimeOfDay
    closes: TimeOfDay


class Frozen(Spec):
    """Days on which nothing may be drilled."""

    first: Date
    last: Date
    reason: str = ""


class PlanObjectives(Spec):
    """What this plan asks for, in place of what the systems declare."""

    rto: Seconds | None = None
    rpo: Seconds | None = None
    source: str = ""
    proven_within: Seconds | None = None
    """how long ago everything in it may have been proven last"""


class Notify(Spec):
    """Who is told of what, and how. Addresses that are secrets stay in environment variables."""

    who: str
    on: Annotated[tuple[Occasion, ...], Field(min_length=1)] = ("refuted", "unknown", "missed")
    channel: Literal["sns", "ses", "slack", "teams", "email"]
    topic: str | None = None
    sender: str | None = None
    to: tuple[str, ...] = ()
    url_env: Variable | None = None
    server: Annotated[str, Field(pattern=r"^[^\s:/@]+:[0-9]{1,5}$")] | None = None
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user_env: Variable | None = None
    password_env: Variable | None = None
    profile: str | None = None
    region: str | None = None
    endpoint: str | None = None


class Retention(Spec):
    """How long the runs of this plan are kept."""

    keep: Seconds = 6 * 365 * 86400.0
    at_least: Annotated[int, Field(ge=1)] = 10
    """of the newest runs, whatever their age"""


class Reporting(Spec):
    """How the reports of this plan's runs are written."""

    language: Language | None = None
    """of html, pdf and markdown; left out, that of pyproject.toml, else English"""


class Fleet(Spec):
    """How many systems are drilled at once, and what makes several of one system file."""

    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """processes on one machine"""
    tenants: tuple[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=30)], ...] = ()
    """each stands for `{tenant}` in the system files; one drill of the system for each"""


class Plan(Spec):
    """A whole plan file."""

    plan: PlanBody
    schedule: Schedule = Schedule()
    window: tuple[Window, ...] = ()
    frozen: tuple[Frozen, ...] = ()
    objectives: PlanObjectives = PlanObjectives()
    limits: Limits = Limits()
    abort: Abort = Abort()
    notify: tuple[Notify, ...] = ()
    retention: Retention = Retention()
    report: Reporting = Reporting()
    fleet: Fleet = Fleet()
    approval: Approval | None = None
    """who has approved it for an environment that outlives the drill"""
    source: Path = Path("plan.toml")

    @property
    def name(self) -> str:
        return self.plan.name

    @cached_property
    def zone(self) -> ZoneInfo:
        return zone_named(self.plan.timezone)

    @cached_property
    def cron(self) -> Cron | None:
        return Cron(self.schedule.cron) if self.schedule.cron else None

    @cached_property
    def system_files(self) -> tuple[str, ...]:
        """Patterns put in full, each file once, in the order named; patterns by name."""
        found = [path for name in self.plan.systems for path in files_of(name)]
        return tuple(dict.fromkeys(found))

    def arguments(self) -> list[str]:
        """What pytest is called with."""
        body = self.plan
        features = [feature_path(name) or name for name in body.features]
        arguments = [*features, *(f"--system={path}" for path in self.system_files)]
        arguments += [f"--rollproof-tenant={name}" for name in self.fleet.tenants]
        arguments += [f"--environment={body.environment}", f"--rollproof-plan={self.source}"]
        arguments += ["-m", body.tags] if body.tags else []
        arguments += ["-n", str(self.fleet.workers)] if self.fleet.workers > 1 else []
        if list(body.features) != features:  # what ships lies elsewhere; it is drilled from here
            arguments += [f"--rootdir={Path.cwd()}", f"--rollproof-reports={Path.cwd() / 'reports'}"]
        return arguments + (["--rollproof-strict"] if body.strict else [])


def files_of(name: str) -> list[str]:
    """The files that a name in `systems` stands for; itself unless it is a pattern."""
    return sorted(glob(name, recursive=True)) if has_magic(name) else [name]  # noqa: PTH207  # absolute patterns too
