"""The matrix: a cell for each combination of code, schema and rows, and what was answered in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from rollproof.compatibility.shapes import Shape
from rollproof.model.json import Json, JsonObject

PREVIOUS, CURRENT = "previous", "current"
ROUNDS = 2
"""how often each endpoint is asked in each cell: what happens once only is no finding"""
START = "its start"
"""endpoint of a service that never becomes healthy on a schema"""


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """Which release's code, on which release's schema, with rows that which release's code wrote."""

    code: str
    schema: str
    rows: str

    @property
    def home(self) -> bool:
        """Whether all three are of one release: what it answers there, others are compared with."""
        return self.code == self.schema == self.rows

    def say(self, names: Mapping[str, str]) -> str:
        """`code of v1, schema of v2, rows of v2`."""
        return f"code of {names[self.code]}, schema of {names[self.schema]}, rows of {names[self.rows]}"


CELLS = tuple(Cell(*three) for three in product((PREVIOUS, CURRENT), repeat=3))
HOMES = {PREVIOUS: Cell(*[PREVIOUS] * 3), CURRENT: Cell(*[CURRENT] * 3)}


@dataclass(frozen=True, slots=True)
class Asked:
    """An endpoint, as far as judging needs it.

    Attributes:
        status: what it answers on its release's own schema; 0 when nobody said.
        may_fail: why it is accepted that it breaks between two steps.
    """

    name: str
    status: int = 200
    compare: str = "shape"
    may_fail: str = ""

    def to_json(self) -> dict[str, Json]:
        return {
            "name": self.name,
            "status": self.status,
            "compare": self.compare,
            "may_fail": self.may_fail,
        }

    @classmethod
    def from_json(cls, value: JsonObject) -> Asked:
        return cls(
            str(value["name"]), int(str(value["status"])), str(value["compare"]), str(value["may_fail"])
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What one endpoint answered once.

    Attributes:
        round: from 1.
        status: 0 when no answer came.
        error: an exception's class, or what the service's log says is missing; never a value.
        differs: in how many places a field has another value than on the release's own schema.
        left_out: why it was not asked; empty when it was.
    """

    endpoint: str
    round: int
    status: int = 0
    error: str = ""
    shape: Shape = field(default_factory=dict)
    differs: Mapping[str, int] = field(default_factory=dict)
    left_out: str = ""

    def to_json(self) -> dict[str, Json]:
        return {
            "endpoint": self.endpoint,
            "round": self.round,
            "status": self.status,
            "error": self.error,
            "shape": {path: list(types) for path, types in self.shape.items()},
            "differs": dict(self.differs),
            "left_out": self.left_out,
        }

    @classmethod
    def from_json(cls, value: JsonObject) -> Answer:
        shape, differs = value["shape"], value["differs"]
        assert isinstance(shape, Mapping)
        assert isinstance(differs, Mapping)
        return cls(
            str(value["endpoint"]),
            int(str(value["round"])),
            int(str(value["status"])),
            str(value["error"]),
            {path: tuple(map(str, types)) for path, types in shape.items() if isinstance(types, list)},
            {path: int(str(count)) for path, count in differs.items()},
            str(value["left_out"]),
        )


@dataclass(frozen=True, slots=True)
class CellRun:
    """One cell, asked.

    Attributes:
        digest: of the folder that the code was really started from.
        listed: what the ledger of its database listed.
        written: rows of each release that were found before it was asked, by the digest of the code
            that wrote them.
        impossible: why there can be no such cell; empty when there is.
    """

    cell: Cell
    answers: tuple[Answer, ...] = ()
    digest: str = ""
    listed: tuple[str, ...] = ()
    written: Mapping[str, int] = field(default_factory=dict)
    impossible: str = ""

    def to_json(self) -> dict[str, Json]:
        return {
            "code": self.cell.code,
            "schema": self.cell.schema,
            "rows": self.cell.rows,
            "answers": [answer.to_json() for answer in self.answers],
            "digest": self.digest,
            "listed": list(self.listed),
            "written": dict(self.written),
            "impossible": self.impossible,
        }

    @classmethod
    def from_json(cls, value: JsonObject) -> CellRun:
        answers, listed, written = value["answers"], value["listed"], value["written"]
        assert isinstance(answers, list)
        assert isinstance(listed, list)
        assert isinstance(written, Mapping)
        return cls(
            Cell(str(value["code"]), str(value["schema"]), str(value["rows"])),
            tuple(Answer.from_json(item) for item in answers if isinstance(item, Mapping)),
            str(value["digest"]),
            tuple(map(str, listed)),
            {digest: int(str(count)) for digest, count in written.items()},
            str(value["impossible"]),
        )

    def of(self, endpoint: str) -> list[Answer]:
        """What that endpoint answered, round by round."""
        return [answer for answer in self.answers if answer.endpoint == endpoint]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Everything that was asked. `names`: what the previous and the current release are called."""

    names: Mapping[str, str]
    endpoints: tuple[Asked, ...]
    runs: tuple[CellRun, ...]

    def run(self, cell: Cell) -> CellRun | None:
        """The newest run of a cell; None when it was not run."""
        return next((run for run in reversed(self.runs) if run.cell == cell), None)

    def endpoint(self, name: str) -> Asked:
        return next((one for one in self.endpoints if one.name == name), Asked(name, 0))

    @property
    def asked(self) -> Sequence[str]:
        """Every endpoint's name, then those of services that do not start somewhere."""
        names = [one.name for one in self.endpoints]
        return list(dict.fromkeys([*names, *(a.endpoint for run in self.runs for a in run.answers)]))
