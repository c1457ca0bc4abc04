"""What saboteurs do to the matrix of code, schema and rows, and to a rollback in an order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rollproof.compatibility.model import CURRENT, PREVIOUS, Cell, Matrix
from rollproof.components.compatibility import databases, matrix, order
from rollproof.components.compatibility.releases import Pair
from rollproof.components.compatibility.running import Processes, Running
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.model.system import Compatibility
from tests.sabotage.hooks import _patched


def old_code_from_the_new_folder(drill: Drill, act: Act) -> None:
    """Whoever starts the older code forgets to check it out."""
    shipped = drill.use(Pair).shipped
    shipped[PREVIOUS] = replace(shipped[PREVIOUS], folder=shipped[CURRENT].folder)


def schema_not_taken_back(drill: Drill, act: Act) -> None:
    """What should be the older schema is the newer one."""
    _patched(drill, databases, "back", lambda templates, database, going: "")


def no_rows_of_the_new_code(drill: Drill, act: Act) -> None:
    """The newer code never writes before the older one is asked."""
    write = matrix.Walk._write

    def only_older(self: matrix.Walk, running: Mapping[str, Running], place: int) -> None:
        if place != matrix.NEWER:
            write(self, running, place)

    _patched(drill, matrix.Walk, "_write", only_older)


def endpoint_skipped(drill: Drill, act: Act) -> None:
    """The one that breaks is not asked."""
    ask = matrix.Walk._ask

    def all_but_one(self: matrix.Walk, cell: Cell, running: Mapping[str, Running], place: int) -> None:
        every = self.questions
        self.questions = [question for question in every if "before" not in question.asked.name]
        ask(self, cell, running, place)
        self.questions = every

    _patched(drill, matrix.Walk, "_ask", all_but_one)


def cell_left_out(drill: Drill, act: Act) -> None:
    """Nobody tries what happens once the database has been taken back."""
    _patched(drill, matrix.Walk, "_back", lambda self: None)


def error_swallowed(drill: Drill, act: Act) -> None:
    """Whatever answers 500 is not told of."""
    named = matrix.named

    def quiet(known: Matrix) -> list[str]:
        return [line for line in named(known) if "answers 500" not in line]

    _patched(drill, matrix, "named", quiet)


def break_invented(drill: Drill, act: Act) -> None:
    """Something is told of that never happened."""
    named = matrix.named
    _patched(drill, matrix, "named", lambda known: [*named(known), "everything breaks"])


def runbook_claims_another_order(drill: Drill, act: Act) -> None:
    """The runbook relies on an order in which something breaks."""
    claimed = Compatibility(order="database first")
    drill.system = drill.system.model_copy(update={"compatibility": claimed})


def carried_out_otherwise(drill: Drill, act: Act) -> None:
    """Somebody takes the database back first, whatever the runbook says."""
    _patched(drill, order, "order_of", lambda drill: "database first")


def old_code_stopped_first(drill: Drill, act: Act) -> None:
    """What serves is ended before what will serve has started."""
    start = order.Serving.start

    def after_a_gap(self: order.Serving, which: str, *, home: bool) -> dict[str, Running]:
        drill.use(Processes).stop(*self.running.values())
        self.running = {}
        return start(self, which, home=home)

    _patched(drill, order.Serving, "start", after_a_gap)


def database_forgotten(drill: Drill, act: Act) -> None:
    """The code is taken back, the database is said to be."""
    _patched(drill, order, "_STEPS", {**order._STEPS, "database": lambda drill: None})


def code_forgotten(drill: Drill, act: Act) -> None:
    """The database is taken back, the code is said to be."""
    _patched(drill, order, "_STEPS", {**order._STEPS, "code": lambda drill: None})
