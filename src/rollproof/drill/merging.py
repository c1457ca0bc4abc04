"""The journals of several workers as one, in an order that does not depend on timing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from rollproof.drill.recovery import JOURNAL
from rollproof.journal import Event, History, Journal, Kind, read_journal
from rollproof.journal.attachments import FOLDER
from rollproof.model.json import Json

_REFERENCES = ("of", "healed")
"""Fields that hold another event's number."""


def merge_parts(folder: Path) -> None:
    """Makes one journal of `parts/*/journal.ndjson`; the parts stay. Nothing to do without parts.

    The runs' own events come first, by worker; then scenario by scenario, sorted by id; the
    `run.finished` of each worker last. Raises JournalError when a part's chain is broken.
    """
    parts = {path.parent.name: read_journal(path) for path in sorted(folder.glob(f"parts/*/{JOURNAL}"))}
    if not parts or (folder / JOURNAL).exists():
        return
    for part in parts:
        _copy_attachments(folder / "parts" / part / FOLDER, folder / FOLDER)
    with Journal(folder / JOURNAL, run=folder.name) as journal:
        heads: dict[str, Json] = {name: part.events[-1].hash for name, part in parts.items() if part.events}
        journal.write("run", Kind.NOTE, "parts.merged", {"parts": heads})
        numbers: dict[tuple[str, int], int] = {}
        for name, event in _ordered(parts):
            numbers[name, event.seq] = len(journal.events) + 1
            journal.append(event, data=_renumbered(event, name, numbers))


def _copy_attachments(source: Path, target: Path) -> None:
    if not source.is_dir():
        return
    target.mkdir(parents=True, exist_ok=True)
    for path in source.glob("*.json"):
        shutil.copyfile(path, target / path.name)


def _ordered(parts: dict[str, History]) -> Iterator[tuple[str, Event]]:
    """Beginning, scenarios by id, end; each worker's events in their own order within that."""

    def place(item: tuple[str, Event]) -> tuple[int, str, str, int]:
        name, event = item
        scenario = event.actor.split("::", 1)
        if len(scenario) == 2:
            return (1, event.actor.partition("]/")[0].rstrip("]"), name, event.seq)
        return (2 if event.act in ("run.finished", "heal") else 0, "", name, event.seq)

    yield from sorted(((name, event) for name, part in parts.items() for event in part.events), key=place)


def _renumbered(event: Event, part: str, numbers: dict[tuple[str, int], int]) -> dict[str, Json]:
    data = dict(event.data)
    for field in _REFERENCES:
        old = data.get(field)
        if isinstance(old, int) and (part, old) in numbers:
            data[field] = numbers[part, old]
    return data
