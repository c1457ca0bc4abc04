"""What saboteurs of services' configuration do."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from rollproof.components import announcing, identifying, serviceconfig
from rollproof.components.aws.telling import known_secrets
from rollproof.components.configfile import ConfigFile
from rollproof.components.service import Services
from rollproof.components.servicecode import Deploys
from rollproof.diagnosis.deploys import Blamed, Served
from rollproof.drill import drill as drill_module
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.environments.keeper import Keeper
from rollproof.evidence import postmortem
from rollproof.journal import History
from rollproof.model.aws import Release
from tests.sabotage.hooks import _patched


def one_service_forgotten(drill: Drill, act: Act) -> None:
    """Whoever puts it back thinks of the first service only."""
    configure, first = serviceconfig.configure, next(iter(drill.system.service))

    def first_only(drill: Drill, service: str, changes: Mapping[str, str | None]) -> str:
        return configure(drill, service, changes) if service == first else ""

    _patched(drill, serviceconfig, "configure", first_only)


def own_configuration_tried(drill: Drill, act: Act) -> None:
    """What is tried is the old code with the variables that it was made for, which says nothing."""
    beside = Services.launch_beside

    def tried(
        self: Services, name: str, *, release: Release, variables: Mapping[str, str]
    ) -> tuple[Keeper, str]:
        return beside(self, name, release=release, variables={**variables, **release.variables})

    _patched(drill, Services, "launch_beside", tried)


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
    """Somebody notes what he sees past the journal, which cuts what it knows for a secret."""
    secret = next(iter(known_secrets(drill)))
    noted = drill.recorder.journal.path.with_name("noted.json")
    noted.write_text(json.dumps({"found": f"it runs with <{secret.value}>"}), encoding="utf-8")


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


def blames_another(drill: Drill, act: Act) -> None:
    """It was the release before, surely."""
    blame = identifying.blame

    def the_one_before(served: Sequence[Served]) -> Blamed:
        found = blame(served)
        return replace(found, release=found.before)

    _patched(drill, identifying, "blame", the_one_before)


def page_forgotten(drill: Drill, act: Act) -> None:
    """Only the team is told."""
    _patched(drill, announcing.Announcements, "channels", lambda self: [announcing.CHAT])
    observed = announcing.look_at_announcements

    def all_channels(drill: Drill) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                announcing.Announcements, "channels", lambda self: [announcing.CHAT, announcing.PAGE]
            )
            observed(drill)

    drill_module._OBSERVERS["announcements"] = all_channels
    drill.on_heal(lambda: drill_module._OBSERVERS.update(announcements=observed))


def cause_invented(drill: Drill, act: Act) -> None:
    """Whoever drafts it knows better."""
    _written(drill, "**To be filled in by a person.**", "The database was overloaded.")


def impact_played_down(drill: Drill, act: Act) -> None:
    """Hardly anybody noticed."""
    draft = postmortem.draft

    def less(history: History, *, language: str = "en") -> str:
        return re.sub(r"\| \d+ of (\d+) ", r"| 0 of \1 ", draft(history, language=language))

    _patched(drill, postmortem, "draft", less)


def _written(drill: Drill, text: str, other: str) -> None:
    draft = postmortem.draft
    _patched(drill, postmortem, "draft", lambda history: draft(history).replace(text, other, 1))


def spins(drill: Drill, act: Act) -> None:
    """A thread of the worker never rests."""
    _beside_the_worker(drill, "while True: pass")


def leaks(drill: Drill, act: Act) -> None:
    """A thread of the worker keeps what it has made."""
    _beside_the_worker(drill, "kept = []\nwhile len(kept) < 100: kept.append(b'x' * 2**22); time.sleep(0.1)")


def logs_errors(drill: Drill, act: Act) -> None:
    """A thread of the worker complains."""
    _beside_the_worker(
        drill, "while True: print('ERROR: the queue cannot be reached', flush=True); time.sleep(0.1)"
    )


def _beside_the_worker(drill: Drill, body: str) -> None:
    """The last service is started with a thread more, and works on."""
    services, name = drill.use(Services), list(drill.system.service)[-1]
    command = drill.system.service[name].command
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    program = (
        f"import runpy, sys, threading, time\ndef work():\n{lines}\n"
        "threading.Thread(target=work, daemon=True).start()\n"
        "sys.path.insert(0, sys.argv[1].rpartition('/')[0])\nrunpy.run_path(sys.argv[1], run_name='__main__')"
    )
    changed = drill.system.service[name].model_copy(
        update={"command": (command[0], "-c", program, *command[1:])}
    )
    drill.system = drill.system.model_copy(update={"service": {**drill.system.service, name: changed}})
    services.restart(name)


def runner_not_told(drill: Drill, act: Act) -> None:
    """The update of the service was accepted, and nothing came of it."""
    _patched(drill, serviceconfig, "set_service_settings", lambda drill, variables, name: None)
