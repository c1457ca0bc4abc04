"""Which resources a call to AWS names, whatever the service: for limits, and for a role's permissions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_READS = re.compile(
    r"(Get|List|Describe|Head|BatchGet|TransactGet|Query|Scan|Search|Lookup|Filter|Select|Validate|Estimate"
    r"|Preview|Simulate|DetectStackDrift|AssumeRole|ExecuteStatement$)"
)
"""How operations begin that change nothing. What is not known to read counts as a write."""
KINDS = {
    ("lambda", "FunctionName"): "function",
    ("cloudformation", "StackName"): "stack",
    ("dynamodb", "TableName"): "table",
    ("dynamodb", "TargetTableName"): "table",
    ("s3", "Bucket"): "bucket",
}
"""Parameters that name a thing of a kind that can be limited."""
NAMING = frozenset(
    """FunctionName StackName TableName TargetTableName SourceTableName Bucket SecretId TopicArn QueueUrl
    QueueName AlarmName AlarmNames RoleName repositoryName ServiceArn cluster service Name Names Path
    logGroupName ApplicationId restApiId ApiId DistributionId Id KeyId DBClusterIdentifier
    DBInstanceIdentifier SourceDBClusterIdentifier SnapshotIdentifier DBSubnetGroupName
    DBClusterParameterGroupName ResourceARN Resource BackupArn""".split()
)
"""Parameters that name a resource and never hold what is in it: these may enter a journal."""


@dataclass(frozen=True, slots=True)
class Named:
    """One thing that a call names.

    Attributes:
        kind: function, stack, table or bucket.
        name: without the ARN around it.
    """

    kind: str
    name: str


def is_write(operation: str) -> bool:
    """Whether a call may change something; calling a function counts."""
    return not _READS.match(operation)


def things(service: str, params: Mapping[str, Any]) -> Iterator[Named]:
    """What a call names of the kinds that can be limited."""
    for (where, parameter), kind in KINDS.items():
        value = params.get(parameter)
        if where == service and isinstance(value, str):
            yield Named(kind, plain(value))
    if service == "dynamodb":
        for table in _tables(params):
            yield Named("table", plain(table))


def _tables(params: Mapping[str, Any]) -> Iterator[str]:
    batch, items = params.get("RequestItems"), params.get("TransactItems")
    if isinstance(batch, Mapping):
        yield from batch
    for item in items if isinstance(items, list) else []:
        yield from (str(act["TableName"]) for act in item.values() if "TableName" in act)


def plain(name: str) -> str:
    """The name in an ARN: of a function without its alias, of a stack without its id."""
    if not name.startswith("arn:"):
        return name
    service, resource = name.split(":", 5)[2], name.split(":", 5)[5]
    if service == "lambda":
        return resource.removeprefix("function:").split(":")[0]
    return resource.split("/")[1] if "/" in resource else resource.rpartition(":")[2]


def named(service: str, params: Mapping[str, Any]) -> dict[str, str]:
    """The parameters that name resources, for the record; never what is in a resource."""
    found = {
        name: value
        for name, value in params.items()
        if name in NAMING and isinstance(value, str) and len(value) < 300
    }
    for name in ("AlarmNames", "Names"):
        if isinstance(params.get(name), list) and len(params[name]) == 1:
            found[name.removesuffix("s")] = str(params[name][0])
            found.pop(name, None)
    tables = list(_tables(params)) if service == "dynamodb" else []
    if len(set(tables)) == 1:
        found["TableName"] = tables[0]
    if "Key" in params and service == "s3":
        found["Key"] = "*"
    return found
