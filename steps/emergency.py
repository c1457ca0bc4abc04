"""Phrases about emergencies: a system closed, mended behind closed doors, and opened again."""

from __future__ import annotations

from pytest_bdd import given, then, when

from rollproof.checks import emergency as checks
from rollproof.checks import procedure
from rollproof.components.aws import front, maintenance, releases, shutdown, site_acts
from rollproof.components.aws.behind import VerifyBehind
from rollproof.components.clients import EndMaintenance, StartMaintenance
from rollproof.components.postgres import acts
from rollproof.drill.drill import Drill

PRODUCTION_BROKEN = [
    "maintenance.on",
    "release.roll_back",
    "backup.restore",
    "emergency.verify",
    "maintenance.off",
    "service.verify",
]
DATA_LOSS = ["loss.detect", "writes.revoke", "backup.restore", "writes.grant", "service.verify"]
ITEM_LOSS = ["table.detect", "table.writes.stop", "table.restore", "table.writes.allow"]
COMPROMISED = ["system.shut", "secret.rotate", "secret.end_sessions", "system.open"]


@given("the release before is deployed, its site included")
def previous_deployed(drill: Drill) -> None:
    drill.require(releases.DeployRelease("previous"))
    if any(spec.builds and spec.distribution for spec in drill.system.site.values()):
        drill.require(site_acts.PublishBuild("previous"))
    drill.require(releases.RememberResources())


@given("the system serves its clients")
def serves(drill: Drill) -> None:
    drill.require(front.KnowFront())


@when("the maintenance page is put up")
def page_up(drill: Drill) -> None:
    drill.attempt(StartMaintenance())
    drill.attempt(maintenance.MaintenanceOn())


@when("code and data are verified behind the page")
def verified_behind(drill: Drill) -> None:
    drill.attempt(VerifyBehind())


@when("the maintenance page is taken away")
def page_down(drill: Drill) -> None:
    if drill.attempt(maintenance.MaintenanceOff()):
        drill.attempt(EndMaintenance())


@when("the database is restored from that backup, giving up what was written since, writes staying revoked")
def restored_revoked(drill: Drill) -> None:
    acts.guarded(drill, acts.Restore(keep_revoked=True), accept_loss=True)


@when("the system is shut")
def shut(drill: Drill) -> None:
    drill.attempt(shutdown.ShutSystem())


@when("the system is opened again")
def opened(drill: Drill) -> None:
    drill.attempt(shutdown.OpenSystem())


@then("nothing served anybody while the system was closed")
def nothing_served(drill: Drill) -> None:
    drill.verify(checks.nothing_served)


@then("visitors saw the maintenance page meanwhile")
def page_shown(drill: Drill) -> None:
    drill.verify(checks.maintenance_page_shown)


@then("the system serves its clients as before")
def as_before(drill: Drill) -> None:
    drill.verify(checks.front_as_before)


@then("code and data are both those of the previous release")
def together(drill: Drill) -> None:
    drill.verify(checks.rolled_back_together)


@then("it was closed first, rolled back whole, verified, and only then opened")
def production_in_order(drill: Drill) -> None:
    drill.verify(procedure.procedure_in_order, steps=PRODUCTION_BROKEN)


@then("writes were stopped first, and allowed again only after the restore")
def loss_in_order(drill: Drill) -> None:
    drill.verify(procedure.procedure_in_order, steps=DATA_LOSS)


@then("writes to the tables were stopped first, and allowed again only after the restore")
def items_in_order(drill: Drill) -> None:
    drill.verify(procedure.procedure_in_order, steps=ITEM_LOSS)


@then("it was shut first, and opened only after every credential was new and every session ended")
def compromise_in_order(drill: Drill) -> None:
    drill.verify(procedure.procedure_in_order, steps=COMPROMISED)
