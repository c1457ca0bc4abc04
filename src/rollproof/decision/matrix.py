"""The decision matrix: situation in, action out. Pure, so that a decision can be judged again."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import product

from pydantic import Field

from rollproof.errors import BadInput
from rollproof.model.incident import Contact, Decision, Severity
from rollproof.model.json import Json, JsonObject
from rollproof.model.spec import Spec
from rollproof.model.system import System

LEVELS = ("low", "medium", "high", "critical")
UNKNOWN = "unknown"
"""The cause of an incident that nobody has found yet."""


class Matrix(Spec):
    """A whole decision matrix; every row counts from the top, the first that fits decides."""

    severity: tuple[Severity, ...] = ()
    decision: tuple[Decision, ...] = ()
    contact: dict[str, Contact] = Field(default_factory=dict)

    @property
    def symptoms(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row.symptom for row in self.decision))

    @property
    def environments(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for row in self.decision for name in row.environments))

    @property
    def matters(self) -> tuple[str, ...]:
        """What can be the matter, in the words of its rows of severity."""
        return tuple(dict.fromkeys(word for row in self.severity for word in row.when))

    def causes(self, symptom: str) -> tuple[str, ...]:
        """Causes that make a difference for a symptom."""
        found = (name for row in self.decision if row.symptom == symptom for name in row.cause)
        return tuple(dict.fromkeys([*found, UNKNOWN]))

    def to_json(self) -> JsonObject:
        return self.model_dump(mode="json")


@dataclass(frozen=True, slots=True)
class Answers:
    """A situation.

    Attributes:
        symptom: what is seen: `api-500`.
        environment: where, by its own name: `production`.
        cause: what it comes from, `unknown` before it is found.
        matters: what is the matter, in the matrix' words: `core-broken`, `workaround`…
        severity: given by a person; None: it follows from `matters` and `environment`.
    """

    symptom: str
    environment: str
    cause: str = UNKNOWN
    matters: tuple[str, ...] = ()
    severity: str | None = None

    def to_json(self) -> dict[str, Json]:
        return {
            "symptom": self.symptom,
            "environment": self.environment,
            "cause": self.cause,
            "matters": list(self.matters),
            "severity": self.severity,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Answers:
        matters, severity = data.get("matters"), data.get("severity")
        return cls(
            str(data["symptom"]),
            str(data["environment"]),
            str(data["cause"]),
            tuple(map(str, matters)) if isinstance(matters, list | tuple) else (),
            None if severity is None else str(severity),
        )


@dataclass(frozen=True, slots=True)
class Decided:
    """What the matrix says of a situation.

    Attributes:
        row: number of the row that decided, from 1; None when none fits: a hole in the matrix.
        why: which answers made it so, one sentence.
    """

    action: str
    severity: str
    row: int | None
    immediately: str
    decides: str
    why: str
    feature: str = ""

    def to_json(self) -> dict[str, Json]:
        return {name: getattr(self, name) for name in self.__slots__}


def decide(matrix: Matrix, answers: Answers) -> Decided:
    """The first row that fits. A situation that none fits is investigated, and said to be a hole.

    Raises BadInput for a symptom that the matrix does not know.
    """
    if answers.symptom not in matrix.symptoms:
        raise BadInput(
            f"the decision matrix knows no symptom {answers.symptom!r}",
            remedy=f"choose one of {', '.join(matrix.symptoms)}, or add a row to the matrix",
        )
    severity, because = assess(matrix, answers)
    for number, row in enumerate(matrix.decision, start=1):
        if fits(row, answers, severity):
            why = "; ".join(_reasons(row, answers, severity, because))
            return Decided(row.action, severity, number, row.immediately, row.decides, why, row.feature)
    return Decided("investigate", severity, None, "escalate", "", "no row of the matrix fits this situation")


def assess(matrix: Matrix, answers: Answers) -> tuple[str, str]:
    """The severity and why: given by a person, or the first row of which something holds, or low."""
    if answers.severity is not None:
        return answers.severity, "as it was given"
    there = {*answers.matters, answers.environment, answers.symptom}
    for row in matrix.severity:
        if holds := [word for word in row.when if word in there]:
            return row.level, ", ".join(holds)
    return "low", "nothing that the matrix counts as worse is the matter"


def fits(row: Decision, answers: Answers, severity: str) -> bool:
    return (
        row.symptom == answers.symptom
        and (not row.cause or answers.cause in row.cause)
        and (not row.severity or severity in row.severity)
        and (not row.environments or answers.environment in row.environments)
    )


def _reasons(row: Decision, answers: Answers, severity: str, because: str) -> Iterator[str]:
    yield f"symptom {answers.symptom}"
    if row.cause:
        yield f"cause {answers.cause}"
    if row.environments:
        yield f"environment {answers.environment}"
    yield f"severity {severity} ({because})"


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a matrix, in one sentence, and the situation that shows it."""

    said: str
    answers: Answers | None = field(default=None)


def flaws(matrix: Matrix) -> list[Flaw]:
    """Rows that can never decide, situations that no row decides, and people nobody knows."""
    reached: set[int] = set()
    holes: dict[str, Flaw] = {}
    for answers in situations(matrix):
        decided = decide(matrix, answers)
        if decided.row is None:
            said = f"no row decides {answers.symptom} of severity {decided.severity} in {answers.environment}"
            holes.setdefault(said, Flaw(said, answers))
        else:
            reached.add(decided.row)
    shadowed = [
        Flaw(f"row {number} ({row.symptom}: {row.action}) can never decide: rows above it fit first")
        for number, row in enumerate(matrix.decision, start=1)
        if number not in reached
    ]
    strangers = [
        Flaw(f"row {number} is decided by {row.decides!r}, and there is no such contact")
        for number, row in enumerate(matrix.decision, start=1)
        if row.decides not in matrix.contact
    ]
    return [*shadowed, *holes.values(), *strangers]


def situations(matrix: Matrix) -> Iterator[Answers]:
    """Every situation that the matrix tells apart, and one more: another environment."""
    environments = (*matrix.environments, "elsewhere")
    for symptom in matrix.symptoms:
        for cause, level, place in product(matrix.causes(symptom), LEVELS, environments):
            yield Answers(symptom, place, cause, (), level)


@cache
def default_matrix() -> Matrix:
    """The matrix that ships with Rollproof, for systems that declare none."""
    text = (files("rollproof.decision") / "default.toml").read_text()
    return Matrix.model_validate(tomllib.loads(text))


def matrix_of(system: System | None) -> Matrix:
    """The system's own; the one that ships when it declares no decision. Its contacts count either way."""
    default = default_matrix()
    if system is None:
        return default
    own = bool(system.decision)
    return Matrix(
        severity=system.severity or default.severity,
        decision=system.decision if own else default.decision,
        contact=dict(system.contact) if own else {**default.contact, **system.contact},
    )
