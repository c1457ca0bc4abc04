"""The journals of several workers as one, in an order that does not depend on timing."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from rollproof.drill.recovery import FINISHED, HEALED, JOURNAL
from rollproof.journal import Event, History, Journal, Kind, read_journal
from rollproof.journal.attachments import FOLDER
from rollproof.model.json import Json

_REFERENCES = ("of", "healed")
"""Fields that hold another event's number."""
_AT_THE_END = (FINISHED, HEALED, "heal")
_MERGING = ".merging.ndjson"

Place = tuple[str, Event]
"""The part that an event comes from, and the event."""


def merge_parts(folder: Path) -> None:
    """Makes one journal of `parts/*/journal.ndjson`; the parts stay. Nothing to do without parts.

    The runs' own events come first, by worker; then scenario by scenario, sorted by id; the
    `run.finished` of each worker last. The journal gets its name only when it is whole. Raises
    JournalError when a part's chain is broken.
    """
    parts = {path.parent.name: read_journal(path) for path in sorted(folder.glob(f"parts/*/{JOURNAL}"))}
    if not parts or (folder / JOURNAL).exists():
        return
    for part in parts:
        copy_attachments(folder / "parts" / part / FOLDER, folder / FOLDER)
    (folder / _MERGING).unlink(missing_ok=True)
    with Journal(folder / _MERGING, run=folder.name) as journal:
        heads: dict[str, Json] = {name: part.events[-1].hash for name, part in parts.items() if part.events}
        journal.write("run", Kind.NOTE, "parts.merged", {"parts": heads})
        append_in_order(journal, in_order(parts))
    (folder / _MERGING).replace(folder / JOURNAL)


def append_in_order(journal: Journal, places: list[Place]) -> None:
    """Takes all of them over; what refers to an event by its number refers to it by its new one."""
    numbers = {
        (part, event.seq): number for number, (part, event) in enumerate(places, len(journal.events) + 1)
    }
    for part, event in places:
        journal.append(event, data=_renumbered(event, part, numbers))


def copy_attachments(source: Path, target: Path) -> None:
    """Content-addressed, so one of the same name is the same."""
    if not source.is_dir():
        return
    target.mkdir(parents=True, exist_ok=True)
    for path in source.glob("*.json"):
        shutil.copyfile(path, target / path.name)


def in_order(parts: dict[str, History]) -> list[Place]:
    """Beginning, scenarios by id, end; each worker's events in their own order within that."""
    places = [(name, event) for name, part in parts.items() for event in part.events]
    scenarios = {event.actor for _, event in places if event.act == "scenario.started"}

    def key(place: Place) -> tuple[int, str, str, int]:
        name, event = place
        if scenario := _scenario_of(event.actor, scenarios):
            return (1, scenario, name, event.seq)
        return (2 if event.act in _AT_THE_END else 0, "", name, event.seq)

    return sorted(places, key=key)


def _scenario_of(actor: str, scenarios: Iterable[str]) -> str:
    """The scenario that an actor is, or that it is a client of; empty when it belongs to none."""
    while actor and actor not in scenarios:
        actor = actor.rpartition("/")[0]
    return actor


def _renumbered(event: Event, part: str, numbers: dict[tuple[str, int], int]) -> dict[str, Json]:
    data = dict(event.data)
    for field in _REFERENCES:
        old = data.get(field)
        if isinstance(old, int) and (part, old) in numbers:
            data[field] = numbers[part, old]
    return data
