"""The `site` component: what the bucket and the distribution of a site are, as facts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from rollproof.components.aws.clients import calling, code_of
from rollproof.components.aws.cloud import Cloud, reader
from rollproof.components.aws.held.base import NOT_OFFERED
from rollproof.components.aws.site_place import Place, place_of
from rollproof.components.aws.site_store import Store
from rollproof.errors import AttemptFailed
from rollproof.model.fingerprint import Fact, Fingerprint
from rollproof.model.json import Json

_ABSENT = frozenset(
    {
        "NoSuchBucketPolicy",
        "NoSuchPublicAccessBlockConfiguration",
        "NoSuchWebsiteConfiguration",
        "NoSuchCORSConfiguration",
        "OwnershipControlsNotFoundError",
        "NoSuchLifecycleConfiguration",
        "ServerSideEncryptionConfigurationNotFoundError",
        "NoSuchTagSet",
    }
)
"""S3's words for a setting that was never made."""
_SETTINGS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "policy": ("get_bucket_policy", ("Policy",)),
    "public access block": ("get_public_access_block", ("PublicAccessBlockConfiguration",)),
    "versioning": ("get_bucket_versioning", ("Status", "MFADelete")),
    "website": (
        "get_bucket_website",
        ("IndexDocument", "ErrorDocument", "RedirectAllRequestsTo", "RoutingRules"),
    ),
    "cors": ("get_bucket_cors", ("CORSRules",)),
    "ownership": ("get_bucket_ownership_controls", ("OwnershipControls",)),
    "encryption": ("get_bucket_encryption", ("ServerSideEncryptionConfiguration",)),
    "lifecycle": ("get_bucket_lifecycle_configuration", ("Rules",)),
    "access": ("get_bucket_acl", ("Grants",)),
    "logging": ("get_bucket_logging", ("LoggingEnabled",)),
    "notifications": (
        "get_bucket_notification_configuration",
        (
            "TopicConfigurations",
            "QueueConfigurations",
            "LambdaFunctionConfigurations",
            "EventBridgeConfiguration",
        ),
    ),
}
_POLICIES = {
    "CachePolicyId": ("get_cache_policy_config", "CachePolicyConfig"),
    "OriginRequestPolicyId": ("get_origin_request_policy_config", "OriginRequestPolicyConfig"),
    "ResponseHeadersPolicyId": ("get_response_headers_policy_config", "ResponseHeadersPolicyConfig"),
}
"""What a behaviour of a distribution refers to, and how it is asked for."""


@reader("site")
def read_sites(cloud: Cloud) -> Fingerprint:
    """Every served object, the bucket's settings and the distribution's configuration, of every site."""
    facts: list[Fact] = []
    for name in cloud.system.site:
        facts += _site_facts(cloud, name)
    return Fingerprint.of(facts)


def _site_facts(cloud: Cloud, name: str) -> list[Fact]:
    spec = cloud.system.site[name]
    bucket = cloud.fill(spec.bucket)
    facts = [Fact("bucket", f"{name}: {bucket}", _bucket_settings(cloud, bucket))]
    prefix = spec.prefix.strip("/")
    facts += [
        Fact("object", f"{name}: {stored.key}", stored.to_json(), parent=f"bucket {name}: {bucket}")
        for stored in cloud.drill.use(Store).objects(bucket, f"{prefix}/" if prefix else "")
    ]
    return facts + (list(_distribution_facts(cloud, place_of(cloud, name))) if spec.distribution else [])


def _bucket_settings(cloud: Cloud, bucket: str) -> dict[str, Json]:
    client = cloud.client("s3")
    return {
        said: _setting(getattr(client, call), bucket, fields) for said, (call, fields) in _SETTINGS.items()
    }


def _setting(call: Callable[..., Mapping[str, Any]], bucket: str, fields: tuple[str, ...]) -> Json:
    try:
        with calling("reading the settings of a bucket", where=bucket):
            answer = call(Bucket=bucket)
    except AttemptFailed as error:
        if code_of(error) in _ABSENT:
            return None
        raise
    return {name: _plain(answer[name]) for name in fields if answer.get(name) is not None} or None


def _plain(value: Any) -> Json:
    """A policy is JSON in a text, whose spaces and order mean nothing."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            return cast(Json, json.loads(value))
        except ValueError:
            return value
    return cast(Json, json.loads(json.dumps(value, default=str, sort_keys=True)))


def _distribution_facts(cloud: Cloud, place: Place) -> Iterator[Fact]:
    """One attribute for each part of the configuration; `CallerReference` is only how it was asked for."""
    parts = {name: _plain(part) for name, part in place.config.items() if name != "CallerReference"}
    access = dict(_access_controls(cloud, place))
    yield Fact(
        "distribution",
        f"{place.name}: {place.distribution}",
        {
            **{name: _without_order(part) for name, part in parts.items()},
            "AccessControls": access,
            "Policies": dict(_policies(cloud, place)),
            "Functions": dict(_edge_functions(cloud, place)),
        },
    )


def _behaviours(place: Place) -> list[Mapping[str, Any]]:
    first = place.config.get("DefaultCacheBehavior") or {}
    return [first, *((place.config.get("CacheBehaviors") or {}).get("Items") or [])]


def _policies(cloud: Cloud, place: Place) -> Iterator[tuple[str, Json]]:
    """What the policies that its behaviours name say. An emulator may not have those that AWS manages."""
    wanted = {(key, one[key]) for one in _behaviours(place) for key in _POLICIES if one.get(key)}
    for key, policy in sorted(wanted):
        operation, said = _POLICIES[key]
        try:
            with calling("reading a policy of a distribution", where=policy):
                answer = getattr(cloud.client("cloudfront"), operation)(Id=policy)
        except AttemptFailed as error:
            if not code_of(error).startswith("NoSuch") and code_of(error) not in NOT_OFFERED:
                raise
            continue
        yield policy, _without_order(_plain(answer[said]))


def _edge_functions(cloud: Cloud, place: Place) -> Iterator[tuple[str, Json]]:
    """Digests of the code of CloudFront functions that its behaviours name."""
    listed = [(one.get("FunctionAssociations") or {}).get("Items") or [] for one in _behaviours(place)]
    for arn in sorted({item["FunctionARN"] for items in listed for item in items}):
        name = arn.rpartition("/")[2]
        try:
            with calling("reading the code of a CloudFront function", where=name):
                code = cloud.client("cloudfront").get_function(Name=name, Stage="LIVE")["FunctionCode"].read()
        except AttemptFailed as error:
            if not code_of(error).startswith("NoSuch") and code_of(error) not in NOT_OFFERED:
                raise
            continue
        yield arn, hashlib.sha256(code).hexdigest()


def _without_order(part: Json) -> Json:
    """CloudFront gives lists as `{Quantity, Items}`; the order of sets such as methods means nothing."""
    if not isinstance(part, Mapping):
        return part
    items = part.get("Items")
    plain = {name: _without_order(value) for name, value in part.items()}
    if isinstance(items, list) and all(isinstance(item, str) for item in items):
        plain["Items"] = sorted(map(str, items))
    elif isinstance(items, list):
        plain["Items"] = [_without_order(item) for item in items]
    return plain


def _access_controls(cloud: Cloud, place: Place) -> Iterator[tuple[str, Json]]:
    for origin in (place.config.get("Origins") or {}).get("Items") or []:
        if wanted := origin.get("OriginAccessControlId"):
            with calling("reading an origin access control", where=wanted):
                answer = cloud.client("cloudfront").get_origin_access_control_config(Id=wanted)
            yield str(origin["Id"]), _plain(answer["OriginAccessControlConfig"])
