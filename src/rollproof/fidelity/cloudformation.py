"""Does CloudFormation here do what a drill relies on?"""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from rollproof.components.aws.clients import Aws
from rollproof.fidelity.registry import Finding, experiment
from rollproof.waiting import eventually

_SAM = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Transform": "AWS::Serverless-2016-10-31",
    "Resources": {
        "Items": {
            "Type": "AWS::Serverless::SimpleTable",
            "Properties": {"PrimaryKey": {"Name": "id", "Type": "String"}},
        }
    },
}


@experiment(
    "sam-transform",
    "CloudFormation transforms a template with AWS::Serverless resources itself",
    source="AWS SAM Developer Guide, AWS SAM template anatomy: Transform",
)
def sam_transform(aws: Aws, prefix: str) -> Finding:
    client = aws.client("cloudformation")
    try:
        client.create_stack(
            StackName=prefix, TemplateBody=json.dumps(_SAM), Capabilities=["CAPABILITY_AUTO_EXPAND"]
        )
    except ClientError as error:
        said = error.response["Error"].get("Message", "")
        return Finding(False, f"a SAM template is refused: {said[:200]}")
    try:
        status = _settled(client, prefix)
        kinds = {item["ResourceType"] for item in _resources(client, prefix)}
        if status == "CREATE_COMPLETE" and kinds == {"AWS::DynamoDB::Table"}:
            return Finding(True, "a SimpleTable became a table of DynamoDB")
        return Finding(False, f"a stack with a SimpleTable ended in {status} and holds {sorted(kinds)}")
    finally:
        client.delete_stack(StackName=prefix)


def _settled(client: Any, name: str, *, within: float = 60.0) -> str:
    """The status of a stack once nothing goes on in it."""

    def status() -> str | None:
        found = str(client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
        return None if found.endswith("_IN_PROGRESS") else found

    return eventually(status, within=within, what="the stack has settled")


def _resources(client: Any, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.describe_stack_resources(StackName=name)["StackResources"]
    return found
