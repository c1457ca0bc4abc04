"""A small world to drill in: things that acts make and a healer removes. All of it is fake, and named so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from rollproof.checks.registry import Check
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.drill.healing import healer
from rollproof.drill.session import DrillSession
from rollproof.environments.base import Environment
from rollproof.errors import AttemptFailed, RollproofError
from rollproof.journal import History, Kind
from rollproof.model.json import Json, JsonObject
from rollproof.model.system import Identity, System
from rollproof.model.verdict import Verdict

FAKE_SYSTEM = System(system=Identity(name="fake"))
SCENARIO = "a.feature::scenario[fake]"


FAILED = AttemptFailed(
    "it did not work", doing="working", where="here", remedy="mend it", facts={"exit_code": 3}
)
LOST = AttemptFailed("the connection broke during COMMIT", facts={"indeterminate": 1})


class FakeCrash(Exception):
    """Nothing of Rollproof's own."""


@dataclass
class World:
    """What is there.

    Attributes:
        things: made and not removed yet.
        stuck: error with which the healer of a thing fails.
        removed: in the order in which the healer was asked to.
    """

    things: set[str] = field(default_factory=set)
    stuck: dict[str, Exception] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)

    def clear(self) -> None:
        self.things.clear()
        self.stuck.clear()
        self.removed.clear()


WORLD = World()


@healer("fake.thing")
def _remove(undo: JsonObject) -> str:
    thing = str(undo["thing"])
    WORLD.removed.append(thing)
    if thing in WORLD.stuck:
        raise WORLD.stuck[thing]
    WORLD.things.discard(thing)
    return f"{thing} removed"


@dataclass(frozen=True)
class FakeAct(Act):
    """Makes a thing, and ends the way it is told to.

    Attributes:
        undo_kind: kind of its undo data; empty for an act that announces none.
        during: called while it runs.
        prepared: raised before it begins.
    """

    thing: str = "thing"
    error: BaseException | None = None
    undo_kind: str = "fake.thing"
    result: JsonObject = field(default_factory=dict)
    during: Callable[[Drill], object] = lambda drill: None
    prepared: RollproofError | None = None
    name = "fake.make"

    def prepare(self, drill: Drill) -> None:
        if self.prepared is not None:
            raise self.prepared

    def describe(self, drill: Drill) -> JsonObject:
        return {"item": self.thing}

    def undo(self, drill: Drill) -> JsonObject | None:
        return {"kind": self.undo_kind, "thing": self.thing} if self.undo_kind else None

    def run(self, drill: Drill) -> JsonObject:
        WORLD.things.add(self.thing)
        self.during(drill)
        if self.error is not None:
            raise self.error
        return self.result


def fake_check(
    answer: Callable[[History], object] | Verdict, *, sees: tuple[str, ...] = (), check_id: str = "fake-check"
) -> Check:
    """A check that is registered nowhere."""

    def function(history: History, **params: Json) -> Verdict:
        return cast(Verdict, answer(history) if callable(answer) else answer)

    return Check(check_id, "the claim holds", function, sees)


class FakeEnvironment:
    """Never opened."""

    name = "fake"


class FakeSteadiness:
    """A session part that finds the environment as it is told to."""

    def __init__(self, session: DrillSession, system: System) -> None:
        self.findings: list[str] = []
        self.error: Exception | None = None

    def unsteady(self) -> list[str]:
        if self.error is not None:
            raise self.error
        return self.findings


@contextmanager
def session_in(folder: Path) -> Iterator[DrillSession]:
    """A session in `folder`, finished afterwards."""
    session = DrillSession(folder=folder, run=folder.name, environment=cast(Environment, FakeEnvironment()))
    try:
        yield session
    finally:
        session.finish("proven")


def begin_drill(session: DrillSession, scenario: str = SCENARIO, **more: Any) -> Drill:
    return session.drill(scenario, FAKE_SYSTEM, about={"name": "scenario"}, **more)


def kinds_of(drill: Drill, act: str) -> list[Kind]:
    """How the events of an act follow each other."""
    return [event.kind for event in drill.history.all(act)]
