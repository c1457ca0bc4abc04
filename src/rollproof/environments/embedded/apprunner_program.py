"""The stand-in for App Runner as a program: its API on one port, each service on a port of its own.

Run as a module with one line of JSON as its only argument: where the emulator is, in which folder images
are kept, the port of the API, and which engine runs the images, if one does. HTTP is hypercorn's and
httpx', the API's shapes are botocore's; what is written here is what App Runner does between them.
Everything listens on the loopback address.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from hypercorn.asyncio import serve
from hypercorn.config import Config

from rollproof.environments.embedded.apprunner_api import AppRunner, Service
from rollproof.environments.embedded.apprunner_ecs import Ecs, EcsService
from rollproof.environments.embedded.apprunner_images import Registry
from rollproof.environments.embedded.apprunner_instances import (
    Front,
    ProcessInstance,
    Receive,
    Scope,
    Send,
    Starter,
    answer,
    lifespan,
    listener,
    read_body,
)
from rollproof.environments.embedded.apprunner_model import ApiError, answered, parsed
from rollproof.environments.embedded.apprunner_weights import Weighted
from rollproof.environments.embedded.apprunner_workload import Workload
from rollproof.environments.embedded.ports import LOOPBACK

TARGETS = {"AppRunner": "apprunner", "AmazonEC2ContainerServiceV20141113": "ecs"}
REFUSALS = {"apprunner": "InvalidRequestException", "ecs": "InvalidParameterException"}
HEALTH, INSTANCES, FRONTS = "/_suite/health", "/_suite/instances", "/_suite/front"
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/[^/]*/([^/]+)/")
_JSON = b"application/x-amz-json-1.0"


@dataclass
class Host:
    """Every account's services, and what listens for them."""

    emulator: str
    folder: Path
    stopped: asyncio.Event
    http: httpx.AsyncClient
    start: Starter = ProcessInstance.start
    accounts: dict[tuple[str, str, str], AppRunner | Ecs] = field(default_factory=dict)
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)

    def account(self, number: str, region: str, service: str) -> AppRunner | Ecs:
        key = (number, region, service)
        if key not in self.accounts:
            kind = Ecs if service == "ecs" else AppRunner
            self.accounts[key] = kind(number, region, self.emulator, self.open_service)
        return self.accounts[key]

    async def open_service(self, runner: AppRunner | Ecs) -> tuple[Workload, str]:
        """A workload and the address that its instances are asked at."""
        registry = Registry(self.emulator, self.folder)
        workload = Workload(registry, self.http, runner.account, runner.region, self.start)
        return workload, self.listen(Front(workload.next, self.http))

    def listen(self, app: Callable[..., Any], socket_: socket.socket | None = None) -> str:
        """Serves an application from now on; where."""
        opened = socket_ or listener()
        address = f"{LOOPBACK}:{opened.getsockname()[1]}"
        self.tasks.append(
            asyncio.create_task(serve(app, _config(opened), shutdown_trigger=self.stopped.wait))
        )
        return address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        body = await read_body(receive)
        if scope["path"] in (HEALTH, INSTANCES, FRONTS):
            said = await self._own(scope["path"], json.loads(body or b"{}"))
            await answer(send, 200, json.dumps(said).encode(), b"application/json")
            return
        try:
            done = await self._operate(headers, body)
        except ApiError as error:
            refused = json.dumps({"__type": error.code, "message": error.message}).encode()
            await answer(send, error.status, refused, _JSON, x_amzn_errortype=error.code.encode())
            return
        await answer(send, 200, done, _JSON)

    async def _operate(self, headers: dict[str, str], body: bytes) -> bytes:
        signed = _CREDENTIAL.search(headers.get("authorization", ""))
        if signed is None:
            raise ApiError("MissingAuthenticationTokenException", "the request is not signed", 403)
        target, _, operation = headers.get("x-amz-target", "").rpartition(".")
        service = TARGETS.get(target, "")
        runner = self.account(signed[1], signed[2], service)
        if not service or operation not in runner.names:
            raise ApiError("UnknownOperationException", f"{operation or 'this'} is not provided here")
        given = parsed(service, operation, body, refusal=REFUSALS[service])
        return answered(service, operation, await runner.handle(operation, given))

    async def _own(self, path: str, given: dict[str, Any]) -> Any:
        """What only the suite asks: is it up, which processes run, and a front for a name in Route 53."""
        if path == FRONTS:
            targets = lambda: self._services(given)  # noqa: E731
            weighted = Weighted(self.emulator, given["account"], given["region"], given["domain"], targets)
            return {"address": self.listen(Front(weighted.next, self.http))}
        if path == INSTANCES:
            found = self._services(given)
            return {one.name: {"address": one.url, "processes": one.workload.listed()} for one in found}
        return {}

    def _services(self, given: dict[str, Any]) -> list[Service | EcsService]:
        """All of an account and region."""
        known = ((given["account"], given["region"], service) for service in REFUSALS)
        return [one for key in known if key in self.accounts for one in self.accounts[key].services.values()]

    async def close(self) -> None:
        services = [one for runner in self.accounts.values() for one in runner.services.values()]
        for service in services:
            if service.rolling is not None:
                service.rolling.cancel()
        await asyncio.gather(*(service.workload.stop() for service in services))
        self.stopped.set()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.http.aclose()


def _config(opened: socket.socket) -> Config:
    config = Config()
    config.bind = [f"fd://{opened.detach()}"]
    config.accesslog = None
    config.graceful_timeout = 1.0
    config.loglevel = "WARNING"
    return config


def _starter(engine: dict[str, str] | None) -> Starter:
    """In containers where an engine is named, as processes of this machine elsewhere."""
    if engine is None:
        return ProcessInstance.start
    from rollproof.environments.containers.instances import Containers

    return Containers(**engine).start


async def run(about: dict[str, Any]) -> None:
    """Serves until it is asked to end."""
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    limits = httpx.Limits(max_keepalive_connections=0)
    http = httpx.AsyncClient(trust_env=False, timeout=30.0, limits=limits)
    start = _starter(about.get("engine"))
    host = Host(about["emulator"], Path(about["folder"]), asyncio.Event(), http, start)
    own = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    own.bind((LOOPBACK, about["port"]))
    host.listen(host, own)
    await asked.wait()
    await host.close()


if __name__ == "__main__":
    asyncio.run(run(json.loads(sys.argv[1])))
