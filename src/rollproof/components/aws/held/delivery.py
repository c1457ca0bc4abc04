"""CloudFront."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rollproof.components.aws.held.base import Asked, reads


@reads("AWS::CloudFront::Distribution")
def distribution(asked: Asked) -> Mapping[str, Any]:
    said = asked.call("cloudfront", "get_distribution_config", Id=asked.id)["DistributionConfig"]
    return {key: value for key, value in said.items() if key != "CallerReference"}


_CONFIGS = {
    "AWS::CloudFront::OriginAccessControl": ("get_origin_access_control_config", "OriginAccessControlConfig"),
    "AWS::CloudFront::CachePolicy": ("get_cache_policy_config", "CachePolicyConfig"),
    "AWS::CloudFront::OriginRequestPolicy": ("get_origin_request_policy_config", "OriginRequestPolicyConfig"),
    "AWS::CloudFront::ResponseHeadersPolicy": (
        "get_response_headers_policy_config",
        "ResponseHeadersPolicyConfig",
    ),
    "AWS::CloudFront::CloudFrontOriginAccessIdentity": (
        "get_cloud_front_origin_access_identity_config",
        "CloudFrontOriginAccessIdentityConfig",
    ),
}


def _config(operation: str, key: str) -> Callable[[Asked], Mapping[str, Any]]:
    def read(asked: Asked) -> Mapping[str, Any]:
        said: Mapping[str, Any] = asked.call("cloudfront", operation, Id=asked.id)[key]
        return {name: value for name, value in said.items() if name != "CallerReference"}

    return read


for _kind, (_operation, _key) in _CONFIGS.items():
    reads(_kind)(_config(_operation, _key))


@reads("AWS::CloudFront::Function")
def edge_function(asked: Asked) -> Mapping[str, Any]:
    name = asked.id.rpartition("/")[2]
    said = asked.call("cloudfront", "get_function", Name=name, Stage="LIVE")
    code = said["FunctionCode"]
    about = asked.call("cloudfront", "describe_function", Name=name, Stage="LIVE")["FunctionSummary"]
    body = code.read() if hasattr(code, "read") else code
    return {"Config": about.get("FunctionConfig"), "Code": asked.digests.of(str(body))}
