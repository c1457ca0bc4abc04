"""Phrases about secrets that are compromised and rotated."""

from __future__ import annotations

from pytest_bdd import given, parsers, then, when

from rollproof.checks import secrets as checks
from rollproof.components.aws import releases
from rollproof.components.aws import secretacts as acts
from rollproof.components.postgres.acts import StageCurrent
from rollproof.drill.drill import Drill
from rollproof.faults.secret import RotationInterrupted


@given("the secrets of the current release are deployed, and what they open")
def deployed(drill: Drill) -> None:
    drill.require(StageCurrent())
    secrets = drill.system.secret.values()
    opened = [drill.system.api[spec.api] for spec in secrets if spec.api in drill.system.api]
    stacks = {spec.stack for spec in secrets if spec.stack} | {api.stack for api in opened if api.stack}
    drill.require(releases.DeployRelease("current", stacks=tuple(sorted(stacks))))


@given("somebody else has the credentials, and a connection that they opened")
@given("the credentials are in use")
def adopted(drill: Drill) -> None:
    drill.require(acts.AdoptCredentials())


@given(parsers.re(r"a rotation has failed (?P<where>(?:after|in) \w+)"))
def interrupted(drill: Drill, where: str) -> None:
    drill.require(RotationInterrupted(where))


@when("the compromise is detected")
def compromise_detected(drill: Drill) -> None:
    drill.attempt(acts.DetectCompromise())


@when("every secret is rotated")
def rotated(drill: Drill) -> None:
    drill.attempt(acts.RotateSecrets())


@when("every session of the old credentials is ended")
def sessions_ended(drill: Drill) -> None:
    drill.attempt(acts.EndSessions())


@when("the rotation is finished or taken back")
def recovered(drill: Drill) -> None:
    drill.attempt(acts.RecoverRotation())


@then("the old credentials are refused")
def old_refused(drill: Drill) -> None:
    drill.verify(checks.old_credential_refused)


@then("the current credentials work")
def current_works(drill: Drill) -> None:
    drill.verify(checks.current_credential_works)


@then("connections opened with the old credentials are closed")
def connections_closed(drill: Drill) -> None:
    drill.verify(checks.old_connections_closed)


@then("every secret was rotated")
def every_secret(drill: Drill) -> None:
    drill.verify(checks.every_secret_rotated)


@then("no rotation is left half way")
def none_pending(drill: Drill) -> None:
    drill.verify(checks.no_rotation_pending)
