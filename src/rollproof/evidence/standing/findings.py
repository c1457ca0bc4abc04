"""Findings: a refuted check opens one, the same check proven later closes it, nothing else does.

A finding belongs to a system, an environment, a scenario and a check, and keeps its id for good. Its life is
a list of entries, each made by a run or by a person; its state is what they add up to.
"""

from __future__ import annotations

import hashlib
from base64 import b32encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from rollproof.evidence import reading
from rollproof.evidence.standing.claims import WHOLE, Claim, Place
from rollproof.evidence.standing.readiness import moment
from rollproof.model.json import Json, JsonObject
from rollproof.model.verdict import Outcome

DUE_DAYS = 30
DUE_DAYS_CRITICAL = 7
"""How long a finding may stay open unless somebody sets another date."""


class Act(StrEnum):
    """What an entry does to a finding."""

    OPENED = "opened"
    SEEN = "seen"
    CLOSED = "closed"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"


class State(StrEnum):
    """`accepted` ends with its date: from the day after it the finding is open again."""

    OPEN = "open"
    ACCEPTED = "accepted"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Entry:
    """One step in a finding's life. `by` is the run's id, or the person's name."""

    finding: str
    act: Act
    at: str
    by: str
    data: JsonObject


@dataclass(frozen=True, slots=True)
class Finding:
    """What was refuted, and what became of it. Dates are `2026-11-30`, the whole day counting.

    Attributes:
        opened_at, opened_run: when it was refuted first since it was last closed.
        seen_at, seen_run: when it was refuted last.
        reopened: how often it was closed and refuted again.
        closed_run: the retest that proved the check; empty while it is not closed.
        accepted_by, reason, until: who takes the risk, why, and to the end of which day.
    """

    id: str
    place: Place
    name: str
    check: str
    title: str
    critical: bool
    opened_at: str
    opened_run: str
    seen_at: str
    seen_run: str
    owner: str
    due: str
    reopened: int = 0
    closed_at: str = ""
    closed_run: str = ""
    accepted_by: str = ""
    accepted_at: str = ""
    reason: str = ""
    until: str = ""

    def state(self, as_of: datetime) -> State:
        """At a moment that knows its zone."""
        if self.closed_run:
            return State.CLOSED
        return State.ACCEPTED if self.until and day_of(as_of) <= self.until else State.OPEN

    def overdue(self, as_of: datetime) -> bool:
        """Open, and past its due date."""
        return self.state(as_of) is State.OPEN and day_of(as_of) > self.due

    def to_json(self) -> dict[str, Json]:
        return {
            "id": self.id,
            "system": self.place.system,
            "environment": self.place.environment,
            "scenario": self.place.scenario,
            "name": self.name,
            "check": self.check,
            "title": self.title,
            "critical": self.critical,
            "opened_at": self.opened_at,
            "opened_run": self.opened_run,
            "seen_at": self.seen_at,
            "seen_run": self.seen_run,
            "owner": self.owner,
            "due": self.due,
            "reopened": self.reopened,
            "closed_at": self.closed_at,
            "closed_run": self.closed_run,
            "accepted_by": self.accepted_by,
            "accepted_at": self.accepted_at,
            "reason": self.reason,
            "until": self.until,
        }

    @classmethod
    def from_json(cls, data: JsonObject) -> Finding:
        """Raises KeyError for a field that is missing."""
        said = {name: str(data[name]) for name in _TEXTS}
        place = Place(str(data["system"]), str(data["environment"]), str(data["scenario"]))
        return cls(
            place=place,
            critical=data["critical"] is True,
            reopened=reading.count(data, "reopened"),
            **said,
        )


_TEXTS = (
    "id name check title opened_at opened_run seen_at seen_run owner due closed_at closed_run accepted_by"
    " accepted_at reason until"
).split()


def finding_id(place: Place, check: str) -> str:
    """`F-` and ten letters or digits (base 32), the same wherever and whenever it is found."""
    told = "\n".join((place.system, place.environment, place.scenario, check))
    body = told.encode("utf-8", "backslashreplace")
    return f"F-{b32encode(hashlib.sha256(body).digest()).decode()[:10].lower()}"


def day_of(when: datetime) -> str:
    """The UTC day."""
    return f"{when.astimezone(UTC):%Y-%m-%d}"


def entries_of_run(findings: Mapping[str, Finding], claims: Iterable[Claim]) -> Iterator[Entry]:
    """What one run does to the findings that there were before it.

    A proof closes only where the scenario came to its end: a check that was proven in a scenario that
    is unknown has been asked in a world that nobody vouches for.
    """
    for claim in claims:
        for check, outcome in claim.checks:
            name = finding_id(claim.place, check)
            known = findings.get(name)
            stale = known is not None and claim.at < max(known.seen_at, known.closed_at)
            if outcome is Outcome.REFUTED and not stale:
                yield Entry(name, _refuting(known), claim.at, claim.run, _about(claim, check))
            elif outcome is Outcome.PROVEN and known and not stale and _may_close(known, claim):
                yield Entry(name, Act.CLOSED, claim.at, claim.run, {})


def _may_close(known: Finding, claim: Claim) -> bool:
    return not known.closed_run and claim.outcome is not Outcome.UNKNOWN


def _refuting(known: Finding | None) -> Act:
    return Act.SEEN if known is not None and not known.closed_run else Act.OPENED


def _about(claim: Claim, check: str) -> dict[str, Json]:
    return {
        "system": claim.place.system,
        "environment": claim.place.environment,
        "scenario": claim.place.scenario,
        "name": claim.name,
        "check": check,
        "title": dict(claim.titles).get(check, check if check != WHOLE else claim.name),
        "critical": claim.critical,
        "owner": claim.operator,
    }


def after(findings: Mapping[str, Finding], entries: Iterable[Entry]) -> dict[str, Finding]:
    """The findings after these entries, in their order. One of a finding that nobody opened says nothing."""
    found = dict(findings)
    for entry in entries:
        known = found.get(entry.finding)
        if entry.act is Act.OPENED:
            found[entry.finding] = _opened(entry, known)
        elif known is not None:
            found[entry.finding] = _changed(known, entry)
    return found


def _opened(entry: Entry, known: Finding | None) -> Finding:
    data = entry.data
    critical = data.get("critical") is True
    days = DUE_DAYS_CRITICAL if critical else DUE_DAYS
    return Finding(
        id=entry.finding,
        place=Place(
            reading.text(data, "system"), reading.text(data, "environment"), reading.text(data, "scenario")
        ),
        name=reading.text(data, "name"),
        check=reading.text(data, "check"),
        title=reading.text(data, "title"),
        critical=critical,
        opened_at=entry.at,
        opened_run=entry.by,
        seen_at=entry.at,
        seen_run=entry.by,
        owner=known.owner if known and known.owner else reading.text(data, "owner"),
        due=day_of(moment(entry.at) + timedelta(days=days)),
        reopened=known.reopened + 1 if known else 0,
    )


def _changed(known: Finding, entry: Entry) -> Finding:
    data = entry.data
    match entry.act:
        case Act.CLOSED:
            return replace(known, closed_at=entry.at, closed_run=entry.by)
        case Act.ASSIGNED:
            owner, due = reading.text(data, "owner"), reading.text(data, "due")
            return replace(known, owner=owner or known.owner, due=due or known.due)
        case Act.ACCEPTED:
            return replace(
                known,
                accepted_by=entry.by,
                accepted_at=entry.at,
                reason=reading.text(data, "reason"),
                until=reading.text(data, "until"),
            )
        case _:
            return replace(known, seen_at=entry.at, seen_run=entry.by)
