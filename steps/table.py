"""Phrases about DynamoDB tables whose items are lost."""

from __future__ import annotations

from pytest_bdd import given, then, when

from rollproof.checks import emergency
from rollproof.checks import tables as checks
from rollproof.components.aws import releases
from rollproof.components.aws import tableacts as acts
from rollproof.drill.drill import Drill
from rollproof.faults import table as faults
from rollproof.fidelity.registry import rely_on


@given("the tables of the current release are deployed")
def deployed(drill: Drill) -> None:
    stacks = {spec.stack for spec in drill.system.table.values() if spec.stack}
    drill.require(releases.DeployRelease("current", stacks=tuple(sorted(stacks))))


@given("critical tables hold items")
def filled(drill: Drill) -> None:
    drill.require(acts.FillTables())


@given("a backup of the critical tables that restores to identical items")
def backed_up(drill: Drill) -> None:
    rely_on(drill, "dynamodb-backup")
    drill.require(acts.BackUpTables())
    drill.require(acts.ProveTableBackups())


@given("tables here can be restored to any moment")
def point_in_time(drill: Drill) -> None:
    rely_on(drill, "dynamodb-point-in-time")


@given("items have been written since that backup")
def written_since(drill: Drill) -> None:
    drill.require(acts.WriteItems())


@given("items of the critical tables have been deleted and corrupted by mistake")
def items_lost(drill: Drill) -> None:
    drill.require(faults.ItemsLost())


@given("the critical tables have been deleted by mistake")
def tables_dropped(drill: Drill) -> None:
    drill.require(faults.TableDropped())


@when("the loss of items is detected")
def loss_detected(drill: Drill) -> None:
    drill.attempt(acts.DetectItemLoss())


@when("writes to the tables are stopped")
def writes_stopped(drill: Drill) -> None:
    drill.attempt(acts.StopWrites())


@when("the tables are mended from that backup")
def mended(drill: Drill) -> None:
    drill.attempt(acts.RestoreTables(by="copy"))


@when("the tables are restored from that backup under their own names")
def replaced(drill: Drill) -> None:
    drill.attempt(acts.RestoreTables(by="replace"))


@when("the tables are restored to the moment before the mistake")
def restored_to_time(drill: Drill) -> None:
    drill.attempt(acts.RestoreTables(by="time"))


@when("writes to the tables are allowed again")
def writes_allowed(drill: Drill) -> None:
    drill.attempt(acts.AllowWrites())


@then("every item of that backup is there, exactly as it was")
def items_restored(drill: Drill) -> None:
    drill.verify(checks.items_restored)


@then("each item that was given up is named")
def given_up_named(drill: Drill) -> None:
    drill.verify(checks.items_given_up_named)


@then("nothing wrote to the tables while writes were stopped")
def nothing_written(drill: Drill) -> None:
    drill.verify(emergency.nothing_served)
    drill.verify(checks.table_writes_stopped)
