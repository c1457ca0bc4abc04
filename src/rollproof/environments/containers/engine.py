"""The container engine of this machine: found, asked, and why it cannot be."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import docker
from docker.context import ContextAPI
from docker.errors import DockerException
from requests.exceptions import RequestException

from rollproof.environments.base import Obstacle
from rollproof.errors import EnvironmentUnavailable

SETTING = "DOCKER_HOST"
DEFAULT = "unix:///var/run/docker.sock"
TIMEOUT_SECONDS = 120
_ANSWER_SECONDS = 15
_INSTALL = (
    "install Docker and start it (Debian, Ubuntu: `apt-get install docker.io`; macOS: Docker Desktop or "
    "Colima), or drill with --environment embedded, which needs none"
)


@dataclass(frozen=True)
class Engine:
    """An engine that answers.

    Attributes:
        host: its socket as a URL, such as `unix:///var/run/docker.sock`.
    """

    client: docker.DockerClient
    host: str

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    @cached_property
    def about(self) -> dict[str, object]:
        """What the engine says of itself."""
        return dict(self.client.info())

    @property
    def architecture(self) -> str:
        """Of the engine's machine, in the words that images use: `amd64`, `arm64`."""
        from rollproof.environments.containers.images import architecture_word

        return architecture_word(str(self.about.get("Architecture") or ""))

    @property
    def said(self) -> str:
        """For the report: `Docker 28.2.2`."""
        name = "Podman" if "podman" in str(self.client.version()).lower() else "Docker"
        return f"{name} {self.about.get('ServerVersion')}"


def engine_host() -> str:
    """Where the engine should be: DOCKER_HOST, the docker client's current context, the usual sockets."""
    if given := os.environ.get(SETTING):
        return given
    context = _context()
    if context and context != DEFAULT:
        return context
    found = [f"unix://{path}" for path in _usual_sockets() if os.path.exists(path)]  # noqa: PTH110  may be closed
    return found[0] if found else DEFAULT


def _context() -> str:
    with contextlib.suppress(Exception):  # a broken configuration of the client is not ours to explain
        return str(getattr(ContextAPI.get_current_context(), "Host", "") or "")
    return ""


def _usual_sockets() -> Iterator[Path]:
    yield Path("/var/run/docker.sock")
    if own := os.environ.get("XDG_RUNTIME_DIR"):
        yield from (Path(own) / "docker.sock", Path(own) / "podman" / "podman.sock")
    with contextlib.suppress(RuntimeError):
        yield from (Path.home() / ".docker/run/docker.sock", Path.home() / ".colima/default/docker.sock")


def find_engine(host: str | None = None) -> Engine:
    """The engine at `host`, or where it should be. Raises EnvironmentUnavailable with what is in the way."""
    where = host or engine_host()
    if obstacle := obstacle_at(where):
        raise EnvironmentUnavailable(
            obstacle.found, doing="talking to the container engine", where=where, remedy=obstacle.remedy
        )
    try:
        client = docker.DockerClient(base_url=where, version="auto", timeout=_ANSWER_SECONDS)
        client.ping()
        client.api.timeout = TIMEOUT_SECONDS  # pulling and starting take longer than answering
    except (DockerException, RequestException) as error:
        raise EnvironmentUnavailable(
            f"what answers there is no container engine: {error}",
            doing="talking to the container engine",
            where=where,
            remedy=f"see what {SETTING} says, and whether `docker info` works",
        ) from error
    return Engine(client, where)


def nothing_is_at(host: str) -> bool:
    """Whether there is no engine at all: not one that does not answer, or that one may not use."""
    url = urlsplit(host)
    return url.scheme == "unix" and not os.path.lexists(url.path)


def obstacle_at(host: str) -> Obstacle | None:
    """Why no engine can be talked to there, found by knocking; None when somebody answers."""
    url = urlsplit(host)
    if url.scheme != "unix":
        return Obstacle(
            f"the container engine at {host} is not on this machine, or cannot be known to be: its "
            "containers would not answer on 127.0.0.1",
            f"use an engine with a Unix socket: unset {SETTING}, or `docker context use default`",
        )
    try:
        with socket.socket(socket.AF_UNIX) as knock:
            knock.settimeout(_ANSWER_SECONDS)
            knock.connect(url.path)
    except OSError as error:
        return _because(error, Path(url.path))
    return None


def _because(error: OSError, path: Path) -> Obstacle:
    if error.errno in (errno.EACCES, errno.EPERM):
        return Obstacle(
            f"you have no permission on the container engine's socket {path}{_owned_by(path)}",
            "have yourself added to that group (`sudo usermod -aG docker $USER`, then sign in again); it "
            "gives the rights of root. A rootless engine needs no group",
        )
    if error.errno == errno.ENOENT:
        return Obstacle(f"there is no container engine: nothing is at {path}", _INSTALL)
    if error.errno == errno.ECONNREFUSED:
        return Obstacle(
            f"the container engine does not run: nobody answers at {path}",
            "start it: `systemctl start docker`, or Docker Desktop",
        )
    return Obstacle(f"the container engine at {path} does not answer ({error.strerror or error})", _INSTALL)


def _owned_by(path: Path) -> str:
    try:
        status = path.stat()
        return f" ({stat.filemode(status.st_mode)}, of group {path.group()})"
    except (OSError, KeyError):
        return ""
