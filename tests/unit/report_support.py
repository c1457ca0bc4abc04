"""Runs for the tests of reports: the sample run, poisoned ones, and very long ones."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import evidence_stories as stories
from evidence_poison import poisoned

from rollproof.evidence import RunSummary, summarise
from rollproof.journal import Event, History, Kind, read_journal
from rollproof.model.json import JsonObject

HOSTILE = [
    "<b>&|`*_[x](javascript:alert(1))",
    "</details></table><script>alert(1)</script>",
    "#eval(1) $x$ \\ @label *bold* = heading",
    "\u202edetufer\u202c \x1b[2J\x00\ud800\uffff",
    "😀 👩‍👩‍👧 日本語 مرحبا שלום नमस्ते e\u0301\u0327",
    "@org/team #12 https://evil.example www.evil.example :smile:",
    "\n# heading\n| a | b |\n\n```",
    "x" * 5000,
    " ",
]


@cache
def sample() -> History:
    """Every outcome, one scenario each. Its attachments are within its events, so no folder is needed."""
    with tempfile.TemporaryDirectory() as folder:
        history = read_journal(stories.write_whole(Path(folder)) / "journal.ndjson")
        return History([replace(event, data=_within(history, event.data)) for event in history.events])


def _within(history: History, data: JsonObject) -> JsonObject:
    return {
        name: history.attachment(value) if name in ATTACHED and isinstance(value, str) else value
        for name, value in data.items()
    }


ATTACHED = ("differences", "changes", "operations")


@cache
def whole() -> RunSummary:
    return summarise(sample())


def hostile(text: str) -> RunSummary:
    return summarise(poisoned(sample(), text))


def long_run(scenarios: int) -> History:
    """A run of that many scenarios, every thousandth refuted."""
    events: list[Event] = []

    def add(actor: str, kind: Kind, act: str, data: JsonObject) -> None:
        number = len(events) + 1
        at, ns = "2026-11-22T05:03:12.000000Z", 10**15 + number * 10**6
        events.append(Event(number, at, ns, "20261122T050312Z-1f3a9c", actor, kind, act, data, "0" * 64))

    add("run", Kind.NOTE, "run.started", {"system": ["shop"], "environment": "embedded"})
    for number in range(scenarios):
        outcome = "refuted" if number % 1000 == 7 else "proven"
        actor = f"features/m.feature::test_{number}[shop]"
        about: JsonObject = {
            "feature": "F",
            "name": f"Rollback {number}",
            "tags": ["database"],
            "system": "shop",
        }
        add(actor, Kind.NOTE, "scenario.started", about)
        said = {"check": "rows-unchanged", "title": "rows", "outcome": outcome, "reason": "looked at"}
        add(actor, Kind.NOTE, "verify", said)
        item = {"item": "after.rows", "label": "No data lost", "outcome": outcome, "check": "rows-unchanged"}
        add(actor, Kind.NOTE, "checklist.item", item)
        add(actor, Kind.NOTE, "scenario.concluded", {"outcome": outcome, "reason": "looked at"})
    add("run", Kind.NOTE, "run.finished", {"outcome": "refuted"})
    return History(events)
