"""Backing tables up and bringing them back: beside and copied, in their place, or as of a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from rollproof.components.aws.clients import calling, code_of
from rollproof.components.aws.table import GONE
from rollproof.components.aws.tableitems import Item, ItemReader, key_names, scan
from rollproof.errors import AttemptFailed
from rollproof.waiting import eventually

READY_SECONDS = 1800.0
"""How long a backup, a restore or a deletion may take; AWS names no limit, an hour is not unheard of."""
LAG_SECONDS = 900.0
BATCH = 25
"""BatchWriteItem takes no more (Amazon DynamoDB API reference)."""


def take_backup(client: Any, table: str, name: str) -> str:
    """An on-demand backup; its ARN, once it is available.

    Raises AttemptFailed when the table does not exist, or the backup is not available in time.
    """
    with calling("backing the table up", where=table):
        arn = str(client.create_backup(TableName=table, BackupName=name)["BackupDetails"]["BackupArn"])

    def available() -> bool:
        with calling("waiting for the backup", where=table):
            found = client.describe_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"]
        return bool(found["BackupStatus"] == "AVAILABLE")

    eventually(available, within=READY_SECONDS, what=f"the backup of {table} is available")
    return arn


def restore_beside(client: Any, backup: str, target: str) -> None:
    """Restores a backup into a table of another name, and waits until it can be used.

    Raises AttemptFailed when the backup is gone or the name is taken.
    """
    with calling("restoring the backup", where=target):
        client.restore_table_from_backup(TargetTableName=target, BackupArn=backup)
    wait_active(client, target)


def restore_to_time(client: Any, table: str, target: str, moment: datetime) -> None:
    """Restores a table as it was at a moment, to the second, into a table of another name.

    The newest moments cannot be restored yet: AWS lags by about five minutes, and is waited for.
    """
    eventually(
        lambda: _restorable(client, table) >= moment,
        within=LAG_SECONDS,
        what=f"{table} can be restored to that moment",
    )
    with calling("restoring the table to a point in time", where=target):
        client.restore_table_to_point_in_time(
            SourceTableName=table, TargetTableName=target, RestoreDateTime=moment.astimezone(UTC)
        )
    wait_active(client, target)


def _restorable(client: Any, table: str) -> datetime:
    with calling("asking up to when the table can be restored", where=table):
        found = client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    latest = found.get("PointInTimeRecoveryDescription", {}).get("LatestRestorableDateTime")
    if latest is None:
        raise AttemptFailed(
            "its point-in-time recovery is off",
            doing="restoring the table to a point in time",
            where=table,
            remedy="switch it on; until then only backups bring items back",
        )
    at: datetime = latest.astimezone(UTC)
    return at


def wait_active(client: Any, table: str) -> None:
    """Until the table and its indexes can be used. Raises AttemptFailed when they cannot in time."""

    def active() -> bool:
        with calling("waiting for the table", where=table):
            found = client.describe_table(TableName=table)["Table"]
        indexes = found.get("GlobalSecondaryIndexes") or []
        states = [found["TableStatus"], *(index.get("IndexStatus", "ACTIVE") for index in indexes)]
        return all(state == "ACTIVE" for state in states)

    eventually(active, within=READY_SECONDS, what=f"table {table} is active")


def drop_table(client: Any, table: str) -> None:
    """Deletes a table and waits until its name is free; one that is not there is no error."""
    try:
        with calling("deleting the table", where=table):
            client.delete_table(TableName=table)
    except AttemptFailed as error:
        if code_of(error) not in GONE:
            raise
    eventually(lambda: not is_there(client, table), within=READY_SECONDS, what=f"table {table} is gone")


def is_there(client: Any, table: str) -> bool:
    """Whether there is a table of that name."""
    try:
        with calling("looking for the table", where=table):
            client.describe_table(TableName=table)
    except AttemptFailed as error:
        if code_of(error) not in GONE:
            raise
        return False
    return True


def copy_back(client: Any, reader: ItemReader, *, source: str, target: str) -> int:
    """Makes the items of `target` those of `source`: differing ones are put, others deleted.

    Returns how many items were written. Only differences are written, so that the stream tells what
    was mended, and capacity is not spent on what is well.
    """
    wanted, there = reader.read(client, source), reader.read(client, target)
    with calling("reading the table's keys", where=source):
        keys = key_names(client.describe_table(TableName=source)["Table"])
    different = {key for key, seen in wanted.items.items() if there.items.get(key) != seen}
    extra = there.items.keys() - wanted.items.keys()
    puts = (item for item in scan(client, source) if reader.name_of(item, keys) in different)
    gone = (item for item in scan(client, target) if reader.name_of(item, keys) in extra)
    written = put_items(client, target, puts) if different else 0
    return written + (delete_items(client, target, keys, gone) if extra else 0)


def write_all(client: Any, table: str, requests: Iterable[Mapping[str, Any]]) -> int:
    """Batch writes, again until nothing is left unprocessed; how many. Raises AttemptFailed."""
    remaining, count = iter(requests), 0
    while batch := list(islice(remaining, BATCH)):
        count += len(batch)
        _write_batch(client, table, batch)
    return count


def put_items(client: Any, table: str, items: Iterable[Item]) -> int:
    """Puts items; how many. Raises AttemptFailed."""
    return write_all(client, table, ({"PutRequest": {"Item": item}} for item in items))


def delete_items(client: Any, table: str, keys: list[str], items: Iterable[Item]) -> int:
    """Deletes items by their keys; how many. Raises AttemptFailed."""
    found = [{"DeleteRequest": {"Key": {name: item[name] for name in keys}}} for item in items]
    return write_all(client, table, found)


def _write_batch(client: Any, table: str, batch: list[Mapping[str, Any]]) -> None:
    left = {table: batch}

    def done() -> bool:
        nonlocal left
        with calling("writing items", where=table):
            left = client.batch_write_item(RequestItems=left).get("UnprocessedItems") or {}
        return not left

    eventually(done, within=60.0, what=f"{table} took a batch of items", every=0.05)
