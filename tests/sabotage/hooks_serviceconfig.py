"""What saboteurs of services' configuration do."""

from __future__ import annotations

from collections.abc import Mapping

from rollproof.components import serviceconfig
from rollproof.components.aws.telling import known_secrets
from rollproof.components.configfile import ConfigFile
from rollproof.components.service import Services
from rollproof.components.servicecode import Deploys
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.model.aws import Release
from tests.sabotage.hooks import _patched


def one_service_forgotten(drill: Drill, act: Act) -> None:
    """Whoever puts it back thinks of the first service only."""
    configure, first = serviceconfig.configure, next(iter(drill.system.service))

    def first_only(drill: Drill, service: str, changes: Mapping[str, str | None]) -> str:
        return configure(drill, service, changes) if service == first else ""

    _patched(drill, serviceconfig, "configure", first_only)


def only_the_file(drill: Drill, act: Act) -> None:
    """The file is edited and committed, and that is that."""
    _patched(drill, serviceconfig, "configure", lambda drill, service, changes: "")


def only_the_services(drill: Drill, act: Act) -> None:
    """The next deploy will bring the wrong value again."""
    _patched(drill, ConfigFile, "restore", lambda self, changes, message: None)


def secret_overwritten(drill: Drill, act: Act) -> None:
    """All of the example's lines are copied, those that are no values too."""
    serviceconfig.configure(drill, next(iter(drill.system.service)), {"DJANGO_SECRET_KEY": "fill-in"})


def secret_printed(drill: Drill, act: Act) -> None:
    """Somebody notes what he sees."""
    secret = next(iter(known_secrets(drill)))
    drill.recorder.note("observed", {"found": f"it runs with <{secret.value}>"})


def other_code(drill: Drill, act: Act) -> None:
    """Another release is started with it, configured just as this one."""
    services, name = drill.use(Services), next(iter(drill.system.service))
    services.variables[name] = services.configured(name)
    services.releases[name] = drill.use(Deploys).named("broken:handler-bug")
    services.restart(name)


def configuration_stays(drill: Drill, act: Act) -> None:
    """As in July 2019: the code goes back, the configuration that came with it does not."""
    switch = Deploys.switch

    def code_only(self: Deploys, release: Release, *, configuration: bool = True) -> list[str]:
        switch(self, release, configuration=False)
        return []

    _patched(drill, Deploys, "switch", code_only)


def code_stays(drill: Drill, act: Act) -> None:
    """Only the variables are put back."""

    def configuration_only(self: Deploys, release: Release, *, configuration: bool = True) -> list[str]:
        services = self.drill.use(Services)
        for name in list(services.running):
            services.variables[name] = services.configured(name) | dict(release.variables)
            services.restart(name)
        self.releases.append(release)
        return []

    _patched(drill, Deploys, "switch", configuration_only)
