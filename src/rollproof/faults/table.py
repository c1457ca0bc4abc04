"""Faults of DynamoDB tables: items that are lost or wrong, a table that is gone."""

from __future__ import annotations

from itertools import islice
from typing import Any

from rollproof.components.aws.clients import calling
from rollproof.components.aws.table import Tables
from rollproof.components.aws.tablebackup import delete_items, drop_table, is_there, put_items
from rollproof.components.aws.tableitems import Item, key_names, scan
from rollproof.components.aws.tableseed import expect_private
from rollproof.components.aws.tablesettings import protect
from rollproof.drill.drill import Drill
from rollproof.faults.base import Fault
from rollproof.model.json import JsonObject

MOST = 200
"""Items that a fault touches of each table."""


class ItemsLost(Fault):
    """A script with a wrong condition deletes a third of the items, and makes texts of others' numbers."""

    def inject(self, drill: Drill) -> JsonObject:
        tables = drill.use(Tables)
        expect_private(tables, "items would be destroyed")
        if "before" not in tables.seen:
            tables.look("before")
        harmed = sum(_harm(tables.client, name) for name in tables.critical())
        drill.incident("fault", cause=f"{harmed} items were deleted or corrupted by mistake")
        return {"count": harmed}

    def took_hold(self, drill: Drill) -> bool:
        tables = drill.use(Tables)
        tables.look("harmed")
        found = tables.compare("harmed", against="before")
        return any(change.lost for change in found)


def _harm(client: Any, name: str) -> int:
    with calling("reading the table's keys", where=name):
        keys = key_names(client.describe_table(TableName=name)["Table"])
    items = list(islice(scan(client, name), MOST))
    lost, corrupted = items[::3], items[1::3]
    deleted = delete_items(client, name, keys, lost)
    return deleted + put_items(client, name, [_corrupt(item, keys) for item in corrupted])


def _corrupt(item: Item, keys: list[str]) -> Item:
    """Numbers outside the key become texts; an item without numbers gets an attribute that it never had."""
    wrong = {
        name: {"S": value["N"]} if "N" in value and name not in keys else value
        for name, value in item.items()
    }
    return {**item, "rollproof_corrupted": {"BOOL": True}} if wrong == item else wrong


class TableDropped(Fault):
    """Somebody deletes the table in the wrong account, deletion protection switched off first."""

    def inject(self, drill: Drill) -> JsonObject:
        tables = drill.use(Tables)
        expect_private(tables, "a table would be destroyed")
        tables.look("before")
        for name in tables.critical():
            protect(tables.client, name, False)
            drop_table(tables.client, name)
        drill.incident("fault", cause="critical tables were deleted by mistake")
        return {"tables": tables.critical()}

    def took_hold(self, drill: Drill) -> bool:
        tables = drill.use(Tables)
        return not any(is_there(tables.client, name) for name in tables.critical())
