"""What an environment made in the container engine, removed by its label: at the end, or after a kill."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from docker.errors import APIError, DockerException, NotFound
from requests.exceptions import RequestException

from rollproof.environments.containers.container import LABEL, RUN_LABEL
from rollproof.environments.containers.engine import Engine, find_engine
from rollproof.environments.keeper_program import PREFIX
from rollproof.errors import AttemptFailed, BadInput
from rollproof.model.json import Json, JsonObject
from rollproof.waiting import eventually

UNDO = "containers"
"""`kind` of the undo data."""
SECONDS = 60.0
_FRACTION = re.compile(r"\.\d+")
_NAME = re.compile(re.escape(PREFIX) + r"[0-9a-f]{12}")


def undo_data(environment: str, engine: Engine) -> dict[str, Json]:
    """What a journal must say before anything bears the label of this environment."""
    return {"kind": UNDO, "name": environment, "host": engine.host}


def remove_leftovers(undo: JsonObject) -> list[str]:
    """Removes what bears the label that undo data names; says what there was, a line each. Idempotent.

    Raises:
        BadInput: the undo data names no environment of Rollproof's; nothing is touched.
        EnvironmentUnavailable: its engine does not run, so nobody knows what there is.
        AttemptFailed: something is still there.
    """
    environment = str(undo.get("name"))
    if not _NAME.fullmatch(environment):
        raise BadInput(
            "this is not the name of an environment, so nothing of it is removed",
            where=environment,
            remedy="look at the journal that names it: it was altered, or written by another version",
        )
    with find_engine(str(undo.get("host"))) as engine:
        return remove_all(engine, environment)


def remove_all(engine: Engine, environment: str) -> list[str]:
    """Removes an environment's containers, then its images, networks and volumes, until none is found.

    Again and again, for a function's container may be started while others are removed, and what a
    killed run had just asked of the engine may come a moment later.
    Raises AttemptFailed when something cannot be removed within a minute.
    """
    done: list[str] = []

    def gone() -> bool:
        found = left_of(engine, environment)
        done.extend(line for line in map(_remove, found) if line)
        return not found

    try:
        eventually(gone, within=SECONDS, what="they are gone")
    except (AttemptFailed, DockerException, RequestException) as error:
        raise AttemptFailed(
            "what an environment made in the container engine cannot be removed",
            where=engine.host,
            remedy=f"remove it by hand: `docker ps -a --filter label={LABEL}={environment}`, and the same "
            "with `docker network ls` and `docker volume ls`",
        ) from error
    return done


def left_of(engine: Engine, environment: str) -> list[Any]:
    """Containers, images, networks and volumes that bear the environment's label."""
    return _labelled(engine, f"{LABEL}={environment}")


def _labelled(engine: Engine, label: str) -> list[Any]:
    asked = {"label": label}
    found: list[Any] = list(
        _listed(engine.client.containers.list, all=True, ignore_removed=True, filters=asked)
    )
    found += _listed(engine.client.images.list, filters=asked)
    found += _listed(engine.client.networks.list, filters=asked)
    found += _listed(engine.client.volumes.list, filters=asked)
    return found


def _listed(listing: Callable[..., Iterable[Any]], **asked: Any) -> list[Any]:
    with contextlib.suppress(NotFound):
        return list(listing(**asked))
    return []


def name_of(thing: Any) -> str:
    """An image that a release was built into has no name."""
    return str(getattr(thing, "name", "") or thing.short_id)


def _remove(thing: Any) -> str:
    kind, options = type(thing).__name__.lower(), {}
    if kind == "container":
        options = {"force": True, "v": True}
    elif kind == "image":
        options = {"force": True}
    with contextlib.suppress(NotFound, APIError):  # one that is in use still is tried again
        thing.remove(**options)
        return f"removed {kind} {name_of(thing)}"
    return ""


@dataclass(frozen=True, slots=True)
class Made:
    """All that one environment has in the engine.

    Attributes:
        run: the run that made it; empty when nothing says so.
        newest: when the youngest thing of it was made, UTC; None when the engine does not tell.
        kinds: such as `container`, `network`, `volume`: of each thing, one.
    """

    environment: str
    run: str
    newest: datetime | None
    kinds: tuple[str, ...]


def environments_in(engine: Engine) -> list[Made]:
    """Every environment of Rollproof's that has anything in the engine, by name.

    A label with another kind of value is somebody else's, and so is what bears it.
    """
    by_name: dict[str, list[Any]] = {}
    for thing in _labelled(engine, LABEL):
        name = _labels_of(thing).get(LABEL, "")
        if _NAME.fullmatch(name):
            by_name.setdefault(name, []).append(thing)
    return [_made(name, things) for name, things in sorted(by_name.items())]


def _made(name: str, things: list[Any]) -> Made:
    runs = {run for thing in things if (run := _labels_of(thing).get(RUN_LABEL, ""))}
    times = [_since(thing) for thing in things]
    newest = None if None in times else max(time for time in times if time is not None)
    kinds = tuple(type(thing).__name__.lower() for thing in things)
    return Made(name, next(iter(sorted(runs)), ""), newest, kinds)


def _labels_of(thing: Any) -> dict[str, str]:
    """A container has them in its configuration, a network and a volume at the top."""
    attrs = thing.attrs
    found = (attrs.get("Config") or {}).get("Labels") or attrs.get("Labels") or {}
    return {str(key): str(value) for key, value in found.items()}


def _since(thing: Any) -> datetime | None:
    """A volume's time has the engine's own offset, the others' is UTC with nine digits of a second."""
    said = str(thing.attrs.get("Created") or thing.attrs.get("CreatedAt") or "")
    try:
        found = datetime.fromisoformat(_FRACTION.sub("", said))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
