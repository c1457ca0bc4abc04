"""AlquimistaStack: what the other stacks share. Commands, secrets, settings, and who is told."""

from __future__ import annotations

import json

from stacks.constructs import Resource, Stack, Value, sub
from stacks.functions import Live, allow, function

ACTIONS = ("GetItem", "PutItem", "DeleteItem", "Query")
KEPT = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}


def build(stack: Stack) -> None:
    stack.description = "Alquimista: operational commands, secrets, settings and notifications"
    commands(stack, table(stack))
    rotation(stack, secrets(stack))
    parameters(stack)
    flags(stack)
    notifications(stack)


def table(stack: Stack) -> Resource:
    made = stack.add(
        "Commands/Table/Resource",
        "AWS::DynamoDB::Table",
        {
            "TableName": sub("operational-commands-${Env}"),
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                {"AttributeName": "tenant", "AttributeType": "S"},
                {"AttributeName": "command_id", "AttributeType": "S"},
            ],
            "KeySchema": [
                {"AttributeName": "tenant", "KeyType": "HASH"},
                {"AttributeName": "command_id", "KeyType": "RANGE"},
            ],
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            "SSESpecification": {"SSEEnabled": True},
        },
        **KEPT,
    )
    stack.output("CommandsTableName", made.ref, "Table of operational commands")
    return made


def commands(stack: Stack, made: Resource) -> Live:
    return function(
        stack,
        "Commands",
        name="alquimista-commands-${Env}",
        asset="commands",
        handler="index.handler",
        runtime="nodejs22.x",
        environment={"COMMANDS_TABLE": made.ref},
        policy=[allow([f"dynamodb:{name}" for name in ACTIONS], made.att("Arn"))],
    )


def secrets(stack: Stack) -> list[Resource]:
    stack.parameter(
        "DatabaseDsn", NoEcho=True, Default="", Description="libpq connection string, no password"
    )
    stack.parameter("DatabaseUser", Default="app_user", Description="Role that the functions log in as")
    database = {
        "SecretStringTemplate": sub(
            '{"engine":"postgres","username":"${DatabaseUser}","dsn":"${DatabaseDsn}"}'
        ),
        "GenerateStringKey": "password",
    }
    key = {"SecretStringTemplate": '{"purpose":"operations"}', "GenerateStringKey": "key"}
    return [
        _secret(stack, "Database", "database", "What the functions log in to Postgres with", database),
        _secret(stack, "ApiKey", "api-key", "Opens the operator's part of the API", key),
    ]


def _secret(stack: Stack, path: str, name: str, said: str, generated: dict[str, Value]) -> Resource:
    return stack.add(
        f"{path}Secret/Resource",
        "AWS::SecretsManager::Secret",
        {
            "Name": sub("alquimista/${Env}/" + name),
            "Description": said,
            "GenerateSecretString": {"PasswordLength": 40, "ExcludePunctuation": True, **generated},
        },
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Retain",
    )


def rotation(stack: Stack, made: list[Resource]) -> None:
    """The rotating function, who may call it, and a schedule unless there is to be none."""
    stack.parameter("RotateEveryDays", Type="Number", Default=30, Description="0: when told only")
    stack.conditions["RotatesBySchedule"] = {"Fn::Not": [{"Fn::Equals": [{"Ref": "RotateEveryDays"}, "0"]}]}
    rotates = [
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecretVersionStage",
    ]
    live = function(
        stack,
        "RotateSecret",
        name="alquimista-rotate-secret-${Env}",
        asset="rotate-secret",
        handler="index.handler",
        runtime="python3.12",
        environment={},
        policy=[
            allow(rotates, [secret.ref for secret in made]),
            allow(["secretsmanager:GetRandomPassword"], "*"),
        ],
        database=True,
    )
    permission = stack.add(
        "RotateSecret/Live/InvokedBySecretsManager",
        "AWS::Lambda::Permission",
        {
            "Action": "lambda:InvokeFunction",
            "FunctionName": live.alias.ref,
            "Principal": "secretsmanager.amazonaws.com",
            "SourceAccount": {"Ref": "AWS::AccountId"},
        },
    )
    for name, secret in zip(("Database", "ApiKey"), made, strict=True):
        stack.add(
            f"{name}Secret/RotationSchedule/Resource",
            "AWS::SecretsManager::RotationSchedule",
            {
                "SecretId": secret.ref,
                "RotationLambdaARN": live.alias.ref,
                "RotationRules": {"AutomaticallyAfterDays": {"Ref": "RotateEveryDays"}},
                "RotateImmediatelyOnUpdate": False,
            },
            Condition="RotatesBySchedule",
            DependsOn=[permission.id],
        )


def parameters(stack: Stack) -> None:
    values = {"agents/page-size": str(stack.release.page_size), "release": stack.release.name}
    for name, value in values.items():
        stack.add(
            f"Settings/{name.title().replace('/', '')}/Resource",
            "AWS::SSM::Parameter",
            {"Name": sub("/alquimista/${Env}/" + name), "Type": "String", "Value": value},
        )


def flags(stack: Stack) -> None:
    """Feature flags in AppConfig: one document, deployed at once."""
    application = stack.add(
        "Flags/Application/Resource", "AWS::AppConfig::Application", {"Name": sub("alquimista-${Env}")}
    )
    environment = stack.add(
        "Flags/Environment/Resource",
        "AWS::AppConfig::Environment",
        {"ApplicationId": application.ref, "Name": {"Ref": "Env"}},
    )
    profile = stack.add(
        "Flags/Profile/Resource",
        "AWS::AppConfig::ConfigurationProfile",
        {"ApplicationId": application.ref, "Name": "flags", "LocationUri": "hosted"},
    )
    strategy = stack.add(
        "Flags/AtOnce/Resource",
        "AWS::AppConfig::DeploymentStrategy",
        {
            "Name": sub("alquimista-at-once-${Env}"),
            "DeploymentDurationInMinutes": 0,
            "GrowthFactor": 100,
            "FinalBakeTimeInMinutes": 0,
            "ReplicateTo": "NONE",
        },
    )
    content = {"enrich-leads": True, "operators-console": stack.release.routes}
    version = stack.add(
        "Flags/Content/Resource",
        "AWS::AppConfig::HostedConfigurationVersion",
        {
            "ApplicationId": application.ref,
            "ConfigurationProfileId": profile.ref,
            "ContentType": "application/json",
            "Content": json.dumps(content, sort_keys=True),
            "Description": stack.release.name,
        },
        UpdateReplacePolicy="Retain",  # a document that was replaced can be deployed again
        DeletionPolicy="Delete",
    )
    stack.add(
        "Flags/Deployment/Resource",
        "AWS::AppConfig::Deployment",
        {
            "ApplicationId": application.ref,
            "EnvironmentId": environment.ref,
            "DeploymentStrategyId": strategy.ref,
            "ConfigurationProfileId": profile.ref,
            "ConfigurationVersion": version.ref,
        },
    )


def notifications(stack: Stack) -> None:
    stack.parameter("StakeholderEmail", Description="Who is told of rollbacks", AllowedPattern=".+@.+")
    topic = stack.add(
        "Rollback/Topic/Resource",
        "AWS::SNS::Topic",
        {"TopicName": sub("alquimista-rollback-${Env}"), "DisplayName": "Alquimista rollbacks"},
    )
    stack.add(
        "Rollback/Topic/Stakeholders/Resource",
        "AWS::SNS::Subscription",
        {"TopicArn": topic.ref, "Protocol": "email", "Endpoint": {"Ref": "StakeholderEmail"}},
    )
    stack.output("RollbackTopicArn", topic.ref, "Topic that rollbacks are announced on")
