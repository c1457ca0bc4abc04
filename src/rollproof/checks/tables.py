"""Are the items of the tables what they were, and is every one that was given up named?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rollproof.checks.evidence import as_list, as_object, ended, lines, need
from rollproof.checks.registry import check
from rollproof.journal import Event, History, Kind
from rollproof.model.json import Json
from rollproof.model.verdict import Verdict, proven, refuted, unknown

Changes = Mapping[str, Json]


def _compared(history: History, label: str, against: str) -> Event | None:
    found = [
        event
        for event in history.all("items.compared")
        if event.data.get("label") == label and event.data.get("against") == against
    ]
    return found[-1] if found else None


def _changes(history: History, event: Event) -> list[Changes]:
    return [as_object(item) for item in as_list(history.attachment(event.data["changes"]))]


def _keys(changes: list[Changes], *kinds: str) -> list[str]:
    return [str(key) for change in changes for kind in kinds for key in as_list(change[kind])]


def _say(changes: list[Changes], *kinds: str) -> Iterator[str]:
    for change in changes:
        for kind in kinds:
            if keys := as_list(change[kind]):
                some = ", ".join(map(str, keys[:3])) + (", …" if len(keys) > 3 else "")
                yield f"{change['table']}: {len(keys):,} {kind} ({some})"
        yield from (f"{change['table']}: {said}" for said in as_list(change["retyped"]))


@check("items-restored", "every item of the backup is there, exactly as it was", sees=("items",))
def items_restored(history: History) -> Verdict:
    """Before writes were allowed again the tables held the backup's items and no other, type for type;
    since then none of them was lost or changed."""
    event = need(_compared(history, "restored", "backup"), "the tables right after the restore")
    changes = _changes(history, event)
    if found := lines(_say(changes, "lost", "changed", "added")):
        return refuted("the restored items are not those of the backup", *found, items=event.data["count"])
    if not event.data.get("count"):
        return unknown("the backup held no item, so none could be lost")
    later = need(_compared(history, "after", "restored"), "the tables at the end")
    if found := lines(_say(_changes(history, later), "lost", "changed")):
        return refuted("items were lost or changed after the restore", *found)
    return proven("every item is there, and no other", items=event.data["count"])


@check("items-given-up-named", "each item that the restore gives up is named", sees=("items",))
def items_given_up_named(history: History) -> Verdict:
    """What was there right before the mistake, or when writes were stopped, and is not there afterwards,
    is on the list that the restore gave."""
    restore = need(next(iter(ended(history, "table.restore")[-1:]), None), "a restore of the tables")
    if restore.kind is not Kind.OK:
        return unknown(f"the restore did not succeed: {restore.data.get('found', '')}")
    named = {str(key) for key in as_list(history.attachment(restore.data["lost"]))}
    before = need(_compared(history, "restored", "before"), "the tables right before the mistake")
    gone = set(_keys(_changes(history, before), "lost", "changed"))
    stopped = _compared(history, "restored", "stopped")
    gone |= set(_keys(_changes(history, stopped), "lost")) if stopped is not None else set()
    numbers: dict[str, Json] = {"items_given_up": len(gone), "items_named": len(named)}
    if unnamed := sorted(gone - named):
        return refuted(f"{len(unnamed):,} items were given up without a word", *lines(unnamed), **numbers)
    if not gone:
        return unknown("nothing was written after the backup, so there was nothing to give up", **numbers)
    return proven(f"all {len(gone):,} items that were given up are named", **numbers)


@check("table-writes-stopped", "nothing of the system wrote to the tables while writes were stopped")
def table_writes_stopped(history: History) -> Verdict:
    """Between the moment at which writes were stopped and the restore no item changed."""
    need(history.last("table.writes.stop", Kind.OK), "writes being stopped")
    event = need(_compared(history, "restoring", "stopped"), "the tables while writes were stopped")
    if found := lines(_say(_changes(history, event), "lost", "changed", "added")):
        return refuted("items changed while writes were stopped", *found)
    if not event.data.get("count"):
        return unknown("the tables held no item, so none could change")
    return proven("no item changed while writes were stopped", items=event.data["count"])
