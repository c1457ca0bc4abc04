"""alquimista-rotate-secret: makes a new password or key in the four steps that Secrets Manager asks for.

A secret with a `username` is a Postgres role's password, any other one holds a `key`. The role changes its
own password: it logs in with whichever of the new, the current and the previous one works.
https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import boto3
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

CONNECT_SECONDS = 3
Secret = dict[str, str]
manager = boto3.client("secretsmanager")


def handler(event: Mapping[str, str], context: object = None) -> None:
    """One step. Raises what goes wrong: Secrets Manager tries again, and leaves the old version in use."""
    del context
    secret, token = event["SecretId"], event["ClientRequestToken"]
    versions: Mapping[str, list[str]] = manager.describe_secret(SecretId=secret)["VersionIdsToStages"]
    if "AWSCURRENT" in versions.get(token, []):
        return
    if "AWSPENDING" not in versions.get(token, []):
        raise ValueError(f"version {token} is not pending")
    STEPS[event["Step"]](secret, token)


def create(secret: str, token: str) -> None:
    """Makes the new value, unless an earlier try has."""
    try:
        _read(secret, "AWSPENDING", token)
    except manager.exceptions.ResourceNotFoundException:
        value = _read(secret, "AWSCURRENT")
        fresh = manager.get_random_password(PasswordLength=40, ExcludePunctuation=True)["RandomPassword"]
        manager.put_secret_value(
            SecretId=secret,
            ClientRequestToken=token,
            SecretString=json.dumps(value | {_field(value): fresh}),
            VersionStages=["AWSPENDING"],
        )


def put_in_place(secret: str, token: str) -> None:
    """Gives the role its new password. A key is in place as soon as it is current."""
    pending = _read(secret, "AWSPENDING", token)
    if "username" not in pending:
        return
    with _login(secret, token) as database:
        statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
        role, password = sql.Identifier(pending["username"]), sql.Literal(pending["password"])
        database.execute(statement.format(role, password))


def test(secret: str, token: str) -> None:
    """Uses the new value as the functions do."""
    pending = _read(secret, "AWSPENDING", token)
    if "username" in pending:
        with _connected(pending) as database:
            database.execute("SELECT 1 FROM fibonacci_core.agents LIMIT 1")
    elif len(pending["key"]) < 40:
        raise ValueError("the new key is too short")


def finish(secret: str, token: str) -> None:
    """Makes the new value the current one; the old one becomes AWSPREVIOUS."""
    versions = manager.describe_secret(SecretId=secret)["VersionIdsToStages"]
    current = next(version for version, stages in versions.items() if "AWSCURRENT" in stages)
    manager.update_secret_version_stage(
        SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
    )


STEPS: Mapping[str, Callable[[str, str], None]] = {
    "createSecret": create,
    "setSecret": put_in_place,
    "testSecret": test,
    "finishSecret": finish,
}


def _read(secret: str, stage: str, token: str | None = None) -> Secret:
    version = {"VersionId": token} if token else {}
    found = manager.get_secret_value(SecretId=secret, VersionStage=stage, **version)
    value: Secret = json.loads(found["SecretString"])
    return value


def _field(value: Secret) -> str:
    return "password" if "username" in value else "key"


def _connected(secret: Secret) -> psycopg.Connection[Any]:
    dsn = make_conninfo(secret["dsn"], user=secret["username"], password=secret["password"])
    return psycopg.connect(dsn, connect_timeout=CONNECT_SECONDS)


def _login(secret: str, token: str) -> psycopg.Connection[Any]:
    """Pending works when an earlier try got this far, previous when the change was taken back."""
    refused: psycopg.OperationalError | None = None
    for stage, version in (("AWSPENDING", token), ("AWSCURRENT", None), ("AWSPREVIOUS", None)):
        try:
            return _connected(_read(secret, stage, version))
        except manager.exceptions.ResourceNotFoundException:
            continue
        except psycopg.OperationalError as error:
            refused = error
    raise refused or ValueError("the secret has no version to log in with")
