"""One service's releases: rolled out beside the one that serves, switched when well, given up when not."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from rollproof.environments.embedded.apprunner_images import Pulled, RefusedError, Registry, call, client
from rollproof.environments.embedded.apprunner_instances import (
    Health,
    Instance,
    ProcessInstance,
    Starter,
)

PORT = 8080
"""App Runner's, for a service that names none (API Reference, ImageConfiguration)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a release is to run as.

    Attributes:
        image: `ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG` or `@DIGEST`.
        secrets: ARNs of secrets or parameters by the variable that holds their value.
        command: in place of the image's own; empty: the image's.
        port: that it is to listen on, and learns from the variable PORT.
    """

    image: str
    health: Health
    architecture: str
    command: tuple[str, ...] = ()
    count: int = 1
    port: int = PORT
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass
class Workload:
    """The instances of one service.

    Attributes:
        start: starts an instance: a process of this machine, or a container.
        serving: those that get requests, in turn.
        every: all that run, also those that are not well yet or are being drained.
    """

    registry: Registry
    http: httpx.AsyncClient = field(repr=False)
    account: str
    region: str
    start: Starter = ProcessInstance.start
    serving: list[Instance] = field(default_factory=list)
    every: list[Instance] = field(default_factory=list)
    _turn: int = 0

    async def next(self) -> Instance | None:
        """Whose turn it is; None when nothing serves."""
        if not self.serving:
            return None
        self._turn += 1
        return self.serving[self._turn % len(self.serving)]

    async def roll_out(self, wanted: Wanted) -> None:
        """Starts new instances, waits until all are well, gives them the requests and ends the old ones.

        Raises RefusedError: they never were well; they are gone again, and what served serves on.
        """
        try:
            await self._roll_out(wanted)
        except RefusedError:
            raise
        except Exception as error:  # whatever it was: a deployment that never ends tells nobody
            raise RefusedError(f"the image cannot be run: {type(error).__name__}: {error}") from error

    async def _roll_out(self, wanted: Wanted) -> None:
        pulled = await asyncio.to_thread(self.registry.pull, wanted.image, architecture=wanted.architecture)
        env = dict(wanted.env) | await asyncio.to_thread(self._opened, wanted.secrets)
        new: list[Instance] = []
        try:
            for _ in range(wanted.count):
                new.append(await asyncio.to_thread(self._start, pulled, wanted, env))  # noqa: PERF401  what started must be ended
            await asyncio.gather(*(one.wait_until_well(wanted.health, self.http) for one in new))
        except BaseException:
            await self._end(new)
            raise
        old, self.serving = self.serving, new
        await self._end(old)

    def _start(self, pulled: Pulled, wanted: Wanted, env: Mapping[str, str]) -> Instance:
        place = self.registry.folder / f"instance-{secrets.token_hex(6)}"
        instance = self.start(pulled, wanted.command or pulled.argv, env, wanted.port, place)
        self.every.append(instance)
        return instance

    def _opened(self, named: Mapping[str, str]) -> dict[str, str]:
        """Values of secrets and parameters. Raises RefusedError for one that cannot be had."""
        found = {}
        for name, arn in named.items():
            if ":secretsmanager:" in arn:
                asked = client(self.registry.url, self.account, self.region, "secretsmanager")
                found[name] = str(call(asked.get_secret_value, SecretId=arn)["SecretString"])
            else:
                asked = client(self.registry.url, self.account, self.region, "ssm")
                value = call(asked.get_parameter, Name=arn.partition(":parameter")[2], WithDecryption=True)
                found[name] = str(value["Parameter"]["Value"])
        return found

    async def _end(self, instances: list[Instance]) -> None:
        await asyncio.gather(*(one.end() for one in instances))
        self.every = [one for one in self.every if one not in instances]

    async def stop(self) -> None:
        """Ends every instance."""
        self.serving = []
        await self._end(list(self.every))

    def listed(self) -> list[dict[str, object]]:
        """What runs, for whoever wants to look at the processes themselves."""
        return [
            {
                "digest": one.pulled.digest,
                **one.seen,
                "port": one.port,
                "serving": one in self.serving,
            }
            for one in self.every
            if one.alive
        ]
