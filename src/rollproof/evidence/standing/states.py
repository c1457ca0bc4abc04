"""How each scenario stands after many runs: a fold over claims, the same whichever order they come in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from rollproof.evidence import reading
from rollproof.evidence.standing.claims import Claim, Place
from rollproof.model.json import Json, JsonObject
from rollproof.model.verdict import Outcome

KEPT = 20
"""Recovery times kept of each scenario: what trends are told from."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run measured, in seconds; `at`, `run` and `machine` as in the claim."""

    at: str
    run: str
    rto: float
    rpo: float | None = None
    machine: str = ""

    def to_json(self) -> list[Json]:
        return [self.at, self.run, self.rto, self.rpo, *([self.machine] if self.machine else [])]


@dataclass(frozen=True, slots=True)
class Standing:
    """How one scenario stands.

    Attributes:
        outcome: of the newest claim; but what was refuted stays so until it is proven: not knowing
            whether it still is does not take it away.
        at, run: of the newest claim.
        proven_at, proven_run: of the newest proof; empty when it never was proven.
        interval: how old a proof may become, as the newest plan says that proved it; None: no plan does.
        rto, rpo: what the newest proof measured, and targets it was held against, in seconds.
        measured: recovery times of proofs, the oldest first, at most `KEPT`.
        basis: what the newest proof rests on, as in its claim.
    """

    place: Place
    name: str
    feature: str
    tags: tuple[str, ...]
    critical: bool
    outcome: Outcome
    at: str
    run: str
    proven_at: str = ""
    proven_run: str = ""
    interval: float | None = None
    rto: float | None = None
    rto_target: float | None = None
    rpo: float | None = None
    rpo_target: float | None = None
    measured: tuple[Measured, ...] = ()
    basis: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        return {
            "system": self.place.system,
            "environment": self.place.environment,
            "scenario": self.place.scenario,
            "name": self.name,
            "feature": self.feature,
            "tags": list(self.tags),
            "critical": self.critical,
            "outcome": self.outcome.value,
            "at": self.at,
            "run": self.run,
            "proven_at": self.proven_at,
            "proven_run": self.proven_run,
            "interval_seconds": self.interval,
            "rto_seconds": self.rto,
            "rto_objective_seconds": self.rto_target,
            "rpo_seconds": self.rpo,
            "rpo_objective_seconds": self.rpo_target,
            "measured": [one.to_json() for one in self.measured],
            **({"basis": list(self.basis)} if self.basis else {}),
        }

    @classmethod
    def from_json(cls, data: JsonObject) -> Standing:
        """Raises KeyError, ValueError or TypeError for anything but what `to_json` makes."""
        return cls(
            Place(str(data["system"]), str(data["environment"]), str(data["scenario"])),
            str(data["name"]),
            str(data["feature"]),
            reading.texts(data, "tags"),
            data["critical"] is True,
            Outcome(str(data["outcome"])),
            str(data["at"]),
            str(data["run"]),
            str(data["proven_at"]),
            str(data["proven_run"]),
            reading.number(data, "interval_seconds"),
            reading.number(data, "rto_seconds"),
            reading.number(data, "rto_objective_seconds"),
            reading.number(data, "rpo_seconds"),
            reading.number(data, "rpo_objective_seconds"),
            tuple(_measured(one) for one in reading.items(data["measured"])),
            reading.texts(data, "basis"),
        )


def _measured(value: Json) -> Measured:
    at, run, rto, rpo, *machine = reading.items(value)
    seconds = None if rpo is None else float(str(rpo))
    return Measured(str(at), str(run), float(str(rto)), seconds, "".join(map(str, machine)))


def standings_of(
    claims: Iterable[Claim], before: Mapping[Place, Standing] | None = None
) -> dict[Place, Standing]:
    """How every scenario stands after `claims`, on top of how it stood before them."""
    found = dict(before or {})
    for claim in sorted(claims, key=_order):
        found[claim.place] = _after(found.get(claim.place), claim)
    return dict(sorted(found.items()))


def _order(claim: Claim) -> tuple[str, str, str]:
    """By time; two of one moment always in the same order."""
    return claim.at, claim.run, claim.outcome.value


def _after(before: Standing | None, claim: Claim) -> Standing:
    if claim.outcome is Outcome.PROVEN:
        return _proven(before, claim)
    if before is None:
        return Standing(
            claim.place,
            claim.name,
            claim.feature,
            claim.tags,
            claim.critical,
            claim.outcome,
            claim.at,
            claim.run,
        )
    stays = before.outcome is Outcome.REFUTED and claim.outcome is Outcome.UNKNOWN
    return replace(  # what proves nothing must not make it less critical, nor give a proof more time
        before,
        name=claim.name,
        feature=claim.feature,
        tags=claim.tags,
        critical=before.critical or claim.critical,
        outcome=Outcome.REFUTED if stays else claim.outcome,
        at=claim.at,
        run=claim.run,
    )


def _proven(before: Standing | None, claim: Claim) -> Standing:
    earlier = before.measured if before else ()
    measured = (
        () if claim.rto is None else (Measured(claim.at, claim.run, claim.rto, claim.rpo, claim.machine),)
    )
    interval = claim.interval if claim.interval is not None or before is None else before.interval
    return Standing(
        claim.place,
        claim.name,
        claim.feature,
        claim.tags,
        claim.critical,
        Outcome.PROVEN,
        claim.at,
        claim.run,
        claim.at,
        claim.run,
        interval,
        claim.rto,
        claim.rto_target,
        claim.rpo,
        claim.rpo_target,
        (*earlier, *measured)[-KEPT:],
        claim.basis,
    )
