"""Phrases about answering an emergency: found, told, rolled back, watched, written down."""

from __future__ import annotations

from pytest_bdd import given, parsers, then, when

from rollproof.checks import responding as checks
from rollproof.components import announcing, drafting, identifying, servicecode
from rollproof.drill.drill import Drill


@given("the team and the status page can be reached")
def reachable(drill: Drill) -> None:
    drill.require(announcing.OpenChannels())


@when(parsers.re(r"a release that is broken by (?P<kind>[\w-]+) is deployed to the services"))
def broken_deployed(drill: Drill, kind: str) -> None:
    drill.attempt(servicecode.DeployRelease(f"broken:{kind}"))


@when("the deploy that caused it is looked for in logs and failures")
def looked_for(drill: Drill) -> None:
    drill.attempt(identifying.IdentifyDeploy())


@when("the team and the status page are told that it is being worked on")
def told_first(drill: Drill) -> None:
    drill.attempt(announcing.Tell("before"))


@when("the team and the status page are told that it is over")
def told_last(drill: Drill) -> None:
    drill.attempt(announcing.Tell("after"))


@when("the post-mortem is drafted")
def drafted(drill: Drill) -> None:
    drill.attempt(drafting.DraftPostMortem())


@then("the deploy that caused it was found")
def found(drill: Drill) -> None:
    drill.verify(checks.deploy_identified)


@then("the team and the status page were told first and last, and it arrived")
def were_told(drill: Drill) -> None:
    drill.verify(checks.people_told)


@then("the post-mortem says what was recorded, and leaves the cause to a person")
def faithful(drill: Drill) -> None:
    drill.verify(checks.postmortem_faithful)
