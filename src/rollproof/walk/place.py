"""A scratch server for a walk: started when the block begins, gone when it ends, however it ends."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from rollproof.environments.base import OpenEnvironment
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.errors import EnvironmentUnavailable
from rollproof.journal import GENESIS, Event, Kind, Recorder
from rollproof.model.json import JsonObject
from rollproof.model.system import System


class Unwritten(Recorder):
    """A recorder whose events nobody keeps.

    A walk has nothing to heal: its server lives in a scratch folder that a keeper process takes away
    even after kill -9, and nothing outside of it is touched.
    """

    def __init__(self) -> None:
        self.actor = "walk"
        self._numbers = itertools.count(1)

    def begin(self, act: str, data: JsonObject) -> Event:
        return self._event(Kind.BEGIN, act, data)

    def close(self, begun: Event, kind: Kind, data: JsonObject) -> Event:
        return self._event(kind, begun.act, data)

    def note(self, act: str, data: JsonObject) -> Event:
        return self._event(Kind.NOTE, act, data)

    def _event(self, kind: Kind, act: str, data: JsonObject) -> Event:
        return Event(
            seq=next(self._numbers),
            at=datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            mono_ns=time.monotonic_ns(),
            run="walk",
            actor=self.actor,
            kind=kind,
            act=act,
            data=data,
            prev=GENESIS,
        )


@contextmanager
def scratch_environment(
    system: System | None = None, *, major: int | None = None
) -> Iterator[OpenEnvironment]:
    """An open embedded environment; `postgres()` of it starts the server.

    Args:
        system: whose database it is for; its major version is used where there is such a server.
        major: the version, without a system.

    Raises EnvironmentUnavailable with every obstacle and its remedy.
    """
    database = {"migrations": {"path": "."}} | ({"major": major} if major else {})
    described = system or System.model_validate({"system": {"name": "history"}, "database": database})
    environment = EmbeddedEnvironment()
    if obstacles := environment.preflight(described):
        raise EnvironmentUnavailable(
            "; ".join(obstacle.found for obstacle in obstacles),
            doing="starting a scratch server for the walk",
            remedy="; ".join(obstacle.remedy for obstacle in obstacles),
        )
    with environment.open(described, Unwritten()) as opened:
        yield opened
