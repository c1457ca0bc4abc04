"""What an operator does when items of a DynamoDB table are lost or wrong."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from rollproof.components.aws.cloud import BEFORE
from rollproof.components.aws.front import ask_front
from rollproof.components.aws.gate import Gate
from rollproof.components.aws.shutdown import ShutSystem
from rollproof.components.aws.table import Tables
from rollproof.components.aws.tablebackup import (
    copy_back,
    drop_table,
    is_there,
    put_items,
    restore_beside,
    restore_to_time,
    take_backup,
)
from rollproof.components.aws.tableitems import changes
from rollproof.components.aws.tableseed import expect_private, has_items, made_up, seed_of
from rollproof.components.aws.tablesettings import TableSettings, protect
from rollproof.components.aws.tableundo import undo_beside
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill, observer
from rollproof.errors import AttemptFailed, PreconditionNotMet
from rollproof.journal import Kind
from rollproof.model.json import Json, JsonObject

MADE_UP = 60
LATE = 3
BASELINES = ("backup", "before", "stopped", "restored")


@dataclass(frozen=True)
class FillTables(Act):
    """Puts the declared seed's items into critical tables that are empty, or made-up ones of every type.

    Only in an account that is this run's own; elsewhere there must be items already.
    """

    name = "table.fill"

    def run(self, drill: Drill) -> JsonObject:
        tables = drill.use(Tables)
        written = 0
        for key, spec in drill.system.table.items():
            name = tables.cloud.fill(spec.name)
            if spec.critical and not has_items(tables.client, name):
                expect_private(tables, f"critical table {name} is empty")
                items = seed_of(drill, key) or made_up(tables.client, name, "made-up", MADE_UP)
                written += put_items(tables.client, name, items)
        tables.look("filled")
        return {"count": written}


@dataclass(frozen=True)
class BackUpTables(Act):
    """An on-demand backup of every critical table, taken while its items are known."""

    name = "table.backup"

    def undo(self, drill: Drill) -> JsonObject | None:
        """In an account that stays they would cost for ever."""
        tables = drill.use(Tables)
        return undo_beside(tables.cloud, backup=tables.backup_name, of=tables.critical())

    def run(self, drill: Drill) -> JsonObject:
        tables = drill.use(Tables)
        seen = tables.look("backup")
        tables.cloud.look(BEFORE, "table")
        for name in seen:
            tables.settings[name] = TableSettings.read(tables.client, name)
            tables.backups[name] = take_backup(tables.client, name, tables.backup_name)
        count = sum(len(items.items) for items in seen.values())
        if not count:
            raise PreconditionNotMet("the critical tables are empty", remedy="declare a `seed` for them")
        return {"tables": list(seen), "count": count}


@dataclass(frozen=True)
class ProveTableBackups(Act):
    """Restores each backup beside its table and compares every item with what was backed up."""

    name = "table.verify-backup"

    def prepare(self, drill: Drill) -> None:
        tables = drill.use(Tables)
        tables.beside = {name: _beside(name) for name in tables.backups}

    def undo(self, drill: Drill) -> JsonObject | None:
        tables = drill.use(Tables)
        return undo_beside(tables.cloud, copies=list(tables.beside.values()))

    def run(self, drill: Drill) -> JsonObject:
        tables = drill.use(Tables)
        for name, backup in tables.backups.items():
            side = tables.beside[name]
            try:
                restore_beside(tables.client, backup, side)
                _expect_same(tables, side, name)
            finally:
                if is_there(tables.client, side):
                    drop_table(tables.client, side)
        count = sum(len(tables.seen["backup"][name].items) for name in tables.backups)
        return {"tables": list(tables.backups), "count": count}


def _beside(name: str) -> str:
    """A name that no table has; DynamoDB takes at most 255 characters."""
    return f"{name[:230]}-rollproof-{secrets.token_hex(4)}"


@dataclass(frozen=True)
class WriteItems(Act):
    """Items are written after the backup: a restore gives them up, so it must name them."""

    name = "table.write"

    def run(self, drill: Drill) -> JsonObject:
        tables = drill.use(Tables)
        expect_private(tables, "items would have to be written")
        written = [
            put_items(tables.client, name, made_up(tables.client, name, "late", LATE))
            for name in tables.critical()
        ]
        tables.look("before")
        return {"count": sum(written)}


@dataclass(frozen=True)
class DetectItemLoss(Act):
    """Compares the tables with what the backup is known to hold: that is how the loss is found."""

    name = "table.detect"

    def run(self, drill: Drill) -> JsonObject:
        tables = drill.use(Tables)
        if gone := [name for name in tables.critical() if not is_there(tables.client, name)]:
            findings = [f"{name}: the table is gone" for name in gone]
        else:
            tables.look("damaged")
            found = tables.compare("damaged", against="backup")
            findings = [str(change) for change in found if change.lost or change.changed]
        if not findings:
            raise AttemptFailed("nothing is lost that the backup holds", doing="looking for lost items")
        drill.incident("detected", cause="items of the backup are missing or wrong", findings=findings)
        drill.incident("decided", decision="stop writes, restore the backup, allow writes again")
        return {"findings": findings}


@dataclass(frozen=True)
class StopWrites(ShutSystem):
    """Shuts every function of the system, so that nothing of it writes to the tables any more."""

    name = "table.writes.stop"

    def run(self, drill: Drill) -> JsonObject:
        said = super().run(drill)
        tables = drill.use(Tables)
        there = [name for name in tables.critical() if is_there(tables.client, name)]
        if len(there) == len(tables.critical()):
            tables.look("stopped")
        return {**said, "tables": [*there]}


@dataclass(frozen=True)
class RestoreTables(Act):
    """Brings every critical table back.

    Attributes:
        by: `copy`, the backup is restored beside the table, compared, and only what differs is copied
            into it, so that its settings and its stream stay; `replace`, a table that is gone or past
            mending is deleted and restored under its own name, and what no restore brings back is set
            again; `time`, like copy but as of the moment right before the mistake.
    """

    name = "table.restore"
    by: Literal["copy", "replace", "time"] = "copy"

    def prepare(self, drill: Drill) -> None:
        if not drill.use(Tables).backups and self.by != "time":
            raise PreconditionNotMet("no backup of the tables was taken", remedy="take one first")

    def describe(self, drill: Drill) -> JsonObject:
        return {"kind": self.by, "tables": drill.use(Tables).critical()}

    def run(self, drill: Drill) -> JsonObject:
        tables = drill.use(Tables)
        tables.look("restoring", gone_is_empty=True)
        if "stopped" in tables.seen:
            tables.compare("restoring", against="stopped")
        given_up: list[Json] = [*_given_up(tables)]
        written = sum(self._restore(tables, name) for name in tables.critical())
        drill.incident("executed")
        return {
            "count": written,
            "lost": drill.recorder.journal.attachments.put(given_up),
            "findings": [f"{len(given_up)} items written or changed since the backup were given up"],
        }

    def _restore(self, tables: Tables, name: str) -> int:
        if self.by == "replace":
            return _replace(tables, name)
        side = _beside(name)
        try:
            if self.by == "time":
                restore_to_time(tables.client, name, side, _before_the_mistake(tables.drill))
            else:
                restore_beside(tables.client, tables.backups[name], side)
                _expect_same(tables, side, name)
            return copy_back(tables.client, tables.reader, source=side, target=name)
        finally:
            if is_there(tables.client, side):
                drop_table(tables.client, side)


def _replace(tables: Tables, name: str) -> int:
    settings: TableSettings = tables.settings[name]
    if is_there(tables.client, name):
        protect(tables.client, name, False)
        drop_table(tables.client, name)
    restore_beside(tables.client, tables.backups[name], name)
    _expect_same(tables, name, name)
    settings.apply(tables.client, name)
    return len(tables.seen["backup"][name].items)


def _expect_same(tables: Tables, restored: str, name: str) -> None:
    """Raises AttemptFailed when the restored table is not what the backup was taken of."""
    found = changes(tables.seen["backup"][name], tables.reader.read(tables.client, restored))
    if found:
        raise AttemptFailed(
            f"the restored table is not what was backed up: {found}",
            doing="comparing the restored table with what the backup was taken of",
            where=restored,
            remedy="take an older backup; this one was taken while items were written",
        )


def _given_up(tables: Tables) -> list[str]:
    """Keyed digests of the items that the backup does not hold, or not as they were at last."""
    found: dict[str, None] = {}
    for label in ("before", "stopped", "restoring"):
        for name, seen in tables.seen.get(label, {}).items():
            change = changes(tables.seen["backup"][name], seen)
            found |= dict.fromkeys([*change.added, *change.changed])
            found |= dict.fromkeys(change.lost if label == "before" else ())
    return list(found)


def _before_the_mistake(drill: Drill) -> datetime:
    """When the fault began to be injected: what its incident notes is when it was over."""
    begun = drill.history.last("fault.inject", Kind.BEGIN)
    if begun is None:
        raise PreconditionNotMet("nobody knows when the mistake was made")
    return datetime.fromisoformat(begun.at).astimezone(UTC)


@dataclass(frozen=True)
class AllowWrites(Act):
    """Looks once more at what was restored, then opens the functions again."""

    name = "table.writes.allow"

    def run(self, drill: Drill) -> JsonObject:
        tables = drill.use(Tables)
        ask_front(drill, "shut")
        tables.look("restored", gone_is_empty=True)
        for label in tables.seen.keys() & {"backup", "before", "stopped"}:
            tables.compare("restored", against=label)
        return {"items": list(drill.use(Gate).open())}


@observer("items")
def look_at_items(drill: Drill) -> None:
    """Reads every item again, after everything that was done, and compares with each earlier look."""
    tables = drill.use(Tables)
    tables.look("after", gone_is_empty=True)
    for label in BASELINES:
        if label in tables.seen:
            tables.compare("after", against=label)
