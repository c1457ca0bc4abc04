"""What killed runs left on this machine, found without their journals: folders, processes, containers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from rollproof.environments.embedded.scratch import MEMORY, SHORT_ROOTS, usual_roots
from rollproof.environments.keeper_program import PREFIX
from rollproof.environments.leftovers import (
    UNDO,
    folders_in,
    is_kept,
    kept_names,
    remove_leftovers,
)
from rollproof.environments.staging.leftovers import Leftover
from rollproof.errors import BadInput
from rollproof.model.json import Json, JsonObject


def folders_left(*, older: timedelta) -> Iterator[Leftover]:
    """Scratch folders, with the processes that belong to them. One that a keeper looks after stays."""
    for folder in sorted({path for root in _roots() for path in _inside(root)}):
        undo: dict[str, Json] = {"kind": UNDO, "scratch": str(folder), "folders": [str(folder)]}
        try:
            folders_in(undo)
        except BadInput:
            continue  # another user's, or another program's with a name like ours
        made = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
        stays = "its run goes on: a keeper looks after it" if is_kept(folder) else ""
        yield Leftover("folder", str(folder), "", made + older, partial(_drop, undo), stays)


def _roots() -> list[Path]:
    return list(dict.fromkeys([*usual_roots(), *SHORT_ROOTS, MEMORY]))


def _inside(root: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return [path for path in root.glob(f"{PREFIX}*") if path.is_dir()]
    return []


def _drop(undo: JsonObject) -> None:
    remove_leftovers(undo, patience=0.0)


def _remove_containers(name: str) -> None:
    from rollproof.environments.containers.engine import find_engine
    from rollproof.environments.containers.leftovers import remove_all

    with find_engine() as engine:
        remove_all(engine, name)


def containers_left(*, older: timedelta) -> Iterator[Leftover]:
    """What environments have in the engine: containers, networks and volumes, by their label.

    Raises EnvironmentUnavailable when there is an engine, and it cannot be asked. None without one.
    """
    try:
        from rollproof.environments.containers.engine import engine_host, find_engine, nothing_is_at
        from rollproof.environments.containers.leftovers import environments_in
    except ImportError:  # the extra is not installed, so nothing of it is there
        return
    if nothing_is_at(engine_host()):
        return
    with find_engine() as engine:
        found = environments_in(engine)
    kept = kept_names()
    for one in found:
        expires = one.newest + older if one.newest else None
        stays = "its run goes on: a keeper looks after it" if one.environment in kept else ""
        remove = partial(_remove_containers, one.environment)
        yield Leftover(one.kinds[0], one.environment, one.run, expires, remove, stays)
