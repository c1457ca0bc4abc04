"""Three-valued verdicts, and how several become one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rollproof.model.json import Json, JsonObject


class Outcome(StrEnum):
    """What can be said of a claim.

    The first three are verdicts of a check. The last two belong to whole scenarios and
    are never mixed with them: nothing was claimed, so nothing is proven or refuted.
    """

    PROVEN = "proven"
    REFUTED = "refuted"
    UNKNOWN = "unknown"
    NOT_PROVEN_HERE = "not proven here"
    NOT_APPLICABLE = "not applicable"

    @property
    def passes(self) -> bool:
        """Only proven passes; unknown never does."""
        return self is Outcome.PROVEN

    @property
    def skipped(self) -> bool:
        """True for the two outcomes that claim nothing."""
        return self in (Outcome.NOT_PROVEN_HERE, Outcome.NOT_APPLICABLE)


_RANK = (Outcome.REFUTED, Outcome.UNKNOWN, Outcome.PROVEN)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Refuted outranks unknown outranks proven; no verdict at all is unknown."""
    seen = set(outcomes)
    return next((outcome for outcome in _RANK if outcome in seen), Outcome.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found.

    Attributes:
        outcome: proven, refuted or unknown.
        reason: one sentence for a person, without row values.
        numbers: what was counted or measured, units in the key (`rto_seconds`, `rows_lost`).
        findings: what speaks against the claim, one line each.
    """

    outcome: Outcome
    reason: str
    numbers: JsonObject = field(default_factory=dict)
    findings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        return {
            "outcome": self.outcome.value,
            "reason": self.reason,
            "numbers": dict(self.numbers),
            "findings": list(self.findings),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Verdict:
        numbers, findings = data["numbers"], data["findings"]
        assert isinstance(numbers, Mapping)
        assert isinstance(findings, list)
        return cls(
            Outcome(str(data["outcome"])), str(data["reason"]), numbers, tuple(str(line) for line in findings)
        )


def proven(reason: str, **numbers: Json) -> Verdict:
    """The claim holds, as the numbers show."""
    return Verdict(Outcome.PROVEN, reason, numbers)


def refuted(reason: str, *findings: str, **numbers: Json) -> Verdict:
    """The claim does not hold; `findings` name what speaks against it."""
    return Verdict(Outcome.REFUTED, reason, numbers, findings)


def unknown(reason: str, *findings: str, **numbers: Json) -> Verdict:
    """Nothing can be said, and why."""
    return Verdict(Outcome.UNKNOWN, reason, numbers, findings)
