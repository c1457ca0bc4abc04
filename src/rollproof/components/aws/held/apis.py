"""API Gateway: each API read whole, its parts out of that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollproof.components.aws.held.base import Asked, Unreadable, gone, reads
from rollproof.components.aws.held.resolve import ROOT

_IDS = ("id", "rootResourceId", "createdDate", "lastUpdatedDate", "deploymentId", "cacheClusterStatus")


@reads("AWS::ApiGateway::RestApi")
def rest_api(asked: Asked) -> Mapping[str, Any]:
    """Every path with what is behind each method, so that one added by hand is seen too."""
    said = asked.call("apigateway", "get_rest_api", restApiId=asked.id)
    resources = _resources(asked, asked.id)
    paths = {
        f"{verb} {item['path']}": _method(method)
        for item in resources
        for verb, method in (item.get("resourceMethods") or {}).items()
    }
    authorizers = asked.call("apigateway", "get_authorizers", restApiId=asked.id).get("items") or []
    return {
        **{key: value for key, value in said.items() if key not in _IDS},
        "Resources": sorted(item["path"] for item in resources),
        "Methods": paths,
        "Authorizers": sorted((_without_ids(item) for item in authorizers), key=str),
        "GatewayResponses": _answers(asked),
        "Models": _listed(asked, "get_models"),
        "RequestValidators": _listed(asked, "get_request_validators"),
    }


def _answers(asked: Asked) -> list[Any]:
    """What API Gateway itself answers, where somebody has set it."""
    said = asked.beside("apigateway", "get_gateway_responses", restApiId=asked.id).get("items") or []
    return sorted((item for item in said if not item.get("defaultResponse")), key=str)


def _listed(asked: Asked, operation: str) -> list[Any]:
    items = asked.beside("apigateway", operation, restApiId=asked.id, limit=500).get("items") or []
    return sorted((_without_ids(item) for item in items), key=str)


def _resources(asked: Asked, api: str) -> list[Any]:
    return asked.once("apigateway", "get_resources", "items", restApiId=api, embed=["methods"])


@reads("AWS::ApiGateway::Resource")
def resource(asked: Asked) -> Mapping[str, Any]:
    found = [item for item in _resources(asked, asked.given("RestApiId")) if item["id"] == asked.id]
    if not found:
        raise gone(asked)
    return {"path": found[0]["path"]}


@reads("AWS::ApiGateway::Method")
def method(asked: Asked) -> Mapping[str, Any]:
    api, resource_id, verb = asked.given("RestApiId"), asked.given("ResourceId"), asked.given("HttpMethod")
    for item in _resources(asked, api):
        its_own = item["path"] == "/" if resource_id == f"{api}{ROOT}" else item["id"] == resource_id
        if its_own and verb in (item.get("resourceMethods") or {}):
            return _method(item["resourceMethods"][verb])
    raise gone(asked)


def _method(said: Mapping[str, Any]) -> dict[str, Any]:
    integration = said.get("methodIntegration") or {}
    found = {
        key: value for key, value in said.items() if key not in ("methodIntegration", "ResponseMetadata")
    }
    return {**found, "integration": {k: v for k, v in integration.items() if k != "cacheNamespace"}}


@reads("AWS::ApiGateway::Deployment")
def deployment(asked: Asked) -> Mapping[str, Any]:
    place = {"restApiId": asked.given("RestApiId"), "deploymentId": asked.id}
    return {"description": asked.call("apigateway", "get_deployment", **place).get("description")}


@reads("AWS::ApiGateway::Stage")
def stage(asked: Asked) -> Mapping[str, Any]:
    """Its deployment by its id: where it is the stack's own, that becomes its logical id."""
    place = {"restApiId": asked.given("RestApiId"), "stageName": asked.id}
    said = asked.call("apigateway", "get_stage", **place)
    kept = {key: value for key, value in said.items() if key not in _IDS}
    return {
        **kept,
        "variables": asked.hidden(said.get("variables")),
        "deployment": said.get("deploymentId"),
    }


@reads("AWS::ApiGateway::GatewayResponse")
def gateway_response(asked: Asked) -> Mapping[str, Any]:
    place = {"restApiId": asked.given("RestApiId"), "responseType": asked.given("ResponseType")}
    said = asked.call("apigateway", "get_gateway_response", **place)
    if said.get("defaultResponse"):
        raise gone(asked)
    return said


@reads("AWS::ApiGateway::Model")
def model(asked: Asked) -> Mapping[str, Any]:
    place = {"restApiId": asked.given("RestApiId"), "modelName": asked.id}
    return _without_ids(asked.call("apigateway", "get_model", **place))


@reads("AWS::ApiGateway::RequestValidator")
def validator(asked: Asked) -> Mapping[str, Any]:
    place = {"restApiId": asked.given("RestApiId"), "requestValidatorId": asked.id}
    return _without_ids(asked.call("apigateway", "get_request_validator", **place))


@reads("AWS::ApiGateway::Authorizer")
def authorizer(asked: Asked) -> Mapping[str, Any]:
    place = {"restApiId": asked.given("RestApiId"), "authorizerId": asked.id}
    return _without_ids(asked.call("apigateway", "get_authorizer", **place))


@reads("AWS::ApiGateway::ApiKey")
def api_key(asked: Asked) -> Mapping[str, Any]:
    said = asked.call("apigateway", "get_api_key", apiKey=asked.id, includeValue=False)
    return {key: said.get(key) for key in ("name", "description", "enabled", "stageKeys", "tags")}


@reads("AWS::ApiGateway::UsagePlan")
def usage_plan(asked: Asked) -> Mapping[str, Any]:
    return asked.call("apigateway", "get_usage_plan", usagePlanId=asked.id)


@reads("AWS::ApiGateway::UsagePlanKey")
def usage_plan_key(asked: Asked) -> Mapping[str, Any]:
    place = {"usagePlanId": asked.given("UsagePlanId"), "keyId": asked.given("KeyId")}
    return {"type": asked.call("apigateway", "get_usage_plan_key", **place).get("type")}


@reads("AWS::ApiGateway::Account")
def account(asked: Asked) -> Mapping[str, Any]:
    return {"cloudwatchRoleArn": asked.call("apigateway", "get_account").get("cloudwatchRoleArn")}


def _without_ids(said: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if key not in ("id", "ResponseMetadata")}


@reads("AWS::ApiGatewayV2::Api")
def http_api(asked: Asked) -> Mapping[str, Any]:
    """Every route with its integration, so that one added by hand is seen too."""
    said = asked.call("apigatewayv2", "get_api", ApiId=asked.id)
    behind = {
        item["IntegrationId"]: _plain(item, "IntegrationId")
        for item in asked.once("apigatewayv2", "get_integrations", "Items", ApiId=asked.id)
    }
    asking = {
        item["AuthorizerId"]: item
        for item in asked.once("apigatewayv2", "get_authorizers", "Items", ApiId=asked.id)
    }
    routes = {
        item["RouteKey"]: {
            **_plain(item, "RouteId", "Target", "AuthorizerId"),
            "integration": behind.get(_target(item)),
            "authorizer": asking.get(item.get("AuthorizerId", ""), {}).get("Name"),
        }
        for item in asked.once("apigatewayv2", "get_routes", "Items", ApiId=asked.id)
    }
    authorizers = sorted((_plain(item, "AuthorizerId") for item in asking.values()), key=str)
    return {**_plain(said, "ApiId", "CreatedDate"), "Routes": routes, "Authorizers": authorizers}


def _target(route: Mapping[str, Any]) -> str:
    return str(route.get("Target", "")).removeprefix("integrations/")


def _plain(said: Mapping[str, Any], *ids: str) -> dict[str, Any]:
    return {key: value for key, value in said.items() if key not in (*ids, "ResponseMetadata")}


_PARTS = {
    "AWS::ApiGatewayV2::Authorizer": ("get_authorizer", "AuthorizerId"),
    "AWS::ApiGatewayV2::Deployment": ("get_deployment", "DeploymentId"),
    "AWS::ApiGatewayV2::Stage": ("get_stage", "StageName"),
}
_PART_IDS = ("RouteId", "IntegrationId", "AuthorizerId", "DeploymentId", "DeploymentStatus", "Target")


_LISTED = {
    "AWS::ApiGatewayV2::Route": ("get_routes", "RouteId"),
    "AWS::ApiGatewayV2::Integration": ("get_integrations", "IntegrationId"),
}


@reads(*_LISTED)
def listed_part(asked: Asked) -> Mapping[str, Any]:
    """Routes and integrations, of which an API can have hundreds, out of their lists."""
    operation, key = _LISTED[asked.held.kind]
    # An emulator puts the API's id before it.
    own = asked.id.rpartition("/")[2]
    listed = asked.once("apigatewayv2", operation, "Items", ApiId=asked.given("ApiId"))
    found = [item for item in listed if item[key] == own]
    if not found:
        raise gone(asked)
    return {**_plain(found[0], *_PART_IDS), "Target": found[0].get("Target")}


@reads(*_PARTS)
def http_part(asked: Asked) -> Mapping[str, Any]:
    operation, key = _PARTS[asked.held.kind]
    # An emulator puts the API's id before it.
    own = asked.id.rpartition("/")[2]
    said = asked.call("apigatewayv2", operation, ApiId=asked.given("ApiId"), **{key: own})
    found = _plain(said, *_PART_IDS)
    if "StageVariables" in found:
        found["StageVariables"] = asked.hidden(found["StageVariables"])
    return found


@reads("AWS::ApiGateway::BasePathMapping", "AWS::ApiGatewayV2::ApiMapping")
def mapping(asked: Asked) -> Mapping[str, Any]:
    if asked.held.kind.endswith("ApiMapping"):
        place = {"DomainName": asked.given("DomainName"), "ApiMappingId": asked.id}
        return _plain(asked.call("apigatewayv2", "get_api_mapping", **place), "ApiMappingId")
    path = asked.held.properties.get("BasePath") or "(none)"
    if not isinstance(path, str):
        raise Unreadable("its template does not say which path it is of")
    place = {"domainName": asked.given("DomainName"), "basePath": path}
    return asked.call("apigateway", "get_base_path_mapping", **place)
