"""Phrases about a person who is led by the guide."""

from __future__ import annotations

from pytest_bdd import parsers, then, when

from rollproof.checks import guided
from rollproof.drill.drill import Drill
from rollproof.guide.session import Guide
from rollproof.guide.talk import AnswerFile, FromFile


@when(
    parsers.re(
        r"an operator is led through (?P<symptom>[\w-]+), caused by (?P<cause>[\w-]+), and takes each step"
    )
)
def led(drill: Drill, symptom: str, cause: str) -> None:
    answers = AnswerFile(
        operator="the drill's operator", symptom=symptom, environment="production", cause=cause
    )
    Guide(drill, FromFile(answers, quiet=True), rehearsal=True).lead()


@then("the guide's steps were taken in their order, none left out")
def followed(drill: Drill) -> None:
    drill.verify(guided.guide_followed)
