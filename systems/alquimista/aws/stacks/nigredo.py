"""NigredoStack: leads in Postgres and commands in DynamoDB, behind an HTTP API."""

from __future__ import annotations

from stacks.constructs import Resource, Stack, Value, sub
from stacks.fibonacci import SECRETS
from stacks.functions import Live, allow, function

TABLE = "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/operational-commands-${Env}"
FLAGS = "arn:${AWS::Partition}:appconfig:${AWS::Region}:${AWS::AccountId}:application/*"
COMMANDS = (
    "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:alquimista-commands-${Env}:LIVE"
)
LEADS_ROUTES = (
    "GET /health",
    "GET /leads",
    "POST /leads",
    "GET /leads/{external_ref}",
    "DELETE /leads/{external_ref}",
)
COMMANDS_ROUTES = (
    "GET /commands/health",
    "GET /commands",
    "POST /commands",
    "GET /commands/{command_id}",
    "DELETE /commands/{command_id}",
)


def build(stack: Stack) -> None:
    stack.description = "Nigredo: leads and commands behind an HTTP API"
    http_api(stack, leads(stack))


def leads(stack: Stack) -> Live:
    return function(
        stack,
        "Leads",
        name="nigredo-leads-${Env}",
        asset="leads",
        handler="index.handler",
        runtime="python3.12",
        environment={
            "DATABASE_SECRET": sub("alquimista/${Env}/database"),
            "COMMANDS_TABLE": sub("operational-commands-${Env}"),
            "FLAGS_APPLICATION": sub("alquimista-${Env}"),
            "FLAGS_ENVIRONMENT": {"Ref": "Env"},
        },
        policy=[
            allow(["secretsmanager:GetSecretValue"], sub(SECRETS)),
            allow(["dynamodb:GetItem", "dynamodb:PutItem"], sub(TABLE)),
            allow(["appconfig:StartConfigurationSession", "appconfig:GetLatestConfiguration"], sub(FLAGS)),
        ],
        database=True,
    )


def http_api(stack: Stack, live: Live) -> None:
    api = stack.add(
        "Api/Resource",
        "AWS::ApiGatewayV2::Api",
        {"Name": sub("nigredo-api-${Env}"), "ProtocolType": "HTTP"},
    )
    stack.add(
        "Api/DefaultStage/Resource",
        "AWS::ApiGatewayV2::Stage",
        {"ApiId": api.ref, "StageName": "$default", "AutoDeploy": True},
    )
    routes = [*LEADS_ROUTES, *(["GET /pipeline"] if stack.release.routes else [])]
    _integration(stack, api, "Leads", live.alias.ref, routes)
    _integration(stack, api, "Commands", sub(COMMANDS), list(COMMANDS_ROUTES))
    stack.output(
        "NigredoApiUrl",
        sub("https://${api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/", api=api.ref),
        "Where leads and commands are",
    )


def _integration(stack: Stack, api: Resource, name: str, alias: Value, routes: list[str]) -> None:
    made = stack.add(
        f"Api/{name}Integration/Resource",
        "AWS::ApiGatewayV2::Integration",
        {
            "ApiId": api.ref,
            "IntegrationType": "AWS_PROXY",
            "IntegrationUri": alias,
            "PayloadFormatVersion": "2.0",
        },
    )
    for route in routes:
        stack.add(
            f"Api/{route.replace(' ', '')}/Resource",
            "AWS::ApiGatewayV2::Route",
            {"ApiId": api.ref, "RouteKey": route, "Target": sub("integrations/${made}", made=made.ref)},
        )
    stack.add(
        f"Api/Invokes{name}",
        "AWS::Lambda::Permission",
        {
            "Action": "lambda:InvokeFunction",
            "FunctionName": alias,
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": sub(
                "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${api}/*/*", api=api.ref
            ),
        },
    )
