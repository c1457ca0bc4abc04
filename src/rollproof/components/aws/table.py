"""DynamoDB tables: what they are, setting by setting, and what is in those that matter."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from rollproof.components.aws.clients import Aws, calling, code_of
from rollproof.components.aws.cloud import BEFORE, Cloud, reader
from rollproof.components.aws.tableitems import ItemChanges, ItemReader, SeenItems, changes, key_names
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed, NotApplicable
from rollproof.model.fingerprint import Fact, Fingerprint
from rollproof.model.json import Json

NOTHING = frozenset(
    {
        "PolicyNotFoundException",
        "ResourceNotFoundException",
        "ValidationException",
        "UnknownOperationException",
    }
)
"""What DynamoDB answers when there is no resource policy, or an endpoint that knows none."""

GONE = frozenset({"ResourceNotFoundException", "TableNotFoundException"})
NO_POLICY = frozenset({"PolicyNotFoundException", "UnknownOperationException"})
"""What is answered when there is no resource policy, or by an endpoint that knows none."""


class Tables:
    """A scenario's tables: their names, what was seen of their items, the backups taken of them."""

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.cloud = drill.use(Cloud)
        self.reader = ItemReader(secrets.token_bytes(32))
        self.seen: dict[str, dict[str, SeenItems]] = {}
        self.backups: dict[str, str] = {}
        self.settings: dict[str, Any] = {}
        self.backup_name = f"rollproof-{secrets.token_hex(4)}"
        self.beside: dict[str, str] = {}

    @property
    def client(self) -> Any:
        return self.cloud.client("dynamodb")

    def names(self) -> dict[str, str]:
        """Every declared table by its key. Raises NotApplicable when none is declared."""
        if not self.drill.system.table:
            raise NotApplicable(f"system {self.drill.system.name} declares no [table.*]")
        return {key: self.cloud.fill(spec.name) for key, spec in self.drill.system.table.items()}

    def critical(self) -> list[str]:
        """Names of the tables whose items count. Raises NotApplicable when none is critical."""
        names = self.names()
        found = [names[key] for key, spec in self.drill.system.table.items() if spec.critical]
        if not found:
            raise NotApplicable(f"no table of system {self.drill.system.name} is critical")
        return found

    def look(self, label: str, *, gone_is_empty: bool = False) -> dict[str, SeenItems]:
        """Reads the items of every critical table and keeps their digests under `label`.

        Args:
            gone_is_empty: a table that is not there counts as one that has lost every item.

        Raises AttemptFailed when a table is not there, or cannot be read.
        """
        self.seen[label] = {name: self._read(name, gone_is_empty) for name in self.critical()}
        count = sum(len(seen.items) for seen in self.seen[label].values())
        self.drill.recorder.note("observe.items", {"label": label, "count": count})
        return self.seen[label]

    def _read(self, name: str, gone_is_empty: bool) -> SeenItems:
        try:
            return self.reader.read(self.client, name)
        except AttemptFailed as error:
            if gone_is_empty and code_of(error) in GONE:
                return SeenItems(name, {})
            raise

    def compare(self, label: str, *, against: str) -> list[ItemChanges]:
        """Records how the items differ between two looks."""
        before, after = self.seen[against], self.seen[label]
        found = [changes(before[name], after[name]) for name in before]
        listed: list[Json] = [change.to_json() for change in found]
        self.drill.recorder.note(
            "items.compared",
            {
                "label": label,
                "against": against,
                "count": sum(len(seen.items) for seen in before.values()),
                "changes": self.drill.recorder.journal.attachments.put(listed),
            },
        )
        return found


@reader("table")
def read_tables(cloud: Cloud) -> Fingerprint:
    """Definition, indexes, capacity, TTL, recovery, stream, encryption, policy and tags; for critical
    tables a digest of all items. Sizes, counts that DynamoDB updates by itself and dates are no facts."""
    tables = cloud.drill.use(Tables)
    facts: list[Fact] = []
    for spec in cloud.system.table.values():
        try:
            facts += _of_table(tables, cloud.fill(spec.name), critical=spec.critical)
        except AttemptFailed as error:
            if code_of(error) not in GONE or BEFORE not in cloud.seen:
                raise
    return Fingerprint.of(facts)


def _of_table(tables: Tables, name: str, *, critical: bool) -> list[Fact]:
    facts = table_facts(tables.cloud.aws, name)
    if critical:
        seen = tables.reader.read(tables.client, name)
        facts.append(_fact("items", name, {"count": len(seen.items), "digest": seen.digest}, name))
    return facts


def table_facts(aws: Aws, name: str) -> list[Fact]:
    """Everything that is set on a table. Raises AttemptFailed when there is none of that name."""
    client = aws.client("dynamodb")
    with calling("reading the table", where=name):
        table = client.describe_table(TableName=name)["Table"]
    arn = str(table["TableArn"])
    return [
        _definition(name, table),
        *_indexes(name, table),
        *_settings(name, table, client),
        *_policy(name, arn, client),
        *_tags(name, arn, client),
        *_scaling(name, table, aws),
    ]


def _fact(kind: str, name: str, attributes: Mapping[str, Json], table: str = "") -> Fact:
    return Fact(kind, name, attributes, f"table {table}" if table else "")


def _definition(name: str, table: Mapping[str, Any]) -> Fact:
    types = {part["AttributeName"]: part["AttributeType"] for part in table["AttributeDefinitions"]}
    encryption = table.get("SSEDescription") or {}
    return _fact(
        "table",
        name,
        {
            "key": [f"{part} {types.get(part, '?')}" for part in key_names(table)],
            "billing": table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
            "capacity": _capacity(table, table),
            "class": table.get("TableClassSummary", {}).get("TableClass", "STANDARD"),
            "deletion protection": bool(table.get("DeletionProtectionEnabled")),
            "encryption": f"{encryption.get('SSEType', 'owned by DynamoDB')} "
            f"{encryption.get('KMSMasterKeyArn', '')}".strip(),
            "status": table.get("TableStatus"),
        },
    )


def _capacity(table: Mapping[str, Any], of: Mapping[str, Any]) -> list[Json]:
    """Read and write units of the table or of an index; on demand, the most that it may use, if limited."""
    limits: Mapping[str, int] = of.get("OnDemandThroughput") or {}
    if table.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST":
        return [f"{name} {value}" for name, value in sorted(limits.items())]
    given = of.get("ProvisionedThroughput") or {}
    return [given.get("ReadCapacityUnits", 0), given.get("WriteCapacityUnits", 0)]


def _indexes(name: str, table: Mapping[str, Any]) -> Iterator[Fact]:
    types = {part["AttributeName"]: part["AttributeType"] for part in table["AttributeDefinitions"]}
    for scope in ("Global", "Local"):
        for index in table.get(f"{scope}SecondaryIndexes") or []:
            projection = index.get("Projection") or {}
            yield _fact(
                f"{scope.lower()} index",
                f"{name}.{index['IndexName']}",
                {
                    "key": [f"{part} {types.get(part, '?')}" for part in key_names(index)],
                    "projection": projection.get("ProjectionType", ""),
                    "projected": sorted(projection.get("NonKeyAttributes") or []),
                    "capacity": _capacity(table, index),
                    "status": index.get("IndexStatus", "ACTIVE"),
                },
                name,
            )


def _settings(name: str, table: Mapping[str, Any], client: Any) -> Iterator[Fact]:
    stream = table.get("StreamSpecification") or {}
    yield _fact("stream", name, {"view": stream.get("StreamViewType", "none")}, name)
    with calling("reading the table's time to live", where=name):
        ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    on = ttl["TimeToLiveStatus"] in ("ENABLED", "ENABLING")
    yield _fact("time to live", name, {"attribute": ttl.get("AttributeName", "") if on else "none"}, name)
    with calling("reading whether the table can be restored to a point in time", where=name):
        backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription") or {}
    yield _fact(
        "point-in-time recovery",
        name,
        {
            "status": recovery.get("PointInTimeRecoveryStatus", "DISABLED"),
            "days": recovery.get("RecoveryPeriodInDays"),
        },
        name,
    )


def _policy(name: str, arn: str, client: Any) -> Iterator[Fact]:
    try:
        with calling("reading the table's resource policy", where=name):
            policy = client.get_resource_policy(ResourceArn=arn)["Policy"]
    except AttemptFailed as error:
        if code_of(error) not in NO_POLICY:
            raise
        return
    text = json.dumps(json.loads(policy), sort_keys=True)
    yield _fact("resource policy", name, {"text": text}, name)


def _tags(name: str, arn: str, client: Any) -> Iterator[Fact]:
    with calling("reading the table's tags", where=name):
        pages = client.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn)
        for tag in (tag for page in pages for tag in page["Tags"]):
            if not str(tag["Key"]).startswith("aws:"):
                yield _fact("tag", f"{name} {tag['Key']}", {"value": tag["Value"]}, name)


def _scaling(name: str, table: Mapping[str, Any], aws: Aws) -> Iterator[Fact]:
    """Automatic scaling; only provisioned tables have any."""
    if table.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST":
        return
    client = Aws(aws.endpoint, attempts=1).client("application-autoscaling")
    ids = [f"table/{name}"]
    ids += [f"table/{name}/index/{i['IndexName']}" for i in table.get("GlobalSecondaryIndexes") or []]
    try:
        with calling("reading the table's automatic scaling", where=name):
            found = client.describe_scalable_targets(ServiceNamespace="dynamodb", ResourceIds=ids)
    except AttemptFailed as error:
        yield _fact("scaling", name, {"found": f"cannot be read here: {code_of(error) or 'no answer'}"}, name)
        return
    for target in found["ScalableTargets"]:
        which = f"{target['ResourceId']} {target['ScalableDimension']}"
        yield _fact("scaling", which, {"from": target["MinCapacity"], "to": target["MaxCapacity"]}, name)
