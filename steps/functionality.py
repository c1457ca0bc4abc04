"""Phrases about releases in git: what comes back is recorded, and a hotfix goes its way."""

from __future__ import annotations

from pytest_bdd import then, when

from rollproof.checks import checklist, releasehistory
from rollproof.components import followup, service
from rollproof.components.aws import releasehistory as acts
from rollproof.decision import observers  # noqa: F401  the observer registers itself
from rollproof.drill.drill import Drill


@when("what is to come back is put on record")
def recorded(drill: Drill) -> None:
    drill.attempt(acts.RecordRelease())


@when("users report that it does not do what it should")
def reported(drill: Drill) -> None:
    drill.attempt(service.VerifyService())


@when("a hotfix is branched off, made, tested, merged and deployed")
def hotfix(drill: Drill) -> None:
    for step in (acts.BranchHotfix, acts.ChangeHotfix, acts.TestHotfix, acts.MergeHotfix, acts.DeployHotfix):
        if not drill.attempt(step()):
            return


@when("the correction is filed as a ticket")
def filed(drill: Drill) -> None:
    drill.attempt(followup.FileFollowUp())


@then("what came back is on record as a branch and a tag")
def on_record(drill: Drill) -> None:
    drill.verify(releasehistory.rollback_recorded)


@then("the hotfix was branched off, tested, merged and deployed, in that order")
def in_order(drill: Drill) -> None:
    drill.verify(releasehistory.hotfix_in_order)


@then("every item of the checklist is ticked or waits for a person")
def followed(drill: Drill) -> None:
    drill.verify(checklist.checklist_followed)
