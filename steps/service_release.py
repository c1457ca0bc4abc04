"""Phrases about services whose releases are images: deploying, going back, sharing requests, flags."""

from __future__ import annotations

from pytest_bdd import given, parsers, then, when

from rollproof.checks import services as checks
from rollproof.checks.servicevariables import service_variables
from rollproof.components.aws import serviceacts, serviceseen, shares
from rollproof.components.aws.services import key_of
from rollproof.components.postgres import acts
from rollproof.drill.drill import Drill
from rollproof.faults.service import MoveTag


def _stage(drill: Drill) -> None:
    key_of(drill)
    if drill.system.database is not None:
        drill.require(acts.StageCurrent())


@given(parsers.re(r"the (?P<which>previous|current) release of the service serves"))
def one_serves(drill: Drill, which: str) -> None:
    _stage(drill)
    drill.require(serviceacts.DeployService(which))


@given(parsers.re(r"the (?P<which>current) release stands beside it, without requests"))
def stands_beside(drill: Drill, which: str) -> None:
    drill.require(shares.PutBeside(which))


@given(parsers.re(r"a release that is broken by (?P<kind>[\w-]+) stands beside it, without requests"))
def broken_beside(drill: Drill, kind: str) -> None:
    drill.require(shares.PutBeside(f"broken:{kind}"))


@when("the tag of the release before names another image by now")
def tag_moved(drill: Drill) -> None:
    drill.require(MoveTag())


@given("the feature behind the service's flag is there")
def flag_on(drill: Drill) -> None:
    drill.require(serviceseen.FlagIsOn())


@when(parsers.re(r"a release of the service that is broken by (?P<kind>[\w-]+) is deployed"))
def broken_deployed(drill: Drill, kind: str) -> None:
    drill.attempt(serviceacts.DeployService(f"broken:{kind}"))


@when("the versions of the service are listed")
def versions(drill: Drill) -> None:
    drill.attempt(serviceacts.ListVersions())


@when("the service is rolled back to the image that served before")
def rolled_back(drill: Drill) -> None:
    drill.attempt(serviceacts.RollBackService())


@when("a release of the service that never becomes healthy is deployed")
def unhealthy(drill: Drill) -> None:
    drill.attempt(serviceacts.DeployUnhealthy())


@when("all requests are switched over to it")
def switched(drill: Drill) -> None:
    drill.attempt(shares.ShiftRequests(100, "switched"))


@when("all requests are switched back")
def switched_back(drill: Drill) -> None:
    drill.attempt(shares.SwitchBack())


@when(parsers.re(r"it gets (?P<share>\d+) % of the requests until its errors pass the threshold"))
def canary(drill: Drill, share: str) -> None:
    drill.attempt(shares.RunCanary(int(share)))


@when("the flag is turned off")
def flag_turned_off(drill: Drill) -> None:
    drill.attempt(serviceseen.TurnFlagOff())


@then("every version there is is listed with its digest")
def versions_listed(drill: Drill) -> None:
    drill.verify(checks.versions_listed)


@then("the service answers as the release that should serve, and as no other")
def restored(drill: Drill) -> None:
    drill.verify(checks.service_restored)


@then("its configuration names that image by its digest")
def pinned(drill: Drill) -> None:
    drill.verify(checks.digest_pinned)


@then("it has the variables that this release served with")
def variables(drill: Drill) -> None:
    drill.verify(service_variables)


@then("the tag that was moved is named")
def tag_named(drill: Drill) -> None:
    drill.verify(checks.moved_tag_found)


@then("that deploy failed, and why is named")
def failed_named(drill: Drill) -> None:
    drill.verify(checks.failed_deploy_named)


@then("clients were served all along")
def served(drill: Drill) -> None:
    drill.verify(checks.clients_served, at_most=drill.system.watch.error_rate)


@then("all requests went over, and all came back")
def went_over(drill: Drill) -> None:
    drill.verify(checks.requests_switched)


@then("the canary got its share, was stopped, and gets no request any more")
def contained(drill: Drill) -> None:
    drill.verify(checks.canary_contained)


@then("the feature is off in every answer")
def flag_off(drill: Drill) -> None:
    drill.verify(checks.flag_off)
