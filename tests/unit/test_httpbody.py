"""HTTP APIs written as one body, spelled out."""

from __future__ import annotations

from typing import Any

from rollproof.components.aws.httpbody import has_bodies, spelled_out

BEHIND = {
    "type": "aws_proxy",
    "httpMethod": "POST",
    "uri": {"Fn::Sub": "${F}"},
    "payloadFormatVersion": "2.0",
}
ASKED = {"x-amazon-apigateway-integration": BEHIND}
JWT = {
    "type": "jwt",
    "identitySource": "$request.header.Authorization",
    "jwtConfiguration": {"issuer": "https://id.example", "audience": ["shop"]},
}
BODY: dict[str, Any] = {
    "info": {"title": {"Ref": "AWS::StackName"}},
    "paths": {
        "/orders": {"get": ASKED, "post": {**ASKED, "security": [{"staff": ["write"]}]}},
        "/$default": {"x-amazon-apigateway-any-method": {**ASKED, "security": [{"own": []}]}},
    },
    "components": {"securitySchemes": {"staff": {"x-amazon-apigateway-authorizer": JWT}}},
    "x-amazon-apigateway-cors": {"allowOrigins": ["https://shop.example"]},
}
TEMPLATE = {"Resources": {"Front": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Body": BODY}}}}


def of_type(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [item["Properties"] for item in template["Resources"].values() if item["Type"] == kind]


def test_each_operation_is_a_route_with_what_is_behind_it() -> None:
    found = spelled_out(TEMPLATE)
    routes = {item["RouteKey"]: item for item in of_type(found, "AWS::ApiGatewayV2::Route")}
    assert set(routes) == {"GET /orders", "POST /orders", "$default"}
    assert routes["GET /orders"].keys() == {"ApiId", "RouteKey", "Target"}
    assert routes["POST /orders"]["AuthorizerId"] == {"Ref": "FrontAsksstaff"}
    assert routes["POST /orders"]["AuthorizationScopes"] == ["write"]
    assert routes["$default"]["AuthorizationType"] == "AWS_IAM"
    for behind in of_type(found, "AWS::ApiGatewayV2::Integration"):
        assert (behind["IntegrationType"], behind["IntegrationUri"]) == ("AWS_PROXY", {"Fn::Sub": "${F}"})
    (asks,) = of_type(found, "AWS::ApiGatewayV2::Authorizer")
    assert asks["JwtConfiguration"] == {"Issuer": "https://id.example", "Audience": ["shop"]}


def test_the_api_keeps_what_the_body_says_of_itself() -> None:
    (api,) = of_type(spelled_out(TEMPLATE), "AWS::ApiGatewayV2::Api")
    assert api == {
        "Name": {"Ref": "AWS::StackName"},
        "ProtocolType": "HTTP",
        "CorsConfiguration": {"AllowOrigins": ["https://shop.example"]},
    }
    assert "Body" in TEMPLATE["Resources"]["Front"]["Properties"]  # the template itself is left alone


def test_what_has_no_body_is_left_as_it_is() -> None:
    event = {"Type": "HttpApi", "Properties": {"Path": "/", "Method": "get"}}
    function = {"Type": "AWS::Serverless::Function", "Properties": {"Events": {"Get": event}}}
    plain = {"Resources": {"Front": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "front"}}}}
    assert has_bodies(TEMPLATE)
    assert has_bodies({"Resources": {"F": function}})
    assert not has_bodies(plain)
    assert spelled_out(plain) == plain
