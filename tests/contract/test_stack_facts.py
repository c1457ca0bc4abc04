"""What a stack is, read resource by resource on a real emulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stack_support import client, make_drill, parameter, template, write

from rollproof.checks.resources import resources_restored
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.releases import DeployRelease, RememberResources
from rollproof.components.aws.stackfacts import stack_facts
from rollproof.drill.drill import Drill
from rollproof.drill.session import DrillSession
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.fingerprint import compare
from rollproof.model.verdict import Outcome

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
ROLE = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}}
FUNCTION = {
    "Type": "AWS::Lambda::Function",
    "Properties": {
        "FunctionName": "shop-orders",
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "MemorySize": 128,
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Environment": {"Variables": {"DATABASE_URL": "postgres://u:hunter2@h/d"}},
        "Code": {"ZipFile": "def handler(event, context): return 1"},
    },
}
RESOURCES: dict[str, Any] = {
    "Role": ROLE,
    "Function": FUNCTION,
    "Level": parameter("low", Name="level"),
    "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "orders", "VisibilityTimeout": 40}},
    "Topic": {
        "Type": "AWS::SNS::Topic",
        "Properties": {
            "TopicName": "told",
            "Subscription": [{"Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Queue", "Arn"]}}],
        },
    },
    "Front": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "front", "ProtocolType": "HTTP"}},
    "Back": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "back"}},
    "Served": {
        "Type": "AWS::Lambda::Version",
        "Properties": {"FunctionName": {"Ref": "Function"}},
    },
    "Live": {
        "Type": "AWS::Lambda::Alias",
        "Properties": {
            "FunctionName": {"Ref": "Function"},
            "FunctionVersion": {"Fn::GetAtt": ["Served", "Version"]},
            "Name": "live",
        },
    },
    "Bucket": {
        "Type": "AWS::S3::Bucket",
        "Properties": {
            "BucketName": {"Fn::Sub": "held-${AWS::AccountId}"},
            "VersioningConfiguration": {"Status": "Enabled"},
        },
    },
    "Table": {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "TableName": "orders",
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        },
    },
    "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/shop", "RetentionInDays": 7}},
    "Rule": {
        "Type": "AWS::Events::Rule",
        "Properties": {"Name": "nightly", "ScheduleExpression": "rate(1 day)", "State": "ENABLED"},
    },
    "Allowed": {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "FunctionName": {"Ref": "Function"},
            "Action": "lambda:InvokeFunction",
            "Principal": "events.amazonaws.com",
        },
    },
    "Alarm": {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": "errors",
            "Namespace": "AWS/Lambda",
            "MetricName": "Errors",
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanThreshold",
        },
    },
    "Secret": {
        "Type": "AWS::SecretsManager::Secret",
        "Properties": {"Name": "hidden", "SecretString": "hunter2"},
    },
}

BY_HAND: dict[str, tuple[str, Callable[[Any], object]]] = {
    "Function": (
        "MemorySize",
        lambda use: use("lambda").update_function_configuration(FunctionName="shop-orders", MemorySize=256),
    ),
    "Level": (
        "Value",
        lambda use: use("ssm").put_parameter(Name="level", Value="high", Type="String", Overwrite=True),
    ),
    "Queue": (
        "VisibilityTimeout",
        lambda use: use("sqs").set_queue_attributes(
            QueueUrl=use("sqs").get_queue_url(QueueName="orders")["QueueUrl"],
            Attributes={"VisibilityTimeout": "41"},
        ),
    ),
    "Logs": (
        "retentionInDays",
        lambda use: use("logs").put_retention_policy(logGroupName="/shop", retentionInDays=14),
    ),
    "Rule": ("Enabled", lambda use: use("events").disable_rule(Name="nightly")),
    "Table": (
        "DeletionProtectionEnabled",
        lambda use: use("dynamodb").update_table(TableName="orders", DeletionProtectionEnabled=True),
    ),
    "Alarm": (
        "Threshold",
        lambda use: use("cloudwatch").put_metric_alarm(
            AlarmName="errors",
            Namespace="AWS/Lambda",
            MetricName="Errors",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=9,
            ComparisonOperator="GreaterThanThreshold",
        ),
    ),
}


def only(items: list[Any], key: str, name: str) -> Any:
    return next(item for item in items if item[key] == name)


def add_authorizer(use: Any) -> None:
    api = only(use("apigatewayv2").get_apis()["Items"], "Name", "front")["ApiId"]
    use("apigatewayv2").create_authorizer(
        ApiId=api,
        Name="door",
        AuthorizerType="JWT",
        IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Issuer": "https://id.example", "Audience": ["shop"]},
    )


def answer_otherwise(use: Any) -> None:
    api = only(use("apigateway").get_rest_apis()["items"], "name", "back")["id"]
    use("apigateway").put_gateway_response(restApiId=api, responseType="DEFAULT_4XX", statusCode="418")
    use("apigateway").create_request_validator(restApiId=api, name="strict")


def unsubscribe(use: Any) -> None:
    found = use("sns").list_subscriptions()["Subscriptions"]
    use("sns").unsubscribe(SubscriptionArn=found[0]["SubscriptionArn"])


def tag_alarm(use: Any) -> None:
    arn = use("cloudwatch").describe_alarms()["MetricAlarms"][0]["AlarmArn"]
    use("cloudwatch").tag_resource(ResourceARN=arn, Tags=[{"Key": "team", "Value": "x"}])


def allow_nobody(use: Any) -> None:
    arn = use("dynamodb").describe_table(TableName="orders")["Table"]["TableArn"]
    use("dynamodb").put_resource_policy(ResourceArn=arn, Policy='{"Version": "2012-10-17", "Statement": []}')


def open_bucket(use: Any) -> None:
    names = [item["Name"] for item in use("s3").list_buckets()["Buckets"]]
    name = next(name for name in names if name.startswith("held-"))
    writer = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    use("s3").put_bucket_ownership_controls(Bucket=name, OwnershipControls=writer)
    use("s3").put_bucket_acl(Bucket=name, ACL="public-read")
    use("s3").put_bucket_accelerate_configuration(Bucket=name, AccelerateConfiguration={"Status": "Enabled"})


def call_otherwise(use: Any) -> None:
    client = use("lambda")
    client.put_provisioned_concurrency_config(
        FunctionName="shop-orders", Qualifier="live", ProvisionedConcurrentExecutions=3
    )
    client.put_function_event_invoke_config(FunctionName="shop-orders", MaximumRetryAttempts=0)
    client.create_function_url_config(FunctionName="shop-orders", AuthType="NONE")


def doom_secret(use: Any) -> None:
    use("secretsmanager").delete_secret(SecretId="hidden", RecoveryWindowInDays=7)


BESIDE: dict[Callable[[Any], object], set[tuple[str, str]]] = {
    call_otherwise: {("Live", "Provisioned"), ("Function", "AsynchronousCalls"), ("Function", "Url")},
    add_authorizer: {("Front", "Authorizers")},
    answer_otherwise: {("Back", "GatewayResponses"), ("Back", "RequestValidators")},
    unsubscribe: {("Topic", "Subscriptions")},
    open_bucket: {("Bucket", name) for name in ("Access", "Acceleration", "Ownership")},
    allow_nobody: {("Table", "Policy")},
    doom_secret: {("Secret", "ScheduledForDeletion")},
    tag_alarm: {("Alarm", "Tags")},
}
"""What stands beside a resource's own description, so that it takes a question more to see it."""

ODD = {"Type": "AWS::Glue::Database", "Properties": {"CatalogId": "1", "DatabaseInput": {"Name": "odd"}}}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrillSession]:
    folder = tmp_path_factory.mktemp("run")
    session = DrillSession(folder=folder / "r", run="r", environment=EmbeddedEnvironment())
    yield session
    session.finish("proven")


@pytest.fixture
def deployed(session: DrillSession, tmp_path: Path) -> Callable[..., Drill]:
    def make(resources: dict[str, Any], **stack: Any) -> Drill:
        write(tmp_path, "1/main.json", template(**resources))
        main = {"name": "shop", "template": "main.json", **stack}
        declared = {"release": [{"name": "1", "path": "1"}], "stack": {"main": main}}
        drill = make_drill(session, tmp_path, declared)
        drill.require(DeployRelease())
        return drill

    return make


@pytest.mark.parametrize("changed", BY_HAND)
def test_what_is_changed_by_hand_is_named_and_nothing_else(
    deployed: Callable[..., Drill], changed: str
) -> None:
    drill = deployed(RESOURCES)
    before = stack_facts(drill.use(Cloud))
    attribute, change = BY_HAND[changed]
    change(drill.use(Cloud).client)
    differences = compare(before, stack_facts(drill.use(Cloud)))
    assert [(d.name, d.attribute) for d in differences] == [(f"shop/{changed}", attribute)]


def test_what_a_definition_does_not_tell_is_asked_for_besides(deployed: Callable[..., Drill]) -> None:
    drill = deployed(RESOURCES)
    before = stack_facts(drill.use(Cloud))
    for change in BESIDE:
        change(drill.use(Cloud).client)
    differences = compare(before, stack_facts(drill.use(Cloud)))
    found = {(d.name.removeprefix("shop/"), d.attribute) for d in differences}
    assert found == set().union(*BESIDE.values())


def test_what_is_deleted_by_hand_is_named(deployed: Callable[..., Drill]) -> None:
    drill = deployed(RESOURCES)
    before = stack_facts(drill.use(Cloud))
    client(drill, "ssm").delete_parameter(Name="level")
    differences = compare(before, stack_facts(drill.use(Cloud)))
    assert "shop/Level" in {d.name for d in differences if d.after is None}


def test_every_resource_is_read_and_no_secret_is_among_the_facts(deployed: Callable[..., Drill]) -> None:
    drill = deployed(RESOURCES)
    seen = stack_facts(drill.use(Cloud))
    assert {name for _, name in seen.facts} == {"shop", *(f"shop/{name}" for name in RESOURCES)}
    assert not [fact for fact in seen.facts.values() if fact.kind == "not compared"]
    assert "hunter2" not in str(seen.to_json())


def test_a_resource_that_nobody_can_read_leaves_the_verdict_unknown(deployed: Callable[..., Drill]) -> None:
    drill = deployed({"Level": parameter("low"), "Odd": ODD})
    drill.require(RememberResources(("stack",)))
    verdict = drill.verify(resources_restored, kind="stack")
    assert verdict.outcome is Outcome.UNKNOWN
    assert "shop/Odd" in verdict.reason


def test_a_type_that_the_system_file_leaves_out_is_named_in_the_verdict(
    deployed: Callable[..., Drill],
) -> None:
    drill = deployed({"Level": parameter("low"), "Odd": ODD}, uncompared=[ODD["Type"]])
    drill.require(RememberResources(("stack",)))
    verdict = drill.verify(resources_restored, kind="stack")
    assert verdict.outcome is Outcome.PROVEN
    assert "shop/Odd" in verdict.reason


def test_a_declared_secret_that_is_about_to_be_deleted_is_not_what_it_was(
    session: DrillSession, tmp_path: Path
) -> None:
    drill = make_drill(session, tmp_path, {"secret": {"key": {"name": "shop/key"}}}, tags=("secret",))
    manager = client(drill, "secretsmanager")
    manager.create_secret(Name="shop/key", SecretString="hunter2")
    drill.require(RememberResources(("secret",)))
    manager.delete_secret(SecretId="shop/key", RecoveryWindowInDays=7)
    verdict = drill.verify(resources_restored, kind="secret")
    assert verdict.outcome is Outcome.REFUTED
    assert any("scheduled for deletion none before, yes after" in found for found in verdict.findings)
