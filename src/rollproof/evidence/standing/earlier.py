"""What a run knew of the runs before it, as its journal holds it: so that its reports need nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rollproof.evidence import reading
from rollproof.evidence.standing.claims import Claim, Place, claims_of
from rollproof.evidence.standing.findings import Finding, after, entries_of_run
from rollproof.evidence.standing.readiness import Readiness, moment, readiness_of
from rollproof.evidence.standing.retired import Retired
from rollproof.evidence.standing.states import Standing, standings_of
from rollproof.journal import History
from rollproof.model.json import Json, JsonObject

if TYPE_CHECKING:
    from rollproof.evidence.facts import RunSummary

ACT = "evidence.earlier"
FORMAT = "rollproof-earlier/1"


@dataclass(frozen=True, slots=True)
class Earlier:
    """How everything stood when the run began.

    Attributes:
        runs: how many runs were read; last: the newest one's id, and seal: the digest of its seal.
        left_out: runs that could not be counted, and why, one line each.
        controls: the project's own map of drills to controls, as in its file.
        ledger: how many lines the ledger of findings had, and the hash of the last: a later run tells whether
            any was taken away. None where there was none.
        problem: why there is no more to be known of it; empty when there is nothing wrong.
    """

    standings: Mapping[Place, Standing] = field(default_factory=dict)
    findings: Mapping[str, Finding] = field(default_factory=dict)
    runs: int = 0
    last: str = ""
    seal: str = ""
    left_out: tuple[str, ...] = ()
    controls: JsonObject = field(default_factory=dict)
    ledger: tuple[int, str] | None = None
    retired: tuple[Retired, ...] = ()
    problem: str = ""

    def to_json(self) -> dict[str, Json]:
        return {
            "format": FORMAT,
            "runs": self.runs,
            "last": self.last,
            "seal": self.seal,
            "left_out": list(self.left_out),
            "standings": [one.to_json() for one in self.standings.values()],
            "findings": [one.to_json() for one in self.findings.values()],
            "controls": self.controls,
            **({"ledger": list(self.ledger)} if self.ledger else {}),
            **({"retired": [one.to_json() for one in self.retired]} if self.retired else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Earlier:
        """Raises KeyError, ValueError, TypeError or AttributeError for anything but what `to_json` makes."""
        if data["format"] != FORMAT:
            raise ValueError("another format")
        standings = [Standing.from_json(one) for one in data["standings"]]
        findings = [Finding.from_json(one) for one in data["findings"]]
        return cls(
            {one.place: one for one in standings},
            {one.id: one for one in findings},
            int(data["runs"]),
            str(data["last"]),
            str(data["seal"]),
            reading.texts(data, "left_out"),
            reading.mapping(data, "controls"),
            _ledger(data.get("ledger")),
            tuple(Retired.from_json(one) for one in data.get("retired", ())),
        )


def _ledger(value: Json) -> tuple[int, str] | None:
    if value is None:
        return None
    lines, head = reading.items(value)
    return int(str(lines)), str(head)


def earlier_of(history: History) -> Earlier:
    """As the journal holds it; of several workers' notes, the one for which most runs were read.

    What the parts of a run on several machines knew is of folders of their own: the merged run's counts.
    """
    own = {event.run for event in history.events[:1]}
    notes = [note for note in history.all(ACT) if note.run in own]
    found = [_read(history, note.data.get("history")) for note in notes]
    return max(found, key=lambda one: (one.runs, len(one.findings), one.last), default=Earlier())


def _read(history: History, reference: Json) -> Earlier:
    value, problem = reading.attached(history, reference)
    if not isinstance(value, Mapping):
        return Earlier(problem=problem or "what was recorded of earlier runs is not there")
    try:
        return Earlier.from_json(value)
    except (KeyError, ValueError, TypeError, AttributeError):
        return Earlier(problem="what was recorded of earlier runs cannot be read")


@dataclass(frozen=True, slots=True)
class Now:
    """How everything stands after a run."""

    claims: tuple[Claim, ...]
    standings: Mapping[Place, Standing]
    findings: Mapping[str, Finding]
    readiness: tuple[Readiness, ...]


def now_of(summary: RunSummary) -> Now:
    """After this run, as of its end. A pure function of what its journal holds."""
    claims = claims_of(summary)
    standings = standings_of(claims, summary.earlier.standings)
    before = summary.earlier.findings
    findings = after(before, entries_of_run(before, claims))
    if not summary.facts.ended_at:
        return Now(claims, standings, findings, ())
    as_of, retired = moment(summary.facts.ended_at), summary.earlier.retired
    return Now(claims, standings, findings, readiness_of(standings.values(), as_of, retired))
