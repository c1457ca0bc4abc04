"""How a checkout of the system's code becomes what serves; the service's `runner` chooses."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol, TypeVar

import psutil

from rollproof.components.commands import last_words
from rollproof.components.service import Services, probe
from rollproof.drill.drill import Drill
from rollproof.environments.keeper import Keeper, descendants
from rollproof.errors import AttemptFailed, NotApplicable
from rollproof.model.aws import Release
from rollproof.model.system import Service, System
from rollproof.waiting import eventually


class Deployer(Protocol):
    """Puts a release in place of the one that serves."""

    def __init__(self, drill: Drill) -> None: ...

    def deploy(self, release: Release) -> None:
        """Raises AttemptFailed: the release is not healthy, and the one before it still serves."""
        ...

    def try_out(
        self, release: Release, services: Collection[str]
    ) -> AbstractContextManager[Mapping[str, str]]:
        """Runs these services of it beside what serves; where each answers. Raises AttemptFailed: one is not
        healthy."""
        ...

    def folders(self, root: Path) -> Mapping[str, str]:
        """For each service the folder below `root` that its code runs from, as the operating system has it;
        empty where that cannot be seen."""
        ...


D = TypeVar("D", bound=type[Deployer])
_DEPLOYERS: dict[str, type[Deployer]] = {}


def deploys(runner: str) -> Callable[[D], D]:
    """Registers who deploys the services of a runner."""

    def register(cls: D) -> D:
        _DEPLOYERS[runner] = cls
        return cls

    return register


def deployable(system: System) -> Mapping[str, Service]:
    """The services whose command says where the code is that they run.

    Raises NotApplicable: there is none, so no checkout of a release could ever serve.
    """
    if not system.runs_releases:
        raise NotApplicable(
            f"system {system.name} declares no service whose command names {{path}}, its release's folder"
        )
    return system.runs_releases


def deployer_of(drill: Drill, *, by_runner: bool = False) -> Deployer:
    """Who deploys the services: as processes, which every release can run as, or by their own runner.

    Raises NotApplicable: nobody here deploys with that runner.
    """
    runners = {service.runner for service in deployable(drill.system).values()} - {"process"}
    if not by_runner or not runners:
        return Processes(drill)
    if unknown := sorted(runners - set(_DEPLOYERS)):
        raise NotApplicable(f"releases of a service that {unknown[0]} runs are not pushed here")
    if len(runners) > 1:
        raise NotApplicable(f"the services have several runners: {', '.join(sorted(runners))}")
    return _DEPLOYERS[runners.pop()](drill)


Started = Mapping[str, tuple[Keeper, str]]
"""by service: the process and its URL"""


class Processes:
    """Each release is a process on a port of its own: the old one ends when the new one is healthy."""

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.services = drill.use(Services)
        self.declared = dict(deployable(drill.system))

    def deploy(self, release: Release) -> None:
        self.switch(release, self.start(release))

    def start(self, release: Release, services: Collection[str] | None = None) -> Started:
        """Services of a release beside those that serve, all or none of them. Raises AttemptFailed."""
        started: dict[str, tuple[Keeper, str]] = {}
        try:
            for name, service in self.declared.items():
                if services is not None and name not in services:
                    continue
                variables = self.services.variables.get(name, service.env | release.variables)
                started[name] = self.services.launch_beside(name, release=release, variables=variables)
            for name, (keeper, url) in started.items():
                if why := why_unhealthy(self.declared[name], keeper, url):
                    raise AttemptFailed(
                        f"{name} is not healthy: {why}", doing=f"deploying release {release.name}"
                    )
        except BaseException:
            stop(started)
            raise
        return started

    def switch(self, release: Release, started: Started) -> None:
        """From now on these serve; those before them end."""
        for name, (keeper, url) in started.items():
            old = self.services.running.pop(name, None)
            self.services.running[name], self.services.urls[name] = keeper, url
            self.services.releases[name] = release
            if old is not None:
                old.stop()

    @contextmanager
    def try_out(self, release: Release, services: Collection[str]) -> Iterator[Mapping[str, str]]:
        started = self.start(release, services)
        try:
            yield {name: url for name, (_, url) in started.items()}
        finally:
            stop(started)

    def folders(self, root: Path) -> Mapping[str, str]:
        found = {}
        for name, keeper in self.services.running.items():
            port = int(self.services.urls[name].rpartition(":")[2])
            found[name] = _folder_of(keeper, port, root)
        return found


def why_unhealthy(service: Service, keeper: Keeper, url: str) -> str:
    """Waits until a service is healthy, has ended or its time is up; why it is not, or an empty text.

    One that answers 503 may still be loading, so it gets all its time.
    """
    problem: list[str] = []

    def settled() -> bool:
        problem[:] = filter(None, [probe(url + service.health)])
        return not problem or not keeper.alive

    with suppress(AttemptFailed):
        eventually(settled, within=service.start_limit, what=f"{service.health} answers")
    if problem and not keeper.alive:
        return f"it ended; last it said: {last_words(keeper.log_tail())}"
    return problem[0] if problem else ""


def stop(started: Started) -> None:
    """Ends processes, newest first."""
    for keeper, _ in reversed(list(started.values())):
        keeper.stop()


def _folder_of(keeper: Keeper, port: int, root: Path) -> str:
    """The one folder of `root` that whatever listens on the port works in, or was started with."""
    if keeper.child_pid is None:
        return ""
    family = descendants(keeper.child_pid)
    with suppress(psutil.Error):
        family.append(psutil.Process(keeper.child_pid))
    told: set[str] = set()
    for process in family:
        with suppress(psutil.Error):
            if any(_listens(connection, port) for connection in process.net_connections(kind="inet")):
                told |= _mentioned([process.cwd(), *process.cmdline()], root) or _mentioned(
                    process.environ().values(), root
                )
    return told.pop() if len(told) == 1 else ""


def _listens(connection: object, port: int) -> bool:
    address = getattr(connection, "laddr", None)
    return getattr(connection, "status", "") == psutil.CONN_LISTEN and getattr(address, "port", 0) == port


def _mentioned(texts: Iterable[str], root: Path) -> set[str]:
    """Folders right below `root` that these texts name."""
    pattern = re.compile(re.escape(f"{root}/") + r"[^/\s:=]+")
    return set(pattern.findall("\n".join(texts)))
