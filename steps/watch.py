"""Phrases about watching the system, and about alarms."""

from __future__ import annotations

from pytest_bdd import given, then, when

from rollproof.checks import alarms
from rollproof.checks import watching as checks
from rollproof.components.aws.alarm import AwaitAlarm
from rollproof.components.aws.watching import Watch
from rollproof.drill.drill import Drill
from rollproof.fidelity import rely_on


@given("the system is watched while it is well")
def watched_before(drill: Drill) -> None:
    drill.require(Watch(checks.BEFORE))


@given("the account looks at its alarms by itself")
def alarms_by_themselves(drill: Drill) -> None:
    rely_on(drill, "alarm-by-itself")


@when("the alarms are waited for")
def alarms_awaited(drill: Drill) -> None:
    drill.attempt(AwaitAlarm())


@when("the system is watched after the rollback")
def watched_after(drill: Drill) -> None:
    drill.attempt(Watch(checks.AFTER))


@then("errors, latency, logs and saturation are what they were before")
def steady(drill: Drill) -> None:
    drill.verify(checks.watch_steady, **drill.system.watch.limits)


@then("the system is as fast as it was before")
def as_fast(drill: Drill) -> None:
    drill.verify(checks.latency_restored, **drill.system.watch.limits)


@then("an alarm rang while the fault was there")
def rang(drill: Drill) -> None:
    drill.verify(alarms.alarm_rang)


@then("the alarms are silent, and armed")
@then("the alarms are silent again, and armed")
def silent(drill: Drill) -> None:
    drill.verify(alarms.alarm_quiet)
