"""Things that experiments need, made for one of them and removed when it ends."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from botocore.exceptions import ClientError

from rollproof.components.aws.clients import Aws
from rollproof.waiting import eventually

ROLE_SECONDS = 60.0
"""IAM takes a while until a new role can be assumed everywhere."""
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
_LOGS = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}],
}


@contextmanager
def trial_function(aws: Aws, name: str, code: str, **variables: str) -> Iterator[str]:
    """A function in Python with a role of its own, ready to be called; yields its name."""
    iam, functions = aws.client("iam"), aws.client("lambda")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(_TRUST))["Role"]["Arn"]
    try:
        iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=json.dumps(_LOGS))

        def made() -> bool:
            try:
                functions.create_function(
                    FunctionName=name,
                    Runtime="python3.12",
                    Role=role,
                    Handler="index.handler",
                    Code={"ZipFile": packed(code)},
                    Environment={"Variables": variables},
                )
            except ClientError as error:
                if "role" not in str(error).lower():
                    raise
                return False
            return True

        eventually(made, within=ROLE_SECONDS, what="the role of the trial's function can be assumed")
        try:
            settle(aws, name)
            yield name
        finally:
            functions.delete_function(FunctionName=name)
    finally:
        remove_role(iam, name)


def remove_role(iam: Any, name: str) -> None:
    """With its one policy, if it has got that already."""
    with suppress(iam.exceptions.NoSuchEntityException):
        iam.delete_role_policy(RoleName=name, PolicyName=name)
    iam.delete_role(RoleName=name)


def settle(aws: Aws, name: str) -> None:
    """Waits until a function has taken its configuration."""

    def settled() -> bool:
        said = aws.client("lambda").get_function_configuration(FunctionName=name)
        return not {"Pending", "InProgress"} & {said.get("State"), said.get("LastUpdateStatus")}

    eventually(settled, within=ROLE_SECONDS, what="the trial's function is ready")


def packed(code: str) -> bytes:
    """A deployment package with this `index.py`."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("index.py", code)
    return body.getvalue()
