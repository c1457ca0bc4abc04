"""What an API of API Gateway is, as facts: routes with what is behind them, authorisers, its stage.

Ids that API Gateway makes up anew (of resources, integrations, deployments) are no facts; the API's own id
is one, for its address hangs on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.digests import Digests, digest_of
from rollproof.model.aws import Api
from rollproof.model.fingerprint import Fact
from rollproof.model.json import Json

_REST_API = "apiKeySource binaryMediaTypes minimumCompressionSize policy disableExecuteApiEndpoint"
_REST_METHOD = "authorizationType authorizationScopes apiKeyRequired requestParameters requestModels"
_REST_INTEGRATION = (
    "type httpMethod uri connectionType connectionId credentials passthroughBehavior contentHandling"
    " timeoutInMillis requestParameters cacheKeyParameters"
)
_REST_STAGE = (
    "cacheClusterEnabled cacheClusterSize methodSettings tracingEnabled clientCertificateId webAclArn"
)
_HTTP_API = "ProtocolType CorsConfiguration DisableExecuteApiEndpoint RouteSelectionExpression"
_HTTP_ROUTE = "AuthorizationType AuthorizationScopes ApiKeyRequired RequestParameters"
_HTTP_INTEGRATION = (
    "IntegrationType IntegrationMethod IntegrationUri IntegrationSubtype ConnectionType ConnectionId"
    " CredentialsArn PayloadFormatVersion TimeoutInMillis RequestParameters TlsConfig"
)
_HTTP_STAGE = "AutoDeploy DefaultRouteSettings RouteSettings ClientCertificateId"
_AUTHORIZER = (
    "type providerARNs authUri authType authorizerCredentials identitySource identityValidationExpression"
    " authorizerResultTtlInSeconds AuthorizerType AuthorizerUri IdentitySource JwtConfiguration"
    " EnableSimpleResponses AuthorizerPayloadFormatVersion AuthorizerResultTtlInSeconds"
)


def facts_of(cloud: Cloud, spec: Api, api_id: str, *, name: str, digests: Digests) -> Iterator[Fact]:
    """The facts of one API, under the name that the system file has for it.

    Raises botocore's errors.
    """
    read = _http_facts if spec.kind == "http" else _rest_facts
    yield from read(cloud, spec, api_id, name, digests)


def _rest_facts(cloud: Cloud, spec: Api, api_id: str, name: str, digests: Digests) -> Iterator[Fact]:
    client = cloud.client("apigateway")
    api = client.get_rest_api(restApiId=api_id)
    endpoint = {"endpoint": api.get("endpointConfiguration", {}).get("types", [])}
    yield Fact("api", name, {"id": api_id, **endpoint, **_picked(api, _REST_API)})
    authorizers = {item["id"]: item for item in client.get_authorizers(restApiId=api_id).get("items", [])}
    yield from _authorizers(name, authorizers.values())
    pages = client.get_paginator("get_resources").paginate(restApiId=api_id, embed=["methods"])
    for resource in (item for page in pages for item in page["items"]):
        for verb, method in sorted(resource.get("resourceMethods", {}).items()):
            where = {"restApiId": api_id, "resourceId": resource["id"], "httpMethod": verb}
            whole = method if "httpMethod" in method else client.get_method(**where)
            yield _rest_route(name, f"{verb} {resource['path']}", whole, authorizers)
    for item in client.get_gateway_responses(restApiId=api_id).get("items", []):
        if not item.get("defaultResponse"):
            said = {"statusCode": item.get("statusCode"), "content": digest_of(_plain(item))}
            yield Fact("gateway response", f"{name} {item['responseType']}", said, f"api {name}")
    stage = client.get_stage(restApiId=api_id, stageName=spec.stage)
    attributes = _picked(stage, _REST_STAGE) | _of_stage(stage) | _variables(stage.get("variables"), digests)
    yield Fact("stage", f"{name} {spec.stage}", attributes, f"api {name}")


def _rest_route(name: str, route: str, method: Mapping[str, Any], authorizers: Mapping[str, Any]) -> Fact:
    integration = method.get("methodIntegration", {})
    templates = _plain(integration.get("requestTemplates") or {})
    said = {
        **_picked(method, _REST_METHOD),
        "authorizer": authorizers.get(method.get("authorizerId", ""), {}).get("name", ""),
        "responses": sorted(method.get("methodResponses") or {}),
        **{f"integration {key}": value for key, value in _picked(integration, _REST_INTEGRATION).items()},
        "integration responses": digest_of(_plain(integration.get("integrationResponses") or {})),
        "templates": digest_of(templates) if templates else "",
    }
    return Fact("route", f"{name} {route}", said, f"api {name}")


def _http_facts(cloud: Cloud, spec: Api, api_id: str, name: str, digests: Digests) -> Iterator[Fact]:
    client = cloud.client("apigatewayv2")
    api = client.get_api(ApiId=api_id)
    yield Fact("api", name, {"id": api_id, **_picked(api, _HTTP_API)})
    authorizers = {item["AuthorizerId"]: item for item in _items(client.get_authorizers, api_id)}
    yield from _authorizers(name, authorizers.values())
    integrations = {item["IntegrationId"]: item for item in _items(client.get_integrations, api_id)}
    for route in _items(client.get_routes, api_id):
        behind = integrations.get(str(route.get("Target", "")).removeprefix("integrations/"), {})
        said = {
            **_picked(route, _HTTP_ROUTE),
            "authorizer": authorizers.get(route.get("AuthorizerId", ""), {}).get("Name", ""),
            **{f"integration {key}": value for key, value in _picked(behind, _HTTP_INTEGRATION).items()},
        }
        yield Fact("route", f"{name} {route['RouteKey']}", said, f"api {name}")
    stage = client.get_stage(ApiId=api_id, StageName=spec.stage)
    variables = _variables(stage.get("StageVariables"), digests)
    attributes = _picked(stage, _HTTP_STAGE) | _of_stage(stage) | variables
    yield Fact("stage", f"{name} {spec.stage}", attributes, f"api {name}")


def _items(call: Any, api_id: str) -> list[dict[str, Any]]:
    """All pages of one of API Gateway v2's lists."""
    found: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = call(ApiId=api_id, **token)
        found += page.get("Items", [])
        if not page.get("NextToken"):
            return found
        token = {"NextToken": page["NextToken"]}


def _authorizers(name: str, authorizers: Iterable[Mapping[str, Any]]) -> Iterator[Fact]:
    for item in authorizers:
        said = item.get("name") or item.get("Name")
        yield Fact("authoriser", f"{name} {said}", _picked(item, _AUTHORIZER), f"api {name}")


def _variables(variables: Mapping[str, str] | None, digests: Digests) -> dict[str, Json]:
    """By name and digest: a stage variable may hold anything."""
    return {f"variable {key}": digests.of(value) for key, value in (variables or {}).items()}


def _of_stage(said: Mapping[str, Any]) -> dict[str, Json]:
    logs = said.get("accessLogSettings") or said.get("AccessLogSettings")
    canary = said.get("canarySettings")
    return {
        "access log": digest_of(_plain(logs)) if logs else "",
        "canary": digest_of(_plain(canary)) if canary else "",
    }


def _picked(said: Mapping[str, Any], names: str) -> dict[str, Json]:
    """The named attributes that say something: a default that one answer leaves out is no difference."""
    return {key: _plain(said[key]) for key in names.split() if said.get(key) not in (None, "", [], {})}


def _plain(value: Any) -> Json:
    """An answer of boto3 as JSON."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
