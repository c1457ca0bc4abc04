"""Was it decided as the matrix says, and done as it was decided?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rollproof.checks.evidence import as_list, as_object, ended, lines, need
from rollproof.checks.registry import check
from rollproof.checks.rollbacks import is_rollback
from rollproof.journal import Event, History, Kind
from rollproof.model.json import JsonObject
from rollproof.model.verdict import Verdict, proven, refuted, unknown

if TYPE_CHECKING:
    from rollproof.decision.matrix import Matrix

CARRIED_OUT = ("hotfix.deploy",)
"""Acts by which a hotfix is carried out."""


@check("decision-follows-matrix", "it was decided as the matrix says", answers=("incident.decide",))
def decision_follows_matrix(history: History) -> Verdict:
    """The recorded situation, put to the recorded matrix again, gives the recorded decision."""
    from rollproof.decision.matrix import Answers, decide

    event = need(history.last("incident.decide", Kind.OK), "a decision")
    facts = as_object(event.data["facts"])
    answers = Answers.from_json(as_object(facts["answers"]))
    matrix = _matrix(history, event)
    again = decide(matrix, answers)
    if again.row is None:
        return refuted(f"no row of the matrix fits {answers.symptom} in {answers.environment}")
    recorded = str(event.data.get("decision"))
    if recorded != again.action:
        return refuted(f"decided was {recorded}, the matrix says {again.action}: {again.why}")
    said = f"{again.action}, decided by {again.decides}: {again.why}"
    return proven(said, row=again.row, rows=len(matrix.decision))


@check("decision-is", "the decision is the expected one", answers=("incident.decide",))
def decision_is(history: History, *, action: str, decides: str = "") -> Verdict:
    """The newest decision has this action and, where it is named, is made by that contact."""
    event = need(history.last("incident.decide", Kind.OK), "a decision")
    decided = as_object(as_object(event.data["facts"])["decided"])
    if decided["action"] != action:
        return refuted(f"decided was {decided['action']}, expected is {action}: {decided['why']}")
    if decides and decided["decides"] != decides:
        return refuted(f"{decided['decides']} decides, expected is {decides}")
    return proven(f"{action}, by {decided['decides']}: {decided['why']}")


@check("done-as-decided", "what was done is what was decided")
def done_as_decided(history: History) -> Verdict:
    """A rollback only after the decision for one, and then carried out; the same for a hotfix."""
    event = need(history.last("incident.decide", Kind.OK), "a decision")
    action = str(event.data.get("decision"))
    rollbacks = [e for e in history.events if e.kind is Kind.BEGIN and is_rollback(e.act)]
    hasty = [e.act for e in rollbacks if not _decided_for(history, e)]
    if hasty:
        return refuted("something was rolled back without a decision for it", *lines(hasty))
    later = History(tuple(e for e in history.events if e.seq > event.seq), history.attachments)
    if action == "roll-back":
        return _carried_out(later, [e.act for e in rollbacks if e.seq > event.seq], "a rollback")
    if action == "hotfix":
        return _carried_out(later, [act for act in CARRIED_OUT if later.all(act, Kind.BEGIN)], "a hotfix")
    return proven(f"decided was to {action}, and nothing was rolled back", rollbacks=0)


def _decided_for(history: History, rollback: Event) -> bool:
    before = [e for e in history.all("incident.decide", Kind.OK) if e.seq < rollback.seq]
    return bool(before) and before[-1].data.get("decision") == "roll-back"


def _carried_out(later: History, acts: list[str], what: str) -> Verdict:
    if not acts:
        return refuted(f"decided was {what}, and none was carried out")
    closed = ended(later, *acts)
    if any(e.kind is Kind.UNKNOWN for e in closed) or not closed:
        return unknown(f"how {what} ended nobody can tell")
    if failed := [e for e in closed if e.kind is Kind.FAIL]:
        return refuted(f"{what} was begun and failed: {failed[-1].data.get('found', '')}")
    return proven(f"{what} was decided and carried out: {', '.join(dict.fromkeys(acts))}")


@check("each-row-decides", "every row of the matrix decides what it says")
def each_row_decides(history: History) -> Verdict:
    """Every situation that the matrix tells apart was asked; the answers are the rows' own, again.

    Refuted for a row that can never decide because rows above it fit first, and for a wrong answer.
    """
    from rollproof.decision.matrix import flaws

    event = need(history.last("decision.rehearse", Kind.OK), "asking every row")
    matrix = _matrix(history, event)
    asked = as_list(history.attachment(event.data["differences"]))
    wrong = [said for item in asked if (said := _wrong(matrix, as_object(item)))]
    shadowed = [flaw.said for flaw in flaws(matrix) if "can never decide" in flaw.said]
    if wrong or shadowed:
        problems = [*shadowed, *wrong]
        return refuted(problems[0], *lines(problems), rows=len(matrix.decision))
    if not asked:
        return unknown("nothing was asked")
    return proven(f"{len(matrix.decision)} rows", rows=len(matrix.decision), situations=len(asked))


def _wrong(matrix: Matrix, item: JsonObject) -> str:
    from rollproof.decision.matrix import Answers, decide

    answers, decided = Answers.from_json(as_object(item["answers"])), as_object(item["decided"])
    again = decide(matrix, answers)
    if (again.action, again.row) == (decided["action"], decided["row"]):
        return ""
    said = f"answered {decided['action']}, row {again.row} says {again.action}"
    return f"{answers.symptom} in {answers.environment}: {said}"


@check("no-situation-unanswered", "no situation is without an answer")
def no_situation_unanswered(history: History) -> Verdict:
    """The matrix has a row for every situation that it tells apart, and a contact for every row."""
    from rollproof.decision.matrix import flaws

    event = need(history.last("decision.rehearse", Kind.OK), "asking every row")
    matrix = _matrix(history, event)
    open_questions = [flaw.said for flaw in flaws(matrix) if "can never decide" not in flaw.said]
    if open_questions:
        return refuted(open_questions[0], *lines(open_questions))
    return proven("every situation has a row, and every row a contact", contacts=len(matrix.contact))


def _matrix(history: History, event: Event) -> Matrix:
    from rollproof.decision.matrix import Matrix

    return Matrix.model_validate(history.attachment(event.data["plan"]))
