"""Instances of a service's release in containers: what its own Dockerfile makes of the files in the registry.

The files are those of the image that the registry holds under the digest that was asked for, each layer held
against its own. The engine builds them by the release's Dockerfile, and says so when that is not possible;
what is started is that image, by its id, published on the loopback address alone. Image and container bear
the environment's label, so they go away with it, also after a kill.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
from docker.errors import BuildError, DockerException, NotFound
from requests.exceptions import RequestException

from rollproof.environments.containers.container import LABEL, RUN_LABEL
from rollproof.environments.embedded.apprunner_images import Pulled, RefusedError
from rollproof.environments.embedded.apprunner_instances import (
    END_SECONDS,
    Instance,
    ProcessInstance,
    command_in,
    last_lines,
)
from rollproof.environments.embedded.ports import LOOPBACK

RECIPE = "Dockerfile"
DIGEST = "dev.rollproof.digest"
"""Label of an image: the digest in the registry whose files it was built of."""
_SECONDS = 300


@dataclass
class Containers:
    """Where containers are started. `start` is a Starter.

    Attributes:
        host: the engine's socket, as a URL.
        environment: id of the environment that all of it belongs to; the name of its network, too.
        run: the run's id.
        ids: of the images that were built, by the digest in the registry.
    """

    host: str
    environment: str
    run: str
    ids: dict[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.client = docker.DockerClient(base_url=self.host, version="auto", timeout=_SECONDS)

    def start(
        self, pulled: Pulled, argv: tuple[str, ...], env: Mapping[str, str], port: int, place: Path
    ) -> Instance:
        """A container, or a process where the release has no Dockerfile. Raises RefusedError."""
        if not (pulled.folder / RECIPE).is_file():
            return ProcessInstance.start(pulled, argv, env, port, place)
        image, inside = self._image(pulled), f"{port}/tcp"
        try:
            container = self.client.containers.run(
                image,
                command_in(argv, port=port, python="python"),
                entrypoint=[],
                name=f"{self.environment}-{place.name}",
                detach=True,
                environment={**pulled.env, **env, "PORT": str(port)},
                labels=self._labels,
                network=self.environment,
                ports={inside: (LOOPBACK,)},
            )
        except (DockerException, RequestException) as error:
            self._remove(f"{self.environment}-{place.name}")
            raise RefusedError(f"its container cannot be started: {_said(error)}") from error
        return ContainerInstance(pulled, _published(container, inside), container)

    @property
    def _labels(self) -> dict[str, str]:
        return {LABEL: self.environment, RUN_LABEL: self.run}

    def _image(self, pulled: Pulled) -> str:
        """Built once for each digest in the registry. Raises RefusedError with what the engine said last."""
        if pulled.digest not in self.ids:
            _open_folders(pulled.folder)
            try:
                image, _ = self.client.images.build(
                    path=str(pulled.folder),
                    labels={**self._labels, DIGEST: pulled.digest},
                    network_mode=self.environment,
                    rm=True,
                    forcerm=True,
                )
            except (BuildError, DockerException, RequestException, TypeError) as error:
                raise RefusedError(f"its image cannot be built: {_said(error)}") from error
            self.ids[pulled.digest] = str(image.id)
        return self.ids[pulled.digest]

    def _remove(self, name: str) -> None:
        """What was created and did not start."""
        with contextlib.suppress(DockerException, RequestException):
            self.client.containers.get(name).remove(force=True, v=True)


def _published(container: Any, inside: str) -> int:
    """The port of this machine that the engine chose; of one that has ended already, none."""
    with contextlib.suppress(DockerException, RequestException):
        container.reload()
    bindings = container.ports.get(inside) or ()
    return next((int(one["HostPort"]) for one in bindings), 0)


def _open_folders(root: Path) -> None:
    """A folder that no layer names has the usual mode in an image; here it got that of a private folder."""
    for path in root.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)


def _said(error: Exception) -> str:
    return last_lines(str(getattr(error, "explanation", "") or error).encode())


@dataclass
class ContainerInstance(Instance):
    """A container of a release's image."""

    container: Any = field(repr=False)

    @property
    def _state(self) -> Mapping[str, Any]:
        try:
            self.container.reload()
        except (DockerException, RequestException):
            return {}
        state: Mapping[str, Any] = self.container.attrs["State"]
        return state

    @property
    def alive(self) -> bool:
        return bool(self._state.get("Running"))

    @property
    def exit_code(self) -> int | None:
        return self._state.get("ExitCode")

    @property
    def seen(self) -> Mapping[str, object]:
        """As the engine has it: its process, its image, and the digest which that was built of."""
        image = self.container.image
        return {
            "pid": self._pid(),
            "folder": "",
            "image": str(image.id),
            "digest": str(image.labels.get(DIGEST, "")),
        }

    def _pid(self) -> int:
        """Of its process; 0 where the engine is in a machine of its own, whose numbers mean others here."""
        pid = int(self._state.get("Pid") or 0)
        with contextlib.suppress(OSError):
            if str(self.container.id) in Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8"):
                return pid
        return 0

    def last_words(self) -> str:
        try:
            return last_lines(self.container.logs(tail=3))
        except (DockerException, RequestException):
            return "nothing"

    async def _stop(self) -> None:
        await asyncio.to_thread(self._stop_now)

    def _stop_now(self) -> None:
        with contextlib.suppress(NotFound, RequestException):
            self.container.stop(timeout=int(END_SECONDS))
        with contextlib.suppress(DockerException, RequestException):
            self.container.remove(force=True, v=True)
