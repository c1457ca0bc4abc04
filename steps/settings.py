"""Phrases about settings: parameters, feature flags, environment variables."""

from __future__ import annotations

from pytest_bdd import given, parsers, then, when

from rollproof.checks import configured
from rollproof.checks import settings as checks
from rollproof.components import service, servicecode, serviceconfig
from rollproof.components.aws import settings, telling  # noqa: F401  the observers register themselves
from rollproof.components.postgres import acts
from rollproof.components.postgres.bench import Bench
from rollproof.drill.drill import Drill
from rollproof.faults.settings import WrongSetting

KINDS = {
    "a parameter": "ssm",
    "a feature flag": "appconfig",
    "an environment variable": "environment",
    "a variable that services share": serviceconfig.KIND,
}


@given("the services run as they are configured")
def services_run(drill: Drill) -> None:
    if drill.system.database is not None and not drill.use(Bench).database:
        drill.require(acts.StageCurrent())
    drill.require(service.StartServices())


@given("the services run the release before, as it was configured")
def release_before_runs(drill: Drill) -> None:
    if drill.system.database is not None:
        drill.require(acts.StageCurrent())
    drill.require(servicecode.RunRelease("previous"))


@given("the current release is deployed to the services, with its configuration")
def current_on_services(drill: Drill) -> None:
    drill.require(servicecode.DeployRelease("current", configured=True))


@when("old code is tried with the newer configuration, where nobody is served")
def old_code_tried(drill: Drill) -> None:
    drill.attempt(servicecode.TryOldCode())


@when("the services are rolled back, code and configuration")
def services_rolled_back(drill: Drill) -> None:
    drill.attempt(servicecode.RollBack())


@given("the settings are known as they are now")
def known(drill: Drill) -> None:
    drill.require(settings.RememberSettings())


@given(parsers.re(rf"(?P<what>{'|'.join(KINDS)}) has been set to a wrong value"))
def set_wrong(drill: Drill, what: str) -> None:
    drill.require(WrongSetting(KINDS[what]))


@given("a wrong feature flag is still being rolled out")
def being_rolled_out(drill: Drill) -> None:
    drill.require(WrongSetting("appconfig", halfway=True))


@when("the settings are searched for what changed")
def diagnosed(drill: Drill) -> None:
    drill.attempt(settings.DiagnoseSettings())


@when("what changed is put back from its history")
def rolled_back(drill: Drill) -> None:
    drill.attempt(settings.RollBackSettings())


@when("everything that the system answers is asked once")
def asked(drill: Drill) -> None:
    drill.attempt(settings.AskSystem())


@then("the diagnosis names what is wrong, and nothing else")
def named(drill: Drill) -> None:
    drill.verify(checks.setting_named)


@then("the wrong setting was felt")
def felt(drill: Drill) -> None:
    drill.verify(checks.wrong_setting_felt)


@then("the previous values came from the settings' own history")
def from_history(drill: Drill) -> None:
    drill.verify(checks.settings_from_history)


@then("the code was left alone")
def code_alone(drill: Drill) -> None:
    drill.verify(checks.code_left_alone)


@then("the record of this drill tells no secret")
def nothing_told(drill: Drill) -> None:
    drill.verify(checks.no_secret_told)


@then("the system works")
def works(drill: Drill) -> None:
    drill.verify(checks.system_answers)


@then("it was known before the rollback whether old code bears the newer configuration")
def known_before(drill: Drill) -> None:
    drill.verify(configured.old_code_tried)


@then("code and configuration of every service belong together")
def together(drill: Drill) -> None:
    drill.verify(configured.code_and_configuration_together)
