"""Phrases about telling those concerned."""

from __future__ import annotations

from pytest_bdd import given, parsers, then, when

from rollproof.checks import notified as checks
from rollproof.components.aws import notifications
from rollproof.drill.drill import Drill

_WORDS = {
    "before": "a rollback is about to begin",
    "during": "the rollback is going on",
    "after": "the rollback is over, the service was verified",
}


@given("those concerned can be reached")
def reachable(drill: Drill) -> None:
    drill.require(notifications.Listen())


@when(parsers.re(r"those concerned are told (?P<moment>before|during|after) the rollback"))
def told(drill: Drill, moment: str) -> None:
    drill.attempt(notifications.Notify(moment, _WORDS[moment]))


@when("the team is notified")
def team(drill: Drill) -> None:
    drill.attempt(notifications.Notify("before", _WORDS["before"]))


@then("those concerned were told first and last, and it arrived")
def were_told(drill: Drill) -> None:
    drill.verify(checks.stakeholders_notified)


@then("the team was told first, and it arrived")
def team_told(drill: Drill) -> None:
    drill.verify(checks.stakeholders_notified, moments=["before"])
