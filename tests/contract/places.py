"""The environments that the contract holds for: how each is opened, and what it must not leave.

An environment is added by one more function in `PLACES`. Each says for itself why it cannot be had.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rollproof.environments.base import Environment
from rollproof.environments.choice import environment_named
from rollproof.environments.leftovers import find_leftovers
from rollproof.journal import read_journal
from rollproof.model.json import JsonObject
from rollproof.model.system import System

sys.path.insert(0, str(Path(__file__).parents[1] / "staging"))
ASKED = "ROLLPROOF_TEST_CONTAINERS"
"""Set by `make containers`, which sees to it that there are an engine and images."""


def a_system(**more: object) -> System:
    spec: dict[str, object] = {
        "system": {"name": "contract"},
        "database": {"migrations": {"path": "migrations"}},
        "settings": {"parameters": {"kind": "ssm", "path": "/contract/{env}/"}},
    }
    return System.model_validate({**spec, **more})


@dataclass(frozen=True)
class Place:
    """One environment under contract.

    Attributes:
        system: a system with a database and something in AWS.
        missing: why it cannot be had here; empty when it can.
        left: what there still is of one thing that its journal said must be undone.
        makes_server: whether its Postgres server is started for the run alone.
    """

    name: str
    make: Callable[[], Environment]
    left: Callable[[JsonObject], list[str]]
    system: System = field(default_factory=a_system)
    missing: str = ""
    makes_server: bool = True

    def all_left(self, journal: Path) -> list[str]:
        """What there is of everything that a journal announced."""
        announced = [event.data["undo"] for event in read_journal(journal).events if event.data.get("undo")]
        return [line for undo in announced if isinstance(undo, dict) for line in self.left(undo)]


def left_in_folders(undo: JsonObject) -> list[str]:
    """Processes and folders of a scratch folder."""
    if undo.get("kind") != "embedded":
        return []
    found = find_leftovers(Path(str(undo["scratch"])))
    return [*map(str, found.processes), *map(str, found.folders)]


def left_in_engine(undo: JsonObject) -> list[str]:
    """Containers, networks and volumes that bear the label."""
    from rollproof.environments.containers.engine import find_engine
    from rollproof.environments.containers.leftovers import left_of

    if undo.get("kind") != "containers":
        return left_in_folders(undo)
    return [str(item.name) for item in left_of(find_engine(str(undo["host"])), str(undo["name"]))]


def embedded() -> Place:
    return Place("embedded", lambda: environment_named("embedded"), left_in_folders)


def containers() -> Place:
    missing = (
        "" if os.environ.get(ASKED) else f"containers are not asked for: `make containers`, or set {ASKED}"
    )
    system = a_system(
        containers={"join": "never", "localstack_image": os.environ.get("ROLLPROOF_TEST_AWS", "")}
    )
    return Place("containers", lambda: environment_named("containers"), left_in_engine, system, missing)


def staging() -> Place:
    """Reached as a real one is; the stand-in that it leads to is started by the session's tests."""
    from standin import declared_in_environ, left_on_stand_in

    said = declared_in_environ()
    system = a_system(environments={"staging": said} if said else {})
    missing = "" if said else "no stand-in was started for staging"
    return Place(
        "staging",
        lambda: environment_named("staging"),
        lambda undo: left_in_folders(undo) + left_on_stand_in(undo),
        system,
        missing,
        makes_server=False,
    )


PLACES: Sequence[Callable[[], Place]] = (embedded, containers, staging)


def place_named(name: str) -> Place:
    return next(place for place in (make() for make in PLACES) if place.name == name)
