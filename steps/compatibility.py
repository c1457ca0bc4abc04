"""Phrases about the code of one release on the schema, and with the rows, of another."""

from __future__ import annotations

from pytest_bdd import given, then, when

from rollproof.checks import compatibility as checks
from rollproof.components.compatibility import matrix, order
from rollproof.drill.drill import Drill


@given("it is known what breaks when code and schema are of two releases")
def known(drill: Drill) -> None:
    drill.require(matrix.AskMatrix(again=False))


@given("the current release serves, on its own schema")
def serving(drill: Drill) -> None:
    drill.require(order.StageCurrentRelease())
    drill.require(order.ServeCurrentRelease())


@when("each release is run on each schema, with rows that each has written")
def asked(drill: Drill) -> None:
    drill.attempt(matrix.AskMatrix())


@when("code and schema are taken back, in the order that is safe")
def taken_back(drill: Drill) -> None:
    drill.attempt(order.RollBackInOrder())


@then("every combination was asked at every endpoint, twice")
def complete(drill: Drill) -> None:
    drill.verify(checks.matrix_complete)


@then("each combination ran the code, the schema and the rows that it names")
def genuine(drill: Drill) -> None:
    drill.verify(checks.matrix_genuine)


@then("what breaks is named, by combination and endpoint")
def named(drill: Drill) -> None:
    drill.verify(checks.breaks_named)


@then("nothing breaks on the way")
def order_safe(drill: Drill) -> None:
    drill.verify(checks.order_safe, order=drill.system.compatibility.order or "")


@then("no request failed")
def served(drill: Drill) -> None:
    drill.verify(checks.requests_served)


@then("the previous release serves, on its own schema")
def previous_serves(drill: Drill) -> None:
    drill.verify(checks.previous_serves)
