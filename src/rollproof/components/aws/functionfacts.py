"""What a Lambda function is, as facts: of the version that serves, and of what lets it be called."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from rollproof.components.aws.clients import calling
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.digests import Digests, digest_of
from rollproof.model.fingerprint import Fact
from rollproof.model.json import Json, canonical

if TYPE_CHECKING:
    from rollproof.components.aws.function import Serving

_PLAIN = "Runtime Handler Role Timeout MemorySize PackageType Architectures KMSKeyArn"
_MAPPING = (
    "BatchSize MaximumBatchingWindowInSeconds FilterCriteria StartingPosition ParallelizationFactor"
    " MaximumRetryAttempts MaximumRecordAgeInSeconds BisectBatchOnFunctionError DestinationConfig"
    " FunctionResponseTypes ScalingConfig TumblingWindowInSeconds Topics Queues"
)
_ABSENT = frozenset({"ResourceNotFoundException", "ProvisionedConcurrencyConfigNotFoundException"})
_OFF = frozenset({"Disabled", "Disabling"})


def facts_of(cloud: Cloud, serving: Serving, *, codes: Mapping[str, str], digests: Digests) -> Iterator[Fact]:
    """The facts of one function, under its name in the account.

    Args:
        codes: digests of the code of the versions that get a share besides.

    Raises AttemptFailed when AWS refuses to say.
    """
    with calling("reading what a function is", where=serving.name):
        yield from _configuration(serving, digests)
        yield from _alias(serving, codes)
        yield from _permissions(cloud, serving)
        yield from _concurrency(cloud, serving)
        yield from _sources(cloud, serving)
        yield from _log_group(cloud, serving)


def _configuration(serving: Serving, digests: Digests) -> Iterator[Fact]:
    said = serving.configuration
    vpc = said.get("VpcConfig") or {}
    efs = said.get("FileSystemConfigs") or []
    logging = said.get("LoggingConfig") or {}
    attributes: dict[str, Json] = {key: _plain(said[key]) for key in _PLAIN.split() if said.get(key)}
    attributes |= {
        "code": serving.code,
        "layers": [layer["Arn"] for layer in said.get("Layers") or []],
        "subnets": sorted(vpc.get("SubnetIds") or []),
        "security groups": sorted(vpc.get("SecurityGroupIds") or []),
        "dead letters": (said.get("DeadLetterConfig") or {}).get("TargetArn", ""),
        "tracing": (said.get("TracingConfig") or {}).get("Mode", "PassThrough"),
        "storage MB": (said.get("EphemeralStorage") or {}).get("Size", 512),
        "file systems": sorted(item["Arn"] for item in efs),
        "snap start": (said.get("SnapStart") or {}).get("ApplyOn", "None"),
        "log group": serving.log_group,
        "logging": {k: str(v) for k, v in sorted(logging.items()) if k != "LogGroup"},
        "image": digest_of(_plain(said["ImageConfigResponse"])) if said.get("ImageConfigResponse") else "",
    }
    yield Fact("function", serving.name, attributes)
    for name, value in serving.variables.items():
        parent = f"function {serving.name}"
        yield Fact("variable", f"{serving.name}.{name}", {"value": digests.of(value)}, parent)


def _alias(serving: Serving, codes: Mapping[str, str]) -> Iterator[Fact]:
    if serving.alias:
        shares = sorted((codes[version], weight) for version, weight in serving.weights.items())
        said: dict[str, Json] = {"other versions' shares": [[code, weight] for code, weight in shares]}
        yield Fact("alias", f"{serving.name}:{serving.alias}", said, f"function {serving.name}")


def _permissions(cloud: Cloud, serving: Serving) -> Iterator[Fact]:
    """Who may call it, through the alias and past it; by what each statement says, not by its id."""
    client = cloud.client("lambda")
    for qualifier in ("", serving.alias) if serving.alias else ("",):
        place = {"FunctionName": serving.name} | ({"Qualifier": qualifier} if qualifier else {})
        policy = json.loads(_or_none(client.get_policy, **place).get("Policy", '{"Statement": []}'))
        whole = f"{serving.name}:{qualifier}" if qualifier else serving.name
        said = {canonical(_statement(item)): _statement(item) for item in policy["Statement"]}
        for text, statement in sorted(said.items()):
            name = f"{whole} {_who(statement)} {digest_of(text.decode())[:8]}"
            yield Fact("permission", name, statement, f"function {serving.name}")


def _statement(item: Mapping[str, Any]) -> dict[str, Json]:
    return {key: _plain(value) for key, value in item.items() if key not in ("Sid", "Resource")}


def _who(statement: Mapping[str, Json]) -> str:
    principal = statement.get("Principal", "*")
    return ", ".join(map(str, principal.values())) if isinstance(principal, Mapping) else str(principal)


def _concurrency(cloud: Cloud, serving: Serving) -> Iterator[Fact]:
    """Reserved 0 shuts a function off. None reserved is a fact as well."""
    client, parent = cloud.client("lambda"), f"function {serving.name}"
    reserved = client.get_function_concurrency(FunctionName=serving.name).get("ReservedConcurrentExecutions")
    yield Fact("concurrency", serving.name, {"reserved": reserved}, parent)
    place = {"FunctionName": serving.name} | ({"Qualifier": serving.alias} if serving.alias else {})
    if serving.alias:
        found = _or_none(client.get_provisioned_concurrency_config, **place)
        if count := found.get("RequestedProvisionedConcurrentExecutions"):
            yield Fact(
                "provisioned concurrency", f"{serving.name}:{serving.alias}", {"requested": count}, parent
            )
    invoking = _or_none(client.get_function_event_invoke_config, **place)
    if said := {key: _plain(invoking[key]) for key in _INVOKING if key in invoking}:
        yield Fact("asynchronous calls", serving.name, said, parent)
    url = _or_none(client.get_function_url_config, **place)
    if said := {key: _plain(url[key]) for key in _URL if key in url}:
        yield Fact("function URL", serving.name, said, parent)


_URL: tuple[str, ...] = ("AuthType", "Cors", "InvokeMode")
_INVOKING: tuple[str, ...] = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")


def _sources(cloud: Cloud, serving: Serving) -> Iterator[Fact]:
    """Queues, streams and tables that call it, whichever qualifier they were attached to."""
    pages = cloud.client("lambda").get_paginator("list_event_source_mappings")
    for qualifier in dict.fromkeys((serving.name, f"{serving.name}:{serving.alias or '$LATEST'}")):
        for page in pages.paginate(FunctionName=qualifier):
            for item in page["EventSourceMappings"]:
                said = {
                    key: _plain(item[key]) for key in _MAPPING.split() if item.get(key) not in (None, [], {})
                }
                said["enabled"] = item.get("State") not in _OFF
                said["calls"] = str(item.get("FunctionArn", "")).partition(":function:")[2]
                source = str(item.get("EventSourceArn") or item.get("UUID"))
                yield Fact("event source", f"{qualifier} {source}", said, f"function {serving.name}")


def _log_group(cloud: Cloud, serving: Serving) -> Iterator[Fact]:
    """Only of one that somebody set up: Lambda makes a bare one by itself."""
    client = cloud.client("logs")
    found = client.describe_log_groups(logGroupNamePrefix=serving.log_group).get("logGroups", [])
    group: dict[str, Any] = next((item for item in found if item["logGroupName"] == serving.log_group), {})
    filters = _or_none(client.describe_metric_filters, logGroupName=serving.log_group)
    subscribed = _or_none(client.describe_subscription_filters, logGroupName=serving.log_group)
    said: dict[str, Json] = {
        "days": group.get("retentionInDays"),
        "key": group.get("kmsKeyId"),
        "metric filters": _filters(filters.get("metricFilters", [])),
        "subscriptions": _filters(subscribed.get("subscriptionFilters", [])),
    }
    if any(said.values()):
        yield Fact("log group", serving.log_group, said)


def _filters(found: Sequence[Mapping[str, Any]]) -> list[Json]:
    """Each by its name and a digest of what it lets through and where to."""
    said = [{key: value for key, value in item.items() if key != "creationTime"} for item in found]
    return [*sorted(f"{item['filterName']} {digest_of(_plain(item))[:8]}" for item in said)]


def _or_none(call: Any, **arguments: Any) -> dict[str, Any]:
    """The answer; empty when there is nothing of the kind. Raises ClientError for any other refusal."""
    try:
        found: dict[str, Any] = call(**arguments)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in _ABSENT:
            raise
        return {}
    return found


def _plain(value: Any) -> Json:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
