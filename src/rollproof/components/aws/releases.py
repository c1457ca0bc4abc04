"""Deploying a release, and going back to one: by CloudFormation, or by the system's own commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rollproof.components.aws import stack as stacks
from rollproof.components.aws import stackfacts  # noqa: F401  its reader registers itself
from rollproof.components.aws.assembly import StackSource, read_release
from rollproof.components.aws.cloud import BEFORE, Cloud, readable
from rollproof.components.aws.digests import digest_of
from rollproof.components.aws.held.base import tidy
from rollproof.components.aws.packaging import Packager, parameters_of
from rollproof.components.aws.sam import transformed
from rollproof.components.aws.stack_undo import undo_stacks
from rollproof.components.aws.templates import effective, transforms
from rollproof.components.commands import fill_in, run_command
from rollproof.components.postgres.bench import Bench
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed, BadInput, NotApplicable
from rollproof.model.aws import Release
from rollproof.model.json import Json, JsonObject
from rollproof.model.spec import Command

BROKEN = "broken:"
BEFORE_THIS = "the one before"


class Deployments:
    """Which releases were deployed in this scenario, and how their stacks are put there.

    Attributes:
        names: of all that were deployed, in order, also by going back.
        reached: how many had been deployed when it was last gone back; going back again goes to the same.
    """

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.cloud = drill.use(Cloud)
        self.packager = Packager(self.cloud)
        self.names: list[str] = []
        self.reached = 0
        self.digests: dict[str, str] = {}

    def release(self, which: str) -> Release:
        """A release by what a feature calls it: `current`, `previous`, `broken:<kind>`, or its name.

        Raises NotApplicable when the system declares none of the kind.
        """
        releases = self.drill.system.release
        healthy = [release for release in releases if not release.broken]
        if which == BEFORE_THIS and len(self.names) > 1:
            which = self.names[-1 if self.reached == len(self.names) else -2]
        found: Sequence[Release] = [release for release in releases if release.name == which]
        if which == "current":
            found = healthy[-1:]
        elif which in ("previous", BEFORE_THIS):
            found = healthy[-2:-1]
        elif which.startswith(BROKEN):
            found = [release for release in releases if release.broken == which.removeprefix(BROKEN)]
        if not found:
            raise NotApplicable(f"system {self.drill.system.name} declares no release that is {which!r}")
        return found[-1]

    def folder(self, release: Release) -> Path:
        """Where its templates are. Raises BadInput when it does not say."""
        if release.path is None:
            raise BadInput(
                f"release {release.name} has no path",
                doing="looking for the templates of a release",
                where=str(self.drill.system.source),
                remedy="give its `path`, or a `[deploy] command` that deploys its `revision`",
            )
        return self.drill.system.root / release.path

    def sources(self, release: Release, keys: Sequence[str]) -> list[StackSource]:
        """The stacks to deploy, in order. Raises BadInput."""
        declared = self.drill.system.stack
        if unknown := sorted(set(keys) - set(declared)):
            raise BadInput(
                f"no [stack.{unknown[0]}] is declared",
                where=str(self.drill.system.source),
                remedy=f"name one of: {', '.join(declared)}",
            )
        wanted = {key: spec for key, spec in declared.items() if not keys or key in keys}
        fill = lambda text: self.cloud.fill(text, release=release.name)  # noqa: E731
        return read_release(self.folder(release), wanted, fill=fill)

    def deploy(self, release: Release, source: StackSource) -> stacks.Operation:
        """One stack, to its end; recorded. Raises AttemptFailed when it did not succeed."""
        template = transformed(self.drill, self.packager.template(source), source)
        source = replace(source, template=template)
        self.digests.pop(source.name, None)
        if not transforms(template):
            self.digests[source.name] = digest_of(tidy(effective(template)))
        parameters = self.parameters(release, source)
        done = stacks.deploy(self.cloud, source, self.packager.reference(template), parameters)
        record(self.drill, done)
        return expect_success(done)

    def deploy_all(self, release: Release, sources: Sequence[StackSource]) -> list[stacks.Operation]:
        """Stack after stack, to the first that fails.

        Raises AttemptFailed: that one failed; or one is in a state that cannot be deployed to, and
        then none is touched.
        """
        for source in sources:
            stacks.expect_settled(self.cloud, source.name)
        return [self.deploy(release, source) for source in sources]

    def undo(self) -> JsonObject | None:
        """What a healer needs to put every declared stack back."""
        names = [self.cloud.fill(spec.name) for spec in self.drill.system.stack.values()]
        return undo_stacks(self.cloud, self.packager, names)

    def parameters(self, release: Release, source: StackSource) -> dict[str, str]:
        """Values of the parameters that the template declares.

        One that needs the database keeps its default in a scenario that has none.

        Raises BadInput for one without a value, which CloudFormation would refuse as well.
        """
        declared = parameters_of(source.template)
        staged = self.drill.uses(Bench) and bool(self.drill.use(Bench).database)
        given = {
            name: self._value(text, release)
            for name, text in source.parameters.items()
            if name in declared and (staged or "{dsn}" not in text or "Default" not in declared[name])
        }
        lacking = [name for name, said in declared.items() if "Default" not in said and name not in given]
        if lacking:
            raise BadInput(
                f"the template declares parameters without a value: {', '.join(sorted(lacking))}",
                doing="deploying a stack",
                where=f"{source.path} ({source.name})",
                remedy=f"give them in `parameters` of [stack.{source.key}]",
            )
        return given

    def _value(self, text: str, release: Release) -> str:
        more = {"release": release.name}
        if "{dsn}" in text:
            more["dsn"] = self.cloud.dsn
        return self.cloud.fill(text, **more)


def record(drill: Drill, done: stacks.Operation) -> None:
    """Notes what became of a stack, with all its events."""
    failure = None if done.succeeded else stacks.first_failure(done.events)
    said: dict[str, Json] = {
        "name": done.stack,
        "decision": done.change,
        "status": done.status,
        "seconds": done.seconds,
        "history": drill.recorder.journal.attachments.put([event.to_json() for event in done.events]),
    }
    if failure is not None:
        said |= {"item": failure.logical, "kind": failure.kind, "cause": failure.reason}
    drill.recorder.note("stack.operation", said)


def expect_success(done: stacks.Operation) -> stacks.Operation:
    """Raises AttemptFailed, naming the event that was the cause, for an operation that failed."""
    if done.succeeded:
        return done
    cause = stacks.first_failure(done.events)
    said = f"{cause.logical} ({cause.kind}): {cause.reason}" if cause else "no event says why"
    raise AttemptFailed(
        f"it ended in {done.status}; the first to fail was {said}",
        doing="deploying a stack",
        where=done.stack,
        remedy=stacks.REMEDIES.get(done.status, "correct what the event names and deploy again"),
        facts={"code": done.status},
    )


@dataclass(frozen=True)
class _OfRelease(Act):
    """Base: puts a release's stacks into the account."""

    def which_release(self) -> str:
        raise NotImplementedError

    def which_stacks(self) -> tuple[str, ...]:
        return ()

    def own_command(self, drill: Drill) -> Command | None:
        return drill.system.deploy.command

    def prepare(self, drill: Drill) -> None:
        deployments = drill.use(Deployments)
        release = deployments.release(self.which_release())
        if self.own_command(drill) is None:
            deployments.sources(release, self.which_stacks())

    def describe(self, drill: Drill) -> JsonObject:
        release = drill.use(Deployments).release(self.which_release())
        return {"version": release.name, "kind": release.broken, "items": list(self.which_stacks())}

    def undo(self, drill: Drill) -> JsonObject | None:
        """In an account that does not go away with the drill, the stacks get back what they were."""
        return drill.use(Deployments).undo()

    def run(self, drill: Drill) -> JsonObject:
        deployments = drill.use(Deployments)
        release = deployments.release(self.which_release())
        if release.broken:
            drill.incident("fault", cause=f"release {release.name} was deployed ({release.broken})")
        deployments.names.append(release.name)
        deployments.cloud.release = release.name
        command = self.own_command(drill)
        if command is not None:
            return run_own(drill, command, release)
        done = deployments.deploy_all(release, deployments.sources(release, self.which_stacks()))
        return {"changes": {item.stack: item.change for item in done}, "count": len(done)}


@dataclass(frozen=True)
class DeployRelease(_OfRelease):
    """Deploys a release.

    Attributes:
        which: its name, `current` (the newest healthy one), `previous` (the healthy one before that),
            or `broken:<kind>`.
        stacks: keys of the `[stack.*]` to deploy; all when empty.
    """

    which: str = "current"
    stacks: tuple[str, ...] = ()
    name = "release.deploy"

    def which_release(self) -> str:
        return self.which

    def which_stacks(self) -> tuple[str, ...]:
        return self.stacks


@dataclass(frozen=True)
class RollBackRelease(_OfRelease):
    """Goes back to a release: to the one that was deployed before the one that is there.

    Attributes:
        to: as `DeployRelease.which`; left out, the release deployed before the newest. Done again, it goes
            to the same release, never forth to the one that was left.
    """

    to: str = BEFORE_THIS
    stacks: tuple[str, ...] = ()
    name = "release.roll_back"

    def which_release(self) -> str:
        return self.to

    def which_stacks(self) -> tuple[str, ...]:
        return self.stacks

    def own_command(self, drill: Drill) -> Command | None:
        return drill.system.deploy.rollback or drill.system.deploy.command

    def run(self, drill: Drill) -> JsonObject:
        done = super().run(drill)
        drill.use(Deployments).reached = len(drill.use(Deployments).names)
        drill.incident("executed")
        return done


def run_own(drill: Drill, command: Command, release: Release) -> JsonObject:
    """The system's own command, to its end. Raises AttemptFailed when it fails or its time is up."""
    cloud, deploy = drill.use(Cloud), drill.system.deploy
    path = str(drill.system.root / release.path) if release.path else ""
    dsn = _dsn(drill)
    values = {
        **cloud.values,
        "release": release.name,
        "path": path,
        "revision": release.revision or "",
        "dsn": dsn,
    }
    ran = run_command(
        cloud.environment,
        fill_in(command, **values),
        name=f"the deploy command for release {release.name}",
        where=f"{drill.system.source}: deploy.command",
        cwd=drill.system.root,
        environment=_variables(cloud, dsn, release),
        limit=deploy.limit,
    )
    if ran.exit_code != 0:
        how = "took too long" if ran.exit_code is None else f"ended with exit code {ran.exit_code}"
        raise AttemptFailed(
            f"the system's own command {how}; last it said: {ran.last_words}",
            doing=f"deploying release {release.name}",
            where=command[0],
            remedy="run it by hand to see all that it says",
            facts={"exit_code": ran.exit_code, "timed_out": int(ran.exit_code is None)},
        )
    return {"command": list(command), "exit_code": 0}


def _variables(cloud: Cloud, dsn: str, release: Release) -> Mapping[str, str]:
    own = {"RELEASE": release.name, "REVISION": release.revision or ""}
    return {**cloud.endpoint.program_environment(), **own, **({"DATABASE_URL": dsn} if dsn else {})}


def _dsn(drill: Drill) -> str:
    """Of the scenario's database; empty when none is staged."""
    if drill.system.database is None or not drill.use(Bench).database:
        return ""
    return drill.use(Cloud).dsn


@dataclass(frozen=True)
class RememberResources(Act):
    """Reads what the components are now, for later comparison.

    Attributes:
        kinds: of components; empty: those that the scenario's tags name.
    """

    kinds: tuple[str, ...] = ()
    name = "resources.remember"

    def prepare(self, drill: Drill) -> None:
        known = readable()
        if unknown := sorted(set(self.kinds) - known):
            raise BadInput(
                f"no component is called {unknown[0]!r}", remedy=f"say one of: {', '.join(sorted(known))}"
            )

    def run(self, drill: Drill) -> JsonObject:
        cloud = drill.use(Cloud)
        kinds = self.kinds or tagged_kinds(drill)
        cloud.look(BEFORE, *kinds)
        return {"items": list(kinds)}


@dataclass(frozen=True)
class RememberRelease(Act):
    """Reads what the stacks are with the release that is there, to compare a later deploy of it with."""

    name = "resources.remember"

    def run(self, drill: Drill) -> JsonObject:
        cloud = drill.use(Cloud)
        cloud.look(f"release {cloud.release}", "stack")
        return {"version": cloud.release}


def tagged_kinds(drill: Drill) -> tuple[str, ...]:
    """The kinds of component that the scenario's tags name and that can be read."""
    return tuple(sorted(_tags(drill) & readable() & drill.system.components))


def wants_database(drill: Drill) -> bool:
    """Whether the scenario is tagged with the database that the system declares."""
    return "database" in _tags(drill) and drill.system.database is not None


def _tags(drill: Drill) -> set[str]:
    started = drill.history.first("scenario.started")
    tags = started.data.get("tags") if started is not None else []
    return {str(tag) for tag in tags} if isinstance(tags, list) else set()
