"""The AWS emulator of the embedded environment: ministack as a process on the loopback address."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import httpx

from rollproof.environments.base import AwsEndpoint
from rollproof.environments.embedded.ports import LOOPBACK
from rollproof.environments.keeper import Folder, Keeper, KeeperSpec, inherited_environment
from rollproof.errors import AttemptFailed, EnvironmentUnavailable
from rollproof.waiting import eventually

DEFAULT_ACCOUNT = "000000000000"
REGION = "us-east-1"
START_SECONDS = 30.0
_HEALTH = "/_ministack/health"


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator. Its accounts are the 12 digits of the access key, made by being used."""

    keeper: Keeper
    port: int
    version: str

    @classmethod
    def start(cls, *, scratch: Path, guardian: Keeper, port: int) -> Emulator:
        """Starts it and waits until it answers.

        Args:
            scratch: the run's folder; what functions leave in their temporary folders goes away with it.

        Raises EnvironmentUnavailable: not installed, or it does not answer; with the end of its log.
        """
        name = _installed()
        folder = scratch / f"emulator-{port}"
        spec = KeeperSpec(
            name="the AWS emulator",
            scratch=scratch,
            argv=(sys.executable, "-m", "ministack"),
            env=inherited_environment("LANG")
            | {
                "BIND_HOST": LOOPBACK,
                "GATEWAY_PORT": str(port),
                "TMPDIR": str(folder),
                "PYTHONDONTWRITEBYTECODE": "1",
                "AWS_EC2_METADATA_DISABLED": "true",
            },
            cwd=scratch,
            log=scratch / f"emulator-{port}.log",
            make=[Folder(path=folder)],
            ladder=((signal.SIGTERM, 3.0),),
        )
        emulator = cls(Keeper.start(spec, within=guardian), port, name)
        try:
            emulator.wait_until_healthy()
        except BaseException:
            emulator.stop()
            raise
        return emulator

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        return self.keeper.child_pid

    @property
    def alive(self) -> bool:
        return self.keeper.alive

    def wait_until_healthy(self) -> None:
        """Raises EnvironmentUnavailable when it has ended, or does not answer in time."""

        def healthy() -> bool:
            if not self.alive:
                raise AttemptFailed("it ended")
            try:
                return httpx.get(self.url + _HEALTH, timeout=5.0, trust_env=False).status_code == 200
            except httpx.HTTPError:
                return False

        try:
            eventually(healthy, within=START_SECONDS, what="the AWS emulator answers")
        except AttemptFailed as error:
            raise self.death(error.found) from error

    def death(self, found: str = "it has ended") -> EnvironmentUnavailable:
        """What to say when it is not there any more."""
        said = " | ".join(self.keeper.log_tail(3).splitlines()) or "nothing"
        return EnvironmentUnavailable(
            f"the AWS emulator is not there: {found}; last it said: {said}",
            where=self.url,
            remedy="run the drill again; if it happens again, look whether memory is short",
        )

    def account(self, number: str) -> AwsEndpoint:
        """One of its accounts."""
        return AwsEndpoint(
            url=self.url,
            region=REGION,
            account=number,
            access_key=number,
            secret_key="of-an-emulator",  # noqa: S106  it takes any
            emulator=self.version,
            private=True,
        )

    def stop(self) -> None:
        self.keeper.stop()


def _installed() -> str:
    try:
        return f"ministack {version('ministack')}"
    except PackageNotFoundError as error:
        raise EnvironmentUnavailable(
            "the AWS emulator is not installed",
            doing="opening the embedded environment",
            remedy="pip install 'rollproof[embedded]'",
        ) from error
