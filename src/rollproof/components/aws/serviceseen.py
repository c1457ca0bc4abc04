"""What a service whose releases are images is now: who answers, from which files, under which weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from rollproof.components.aws.images import tree_digest
from rollproof.components.aws.services import (
    ServiceReleases,
    processes,
    service_settings,
    set_service_settings,
)
from rollproof.components.aws.serviceundo import undo_service
from rollproof.components.aws.shares import ASKED, Shares, ask
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill, observer
from rollproof.errors import AttemptFailed, NotApplicable, PreconditionNotMet
from rollproof.model.json import Json, JsonObject
from rollproof.model.system import Flag

FLAG_ASKED = 20


@observer("service releases")
def look_at_services(drill: Drill) -> None:
    """Asks the service who it is, through the address that clients use, and looks at its processes."""
    releases = drill.use(ServiceReleases)
    items: list[Json] = [_seen(drill, releases, key) for key in releases.served]
    drill.recorder.note("services.seen", {"label": "after", "items": items})


def _seen(drill: Drill, releases: ServiceReleases, key: str) -> dict[str, Json]:
    shared = key in releases.fronts
    answers, failed = ask(releases, key, ASKED if shared else FLAG_ASKED)
    runner = releases.runner(key)
    seen: dict[str, Json] = {
        "service": key,
        "answers": dict(answers),
        "failed": failed,
        "image": runner.image,
        "status": runner.status,
        "processes": [_process(one) for one in processes(releases, key)],
        "other_variables": [*_other_variables(releases, key)],
    }
    return seen | ({"weights": dict(drill.use(Shares).weights())} if shared else {})


def _other_variables(releases: ServiceReleases, key: str) -> list[str]:
    """Names of variables that are other now than when this release first served; never a value."""
    served = releases.served[key]
    first = next(one for one in served if one.digest == served[-1].digest).variables
    current = releases.runner(key).variables()
    return sorted(name for name in first.keys() | current.keys() if first.get(name) != current.get(name))


def _process(one: dict[str, object]) -> dict[str, Json]:
    """Of a process: which image it was started from, and what files it works in, read here.

    Of a container: which image the engine says that it is of. Which of the release's files are in it, and
    where, is its Dockerfile's to say.
    """
    seen: dict[str, Json] = {"digest": str(one["digest"]), "serving": bool(one["serving"])}
    if image := one.get("image"):
        return {**seen, "tree": "", "image": str(image)}
    try:
        folder = psutil.Process(int(str(one["pid"]))).cwd()
    except psutil.Error:
        folder = ""
    return {**seen, "tree": tree_digest(Path(folder)) if folder else ""}


def _flag(drill: Drill, key: str) -> Flag:
    flag = drill.system.service[key].flag
    if flag is None:
        raise NotApplicable(f"[service.{key}] declares no `flag`")
    return flag


def note_flag(drill: Drill, label: str) -> tuple[int, int]:
    """Asks the flag's path and notes how often it was on and off; neither when it answered with an error."""
    releases = drill.use(ServiceReleases)
    key = releases.key()
    flag, url = _flag(drill, key), releases.url(key)
    on = off = 0
    for _ in range(FLAG_ASKED):
        try:
            status = httpx.get(
                url + flag.path, timeout=10.0, trust_env=False, verify=url.startswith("https:")
            )
        except httpx.HTTPError:
            continue
        off += status.status_code == flag.off_status
        on += status.status_code != flag.off_status and status.status_code < 500
    numbers: dict[str, Json] = {"on": on, "off": off, "asked": FLAG_ASKED}
    drill.recorder.note("flag.seen", {"label": label, "name": flag.variable, "numbers": numbers})
    return on, off


@observer("flag")
def look_at_flag(drill: Drill) -> None:
    """Is the flag on or off, by what the service answers?"""
    note_flag(drill, "after")


@dataclass(frozen=True)
class FlagIsOn(Act):
    """Makes sure that what the flag brings is there."""

    name = "flag.remember"

    def prepare(self, drill: Drill) -> None:
        _flag(drill, drill.use(ServiceReleases).key())

    def run(self, drill: Drill) -> JsonObject:
        on, off = note_flag(drill, "before")
        if off or not on:
            raise PreconditionNotMet(
                f"the flag is not on: of {FLAG_ASKED} answers {on} say that it is, {off} that it is off",
                doing="looking at the feature flag",
                where=str(drill.system.source),
                remedy="turn it on in the service's `env`, or correct `path` and `off_status` of its flag",
            )
        return {"count": on}


@dataclass(frozen=True)
class TurnFlagOff(Act):
    """Turns the feature off by its variable; the code that serves stays what it is."""

    name = "flag.roll_back"

    def undo(self, drill: Drill) -> JsonObject | None:
        return undo_service(drill, drill.use(ServiceReleases).key())

    def run(self, drill: Drill) -> JsonObject:
        key = drill.use(ServiceReleases).key()
        flag = _flag(drill, key)
        known = service_settings(drill, key)
        if known.get(flag.variable) is None:
            raise AttemptFailed(f"the service has no variable {flag.variable}", where=key)
        set_service_settings(drill, {**known, flag.variable: flag.off}, key)
        drill.incident("executed")
        return {"name": flag.variable}
