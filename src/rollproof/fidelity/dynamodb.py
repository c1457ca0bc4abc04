"""What drills rely on of DynamoDB."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rollproof.components.aws.clients import Aws
from rollproof.components.aws.tablebackup import drop_table, restore_beside, restore_to_time, wait_active
from rollproof.fidelity.registry import Finding, experiment
from rollproof.waiting import pause

KEY = {"KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}
TYPES = {"AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}]}
SETTLE_SECONDS = 1.1
"""AWS restores to the second."""


@contextmanager
def _table(client: Any, name: str) -> Iterator[str]:
    client.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **KEY, **TYPES)
    wait_active(client, name)
    try:
        yield name
    finally:
        drop_table(client, name)


@experiment(
    "dynamodb-point-in-time",
    "a point-in-time restore brings back the items of that time",
    source="Amazon DynamoDB Developer Guide, Point-in-time recovery",
)
def point_in_time(aws: Aws, prefix: str) -> Finding:
    """Writes an item, waits, writes another value, and restores to the moment between.

    On AWS itself restorable times lag by minutes, so the experiment is not made there: it is AWS that
    an endpoint is compared with.
    """
    if aws.endpoint.url is None:
        return Finding(True, "this is AWS itself")
    client = aws.client("dynamodb")
    with _table(client, f"{prefix}-source") as table:
        client.update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        client.put_item(TableName=table, Item={"pk": {"S": "a"}, "v": {"S": "good"}})
        pause(SETTLE_SECONDS)
        moment = datetime.fromtimestamp(time.time(), UTC)
        pause(SETTLE_SECONDS)
        client.put_item(TableName=table, Item={"pk": {"S": "a"}, "v": {"S": "bad"}})
        side = f"{prefix}-side"
        try:
            restore_to_time(client, table, side, moment)
            found = client.get_item(TableName=side, Key={"pk": {"S": "a"}}).get("Item", {})
        finally:
            drop_table(client, side)
    value = found.get("v", {}).get("S", "nothing")
    said = "the value of that time" if value == "good" else f"not the value of that time but {value!r}"
    return Finding(value == "good", f"a restore to before an item was overwritten brought back {said}")


@experiment(
    "dynamodb-backup",
    "an on-demand backup brings back the items of when it was taken",
    source="Amazon DynamoDB Developer Guide, Using on-demand backup and restore",
)
def on_demand_backup(aws: Aws, prefix: str) -> Finding:
    """Backs an item up, overwrites it, restores beside, and reads it."""
    client = aws.client("dynamodb")
    with _table(client, f"{prefix}-source") as table:
        client.put_item(TableName=table, Item={"pk": {"S": "a"}, "v": {"S": "good"}})
        backup = client.create_backup(TableName=table, BackupName=prefix)["BackupDetails"]["BackupArn"]
        client.put_item(TableName=table, Item={"pk": {"S": "a"}, "v": {"S": "bad"}})
        side = f"{prefix}-side"
        try:
            restore_beside(client, backup, side)
            found = client.get_item(TableName=side, Key={"pk": {"S": "a"}}).get("Item", {})
        finally:
            drop_table(client, side)
            client.delete_backup(BackupArn=backup)
    good = found.get("v", {}).get("S") == "good"
    return Finding(good, f"a backup {'brought' if good else 'did not bring'} an overwritten item back")
