"""Which release each service runs, and with which configuration: deployed, tried beside, rolled back."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import psutil

from rollproof.components.service import Services
from rollproof.components.serviceconfig import variables_of
from rollproof.components.usage import log_sizes
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill, observer
from rollproof.environments.keeper import Keeper
from rollproof.errors import AttemptFailed, NotApplicable, PreconditionNotMet
from rollproof.model.aws import Release
from rollproof.model.json import Json, JsonObject

BROKEN = "broken:"


@dataclass(frozen=True, slots=True)
class Deployed:
    """One deploy: what it took the place of, from when to when (monotonic ns), and the logs' sizes then."""

    before: str
    release: str
    begun_ns: int
    done_ns: int
    logs_before: Mapping[str, int]
    logs_after: Mapping[str, int]


class Deploys:
    """The releases that this scenario's services ran, oldest first, and how each came to serve."""

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.releases: list[Release] = []
        self.history: list[Deployed] = []

    def named(self, which: str) -> Release:
        """`current`, `previous` or `broken:<kind>`, of those that a process can run.

        Raises NotApplicable when there is none.
        """
        every = [release for release in self.drill.system.release if release.path]
        healthy = [release for release in every if not release.broken]
        found: Sequence[Release] = {"current": healthy[-1:], "previous": healthy[-2:-1]}.get(which, [])
        if which.startswith(BROKEN):
            found = [release for release in every if release.broken == which.removeprefix(BROKEN)]
        if not found or not any("{path}" in word for word in self._words()):
            raise NotApplicable(
                f"system {self.drill.system.name} has no service that runs a release which is {which!r}"
            )
        return found[-1]

    def _words(self) -> Iterator[str]:
        for service in self.drill.system.service.values():
            yield from service.command

    def switch(self, release: Release, *, configuration: bool = True) -> list[str]:
        """Every service ends and starts again as that release; what is not well then, one line each.

        Args:
            configuration: whether the variables that belong to the release come with it.
        """
        services = self.drill.use(Services)
        begun, sizes = time.monotonic_ns(), log_sizes(self.drill)
        for name in list(services.running):
            kept = services.configured(name)
            services.releases[name] = release
            services.variables.pop(name, None)
            if not configuration:
                services.variables[name] = kept
        ended = services.restart_all(list(services.running))
        before = self.releases[-1].name if self.releases else ""
        self.releases.append(release)
        done = Deployed(before, release.name, begun, time.monotonic_ns(), sizes, log_sizes(self.drill))
        self.history.append(done)
        return [f"{name}: {problem}" for name, problem in ended.items() if problem]


@dataclass(frozen=True)
class RunRelease(Act):
    """The services run a release, with the configuration that belongs to it, from the beginning."""

    which: str
    name = "services.start"

    def prepare(self, drill: Drill) -> None:
        drill.use(Deploys).named(self.which)

    def run(self, drill: Drill) -> JsonObject:
        services, deploys = drill.use(Services), drill.use(Deploys)
        release = deploys.named(self.which)
        drill.on_heal(services.stop)
        for name, service in drill.system.service.items():
            services.releases[name] = release
            services.start(name, service)
        deploys.releases.append(release)
        return {"version": release.name, "items": list(services.running)}


@dataclass(frozen=True)
class DeployRelease(Act):
    """Every service runs another release, which brings its configuration; what happens then is recorded.

    Attributes:
        configured: the release must bring another configuration than the one that runs.
    """

    which: str
    configured: bool = False
    name = "services.deploy"

    def prepare(self, drill: Drill) -> None:
        deploys = drill.use(Deploys)
        release = deploys.named(self.which)
        if not drill.use(Services).running:
            raise PreconditionNotMet(
                "no service runs", remedy="add `Given the services run as they are configured`"
            )
        if self.configured and deploys.releases and release.variables == deploys.releases[-1].variables:
            raise NotApplicable(
                f"release {release.name} brings no other `variables` than the one before it has"
            )

    def describe(self, drill: Drill) -> JsonObject:
        return {"version": drill.use(Deploys).named(self.which).name}

    def run(self, drill: Drill) -> JsonObject:
        deploys = drill.use(Deploys)
        if not deploys.releases and (before := _runs_now(drill)) is not None:
            deploys.releases.append(before)
        release = deploys.named(self.which)
        drill.incident("fault", cause=f"release {release.name} was deployed")
        problems = deploys.switch(release)
        return {"version": release.name, "findings": problems, "items": sorted(release.variables)}


def _runs_now(drill: Drill) -> Release | None:
    services = drill.use(Services)
    return next(filter(None, (services.release_of(name) for name in services.running)), None)


@dataclass(frozen=True)
class TryOldCode(Act):
    """Starts the code of the release before with the configuration of now, beside what serves.

    Nobody is served by it: it is asked for its health, and ended.
    """

    name = "configuration.rehearse"

    def run(self, drill: Drill) -> JsonObject:
        deploys = drill.use(Deploys)
        if len(deploys.releases) < 2:
            raise PreconditionNotMet("there is no release before", remedy="deploy another one first")
        old, new = deploys.releases[-2:]
        return {"items": [_tried(drill, name, old, new) for name in drill.use(Services).running]}


def _tried(drill: Drill, name: str, old: Release, new: Release) -> Json:
    """What happened, and what it was that ran, by its process: that it was started as told proves nothing."""
    services = drill.use(Services)
    keeper, url = services.launch_beside(name, release=old, variables=services.configured(name))
    try:
        problem = services.settle(drill.system.service[name], keeper, url)
        ran = _as_it_runs(drill, name, keeper)
    finally:
        keeper.stop()
    fits = ran["configuration"] if isinstance(ran["configuration"], list) else []
    return {
        "service": name,
        "release": ran["release"],
        "configuration": new.name if new.name in fits else next(iter(fits), ""),
        "outcome": "fails" if problem else "works",
        "found": problem,
    }


@dataclass(frozen=True)
class RollBack(Act):
    """Every service runs the release before again.

    Attributes:
        configuration: whether the configuration goes back with the code.
    """

    configuration: bool = True
    name = "services.roll_back"

    def run(self, drill: Drill) -> JsonObject:
        deploys = drill.use(Deploys)
        if len(deploys.releases) < 2:
            raise AttemptFailed("there is no release before", doing="rolling services back")
        release = deploys.releases[-2]
        problems = deploys.switch(release, configuration=self.configuration)
        drill.incident("executed")
        if problems:
            raise AttemptFailed("; ".join(problems)[:1000], doing=f"rolling services back to {release.name}")
        return {"version": release.name, "against": deploys.releases[-2].name}


@dataclass(frozen=True)
class RememberServices(Act):
    """Notes, by their processes, which release each service runs while all is well."""

    name = "services.remember"

    def run(self, drill: Drill) -> JsonObject:
        running = drill.use(Services).running
        if not running:
            raise PreconditionNotMet(
                "no service runs", remedy="add `Given the services run as they are configured`"
            )
        items: list[Json] = [_as_it_runs(drill, name, keeper) for name, keeper in running.items()]
        return {"items": items}


@observer("services")
def look_at_services(drill: Drill) -> None:
    """Which release each service runs, and of which releases its configuration is, by its process."""
    services = drill.use(Services)
    items: list[Json] = [_as_it_runs(drill, name, keeper) for name, keeper in services.running.items()]
    drill.recorder.note("services.seen", {"items": items})


def _as_it_runs(drill: Drill, name: str, keeper: Keeper) -> JsonObject:
    releases = [release for release in drill.system.release if release.path]
    words = " ".join(_command_line(keeper))
    folders = {release.name: str(drill.system.root / str(release.path)) for release in releases}
    code = max(
        (found for found in folders if folders[found] in words), key=lambda n: len(folders[n]), default=""
    )
    variables = variables_of(keeper)
    known = {variable for release in releases for variable in release.variables}
    fits = [
        release.name
        for release in releases
        if all(variables.get(variable) == release.variables.get(variable) for variable in known)
    ]
    return {
        "service": name,
        "release": code,
        "configuration": list[Json](fits),
        "status": "up" if keeper.alive else "",
    }


def _command_line(keeper: Keeper) -> Sequence[str]:
    with contextlib.suppress(psutil.Error):
        if keeper.alive and keeper.child_pid:
            return psutil.Process(keeper.child_pid).cmdline()
    return keeper.spec.argv
