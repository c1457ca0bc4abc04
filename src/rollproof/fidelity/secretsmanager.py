"""What drills rely on of Secrets Manager."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from rollproof.components.aws.clients import Aws
from rollproof.fidelity.registry import Finding, experiment
from rollproof.waiting import eventually

CALLED = "rollproof-called"
_HANDLER = f"""
import boto3

def handler(event, context):
    boto3.client("secretsmanager").tag_resource(
        SecretId=event["SecretId"], Tags=[{{"Key": "{CALLED}", "Value": event["Step"]}}]
    )
"""
SECONDS = 20.0


def package(source: str) -> bytes:
    """A function's package of one file, `index.py`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", source)
    return buffer.getvalue()


@experiment(
    "rotation-calls-function",
    "RotateSecret calls the rotation function",
    source="AWS Secrets Manager User Guide, Rotation by Lambda function",
)
def rotation_calls_function(aws: Aws, prefix: str) -> Finding:
    """Rotates a secret by a function that leaves a mark, and looks for it.

    Not made on AWS itself, where a function needs a role that this would have to make.
    """
    if aws.endpoint.url is None:
        return Finding(True, "this is AWS itself")
    functions, client = aws.client("lambda"), aws.client("secretsmanager")
    made = functions.create_function(
        FunctionName=prefix,
        Runtime="python3.12",
        Handler="index.handler",
        Role=f"arn:aws:iam::{aws.endpoint.account}:role/rollproof",
        Code={"ZipFile": package(_HANDLER)},
    )
    functions.add_permission(
        FunctionName=prefix,
        StatementId="rotation",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
    )
    client.create_secret(Name=prefix, SecretString="one")
    try:
        token = client.rotate_secret(SecretId=prefix, RotationLambdaARN=made["FunctionArn"])["VersionId"]
        return _finding(client, prefix, token)
    finally:
        client.delete_secret(SecretId=prefix, ForceDeleteWithoutRecovery=True)
        functions.delete_function(FunctionName=prefix)


def _finding(client: Any, secret: str, token: str) -> Finding:
    """The function never finishes a rotation: a version that becomes current did so without it."""

    def outcome() -> Finding | None:
        said = client.describe_secret(SecretId=secret)
        if any(tag["Key"] == CALLED for tag in said.get("Tags") or []):
            return Finding(True, "the rotation function was called")
        if "AWSCURRENT" in said["VersionIdsToStages"].get(token, []):
            return Finding(
                False, "RotateSecret made a new version the current one without calling the rotation function"
            )
        return None

    return eventually(outcome, within=SECONDS, what="the rotation function is called")
