"""Settings in the environment of services; a file in git is their history. See `Settings` of kind
`service-environment`.

What a service is configured by is read from its running process, never from what it was told.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from functools import cached_property

import psutil

from rollproof.components.aws.digests import Digests
from rollproof.components.aws.services import (
    ServiceReleases,
    processes,
    service_settings,
    set_service_settings,
)
from rollproof.components.aws.setting import Restored, Secret, Version, is_secret, names_a_secret
from rollproof.components.configfile import ConfigFile, Revision
from rollproof.components.service import Services
from rollproof.drill.drill import Drill
from rollproof.environments.keeper import INHERITED, MARKER, Keeper
from rollproof.errors import AttemptFailed, BadInput, PreconditionNotMet
from rollproof.model.aws import Settings as Spec
from rollproof.model.fingerprint import Fact
from rollproof.privacy.known import remember_variables

KIND = "service-environment"
_NOT_ITS_OWN = frozenset({*INHERITED, MARKER, "LANG", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"})
_UNSET = "unset"


class ServiceVariables:
    """The variables that several services share: all of them have to be right on each."""

    def __init__(self, drill: Drill, key: str, spec: Spec) -> None:
        """Raises BadInput when it is not declared whole."""
        self.drill, self.spec = drill, spec
        self.where = f"{drill.system.source}: settings.{key}"
        if not spec.services or not spec.history:
            raise BadInput(
                f"settings of kind `{KIND}` need `services` and `history`",
                where=self.where,
                remedy="name the services that share the variables, and the file in git that has them",
            )
        if strangers := [name for name in spec.services if name not in drill.system.service]:
            raise BadInput(
                f"service {strangers[0]!r} is not declared",
                where=f"{self.where}.services",
                remedy=f"name some of: {', '.join(drill.system.service) or 'none is declared'}",
            )
        self._digests = drill.use(Digests)
        self._found: dict[tuple[tuple[str, ...], str, str | None], tuple[Revision, str | None]] = {}

    @cached_property
    def file(self) -> ConfigFile:
        """Its history. Raises BadInput when git has none."""
        opened = self.drill.session.open(self.drill.system)
        return ConfigFile.open(
            self.drill.system.root / str(self.spec.history),
            scratch=opened.scratch / f"configuration-{secrets.token_hex(6)}",
            services=self.spec.services,
            where=f"{self.where}.history",
            shown=str(self.spec.history),
        )

    def facts(self) -> Iterable[Fact]:
        """Each variable of each service as it runs, and as the file says."""
        for service in self.spec.services:
            for name, value in running_variables(self.drill, service).items():
                yield Fact("variable", f"{service} {name}", {"value": self._digests.of(value)})
        for service in self.spec.services:
            for name, value in self.file.of(service).now().variables.items():
                shown = f"{self.spec.history} {service} {name}"
                yield Fact("variable", shown, {"value": self._digests.of(value)})

    def versions(self) -> list[Version]:
        """Each variable that the file or a service has, for each service; `unset` is a value too."""
        newest = self.file.now()
        running = {service: running_variables(self.drill, service) for service in self.spec.services}
        names = sorted({*newest.variables, *self.spec.wrong}.union(*running.values()))
        return [
            Version(f"{service} {name}", newest.commit[:12], self._digest(variables.get(name)))
            for service, variables in running.items()
            for name in names
        ]

    def _digest(self, value: str | None) -> str:
        return _UNSET if value is None else self._digests.of(value)

    def change(self, wrong: Mapping[str, str]) -> list[str]:
        """As a person would: the change is committed, and every service is started anew with it."""
        if hidden := [name for name in wrong if names_a_secret(name)]:
            raise BadInput(
                f"{hidden[0]} is a secret, which no drill changes",
                where=f"{self.where}.wrong",
                remedy="name a variable that is none",
            )
        self._must_be_shared(wrong)
        if self.file.is_compose:
            self._say_what_runs()
        self.file.commit(wrong, f"Change {', '.join(sorted(wrong))}")
        for service in self.spec.services:
            configure(self.drill, service, wrong)
        return [f"{service} {name}" for service in self.spec.services for name in sorted(wrong)]

    def _say_what_runs(self) -> None:
        here = [name for name in self.spec.services if not is_run_by_aws(self.drill, name)]
        if here:
            said = f"{', '.join(here)} of {self.spec.history} run as processes of this machine, no container"
            self.drill.recorder.note("provided", {"name": "docker compose", "found": said})

    def _must_be_shared(self, names: Iterable[str]) -> None:
        """Raises PreconditionNotMet for a variable that one of the services lacks and another has."""
        running = {service: running_variables(self.drill, service) for service in self.spec.services}
        for name in names:
            having = [service for service, variables in running.items() if name in variables]
            lacking = [service for service in running if service not in having]
            if having and lacking:
                raise PreconditionNotMet(
                    f"{name} is set on {', '.join(having)}, and missing on {', '.join(lacking)}",
                    doing="changing a variable that services share",
                    where=self.where,
                    remedy="set it on every service that shares it, or name fewer `services`",
                )

    def restore(self, known: Version) -> Restored:
        """The value before, as the file's history has it; in the file as well as on the service.

        Raises AttemptFailed: it is a secret, or the history has no earlier value.
        """
        service, _, name = known.name.partition(" ")
        if names_a_secret(name):
            raise AttemptFailed(
                f"{name} is a secret: what it was is in no file",
                doing="putting variables back",
                where=known.name,
                remedy="put it back from where secrets are kept, by rotating it if need be",
            )
        revision, value = self._earlier(service, name)
        self.file.of(service).restore({name: value}, f"Put {name} back as it was at {revision.commit[:12]}")
        configure(self.drill, service, {name: value})
        source = f"{self.spec.history} at {revision.commit[:12]}"
        now = running_variables(self.drill, service).get(name)
        return Restored(known.name, source, revision.commit[:12], self._digest(now))

    def _earlier(self, service: str, name: str) -> tuple[Revision, str | None]:
        """Found once for all services of a file that has one value for all of them, so that what was put
        back for one is not taken for the history."""
        file, value = self.file.of(service), running_variables(self.drill, service).get(name)
        key = (file.services, name, value)
        if key not in self._found:
            self._found[key] = file.previous(name, value)
        return self._found[key]

    def secrets(self) -> Iterable[Secret]:
        for service in self.spec.services:
            for name, value in running_variables(self.drill, service).items():
                if is_secret(name, value):
                    yield Secret(f"{service} {name}", value)


def running_variables(drill: Drill, service: str) -> dict[str, str]:
    """The environment that a service's process runs with, without what every program inherits.

    Of one that has ended: what it was started with. Raises PreconditionNotMet: it was never started.
    """
    if is_run_by_aws(drill, service):
        return _of_runner(drill, service)
    keeper = drill.use(Services).running.get(service)
    if keeper is None:
        raise PreconditionNotMet(
            f"service {service} does not run",
            doing="reading its variables",
            remedy="add `Given the services run as they are configured`",
        )
    return variables_of(keeper)


def variables_of(keeper: Keeper) -> dict[str, str]:
    """The environment of one process of a service, as `running_variables`."""
    found: Mapping[str, str] = keeper.spec.env
    try:
        if keeper.alive and keeper.child_pid:
            found = psutil.Process(keeper.child_pid).environ()
    except psutil.Error:  # it ended just now, or the system does not tell
        found = keeper.spec.env
    remember_variables(found)
    return {name: value for name, value in found.items() if name not in _NOT_ITS_OWN}


def is_run_by_aws(drill: Drill, service: str) -> bool:
    """Whether this scenario has deployed the service to App Runner or ECS."""
    return drill.uses(ServiceReleases) and service in drill.use(ServiceReleases).served


def _of_runner(drill: Drill, service: str) -> dict[str, str]:
    """What its runner is told; where its processes can be seen, what they run with."""
    found = service_settings(drill, service)
    for process in processes(drill.use(ServiceReleases), service):
        try:
            real = psutil.Process(int(process["pid"])).environ()
        except psutil.Error:  # it has just ended, or the system does not tell
            continue
        found = {name: real.get(name, _UNSET) for name in found}
    return found


def configure(drill: Drill, service: str, changes: Mapping[str, str | None]) -> str:
    """Starts a service anew with other variables, None taking one out; why it is not healthy, if so."""
    services = drill.use(Services)
    if is_run_by_aws(drill, service):
        wanted = {**service_settings(drill, service), **changes}
        told = {name: value for name, value in wanted.items() if value is not None}
        try:
            set_service_settings(drill, told, service)
        except AttemptFailed as error:  # it goes on with what it had, which whoever reads it sees
            return error.found
        return ""
    wanted = {**services.configured(service), **changes}
    services.variables[service] = {name: value for name, value in wanted.items() if value is not None}
    return services.restart(service)
