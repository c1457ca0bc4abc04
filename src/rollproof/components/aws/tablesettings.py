"""What no restore of a DynamoDB table brings back, kept so that it can be set again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollproof.components.aws.clients import calling, code_of
from rollproof.components.aws.table import NO_POLICY
from rollproof.components.aws.tablebackup import wait_active
from rollproof.errors import AttemptFailed


@dataclass(frozen=True)
class TableSettings:
    """What AWS says must be set up by hand on a restored table: streams, TTL, tags, point-in-time
    recovery, deletion protection, policies (DynamoDB developer guide, "Restoring a DynamoDB table").

    Automatic scaling, alarms and replicas are not set again: a difference there stays one.
    """

    stream: Mapping[str, Any]
    time_to_live: str
    recovery: bool
    recovery_days: int | None
    protection: bool
    tags: tuple[Mapping[str, str], ...]
    policy: str
    table_class: str
    encryption: Mapping[str, Any]

    @classmethod
    def read(cls, client: Any, table: str) -> TableSettings:
        """Raises AttemptFailed when the table cannot be read."""
        with calling("keeping the table's settings", where=table):
            found = client.describe_table(TableName=table)["Table"]
            ttl = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
            backups = client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
            pages = client.get_paginator("list_tags_of_resource").paginate(ResourceArn=found["TableArn"])
            tags = tuple(tag for page in pages for tag in page["Tags"])
        recovery = backups.get("PointInTimeRecoveryDescription") or {}
        on = ttl["TimeToLiveStatus"] in ("ENABLED", "ENABLING")
        return cls(
            stream=found.get("StreamSpecification") or {},
            time_to_live=ttl["AttributeName"] if on else "",
            recovery=recovery.get("PointInTimeRecoveryStatus") == "ENABLED",
            recovery_days=recovery.get("RecoveryPeriodInDays"),
            protection=bool(found.get("DeletionProtectionEnabled")),
            tags=tuple(tag for tag in tags if not tag["Key"].startswith("aws:")),
            policy=_policy_of(client, found["TableArn"]),
            table_class=found.get("TableClassSummary", {}).get("TableClass", ""),
            encryption=found.get("SSEDescription") or {},
        )

    def apply(self, client: Any, table: str) -> None:
        """Sets all of it on a table that was restored. Raises AttemptFailed."""
        parts = (self._stream, self._time_to_live, self._recovery, self._tags, self._policy)
        for part in (*parts, self._class, self._encryption):
            with calling("setting what a restore does not bring back", where=table):
                part(client, table)
            wait_active(client, table)
        protect(client, table, self.protection)

    def _stream(self, client: Any, table: str) -> None:
        if self.stream.get("StreamEnabled"):
            client.update_table(TableName=table, StreamSpecification=self.stream)

    def _time_to_live(self, client: Any, table: str) -> None:
        if self.time_to_live:
            wanted = {"Enabled": True, "AttributeName": self.time_to_live}
            client.update_time_to_live(TableName=table, TimeToLiveSpecification=wanted)

    def _recovery(self, client: Any, table: str) -> None:
        if self.recovery:
            wanted: dict[str, Any] = {"PointInTimeRecoveryEnabled": True}
            wanted |= {"RecoveryPeriodInDays": self.recovery_days} if self.recovery_days else {}
            client.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=wanted)

    def _tags(self, client: Any, table: str) -> None:
        if self.tags:
            arn = client.describe_table(TableName=table)["Table"]["TableArn"]
            client.tag_resource(ResourceArn=arn, Tags=list(self.tags))

    def _policy(self, client: Any, table: str) -> None:
        if self.policy:
            arn = client.describe_table(TableName=table)["Table"]["TableArn"]
            client.put_resource_policy(ResourceArn=arn, Policy=self.policy)

    def _class(self, client: Any, table: str) -> None:
        if self.table_class and self.table_class != "STANDARD":
            client.update_table(TableName=table, TableClass=self.table_class)

    def _encryption(self, client: Any, table: str) -> None:
        now = client.describe_table(TableName=table)["Table"].get("SSEDescription") or {}
        key = self.encryption.get("KMSMasterKeyArn", "")
        if key and now.get("KMSMasterKeyArn") != key:
            wanted = {"Enabled": True, "SSEType": self.encryption.get("SSEType", "KMS")}
            own = {} if key.endswith("alias/aws/dynamodb") else {"KMSMasterKeyId": key}
            client.update_table(TableName=table, SSESpecification={**wanted, **own})


def _policy_of(client: Any, arn: str) -> str:
    try:
        with calling("keeping the table's resource policy", where=arn):
            return str(client.get_resource_policy(ResourceArn=arn)["Policy"])
    except AttemptFailed as error:
        if code_of(error) not in NO_POLICY:
            raise
        return ""


def protect(client: Any, table: str, on: bool) -> None:
    """Switches deletion protection. Raises AttemptFailed."""
    with calling("switching the table's deletion protection", where=table):
        client.update_table(TableName=table, DeletionProtectionEnabled=on)
    wait_active(client, table)
