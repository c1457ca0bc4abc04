"""The matrix of code, schema and rows as a report shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rollproof.compatibility.judging import ORDERS, breaks, in_the_way, oddities
from rollproof.compatibility.model import CELLS, Asked, CellRun, Matrix
from rollproof.evidence import reading
from rollproof.journal import History
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome


@dataclass(frozen=True, slots=True)
class CellRow:
    """One combination. `breaks`: what does not work in it; `asked`: how many answers there were."""

    code: str
    schema: str
    rows: str
    outcome: Outcome
    asked: int
    breaks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order of a rollback, and what is in its way."""

    order: str
    outcome: Outcome
    breaks: tuple[str, ...]
    accepted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CompatibilityTable:
    cells: tuple[CellRow, ...]
    orders: tuple[OrderRow, ...]
    oddities: tuple[str, ...]


def compatibility_table(history: History) -> tuple[CompatibilityTable | None, tuple[str, ...]]:
    """The newest matrix that a scenario has asked, and what is wrong with its evidence."""
    matrix, problems = _matrix(history)
    return (None if matrix is None else _table(matrix)), problems


def _matrix(history: History) -> tuple[Matrix | None, tuple[str, ...]]:
    about = history.last("compatibility.matrix")
    if about is None:
        return None, ()
    notes = [about, *(event for event in history.all("compatibility.cell") if event.seq > about.seq)]
    found = [reading.attached(history, event.data.get("answers")) for event in notes]
    if problems := tuple(wrong for _, wrong in found if wrong):
        return None, problems
    (said, _), *cells = found
    try:
        return _read(said, [value for value, _ in cells]), ()
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError):
        return None, ("the matrix of code and schema is not in the form it is written in",)


def _read(said: Json, cells: list[Json]) -> Matrix:
    assert isinstance(said, Mapping)
    names, endpoints = said["names"], said["endpoints"]
    assert isinstance(names, Mapping)
    asked = tuple(Asked.from_json(one) for one in reading.items(endpoints) if isinstance(one, Mapping))
    runs = tuple(CellRun.from_json(value) for value in cells if isinstance(value, Mapping))
    return Matrix({which: str(name) for which, name in names.items()}, asked, runs)


def _table(matrix: Matrix) -> CompatibilityTable:
    found = breaks(matrix)
    rows = []
    for cell in CELLS:
        run = matrix.run(cell)
        wrong = tuple(f"{one.endpoint} {one.said}".strip() for one in found if one.cell == cell)
        outcome = Outcome.UNKNOWN if run is None else Outcome.REFUTED if wrong else Outcome.PROVEN
        asked = sum(not answer.left_out for answer in run.answers) if run else 0
        code, schema, origin = (matrix.names[which] for which in (cell.code, cell.schema, cell.rows))
        rows.append(CellRow(code, schema, origin, outcome, asked, wrong))
    return CompatibilityTable(
        tuple(rows), tuple(_order(matrix, order) for order in ORDERS), tuple(oddities(matrix))
    )


def _order(matrix: Matrix, order: str) -> OrderRow:
    found = breaks(matrix)
    hard = in_the_way(order, matrix, found)
    accepted = [one for one in found if one.cell in ORDERS[order] and one not in hard]
    missing = any(matrix.run(cell) is None for cell in ORDERS[order])
    outcome = Outcome.REFUTED if hard else Outcome.UNKNOWN if missing else Outcome.PROVEN
    return OrderRow(
        order,
        outcome,
        tuple(one.say(matrix.names) for one in hard),
        tuple(one.say(matrix.names) for one in accepted),
    )
