"""The containers environment: LocalStack and Postgres in containers, started here or run by compose."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rollproof.environments.base import Obstacle
from rollproof.environments.containers.compose import FILE, Found, find_compose
from rollproof.environments.containers.container import port_taken
from rollproof.environments.containers.engine import Engine, engine_host, find_engine, obstacle_at
from rollproof.environments.containers.images import (
    LOCALSTACK,
    local_image,
    localstack_image,
    needs_token,
    postgres_image,
    wrong_architecture,
)
from rollproof.environments.containers.opened import OpenContainers
from rollproof.environments.embedded.ports import Ports
from rollproof.environments.embedded.scratch import Scratch, choose_root, usual_roots
from rollproof.environments.keeper import Keeper, KeeperSpec
from rollproof.environments.leftovers import undo_data as undo_scratch
from rollproof.errors import AttemptFailed, EnvironmentUnavailable
from rollproof.journal import Kind, Recorder
from rollproof.model.system import System

NEEDED_BYTES = 300 * 2**20
"""For backups and what functions are made of; data and images are the engine's."""


class ContainersEnvironment:
    """LocalStack and Postgres in an engine on this machine: real servers of production's version."""

    name = "containers"

    def __init__(
        self, *, host: str | None = None, scratch_root: Path | None = None, ports: Ports | None = None
    ) -> None:
        """
        Args:
            host: the engine's socket, as DOCKER_HOST names it; looked for when None.
            scratch_root: where the scratch folder goes; the user's temporary folder when None.
        """
        self._host = host
        self._roots = [scratch_root.absolute()] if scratch_root else None
        self._ports = ports or Ports()

    def preflight(self, system: System) -> list[Obstacle]:
        """What stands in the way of `open`; empty when nothing does. Nothing is pulled or started."""
        if sys.platform == "win32":
            return [Obstacle("the containers environment needs Linux or macOS", "use WSL")]
        root = self._root()
        found = [root] if isinstance(root, Obstacle) else []
        if obstacle := obstacle_at(self._host or engine_host()):
            return [*found, obstacle]
        try:
            with find_engine(self._host) as engine:
                return [*found, *_in_engine(engine, system)]
        except EnvironmentUnavailable as error:
            return [*found, Obstacle(f"{error.where}: {error.found}", error.remedy)]

    def _root(self) -> Path | Obstacle:
        return choose_root(self._roots or usual_roots(), account=None, needed=NEEDED_BYTES)

    @contextmanager
    def open(self, system: System, recorder: Recorder) -> Iterator[OpenContainers]:
        """Makes the scratch folder; containers start when they are first asked for.

        The journal names the scratch folder (`environment.open`) and the label that everything in the
        engine will bear (`containers.open`) before any of it is made, each with its undo data.

        Raises:
            EnvironmentUnavailable: every obstacle with its remedy.
            AttemptFailed: at the end, when something could not be removed.
        """
        root = self._checked_root(system)
        scratch = Scratch.name(root)
        with ExitStack() as stack:
            engine = stack.enter_context(find_engine(self._host))
            joined = _to_join(engine, system)
            undo = undo_scratch(scratch.folder)
            with recorder.acting("environment.open", {"environment": self.name, "undo": undo}):
                guardian = Keeper.start(_folder_spec(scratch))
            stack.callback(_close, guardian, recorder)
            opened = OpenContainers(
                engine=engine,
                system=system,
                scratch=scratch.folder,
                guardian=guardian,
                ports=self._ports,
                recorder=recorder,
                joined=joined,
            )
            recorder.note(
                "containers.open", {"host": engine.host, "name": opened.id, "status": _said(joined)}
            )
            stack.callback(opened.stop)
            yield opened

    def _checked_root(self, system: System) -> Path:
        obstacles = self.preflight(system)
        root = None if obstacles else self._root()
        if isinstance(root, Path):
            return root
        obstacles = obstacles or [item for item in [root] if item]
        raise EnvironmentUnavailable(
            "; ".join(obstacle.found for obstacle in obstacles),
            doing="opening the containers environment",
            remedy="; ".join(obstacle.remedy for obstacle in obstacles),
        )


def _to_join(engine: Engine, system: System) -> Found:
    return Found() if system.containers.join == "never" else find_compose(engine)


def _said(joined: Found) -> str:
    found = [item for item in (joined.postgres, joined.aws) if item]
    return f"joins {', '.join(item.running.name for item in found)}" if found else "starts its own"


def _in_engine(engine: Engine, system: System) -> Iterator[Obstacle]:
    """What is in the way although the engine answers."""
    spec, joined = system.containers, _to_join(engine, system)
    yield from joined.obstacles
    if spec.join == "always" and not joined:
        yield Obstacle(
            "no containers of a running compose project were found to join",
            f"`docker compose -f {FILE} up -d --wait`, or set join to auto under [containers]",
        )
    if system.database and not joined.postgres:
        major = system.database.major
        yield from _image(engine, postgres_image(spec, major))
        yield from _port(engine, spec.postgres_port)
    if system.uses_aws and not joined.aws:
        image = localstack_image(spec)
        yield from _image(engine, image)
        yield from _port(engine, spec.aws_port)
        if needs_token(image) and not os.environ.get(spec.token_env):
            yield Obstacle(
                f"image {image} needs a token, and {spec.token_env} is not set",
                f"set {spec.token_env} to a token of LocalStack, or name {LOCALSTACK}, the last image "
                "that needs none",
            )


def _image(engine: Engine, name: str) -> Iterator[Obstacle]:
    if obstacle := wrong_architecture(engine, local_image(engine, name)):
        yield obstacle


def _port(engine: Engine, port: int | None) -> Iterator[Obstacle]:
    if port is None or is_free(port):
        return
    taken = port_taken(engine, port)
    yield Obstacle(taken.found, taken.remedy)


def is_free(port: int) -> bool:
    """Whether nothing listens on this port of the loopback address now."""
    try:
        Ports([port]).take()
    except EnvironmentUnavailable:
        return False
    return True


def _folder_spec(scratch: Scratch) -> KeeperSpec:
    return KeeperSpec(
        name="the scratch folder",
        scratch=scratch.folder,
        make=list(scratch.own_folders(None)),
        remove=[scratch.folder, *scratch.apart],
    )


def _close(guardian: Keeper, recorder: Recorder) -> None:
    begun = recorder.begin("environment.close", {"folder": str(guardian.spec.scratch)})
    left = guardian.stop().left
    if not left:
        recorder.close(begun, Kind.OK, {})
        return
    recorder.close(begun, Kind.FAIL, {"found": "not removed", "folder": list(left)})
    raise AttemptFailed(
        f"what the drill left cannot be removed: {', '.join(left)}", remedy="remove it by hand"
    )
