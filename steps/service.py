"""Phrases about the service and its clients."""

from __future__ import annotations

from pytest_bdd import given, then, when

from rollproof.checks import service as checks
from rollproof.checks import writes
from rollproof.components import service
from rollproof.components.clients import ClientsHaveWritten, EndMaintenance, StartClients, StartMaintenance
from rollproof.drill.drill import Drill


@given("clients keep reading and writing")
def clients(drill: Drill) -> None:
    drill.require(service.StartServices())
    drill.require(StartClients())


@given("clients have written since that backup")
def written_since(drill: Drill) -> None:
    drill.require(ClientsHaveWritten())


@given("the application is in maintenance")
def maintenance(drill: Drill) -> None:
    drill.require(StartMaintenance())


@given("the service is seen to fail")
def seen_to_fail(drill: Drill) -> None:
    drill.attempt(service.VerifyService())


@when("the application leaves maintenance")
def maintenance_over(drill: Drill) -> None:
    drill.attempt(EndMaintenance())


@when("the service is verified")
def verified(drill: Drill) -> None:
    drill.attempt(service.VerifyService())


@then("no acknowledged write is lost")
def no_write_lost(drill: Drill) -> None:
    drill.verify(writes.no_acknowledged_write_lost)


@then("the restore loses no write older than its backup, and names each it loses")
def loss_bounded(drill: Drill) -> None:
    drill.verify(writes.loss_bounded)


@then("no write of the application role got in while writes were revoked")
def no_write_got_in(drill: Drill) -> None:
    drill.verify(writes.no_write_got_in)


@then("the application writes again")
def writes_again(drill: Drill) -> None:
    drill.verify(writes.writes_resumed)


@then("the service is back within its recovery time objective")
def within_rto(drill: Drill) -> None:
    drill.verify(checks.within_rto, objective_seconds=drill.system.objectives.rto)


@then("the smoke tests saw the fault, and pass now")
def smoke_failed_then_passed(drill: Drill) -> None:
    drill.verify(checks.smoke_failed_before)
    drill.verify(checks.smoke_passes)
