"""Phrases about stacks and deploys that fail."""

from __future__ import annotations

from typing import Literal

from pytest_bdd import given, parsers, then, when

from rollproof.checks import stacks
from rollproof.components.aws import drift, recovery, releases
from rollproof.drill.drill import Drill
from rollproof.faults import stacks as faults
from rollproof.fidelity import rely_on


@given("CloudFormation here restores what a failed update has changed")
def update_restores(drill: Drill) -> None:
    rely_on(drill, "failed-update-restores")


@given("CloudFormation here removes what a failed creation has made")
def creation_removes(drill: Drill) -> None:
    rely_on(drill, "failed-create-rolls-back")


@given("CloudFormation here can continue a rollback that failed")
def rollback_continues(drill: Drill) -> None:
    rely_on(drill, "continue-update-rollback")


@given("CloudFormation here detects drift")
def drift_detected(drill: Drill) -> None:
    rely_on(drill, "drift-detection")


@given("the previous release is deployed")
def previous_deployed(drill: Drill) -> None:
    drill.require(releases.DeployRelease("previous"))
    drill.require(releases.RememberRelease())


@given("a file that the functions' code came from has been lost")
def code_lost(drill: Drill) -> None:
    drill.require(faults.LoseCode())


@given("no stack has drifted")
def nothing_drifted(drill: Drill) -> None:
    drill.require(drift.LookForDrift())


@given("somebody changes a resource by hand")
def changed_by_hand(drill: Drill) -> None:
    drill.require(faults.ChangeByHand())


@when(parsers.re(r"a deploy fails while its stacks are (?P<phase>create|update)d"))
def deploy_fails(drill: Drill, phase: Literal["create", "update"]) -> None:
    drill.attempt(faults.DeployFailing(phase))


@when("a deploy fails in a nested stack")
def deploy_fails_nested(drill: Drill) -> None:
    drill.attempt(faults.DeployFailing("update", nested=True))


@when("a deploy fails that changes the functions' code")
def deploy_fails_with_code(drill: Drill) -> None:
    drill.attempt(faults.DeployFailing("update", code=True))


@when("the current release is deployed")
def current_again(drill: Drill) -> None:
    drill.attempt(releases.DeployRelease("current"))


@when(parsers.re(r"release (?P<which>previous|current) is deployed next"))
def deployed_next(drill: Drill, which: str) -> None:
    drill.attempt(releases.DeployRelease(which))


@when("the lost file is put back and the rollback is continued")
def continued(drill: Drill) -> None:
    if drill.attempt(recovery.PutFilesBack()):
        drill.attempt(recovery.ContinueRollback())


@when("the rollback is continued, skipping what cannot be restored")
def continued_skipping(drill: Drill) -> None:
    drill.attempt(recovery.ContinueRollback(skip=True))


@when("the stack whose creation failed is deleted")
def failed_deleted(drill: Drill) -> None:
    drill.attempt(recovery.DeleteFailed())


@when("the previous release is deployed again, unless something has drifted")
def unless_drifted(drill: Drill) -> None:
    drift.roll_back_unless_drifted(drill)


@then("the stack has returned by itself")
def returned(drill: Drill) -> None:
    drill.verify(stacks.stack_returned)


@then("the stack that failed holds what it held before")
def holds_as_before(drill: Drill) -> None:
    drill.verify(stacks.failed_stack_restored)


@then("the event that failed first is named")
def first_named(drill: Drill) -> None:
    drill.verify(stacks.failure_named)


@then("the next good deploy works")
def next_works(drill: Drill) -> None:
    drill.verify(stacks.next_deploy_works)


@then("every stack holds all of the release")
def holds_all(drill: Drill) -> None:
    drill.verify(stacks.stacks_complete)


@then("nothing that the failed creation made is left")
def none_left(drill: Drill) -> None:
    drill.verify(stacks.nothing_left)


@then(parsers.re(r"that deploy is refused because (?P<reason>.+)"))
def refused(drill: Drill, reason: str) -> None:
    drill.verify(stacks.deploy_refused, because=reason)


@then("the stuck stack has recovered")
def recovered(drill: Drill) -> None:
    drill.verify(stacks.rollback_continued)


@then("what was skipped is named, and all else is what it was")
def skipped(drill: Drill) -> None:
    drill.verify(stacks.skipped_named)


@then("the change by hand is found, by comparing and by CloudFormation")
def drift_found(drill: Drill) -> None:
    drill.verify(stacks.drift_found)


@then("nothing is rolled back over it")
def held_back(drill: Drill) -> None:
    drill.verify(stacks.rollback_held)
