"""Does CloudFormation here do what a drill relies on?"""

from __future__ import annotations

import io
import json
import zipfile
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


@experiment(
    "http-api-body",
    "CloudFormation makes the routes of an HTTP API that a template writes as one OpenAPI body",
    source="AWS CloudFormation User Guide, AWS::ApiGatewayV2::Api: Body",
)
def http_api_body(aws: Aws, prefix: str) -> Finding:
    client, integration = aws.client("cloudformation"), "x-amazon-apigateway-integration"
    behind = {
        "type": "http_proxy",
        "httpMethod": "GET",
        "uri": "http://127.0.0.1/",
        "payloadFormatVersion": "1.0",
    }
    body = {
        "openapi": "3.0.1",
        "info": {"title": prefix, "version": "1"},
        "paths": {"/well": {"get": {integration: behind, "responses": {}}}},
    }
    api = {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Body": body}}
    client.create_stack(StackName=prefix, TemplateBody=json.dumps({"Resources": {"Api": api}}))
    try:
        status = _settled(client, prefix)
        if status != "CREATE_COMPLETE":
            return Finding(None, f"a stack with such an API ended in {status}")
        made = _resources(client, prefix)[0]["PhysicalResourceId"]
        routes = aws.client("apigatewayv2").get_routes(ApiId=made).get("Items", [])
        found = [item["RouteKey"] for item in routes]
        return Finding(found == ["GET /well"], f"a body with one path became an API with {len(found)} routes")
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


def _parameter(prefix: str, value: str) -> dict[str, Any]:
    return {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Name": f"/{prefix}/level", "Type": "String", "Value": value},
    }


def _fails(aws: Aws) -> dict[str, Any]:
    """A resource that cannot be created anywhere: a nested stack whose template is nowhere."""
    url = aws.endpoint.url or f"https://s3.{aws.endpoint.region}.amazonaws.com"
    return {
        "Type": "AWS::CloudFormation::Stack",
        "DependsOn": "Level",
        "Properties": {"TemplateURL": f"{url}/rollproof-nowhere-{aws.endpoint.account}/nowhere.template"},
    }


def _body(**resources: Any) -> str:
    return json.dumps({"Resources": resources})


def _value(aws: Aws, prefix: str) -> str | None:
    """What the parameter of the experiment holds; None when it is not there."""
    client = aws.client("ssm")
    try:
        return str(client.get_parameter(Name=f"/{prefix}/level")["Parameter"]["Value"])
    except client.exceptions.ParameterNotFound:
        return None


@experiment(
    "failed-update-restores",
    "an update of a stack that fails puts back what it had changed",
    source="AWS CloudFormation User Guide, Stack failure options: roll back all stack resources",
)
def failed_update_restores(aws: Aws, prefix: str) -> Finding:
    client = aws.client("cloudformation")
    client.create_stack(StackName=prefix, TemplateBody=_body(Level=_parameter(prefix, "low")))
    try:
        _settled(client, prefix)
        body = _body(Level=_parameter(prefix, "high"), Fails=_fails(aws))
        client.update_stack(StackName=prefix, TemplateBody=body)
        status, value = _settled(client, prefix), _value(aws, prefix)
        events = client.describe_stack_events(StackName=prefix)["StackEvents"]
    finally:
        client.delete_stack(StackName=prefix)
    changed = [
        e for e in events if e["LogicalResourceId"] == "Level" and e["ResourceStatus"] == "UPDATE_COMPLETE"
    ]
    if not changed:
        return Finding(None, f"the update ended in {status} before it had changed the parameter")
    holds = status == "UPDATE_ROLLBACK_COMPLETE" and value == "low"
    return Finding(
        holds, f"a parameter went from low to high, then a resource failed: {status}, it is {value}"
    )


@experiment(
    "failed-create-rolls-back",
    "a creation of a stack that fails removes what it had made",
    source="AWS CloudFormation User Guide, Stack failure options: roll back all stack resources",
)
def failed_create_rolls_back(aws: Aws, prefix: str) -> Finding:
    client = aws.client("cloudformation")
    body = _body(Level=_parameter(prefix, "low"), Fails=_fails(aws))
    client.create_stack(StackName=prefix, TemplateBody=body)
    try:
        status, value = _settled(client, prefix), _value(aws, prefix)
    finally:
        client.delete_stack(StackName=prefix)
    left = "is left" if value is not None else "is gone"
    said = f"a parameter was made, then a resource failed: {status}, the parameter {left}"
    return Finding(status == "ROLLBACK_COMPLETE" and value is None, said)


@experiment(
    "continue-update-rollback",
    "a rollback that failed can be continued, with resources to skip",
    source="AWS CloudFormation User Guide, Continue rolling back an update",
)
def continue_update_rollback(aws: Aws, prefix: str) -> Finding:
    """The code of a function comes from an archive that is gone when the rollback wants it."""
    client, s3 = aws.client("cloudformation"), aws.client("s3")
    bucket = f"{prefix}-{aws.endpoint.account}"
    placed = {} if aws.endpoint.region == "us-east-1" else {"LocationConstraint": aws.endpoint.region}
    s3.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": placed} if placed else {}))
    for key in ("old.zip", "new.zip"):
        s3.put_object(Bucket=bucket, Key=key, Body=_archive(key))
    try:
        client.create_stack(
            StackName=prefix,
            TemplateBody=_body(**_function(prefix, bucket, "old.zip")),
            Capabilities=["CAPABILITY_IAM"],
        )
        _settled(client, prefix)
        s3.delete_object(Bucket=bucket, Key="old.zip")
        fails = {**_fails(aws), "DependsOn": "Level"}
        client.update_stack(
            StackName=prefix,
            TemplateBody=_body(**_function(prefix, bucket, "new.zip"), Fails=fails),
            Capabilities=["CAPABILITY_IAM"],
        )
        if (stuck := _settled(client, prefix)) != "UPDATE_ROLLBACK_FAILED":
            return Finding(False, f"a rollback to code that is gone ended in {stuck}")
        client.continue_update_rollback(StackName=prefix, ResourcesToSkip=["Level"])
        status = _settled(client, prefix)
    finally:
        client.delete_stack(StackName=prefix)
        for key in ("old.zip", "new.zip"):
            s3.delete_object(Bucket=bucket, Key=key)
        s3.delete_bucket(Bucket=bucket)
    holds = status == "UPDATE_ROLLBACK_COMPLETE"
    return Finding(holds, f"a rollback to code that is gone got stuck, and continued without it: {status}")


def _archive(name: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("index.py", f"def handler(event, context):\n    return {name!r}\n")
    return stream.getvalue()


def _function(prefix: str, bucket: str, key: str) -> dict[str, Any]:
    """A function, called Level as the resource that the others wait for, and its role."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    properties = {
        "FunctionName": prefix,
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"S3Bucket": bucket, "S3Key": key},
    }
    document = {"Version": "2012-10-17", "Statement": [trust]}
    return {
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": document}},
        "Level": {"Type": "AWS::Lambda::Function", "Properties": properties},
    }


@experiment(
    "drift-detection",
    "drift detection names a property that was changed by hand, and nothing while none was",
    source="AWS CloudFormation User Guide, Detect unmanaged configuration changes with drift detection",
)
def drift_detection(aws: Aws, prefix: str) -> Finding:
    client = aws.client("cloudformation")
    client.create_stack(StackName=prefix, TemplateBody=_body(Level=_parameter(prefix, "low")))
    try:
        _settled(client, prefix)
        before = _drift(client, prefix)
        aws.client("ssm").put_parameter(Name=f"/{prefix}/level", Value="high", Overwrite=True)
        after = _drift(client, prefix)
    finally:
        client.delete_stack(StackName=prefix)
    said = f"a parameter was changed by hand: {before} before, {after} after"
    return Finding((before, after) == ("IN_SYNC", "DRIFTED"), said)


def _drift(client: Any, name: str) -> str:
    detection = client.detect_stack_drift(StackName=name)["StackDriftDetectionId"]

    def status() -> str | None:
        said = client.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
        return None if said["DetectionStatus"] == "DETECTION_IN_PROGRESS" else str(said["StackDriftStatus"])

    return eventually(status, within=120.0, what="drift is detected")


@experiment(
    "change-sets",
    "a change set lists what it would change, changes nothing until it is executed, and then does",
    source="AWS CloudFormation User Guide, Update CloudFormation stacks using change sets",
)
def change_sets(aws: Aws, prefix: str) -> Finding:
    client = aws.client("cloudformation")
    client.create_stack(StackName=prefix, TemplateBody=_body(Level=_parameter(prefix, "low")))
    try:
        _settled(client, prefix)
        place = {"StackName": prefix, "ChangeSetName": "next"}
        client.create_change_set(**place, TemplateBody=_body(Level=_parameter(prefix, "high")))
        listed = _listed(client, place)
        before = _value(aws, prefix)
        client.execute_change_set(**place)
        eventually(lambda: _value(aws, prefix) != before, within=60.0, what="the change set is executed")
        status, after = _settled(client, prefix), _value(aws, prefix)
    finally:
        client.delete_stack(StackName=prefix)
    said = f"listed {listed}; low before and {before} until executed, {after} afterwards ({status})"
    return Finding((listed, before, after) == (["Modify Level"], "low", "high"), said)


def _listed(client: Any, place: dict[str, str]) -> list[str]:
    def made() -> dict[str, Any] | None:
        said: dict[str, Any] = client.describe_change_set(**place)
        return None if said["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS") else said

    changes = eventually(made, within=60.0, what="the change set is made").get("Changes", [])
    found = [change["ResourceChange"] for change in changes]
    return [f"{change['Action']} {change['LogicalResourceId']}" for change in found]


@experiment(
    "stack-policy",
    "a stack policy that denies the update of a resource keeps it from being updated",
    source="AWS CloudFormation User Guide, Prevent updates to stack resources",
)
def stack_policy(aws: Aws, prefix: str) -> Finding:
    client = aws.client("cloudformation")
    client.create_stack(StackName=prefix, TemplateBody=_body(Level=_parameter(prefix, "low")))
    try:
        _settled(client, prefix)
        deny = {"Effect": "Deny", "Action": "Update:*", "Principal": "*", "Resource": "*"}
        client.set_stack_policy(StackName=prefix, StackPolicyBody=json.dumps({"Statement": [deny]}))
        client.update_stack(StackName=prefix, TemplateBody=_body(Level=_parameter(prefix, "high")))
        status, value = _settled(client, prefix), _value(aws, prefix)
    finally:
        client.delete_stack(StackName=prefix)
    return Finding(value == "low", f"a policy denied an update of low to high: {status}, it is {value}")
