"""HTTP APIs that a template writes as one OpenAPI body, for endpoints that make nothing of it.

AWS makes the routes of the body, and SAM writes every HTTP API so. Where the experiment finds an endpoint
that ignores it, the same routes, integrations and JWT authorisers are put into the template as resources,
and the journal says so (API Gateway Developer Guide, "OpenAPI definitions and HTTP APIs").
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from rollproof.components.aws.templates import Template, resources

EXPERIMENT = "http-api-body"
_API = "AWS::ApiGatewayV2::Api"
_VERBS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_ANY = "x-amazon-apigateway-any-method"
_INTEGRATION = "x-amazon-apigateway-integration"
_AUTHORIZER = "x-amazon-apigateway-authorizer"
_CORS = "x-amazon-apigateway-cors"
_KEPT = {
    "payloadFormatVersion": "PayloadFormatVersion",
    "timeoutInMillis": "TimeoutInMillis",
    "connectionId": "ConnectionId",
    "connectionType": "ConnectionType",
    "credentials": "CredentialsArn",
    "httpMethod": "IntegrationMethod",
}


def has_bodies(template: Template) -> bool:
    """Whether a template writes an HTTP API as one body, be it by SAM's way."""
    return any(
        (item["Type"] == _API and isinstance((item.get("Properties") or {}).get("Body"), dict))
        or item["Type"] == "AWS::Serverless::HttpApi"
        or (item["Type"] == "AWS::Serverless::Function" and "HttpApi" in _event_types(item))
        for _, item in resources(template)
    )


def _event_types(item: Mapping[str, Any]) -> set[str]:
    events = (item.get("Properties") or {}).get("Events")
    listed = events.values() if isinstance(events, dict) else []
    return {str(event.get("Type")) for event in listed if isinstance(event, dict)}


def spelled_out(template: Template) -> Template:
    """A copy, macros carried out before, in which what bodies say are resources of their own; pure."""
    found = deepcopy(template)
    for name, item in list(resources(found)):
        properties = item.get("Properties") or {}
        if item["Type"] == _API and isinstance(body := properties.get("Body"), dict):
            item["Properties"] = _plain(name, properties, body)
            found["Resources"] |= dict(_authorizers(name, body)) | dict(_routes(name, body))
    return found


def _plain(name: str, properties: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    cors = body.get(_CORS)
    said = {key: value for key, value in properties.items() if key not in ("Body", "FailOnWarnings")}
    if isinstance(cors, dict):
        said.setdefault("CorsConfiguration", {key[:1].upper() + key[1:]: cors[key] for key in cors})
    title = (body.get("info") or {}).get("title") or name
    return {"Name": title, "ProtocolType": "HTTP", **said}


def _routes(name: str, body: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    api = {"Ref": name}
    for route, operation in _operations(body):
        asked = operation.get(_INTEGRATION) or {}
        digest = hashlib.sha256(route.encode()).hexdigest()[:10]
        behind = {
            "ApiId": api,
            "IntegrationType": str(asked.get("type", "aws_proxy")).upper(),
            "IntegrationUri": asked.get("uri"),
            **{known: asked[key] for key, known in _KEPT.items() if key in asked},
        }
        yield f"{name}Behind{digest}", {"Type": "AWS::ApiGatewayV2::Integration", "Properties": behind}
        target = {"Fn::Join": ["/", ["integrations", {"Ref": f"{name}Behind{digest}"}]]}
        said = {"ApiId": api, "RouteKey": route, "Target": target, **_guard(name, body, operation)}
        yield f"{name}Route{digest}", {"Type": "AWS::ApiGatewayV2::Route", "Properties": said}


def _operations(body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Route keys with what the body says of each."""
    for path, methods in (body.get("paths") or {}).items():
        for verb, operation in (methods if isinstance(methods, dict) else {}).items():
            if verb.lower() in (*_VERBS, _ANY) and isinstance(operation, dict):
                word = "ANY" if verb.lower() == _ANY else verb.upper()
                yield ("$default" if path == "/$default" else f"{word} {path}"), operation


def _guard(name: str, body: Mapping[str, Any], operation: Mapping[str, Any]) -> dict[str, Any]:
    """Who may ask: by the first authoriser that is named, or IAM."""
    for needed in operation.get("security", body.get("security")) or []:
        for scheme, scopes in needed.items():
            if scheme in dict(_schemes(body)):
                said = {"AuthorizationType": "JWT", "AuthorizerId": {"Ref": f"{name}Asks{_word(scheme)}"}}
                return {**said, **({"AuthorizationScopes": scopes} if scopes else {})}
            return {"AuthorizationType": "AWS_IAM"}
    return {}


def _schemes(body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """JWT authorisers by their names. Of other kinds none is known here: their routes ask for IAM's."""
    declared = (body.get("components") or {}).get("securitySchemes") or {}
    for scheme, said in declared.items():
        asks = said.get(_AUTHORIZER) if isinstance(said, dict) else None
        if isinstance(asks, dict) and str(asks.get("type", "")).lower() == "jwt":
            yield scheme, asks


def _authorizers(name: str, body: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for scheme, asks in _schemes(body):
        source = asks.get("identitySource")
        jwt = asks.get("jwtConfiguration") or {}
        said = {
            "ApiId": {"Ref": name},
            "Name": scheme,
            "AuthorizerType": "JWT",
            "IdentitySource": source if isinstance(source, list) else [source],
            "JwtConfiguration": {"Issuer": jwt.get("issuer"), "Audience": jwt.get("audience")},
        }
        yield f"{name}Asks{_word(scheme)}", {"Type": "AWS::ApiGatewayV2::Authorizer", "Properties": said}


def _word(text: str) -> str:
    """Part of a logical id: letters and digits alone."""
    return "".join(letter for letter in text if letter.isalnum())
