"""App Runner where an emulator has none: provided by the suite, kept like every other program.

Each release really runs, from the files of the image that the registry holds: as processes of this machine,
or, where an engine is there and the release has a Dockerfile, in containers.
What App Runner promises is what `apprunner_program` does: the new release beside the old one, requests
switched when its health check says so, and the old one serving on when it never does.
"""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from rollproof.environments.base import AwsEndpoint, OpenEnvironment
from rollproof.environments.embedded.ports import LOOPBACK
from rollproof.environments.keeper import Folder, Keeper, KeeperSpec, inherited_environment
from rollproof.errors import AttemptFailed, EnvironmentUnavailable
from rollproof.waiting import eventually

START_SECONDS = 30.0
PROGRAM = "rollproof.environments.embedded.apprunner_program"


@dataclass(frozen=True, slots=True)
class AppRunnerHost:
    """The running program. Its accounts are those of the emulator that it stands beside."""

    keeper: Keeper
    port: int

    @classmethod
    def start(cls, *, environment: OpenEnvironment, endpoint: AwsEndpoint) -> AppRunnerHost:
        """Starts it and waits until it answers.

        Raises EnvironmentUnavailable: the endpoint is AWS itself, which has App Runner, or the program
        does not start; with the end of its log.
        """
        if endpoint.url is None:
            raise EnvironmentUnavailable("App Runner is there: this is AWS itself")
        port = environment.free_port()
        folder = environment.scratch / f"apprunner-{port}"
        about = {"emulator": endpoint.url, "port": port, "folder": str(folder)}
        engine: dict[str, str] = getattr(environment, "engine_for_images", dict)()  # of those that have one
        spec = _spec(environment.scratch, folder, {**about, **({"engine": engine} if engine else {})})
        host = cls(Keeper.start(spec, within=environment.guardian), port)
        try:
            host._wait()
        except BaseException:
            host.stop()
            raise
        return host

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def front(self, endpoint: AwsEndpoint, domain: str) -> str:
        """Opens a front that follows the weights which Route 53 has for a name; its base URL."""
        said = self._ask("/_suite/front", endpoint, domain=domain)
        return f"http://{said['address']}"

    def instances(self, endpoint: AwsEndpoint, service: str) -> list[dict[str, Any]]:
        """A service's processes: pid, digest, folder, port, whether it gets requests."""
        found: list[dict[str, Any]] = (
            self._ask("/_suite/instances", endpoint).get(service, {}).get("processes", [])
        )
        return found

    def address(self, endpoint: AwsEndpoint, service: str) -> str:
        """Where a service that has no address of its own, as those of ECS, is asked; its base URL."""
        return f"http://{self._ask('/_suite/instances', endpoint)[service]['address']}"

    def _ask(self, path: str, endpoint: AwsEndpoint, **more: str) -> dict[str, Any]:
        about = {"account": endpoint.account, "region": endpoint.region, **more}
        try:
            answer = httpx.post(self.url + path, json=about, timeout=10.0, trust_env=False)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise self._gone(type(error).__name__) from error
        said: dict[str, Any] = answer.json()
        return said

    def _wait(self) -> None:
        def up() -> bool:
            if not self.keeper.alive:
                raise AttemptFailed("it ended")
            try:
                return httpx.get(f"{self.url}/_suite/health", timeout=2.0, trust_env=False).is_success
            except httpx.HTTPError:
                return False

        try:
            eventually(up, within=START_SECONDS, what="it answers")
        except AttemptFailed as error:
            raise self._gone(error.found) from error

    def _gone(self, found: str) -> EnvironmentUnavailable:
        said = " | ".join(self.keeper.log_tail(3).splitlines()) or "nothing"
        return EnvironmentUnavailable(
            f"the stand-in for App Runner is not there: {found}; last it said: {said}", where=self.url
        )

    def stop(self) -> None:
        self.keeper.stop()


def _spec(scratch: Path, folder: Path, about: dict[str, Any]) -> KeeperSpec:
    return KeeperSpec(
        name="the stand-in for App Runner",
        scratch=scratch,
        argv=(sys.executable, "-m", PROGRAM, json.dumps(about)),
        env=inherited_environment("LANG", "VIRTUAL_ENV") | {"PYTHONDONTWRITEBYTECODE": "1"},
        cwd=scratch,
        log=scratch / f"apprunner-{about['port']}.log",
        make=[Folder(path=folder)],
        ladder=((signal.SIGTERM, 10.0),),
    )
