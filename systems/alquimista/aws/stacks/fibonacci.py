"""FibonacciStack: the agents, read from Postgres behind a REST API, and the alarms on them."""

from __future__ import annotations

from stacks.constructs import Resource, Stack, Value, digest_of, sub
from stacks.functions import TRUST, Live, allow, function

NAME = "fibonacci-list-agents-${Env}"
SECRETS = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:alquimista/${Env}/*"
SETTINGS = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/alquimista/${Env}/*"
TOPIC = "arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:alquimista-rollback-${Env}"


def build(stack: Stack) -> None:
    stack.description = "Fibonacci: agents behind a REST API"
    live = list_agents(stack)
    stage = rest_api(stack, live)
    alarms(stack)
    if stack.release.gate:
        gate(stack, stage)
    if stack.release.waits:
        wait_for_nobody(stack, stage)


def list_agents(stack: Stack) -> Live:
    return function(
        stack,
        "ListAgents",
        name=NAME,
        asset="list-agents",
        handler="index.handler",
        runtime="python3.12",
        environment={
            "DATABASE_SECRET": sub("alquimista/${Env}/" + stack.release.database_secret),
            "API_KEY_SECRET": sub("alquimista/${Env}/api-key"),
            "SETTINGS_PATH": sub("/alquimista/${Env}/"),
        },
        policy=[
            allow(["secretsmanager:GetSecretValue"], sub(SECRETS)),
            allow(["ssm:GetParameter"], sub(SETTINGS)),
        ],
        database=True,
    )


def rest_api(stack: Stack, live: Live) -> Resource:
    api = stack.add("Api/Resource", "AWS::ApiGateway::RestApi", {"Name": sub("fibonacci-api-${Env}")})
    routes = ["health", "agents", "operations", *(["plans"] if stack.release.routes else [])]
    methods = [_route(stack, api, route, live) for route in routes]
    deployment = stack.add(
        "Api/Deployment/Resource",
        "AWS::ApiGateway::Deployment",
        {"RestApiId": api.ref, "Description": stack.release.name},
        salt=digest_of([stack.resources[method.id] for method in methods]),
        DependsOn=[method.id for method in methods],
    )
    stage = stack.add(
        "Api/DeploymentStage.prod/Resource",
        "AWS::ApiGateway::Stage",
        {"RestApiId": api.ref, "DeploymentId": deployment.ref, "StageName": "prod"},
    )
    stack.add(
        "Api/InvokesListAgents",
        "AWS::Lambda::Permission",
        {
            "Action": "lambda:InvokeFunction",
            "FunctionName": live.alias.ref,
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": sub(
                "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${api}/*/GET/*",
                api=api.ref,
            ),
        },
    )
    url = sub(
        "https://${api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${stage}/", api=api.ref, stage=stage.ref
    )
    stack.output("FibonacciApiUrl", url, "Where the agents are")
    return stage


def _route(stack: Stack, api: Resource, name: str, live: Live) -> Resource:
    at = stack.add(
        f"Api/Default/{name}/Resource",
        "AWS::ApiGateway::Resource",
        {"RestApiId": api.ref, "ParentId": api.att("RootResourceId"), "PathPart": name},
    )
    return stack.add(
        f"Api/Default/{name}/GET/Resource",
        "AWS::ApiGateway::Method",
        {
            "RestApiId": api.ref,
            "ResourceId": at.ref,
            "HttpMethod": "GET",
            "AuthorizationType": "NONE",
            "Integration": {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": live.uri},
        },
    )


def alarms(stack: Stack) -> None:
    said = {"Errors": ("Sum", 1, "errors"), "Duration": ("Average", 1000, "slow")}
    for metric, (statistic, threshold, name) in said.items():
        stack.add(
            f"ListAgents/{metric}Alarm/Resource",
            "AWS::CloudWatch::Alarm",
            {
                "AlarmName": sub(f"fibonacci-list-agents-{name}-${{Env}}"),
                "Namespace": "AWS/Lambda",
                "MetricName": metric,
                "Dimensions": [{"Name": "FunctionName", "Value": sub(NAME)}],
                "Statistic": statistic,
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": threshold,
                "ComparisonOperator": "GreaterThanOrEqualToThreshold",
                "TreatMissingData": "notBreaching",
                "AlarmActions": [sub(TOPIC)],
                "OKActions": [sub(TOPIC)],
            },
        )


def gate(stack: Stack, after: Resource) -> None:
    """Asks a function of the release itself whether it may go in, when all else is done."""
    role = stack.add(
        "Gate/ServiceRole/Resource",
        "AWS::IAM::Role",
        {
            "AssumeRolePolicyDocument": TRUST,
            "ManagedPolicyArns": [
                sub("arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
            ],
        },
    )
    code = stack.asset("gate")
    keeper = stack.add(
        "Gate/Keeper/Resource",
        "AWS::Lambda::Function",
        {
            "Code": code.code,
            "Handler": "index.handler",
            "Runtime": "python3.12",
            "Role": role.att("Arn"),
            "Timeout": 30,
        },
        metadata=code.metadata,
    )
    _after(
        stack,
        "Gate/Resource",
        "Custom::ReleaseGate",
        after,
        ServiceToken=keeper.att("Arn"),
        Gate=stack.release.gate,
    )


def wait_for_nobody(stack: Stack, after: Resource) -> None:
    handle = stack.add("Signal/Handle", "AWS::CloudFormation::WaitConditionHandle", {})
    _after(
        stack,
        "Signal/Resource",
        "AWS::CloudFormation::WaitCondition",
        after,
        Handle=handle.ref,
        Timeout="1",
        Count=1,
    )


def _after(stack: Stack, path: str, kind: str, after: Resource, **properties: Value) -> None:
    """A resource that comes when the API is there and the alarms are."""
    alarms = [name for name, made in stack.resources.items() if made["Type"] == "AWS::CloudWatch::Alarm"]
    stack.add(path, kind, properties, DependsOn=[after.id, *alarms])
