"""Shutting a system whose credentials are in other hands, or whose writes must stop, and opening it again."""

from __future__ import annotations

from dataclasses import dataclass

from rollproof.components.aws.front import SERVED, ask_front, ask_functions
from rollproof.components.aws.gate import Gate
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed
from rollproof.model.json import JsonObject
from rollproof.waiting import eventually

SPREAD_SECONDS = 30.0
"""How long it may take until a new concurrency holds for every request."""


@dataclass(frozen=True)
class ShutSystem(Act):
    """No function runs from now on, whoever calls it; then everything is asked once."""

    name = "system.shut"

    def undo(self, drill: Drill) -> JsonObject | None:
        return drill.use(Gate).undo()

    def run(self, drill: Drill) -> JsonObject:
        gate = drill.use(Gate)
        drill.on_heal(lambda: _open(gate))
        names = gate.shut()
        wait_until_shut(drill)
        ask_front(drill, "shut")
        return {"items": [*names]}


@dataclass(frozen=True)
class OpenSystem(Act):
    """Every function may run again as much as before."""

    name = "system.open"

    def run(self, drill: Drill) -> JsonObject:
        ask_front(drill, "shut")
        return {"items": [*drill.use(Gate).open()]}


def wait_until_shut(drill: Drill) -> None:
    """On AWS it takes a moment. What still runs after that is for a check to judge."""
    try:
        eventually(
            lambda: SERVED not in ask_functions(drill).values(),
            within=SPREAD_SECONDS,
            what="no function runs",
        )
    except AttemptFailed as error:
        drill.recorder.note("front.not_shut", {"found": error.found})


def _open(gate: Gate) -> None:
    gate.open()
