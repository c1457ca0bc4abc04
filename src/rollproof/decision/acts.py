"""Acts of deciding: they touch nothing but the journal."""

from __future__ import annotations

from dataclasses import dataclass

from rollproof.decision.matrix import Answers, decide, flaws, matrix_of, situations
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import PreconditionNotMet
from rollproof.model.json import Json, JsonObject


@dataclass(frozen=True)
class DecideIncident(Act):
    """Asks the matrix what is to be done in a situation, and puts that on record.

    Attributes:
        answers: the situation; `environment` empty: the one that the drill stands for, see `stands_for`.
    """

    name = "incident.decide"
    answers: Answers

    def run(self, drill: Drill) -> JsonObject:
        matrix = matrix_of(drill.system)
        decided = decide(matrix, self.answers)
        if drill.history.last("incident.detected") is None:
            drill.incident("detected", cause=f"{self.answers.symptom}: {self.answers.cause}")
        drill.incident("decided", decision=f"{decided.action}: {decided.why}", severity=decided.severity)
        return {
            "decision": decided.action,
            "severity": decided.severity,
            "reason": decided.why,
            "facts": {"answers": self.answers.to_json(), "decided": decided.to_json()},
            "plan": drill.recorder.journal.attachments.put(matrix.to_json()),
        }


@dataclass(frozen=True)
class RequireMatrix(Act):
    """A Given: there is a matrix with rows, and somebody to ask."""

    name = "decision.read"

    def run(self, drill: Drill) -> JsonObject:
        matrix = matrix_of(drill.system)
        if not matrix.decision:
            raise PreconditionNotMet("the decision matrix has no row", remedy="add [[decision]] tables")
        return {
            "count": len(matrix.decision),
            "plan": drill.recorder.journal.attachments.put(matrix.to_json()),
        }


@dataclass(frozen=True)
class AskEveryRow(Act):
    """Puts every situation that the matrix tells apart to it, and records which row decided how."""

    name = "decision.rehearse"

    def run(self, drill: Drill) -> JsonObject:
        matrix = matrix_of(drill.system)
        asked: list[Json] = []
        for answers in situations(matrix):
            decided = decide(matrix, answers)
            asked.append({"answers": answers.to_json(), "decided": decided.to_json()})
        attachments = drill.recorder.journal.attachments
        return {
            "count": len(asked),
            "items": [flaw.said for flaw in flaws(matrix)],
            "plan": attachments.put(matrix.to_json()),
            "differences": attachments.put(asked),
        }
