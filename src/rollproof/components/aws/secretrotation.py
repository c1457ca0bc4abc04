"""Rotating a secret: by Secrets Manager, by its function's four steps, or by hand."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from rollproof.components.aws.clients import calling, code_of
from rollproof.components.aws.secret import CURRENT, PENDING, Secrets, Value
from rollproof.components.postgres.bench import Bench
from rollproof.components.postgres.passwords import set_password
from rollproof.errors import AttemptFailed
from rollproof.waiting import eventually

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
"""In this order (AWS Secrets Manager user guide, "Lambda rotation functions")."""
ROTATION_SECONDS = 300.0


def rotates_by_function(held: Secrets, key: str) -> str:
    """What the function that rotates a secret is called by; empty when there is none."""
    configured = held.describe(key).get("RotationLambdaARN")
    if configured:
        return str(configured)
    wanted = held.declared()[key].function
    if wanted is None:
        return ""
    spec = held.drill.system.function[wanted]
    return f"{held.cloud.fill(spec.name)}:{spec.alias}" if spec.alias else held.cloud.fill(spec.name)


def rotate_by_service(held: Secrets, key: str, function: str) -> None:
    """RotateSecret, to its end. Raises AttemptFailed when the new version never becomes the current one."""
    name, was_on = held.name(key), bool(held.describe(key).get("RotationEnabled"))
    token = str(uuid.uuid4())
    more: dict[str, Any] = {}
    if not was_on:
        more = {
            "RotationLambdaARN": _arn_of(held, function),
            "RotationRules": {"AutomaticallyAfterDays": 1000},
        }
    with calling("rotating a secret", where=name):
        held.client.rotate_secret(SecretId=name, ClientRequestToken=token, **more)
    try:
        eventually(
            lambda: held.stages(key).get(CURRENT) == token,
            within=ROTATION_SECONDS,
            what=f"the rotation of {name} is finished",
        )
    finally:
        if not was_on:
            with calling("switching the rotation's schedule off again", where=name):
                held.client.cancel_rotate_secret(SecretId=name)


def _arn_of(held: Secrets, function: str) -> str:
    if function.startswith("arn:"):
        return function
    with calling("looking for the rotation function", where=function):
        name, _, alias = function.partition(":")
        more = {"Qualifier": alias} if alias else {}
        found = held.cloud.client("lambda").get_function_configuration(FunctionName=name, **more)
    return str(found["FunctionArn"])


def rotate_by_steps(held: Secrets, key: str, function: str, steps: Sequence[str] = STEPS) -> str:
    """Calls the function's steps as Secrets Manager would; returns the new version's id.

    Secrets Manager announces the version with the stage AWSPENDING before it calls the first step, and
    holds no value for it yet. Where an endpoint cannot do the latter, the version comes with the value
    that createSecret would have given it.

    Raises AttemptFailed, saying at which step, when the function fails or is not there.
    """
    token = held.pending.get(key) or _announce(held, key)
    held.pending[key] = token
    for step in steps:
        call_step(held, key, function, step=step, token=token)
    if STEPS[-1] in steps:
        del held.pending[key]
    return token


def _announce(held: Secrets, key: str) -> str:
    """Announces a version, which supersedes one that an earlier rotation left pending."""
    drop_pending(held, key)
    token, name = str(uuid.uuid4()), held.name(key)
    value = held.value(key).renewed(held.fresh())
    with calling("announcing a secret's new version", where=name):
        held.client.put_secret_value(
            SecretId=name, ClientRequestToken=token, SecretString=value.text, VersionStages=[PENDING]
        )
    return token


def call_step(held: Secrets, key: str, function: str, *, step: str, token: str) -> None:
    """One step. Raises AttemptFailed; what the function said is not repeated, it may hold the secret."""
    with calling("reading a secret's description", where=held.name(key)):
        arn = held.client.describe_secret(SecretId=held.name(key))["ARN"]
    event = {"Step": step, "SecretId": arn, "ClientRequestToken": token}
    with calling(f"calling {step} of the rotation function", where=function):
        answer = held.cloud.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
        body = answer["Payload"].read()
    if answer.get("FunctionError"):
        raise AttemptFailed(
            f"the rotation function failed in {step} with {_kind(body)}",
            doing="rotating a secret",
            where=held.name(key),
            remedy="see the function's log; finish the rotation or take it back before the system goes on",
            facts={"code": step},
        )


def _kind(body: bytes) -> str:
    try:
        return str(json.loads(body).get("errorType") or "an error")
    except (ValueError, AttributeError):
        return "an error"


def rotate_by_hand(held: Secrets, key: str) -> None:
    """A fresh value, put in place by the drill: what an operator does for a secret without a function."""
    spec, name = held.declared()[key], held.name(key)
    value = held.value(key).renewed(held.fresh())
    if spec.kind == "postgres":
        set_password(held.drill.use(Bench).server, value.username, value.password)
    with calling("giving a secret its new value", where=name):
        held.client.put_secret_value(SecretId=name, SecretString=value.text)


def drop_pending(held: Secrets, key: str) -> bool:
    """Takes AWSPENDING from a version that never became current; whether there was one."""
    stages = held.stages(key)
    version = stages.get(PENDING)
    if version is None or version == stages.get(CURRENT):
        return False
    try:
        with calling("taking a pending version back", where=held.name(key)):
            held.client.update_secret_version_stage(
                SecretId=held.name(key), VersionStage=PENDING, RemoveFromVersionId=version
            )
    except AttemptFailed as error:
        if code_of(error) != "InvalidParameterException":
            raise
    return True


def take_back(held: Secrets, key: str) -> None:
    """Fully old again: the database gets the password that is still the current one, nothing is pending.

    Raises AttemptFailed.
    """
    value: Value = held.value(key)
    if held.declared()[key].kind == "postgres":
        set_password(held.drill.use(Bench).server, value.username, value.password)
    drop_pending(held, key)
    held.pending.pop(key, None)
