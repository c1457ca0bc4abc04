"""Drills that fell due and never began: on record, for a gap must not look like a quiet week."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rollproof.evidence.register import INDEX, Entered, Register, read_index
from rollproof.model.plan import Plan


@dataclass(frozen=True, slots=True)
class Missed:
    """One due time at which nothing began, and why."""

    due: datetime
    reason: str


def record_missed(reports: Path, plan: Plan, due: datetime, reason: str) -> None:
    """Once for each due time of a plan, however often it is found out."""
    reports.mkdir(parents=True, exist_ok=True)
    register = Register(reports)
    with register.held():
        if not any(one.due == due for one in missed_of(reports, plan.name)):
            register.missed(plan.name, due, reason)


def missed_of(reports: Path, plan: str) -> list[Missed]:
    """The oldest first. Raises JournalError when the index of the runs was altered."""
    return [
        Missed(datetime.fromisoformat(str(entry.data["due"])), str(entry.data["reason"]))
        for entry in read_index(reports / INDEX)
        if entry.kind is Entered.MISSED and entry.run == plan
    ]
