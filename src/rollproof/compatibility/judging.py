"""What breaks in which cell, and which order of a rollback meets none of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rollproof.compatibility.model import CURRENT, HOMES, PREVIOUS, Answer, Asked, Cell, CellRun, Matrix
from rollproof.compatibility.shapes import broken_fields, odd_fields

BETWEEN_CODE = Cell(PREVIOUS, CURRENT, CURRENT)
"""the code was taken back, the database was not (yet)"""
BETWEEN_SCHEMA = Cell(CURRENT, PREVIOUS, CURRENT)
"""the database was taken back, the code was not yet"""
AFTER = Cell(PREVIOUS, PREVIOUS, CURRENT)
"""both were taken back, and the rows of the newer code are still there"""
ORDERS: Mapping[str, tuple[Cell, ...]] = {
    "code first": (BETWEEN_CODE, AFTER),
    "database first": (BETWEEN_SCHEMA, AFTER),
    "code alone": (BETWEEN_CODE,),
    "both at once": (AFTER,),
}
"""The cells that a rollback in an order passes through, the preferred order first. "both at once" serves
nobody meanwhile."""
STEPS: Mapping[str, tuple[str, ...]] = {
    "code first": ("code", "database"),
    "database first": ("database", "code"),
    "code alone": ("code",),
    "both at once": ("close", "database", "code", "open"),
}
"""What is done in each order, one after the other."""


@dataclass(frozen=True, slots=True, order=True)
class Break:
    """Something that does not work in a cell.

    Attributes:
        endpoint: empty when the cell itself cannot be.
        steady: whether it happened in every round.
    """

    cell: Cell
    endpoint: str
    said: str
    steady: bool = True

    def say(self, names: Mapping[str, str]) -> str:
        what = f"{self.endpoint} {self.said}" if self.endpoint else self.said
        return f"{self.cell.say(names)}: {what}"


def breaks(matrix: Matrix) -> list[Break]:
    """Everything that does not work as it does on the release's own schema."""
    found: list[Break] = []
    for run in matrix.runs:
        if run.impossible:
            found.append(Break(run.cell, "", f"cannot be: {run.impossible}"))
        elif not run.cell.home:
            found += _breaks_of(matrix, run)
    return found


def _breaks_of(matrix: Matrix, run: CellRun) -> Iterator[Break]:
    home = matrix.run(HOMES[run.cell.code])
    for name in matrix.asked:
        asked = matrix.endpoint(name)
        problems = [_problem(answer, _base(home, answer), asked) for answer in run.of(name)]
        if said := next(filter(None, problems), ""):
            yield Break(run.cell, name, said, steady=all(problems))


def _base(home: CellRun | None, answer: Answer) -> Answer | None:
    """The same question, answered at home; None when it was not asked there."""
    answers = [one for one in (home.of(answer.endpoint) if home else []) if not one.left_out]
    same = [one for one in answers if one.round == answer.round]
    return next(iter([*same, *answers]), None)


def _problem(answer: Answer, base: Answer | None, asked: Asked) -> str:
    """What is wrong with an answer; empty when nothing is."""
    if answer.left_out:
        return ""
    if not answer.status:
        return f"gives no answer: {answer.error}"
    expected = base.status if base else asked.status
    if expected and answer.status != expected:
        return f"answers {answer.status}, not {expected}{f' ({answer.error})' if answer.error else ''}"
    if base and asked.compare != "status" and (wrong := broken_fields(base.shape, answer.shape)):
        return f"answers otherwise: {'; '.join(wrong[:3])}"
    if asked.compare == "values" and answer.differs:
        return f"answers other values: {', '.join(answer.differs)}"
    return ""


def oddities(matrix: Matrix) -> list[str]:
    """What changed without breaking anything: other values, fields that are new or null for once."""
    found = []
    for run in matrix.runs:
        home = matrix.run(HOMES[run.cell.code])
        for answer in run.answers:
            base = _base(home, answer)
            odd = odd_fields(base.shape, answer.shape) if base and base.status == answer.status else []
            odd += [f"field {path} has other values in {count}" for path, count in answer.differs.items()]
            found += [f"{run.cell.say(matrix.names)}: {answer.endpoint}: {one}" for one in odd]
    return list(dict.fromkeys(found))


def in_the_way(order: str, matrix: Matrix, found: Sequence[Break]) -> list[Break]:
    """What breaks on the way of an order, endpoints left out that may."""
    return [
        one
        for one in found
        if one.cell in ORDERS[order] and not (one.endpoint and matrix.endpoint(one.endpoint).may_fail)
    ]


def safe_orders(matrix: Matrix) -> list[str]:
    """The orders that meet nothing that breaks, the preferred first; a cell not run is in the way."""
    found = breaks(matrix)
    return [
        order
        for order, cells in ORDERS.items()
        if all(matrix.run(cell) for cell in cells) and not in_the_way(order, matrix, found)
    ]


def unsound_homes(matrix: Matrix) -> list[str]:
    """What a release does not even do on its own schema: no other cell can be compared with that."""
    found = []
    for release, home in HOMES.items():
        run = matrix.run(home)
        if run is None or run.impossible:
            found.append(f"{matrix.names[release]} was not run on its own schema")
        for name in matrix.asked if run else ():
            answers = [answer for answer in (run.of(name) if run else []) if not answer.left_out]
            bad = [answer for answer in answers if not answer.status or answer.status >= 500]
            if bad:
                said = f"answers {bad[0].status}" if bad[0].status else f"gives no answer: {bad[0].error}"
                found.append(f"{name} of {matrix.names[release]} {said} on its own schema")
    return found + _strangers(matrix)


def _strangers(matrix: Matrix) -> list[str]:
    """Endpoints that answer as declared on neither release's own schema."""
    found = []
    for asked in matrix.endpoints:
        homes = [run for home in HOMES.values() if (run := matrix.run(home))]
        seen = {answer.status for run in homes for answer in run.of(asked.name) if not answer.left_out}
        if asked.status and seen and asked.status not in seen:
            answered = " and ".join(map(str, sorted(seen)))
            found.append(f"{asked.name} answers {answered} on the releases' own schemas, not {asked.status}")
    return found
