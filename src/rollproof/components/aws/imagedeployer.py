"""A pipeline that makes an image of each checkout and has App Runner serve it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.serviceacts import DeployService
from rollproof.components.aws.services import key_of
from rollproof.components.deployers import Processes, deployable, deploys, stop
from rollproof.drill.drill import Drill
from rollproof.errors import NotApplicable
from rollproof.model.aws import Release


@deploys("apprunner")
class Images:
    """Services whose releases are images go through the registry; those beside them stay processes.

    Only in an account of the drill's own: a push announces nothing that could be undone in another.
    """

    def __init__(self, drill: Drill) -> None:
        if not drill.use(Cloud).endpoint.private:
            raise NotApplicable("the account outlives the drill, so no pipeline of a drill may deploy to it")
        self.drill = drill
        self.beside = Processes(drill)
        self.keys = [name for name, spec in deployable(drill.system).items() if spec.runner == "apprunner"]
        for name in self.keys:
            self.beside.declared.pop(key_of(drill, name))

    def deploy(self, release: Release) -> None:
        started = self.beside.start(release)
        try:
            for key in self.keys:
                folder = Path(release.path or "")
                DeployService(service=key, by="digest", folder=folder, version=release.name).run(self.drill)
        except BaseException:
            stop(started)
            raise
        self.beside.switch(release, started)

    def try_out(
        self, release: Release, services: Collection[str]
    ) -> AbstractContextManager[Mapping[str, str]]:
        return Processes(self.drill).try_out(release, services)

    def folders(self, root: Path) -> Mapping[str, str]:
        """What runs in a container shows no folder: its answers have to tell."""
        return {**dict.fromkeys(self.keys, ""), **self.beside.folders(root)}
