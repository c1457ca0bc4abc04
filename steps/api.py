"""Phrases about APIs."""

from __future__ import annotations

from pytest_bdd import then

from rollproof.checks import functions as checks
from rollproof.drill.drill import Drill


@then("every API answers on all its paths")
def apis_answer(drill: Drill) -> None:
    drill.verify(checks.apis_answer)
