"""Phrases about a system that is slow but alive."""

from __future__ import annotations

from pytest_bdd import given, parsers, then, when

from rollproof.checks import configured
from rollproof.checks import performance as checks
from rollproof.components import servicecode
from rollproof.components.aws import performance
from rollproof.drill.drill import Drill
from rollproof.faults.slowness import TablesLocked


@given("another session locks every table for a while")
def tables_locked(drill: Drill) -> None:
    drill.require(TablesLocked())


@given("it is known which release each service runs")
def releases_known(drill: Drill) -> None:
    drill.require(servicecode.RememberServices())


@when("the slowness is looked into")
def looked_into(drill: Drill) -> None:
    drill.attempt(performance.Investigate())


@when("the release is rolled back if the threshold has held")
def rolled_back_if_held(drill: Drill) -> None:
    performance.roll_back_once_held(drill)


@then("it was rolled back when the threshold had held, and not before")
@then("nothing was rolled back, for the threshold did not hold")
def decided(drill: Drill) -> None:
    spec = drill.system.watch
    drill.verify(checks.rolled_back_once_held, latency_seconds=spec.latency, hold_seconds=spec.hold)


@then("every service runs the release that it ran before")
def as_before(drill: Drill) -> None:
    drill.verify(configured.services_as_before)


@then("the investigation says where the time goes")
def located(drill: Drill) -> None:
    drill.verify(checks.slowness_located)


@then(parsers.re(r"the investigation says that the time goes into (?P<part>.+)"))
def located_in(drill: Drill, part: str) -> None:
    drill.verify(checks.slowness_located, part=part)
