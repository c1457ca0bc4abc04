"""One container: announced, started through testcontainers, watched, and removed by its label."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil
from docker.errors import APIError, DockerException, NotFound
from requests.exceptions import RequestException
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from rollproof.environments.containers.engine import SETTING, Engine
from rollproof.environments.embedded.ports import LOOPBACK, Ports
from rollproof.errors import EnvironmentUnavailable

LABEL = "dev.rollproof.environment"
"""Every container, network and volume of an environment bears it, with the environment's id."""
RUN_LABEL = "dev.rollproof.run"
"""The run's id, for people who look at `docker ps`."""

_TAKEN = re.compile(
    r"port is already allocated|address already in use|ports are not available", re.IGNORECASE
)
_OTHER_PROCESSOR = re.compile(r"exec format error|does not match the detected host platform", re.IGNORECASE)
_TOKEN = re.compile(
    r"license activation failed|LOCALSTACK_AUTH_TOKEN|no credentials were found in", re.IGNORECASE
)
_PORT_TRIES = 5


class PortTaken(EnvironmentUnavailable):
    """Somebody listens there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """What to start.

    Attributes:
        role: `postgres` or `aws`; the end of its name.
        image: its name and tag; it has been pulled.
        port: on 127.0.0.1, and inside the container too, so that addresses that it hands out hold.
        env: its variables; they may hold secrets, which only the engine gets to see.
        volumes: folders of this machine and volumes, each with where it is in the container and `rw` or `ro`.
        files: what is put into it before it starts, by path.
        health: command that the engine asks whether it is well.
    """

    role: str
    image: str
    port: int
    environment: str
    run: str
    network: str
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    command: Sequence[str] = ()
    volumes: Sequence[tuple[str, str, str]] = ()
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    health: Sequence[str] = ()

    @property
    def name(self) -> str:
        return f"{self.environment}-{self.role}"

    @property
    def labels(self) -> dict[str, str]:
        return {LABEL: self.environment, RUN_LABEL: self.run}


@dataclass(frozen=True, slots=True)
class Running:
    """A container that was started, or one that was found."""

    container: Any
    name: str
    port: int

    @property
    def alive(self) -> bool:
        try:
            self.container.reload()
        except (DockerException, RequestException):
            return False
        return bool(self.container.status == "running")

    @property
    def address(self) -> str:
        """Its address in the first of its networks that has one; empty when it has none."""
        networks = self.container.attrs["NetworkSettings"]["Networks"] or {}
        return next((str(item["IPAddress"]) for item in networks.values() if item.get("IPAddress")), "")

    def log_tail(self, lines: int = 8) -> str:
        """The last lines that it said, at most 4 KB of them."""
        try:
            said = self.container.logs(tail=lines)
        except (DockerException, RequestException):
            return ""
        return str(said.decode(errors="replace")[-4096:].strip())

    def death(self, what: str, found: str = "it has ended") -> EnvironmentUnavailable:
        """What to say when it is not there, or not well."""
        said = self.log_tail()
        lines = " | ".join(line.strip() for line in said.splitlines()[-4:]) or "nothing"
        return EnvironmentUnavailable(
            f"{what} is not there: {found}; last it said: {lines}", where=self.name, remedy=_remedy(said)
        )


def _remedy(said: str) -> str:
    if _OTHER_PROCESSOR.search(said):
        return "its image is for another processor: name one for this machine's under [containers]"
    if _TOKEN.search(said):
        return "this LocalStack wants a token: set LOCALSTACK_AUTH_TOKEN, or name an image up to 4.14.0"
    if "no space left" in said.lower():
        return "make room where the engine keeps its data: `docker system df`, `docker system prune`"
    return "run the drill again; if it happens again, see `docker logs` and whether memory is short"


def start_container(engine: Engine, spec: ContainerSpec) -> Running:
    """Creates and starts it; it need not be ready yet.

    testcontainers' own reaper is not used: its image may not be there, and what a killed run leaves is
    removed by its label from the journal.

    Raises:
        PortTaken: somebody listens on its port.
        EnvironmentUnavailable: the engine does not start it, with why.
    """
    with _own_settings():
        made = _described(engine, spec)
        try:
            made.start()
        except (DockerException, RequestException) as error:
            raise _not_started(engine, spec, error) from error
        finally:
            made.get_docker_client().client.close()
    return Running(engine.client.containers.get(made.get_container_id()), spec.name, spec.port)


def _described(engine: Engine, spec: ContainerSpec) -> DockerContainer:
    made = DockerContainer(
        spec.image,
        docker_client_kw={"environment": {SETTING: engine.host}},
        env=dict(spec.env),
        name=spec.name,
        volumes=list(spec.volumes),
    )
    made.image = spec.image  # a mirror is in its name already
    # Its own ways to say so leave out the address, and take a command as one text.
    made.ports = {f"{spec.port}/tcp": (LOOPBACK, spec.port)}  # type: ignore[dict-item]
    made._command = list(spec.command) or None
    for path, content in spec.files.items():
        made.with_copy_into_container(content, path, 0o666)
    return made.with_kwargs(network=spec.network, labels=spec.labels, **_health(spec.health))


def _health(command: Sequence[str]) -> dict[str, Any]:
    if not command:
        return {}
    second = 10**9
    return {
        "healthcheck": {
            "test": ["CMD", *command],
            "interval": 5 * second,
            "timeout": 5 * second,
            "retries": 3,
        }
    }


@contextlib.contextmanager
def _own_settings() -> Iterator[None]:
    """testcontainers without its reaper, and without what it writes into this process's environment.

    Both are put back, for the tests of a project may use testcontainers themselves.
    """
    reaper, host = testcontainers_config.ryuk_disabled, os.environ.get(SETTING)
    testcontainers_config.ryuk_disabled = True
    try:
        yield
    finally:
        testcontainers_config.ryuk_disabled = reaper
        os.environ.pop(SETTING, None)
        if host is not None:
            os.environ[SETTING] = host


def _not_started(engine: Engine, spec: ContainerSpec, error: Exception) -> EnvironmentUnavailable:
    said = str(getattr(error, "explanation", "") or error).strip()
    remove(engine, spec.name)
    if _TAKEN.search(said):
        return port_taken(engine, spec.port)
    return EnvironmentUnavailable(
        f"the container could not be started: {said}",
        doing=f"starting {spec.image}",
        where=spec.name,
        remedy=_remedy(said),
    )


def port_taken(engine: Engine, port: int) -> PortTaken:
    """Says who it is, as far as can be seen."""
    return PortTaken(
        f"port {port} on {LOOPBACK} is taken by {_holder(engine, port)}",
        doing="starting a container",
        remedy="end it, or name another port under [containers] in the system file, or none: then a free "
        "one is used",
    )


def _holder(engine: Engine, port: int) -> str:
    with contextlib.suppress(DockerException, RequestException):
        for container in engine.client.containers.list():
            bindings = [item for items in (container.ports or {}).values() for item in items or ()]
            if any(item.get("HostPort") == str(port) for item in bindings):
                return f"container {container.name}"
    with contextlib.suppress(psutil.Error, OSError):
        for found in psutil.net_connections("tcp"):
            at = found.laddr.port if found.laddr else 0
            if found.status == psutil.CONN_LISTEN and at == port and found.pid:
                return f"process {found.pid} ({psutil.Process(found.pid).name()})"
    return "another program"


def remove(engine: Engine, name: str) -> None:
    """Removes one container with its anonymous volumes, if it is there."""
    with contextlib.suppress(NotFound, APIError, RequestException):
        engine.client.containers.get(name).remove(force=True, v=True)


def on_a_free_port(start: Callable[[int], Running], fixed: int | None, ports: Ports) -> Running:
    """Calls `start(port)`: with the fixed port, or with free ones until one is still free when it is used."""
    if fixed is not None:
        return start(fixed)
    for _ in range(_PORT_TRIES - 1):
        try:
            return start(ports.take())
        except PortTaken:
            continue
    return start(ports.take())
