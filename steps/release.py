"""Phrases about releases that several features share."""

from __future__ import annotations

from pytest_bdd import given, parsers, then, when

from rollproof.checks import resources
from rollproof.components.aws import releases
from rollproof.components.postgres import acts
from rollproof.drill.drill import Drill


@given("the current release is deployed")
def current_deployed(drill: Drill) -> None:
    if releases.wants_database(drill):
        drill.require(acts.StageCurrent())
    drill.require(releases.DeployRelease("current"))
    drill.require(releases.RememberResources())


@given(parsers.re(r"every (?P<kind>[\w-]+) is known as it is now"))
def known(drill: Drill, kind: str) -> None:
    drill.require(releases.RememberResources((kind,)))


@when(parsers.re(r"a release that is broken by (?P<kind>[\w-]+) is deployed"))
def broken_deployed(drill: Drill, kind: str) -> None:
    drill.attempt(releases.DeployRelease(f"broken:{kind}"))


@when("the previous release is deployed again")
def previous_again(drill: Drill) -> None:
    drill.attempt(releases.RollBackRelease())


@then(parsers.re(r"every (?P<kind>[\w-]+) is what it was before"))
def restored(drill: Drill, kind: str) -> None:
    drill.verify(resources.resources_restored, kind=kind)
