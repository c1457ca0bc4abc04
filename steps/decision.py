"""Phrases about deciding what is done."""

from __future__ import annotations

from pytest_bdd import given, parsers, then, when

from rollproof.checks import decisions as checks
from rollproof.decision import acts
from rollproof.decision.matrix import Answers
from rollproof.drill.drill import Drill


@given("a decision matrix")
def matrix(drill: Drill) -> None:
    drill.require(acts.RequireMatrix())


@when("every situation that it tells apart is put to it")
def every_row(drill: Drill) -> None:
    drill.attempt(acts.AskEveryRow())


@when(
    parsers.re(
        r"it is decided what to do about (?P<symptom>[\w-]+), caused by (?P<cause>[\w-]+),"
        r" in (?P<environment>[\w-]+)(?:, while (?P<matters>.+) is the matter)?"
    )
)
def decided(drill: Drill, symptom: str, cause: str, environment: str, matters: str | None) -> None:
    words = tuple((matters or "").replace(" and ", ", ").split(", ")) if matters else ()
    answers = Answers(symptom, environment, cause, tuple(filter(lambda word: word != "nothing", words)))
    drill.attempt(acts.DecideIncident(answers))


@then("every row decides what it says")
def rows_decide(drill: Drill) -> None:
    drill.verify(checks.each_row_decides)


@then("no situation is without an answer")
def complete(drill: Drill) -> None:
    drill.verify(checks.no_situation_unanswered)


@then(parsers.re(r"the decision is (?P<action>[\w-]+)(?:, made by (?P<decides>[\w-]+))?"))
def decision_is(drill: Drill, action: str, decides: str | None) -> None:
    drill.verify(checks.decision_is, action=action, decides=decides or "")


@then("it was decided as the matrix says")
def follows(drill: Drill) -> None:
    drill.verify(checks.decision_follows_matrix)


@then("what was done is what was decided")
def done(drill: Drill) -> None:
    drill.verify(checks.done_as_decided)
