"""Phrases about functions: what serves, why it fails, and going back."""

from __future__ import annotations

from pytest_bdd import given, parsers, then, when

from rollproof.checks import diagnosing
from rollproof.checks import functions as checks
from rollproof.components.aws import aliases
from rollproof.components.aws.checkout import RollBackByCheckout
from rollproof.components.aws.diagnosing import ApplyExpected, DiagnoseFunctions
from rollproof.components.aws.function import Functions
from rollproof.components.aws.releases import DeployRelease, RollBackRelease
from rollproof.components.postgres.acts import StageCurrent
from rollproof.components.postgres.bench import Bench
from rollproof.drill.drill import Drill
from rollproof.errors import BadInput
from rollproof.faults.function import FAULTS
from rollproof.faults.network import PutNetworkBetween, ReconnectDatabase
from rollproof.fidelity import rely_on


@given("the functions reach the database through a network")
def network(drill: Drill) -> None:
    drill.require(StageCurrent())
    drill.require(PutNetworkBetween())


@given("the current release serves, and every function and API answers")
def known_good(drill: Drill) -> None:
    if drill.system.database is not None and not drill.use(Bench).database:
        drill.require(StageCurrent())
    drill.require(DeployRelease("current", drill.use(Functions).stacks))
    drill.require(aliases.RememberFunctions())


@given("the current release of one API serves, and everything behind it answers")
def one_api_known_good(drill: Drill) -> None:
    drill.use(Functions).stacks = aliases.stacks_of_first_api(drill.system)
    known_good(drill)


@when(parsers.re(r"a release goes out whose fault is (?P<kind>[\w-]+)"))
def broken_release(drill: Drill, kind: str) -> None:
    """The system's own release that is broken in this way, or else a fault that breaks any system so."""
    if any(release.broken == kind for release in drill.system.release):
        drill.attempt(DeployRelease(f"broken:{kind}", drill.use(Functions).stacks))
    else:
        fault(drill, kind)


@when(parsers.re(r"the system's own release goes out whose fault is (?P<kind>[\w-]+)"))
def own_broken_release(drill: Drill, kind: str) -> None:
    """No fault stands in for it: to go back by a deploy, there has to be a deploy to go back from."""
    drill.attempt(DeployRelease(f"broken:{kind}", drill.use(Functions).stacks))


@when(parsers.re(r"the fault is put in that (?P<kind>[\w-]+) stands for"))
@given(parsers.re(r"the fault is put in that (?P<kind>[\w-]+) stands for"))
def fault(drill: Drill, kind: str) -> None:
    if kind not in FAULTS:
        raise BadInput(f"no fault is called {kind!r}", remedy=f"say one of: {', '.join(FAULTS)}")
    drill.require(FAULTS[kind]())


@when("the cause is diagnosed from logs, metrics and configuration")
def diagnosed(drill: Drill) -> None:
    drill.attempt(DiagnoseFunctions())


@when("every function's alias is moved to the version that served before")
def rolled_back(drill: Drill) -> None:
    drill.attempt(aliases.RollBackFunctions())


@when("the release before is deployed again")
def deployed_again(drill: Drill) -> None:
    drill.attempt(RollBackRelease(stacks=drill.use(Functions).stacks))


@when("the migrations that the ledger lacks are applied")
def expected_applied(drill: Drill) -> None:
    drill.attempt(ApplyExpected())


@given("aliases with weights split calls as on AWS")
def weights_split(drill: Drill) -> None:
    rely_on(drill, "alias-weights-split")


@when("the last good revision is checked out, built and deployed by the system's own commands")
def checked_out(drill: Drill) -> None:
    drill.attempt(RollBackByCheckout())


@then("the revision that served before was checked out and deployed")
def revision_deployed(drill: Drill) -> None:
    drill.verify(checks.revision_deployed)


@when("the database can be reached again")
def reconnected(drill: Drill) -> None:
    drill.attempt(ReconnectDatabase())


@then("every function answers with the version that served before")
def aliases_restored(drill: Drill) -> None:
    drill.verify(checks.aliases_restored)


@then("every function answers with the code that served before")
def code_restored(drill: Drill) -> None:
    drill.verify(checks.aliases_restored, by="release")


@then("requests are answered by that version alone")
def served_by(drill: Drill) -> None:
    drill.verify(checks.served_by_version)


@then("the logs hold no error since then")
def no_errors(drill: Drill) -> None:
    drill.verify(checks.no_errors_logged)


@then("the error metric is back to what it was")
def metric(drill: Drill) -> None:
    drill.verify(checks.error_metric_normal)


@then(parsers.re(r"the diagnosis says (?P<cause>[\w-]+)"))
def cause_named(drill: Drill, cause: str) -> None:
    drill.verify(diagnosing.cause_named, cause=cause)


@then("what was done mends that cause")
def remedy_fits(drill: Drill) -> None:
    drill.verify(diagnosing.remedy_fits)
