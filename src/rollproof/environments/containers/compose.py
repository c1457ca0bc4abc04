"""What `docker compose -f docker-compose.localstack.yml up` runs, found by its project's labels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from docker.errors import DockerException
from localstack_client.config import parse_localstack_host
from requests.exceptions import RequestException

from rollproof.environments.base import Obstacle
from rollproof.environments.containers.aws import url_at, what_answers
from rollproof.environments.containers.container import Running
from rollproof.environments.containers.engine import Engine
from rollproof.environments.embedded.cluster import SUPERUSER

FILE = "docker-compose.localstack.yml"
CONFIG_FILES = "com.docker.compose.project.config_files"
SERVICE = "com.docker.compose.service"
PROJECT = "com.docker.compose.project"
DATABASE, EMULATOR = "postgres", "localstack"
"""The services' names in that file."""
_LOCAL = ("127.0.0.1", "localhost", "::1", "localhost.localstack.cloud")
_POSTGRES_PORT = 5432


@dataclass(frozen=True, slots=True)
class Joined:
    """A service of a running compose project.

    Attributes:
        user, password: of Postgres' superuser, as the container was told them.
    """

    running: Running
    project: str
    image: str
    user: str = SUPERUSER
    password: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to join; None for what is not there."""

    postgres: Joined | None = None
    aws: Joined | None = None
    obstacles: Sequence[Obstacle] = ()

    def __bool__(self) -> bool:
        return bool(self.postgres or self.aws)


def find_compose(engine: Engine) -> Found:
    """Looks for the running containers of that file. Nothing is changed."""
    try:
        containers = engine.client.containers.list(filters={"label": CONFIG_FILES})
    except (DockerException, RequestException):
        return Found()
    ours = [container for container in containers if _is_ours(container)]
    aws, obstacle = _emulator(ours)
    return Found(_database(ours), aws, [obstacle] if obstacle else [])


def _is_ours(container: Any) -> bool:
    """Both writers of the label: compose 2 separates several files by commas, so does compose 1."""
    return any(Path(name).name == FILE for name in container.labels.get(CONFIG_FILES, "").split(","))


def _database(containers: Sequence[Any]) -> Joined | None:
    container = _service(containers, DATABASE)
    if container is None:
        return None
    told = dict(item.partition("=")[::2] for item in container.attrs["Config"].get("Env") or ())
    port = _published(container, int(told.get("PGPORT") or _POSTGRES_PORT))
    return _joined(
        container,
        port,
        user=told.get("POSTGRES_USER") or SUPERUSER,
        password=told.get("POSTGRES_PASSWORD") or None,
    )


def _emulator(containers: Sequence[Any]) -> tuple[Joined | None, Obstacle | None]:
    """LocalStack's client says where it should be (LOCALSTACK_HOST, or its usual port); AWS_* never count."""
    container = _service(containers, EMULATOR)
    if container is None:
        return None, None
    host, expected = parse_localstack_host(os.environ.get("LOCALSTACK_HOST", "localhost"))
    if host not in _LOCAL:
        return None, Obstacle(
            f"LOCALSTACK_HOST names {host}, which is not this machine",
            "unset it, or have it name localhost and the port that compose publishes",
        )
    port = _published(container, expected) or _published(container, None)
    return _checked(container, port, expected)


def _checked(container: Any, port: int | None, expected: int) -> tuple[Joined | None, Obstacle | None]:
    if port is None:
        return None, Obstacle(
            f"compose's {EMULATOR} publishes no port on 127.0.0.1 ({expected} was expected)",
            f"publish it in {FILE}: `127.0.0.1:{expected}:{expected}`",
        )
    joined = _joined(container, port)
    if what_answers(url_at(port)) is None and _something_answers(port):
        return None, Obstacle(
            f"compose's {EMULATOR} ({container.name}) runs something on port {port} that is not LocalStack: "
            "it does not answer /_localstack/health as LocalStack does",
            f"see `docker logs {container.name}` and the image that {FILE} names",
        )
    return joined, None


def _something_answers(port: int) -> bool:
    try:
        httpx.get(url_at(port), timeout=5.0, trust_env=False)
    except httpx.HTTPError:
        return False
    return True


def _service(containers: Sequence[Any], name: str) -> Any:
    return next((item for item in containers if item.labels.get(SERVICE) == name), None)


def _published(container: Any, wanted: int | None) -> int | None:
    """The port of this machine at which the container's port can be reached; any of its ports for None."""
    for inside, bindings in sorted((container.ports or {}).items()):
        if wanted is None or inside == f"{wanted}/tcp" or _has(bindings, wanted):
            for binding in bindings or ():
                if binding.get("HostIp") in ("127.0.0.1", "0.0.0.0"):  # noqa: S104  only read
                    return int(binding["HostPort"])
    return None


def _has(bindings: Any, port: int) -> bool:
    return any(binding.get("HostPort") == str(port) for binding in bindings or ())


def _joined(container: Any, port: int | None, **more: Any) -> Joined | None:
    if port is None:
        return None
    running = Running(container, str(container.name), port)
    return Joined(running, container.labels.get(PROJECT, ""), container.attrs["Config"]["Image"], **more)
