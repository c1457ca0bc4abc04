"""Readiness: how much of what was ever drilled is proven, and recently enough.

    score = 100 x (sum of weight x credit) / (sum of weight), over every scenario that ever claimed anything

A critical scenario weighs 3, any other 1. The credit is 1 for a scenario that is proven and not older than
its interval; from there it falls evenly to 0 at twice the interval. What is refuted or unknown has none. Is
any critical scenario refuted, the score is at most 49. A run that skipped a scenario changes nothing. What
a person retired is left out, and listed. Every system in every environment has a score of its own; that of
all is the lowest of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from math import floor

from rollproof.evidence.standing.retired import Retired, in_force, place_of
from rollproof.evidence.standing.states import Standing
from rollproof.model.verdict import Outcome

CRITICAL_WEIGHT = 3
CAP = 49.0
"""The most that a score can be while a critical scenario is refuted."""
DEFAULT_INTERVAL = 90 * 86400.0
"""How old a proof may become where no plan says, in seconds: a quarter of a year."""
READY = 90.0
"""From this score on it is ready, if nothing is refuted."""


class Level(StrEnum):
    """A score in words."""

    READY = "ready"
    PARTLY = "partly ready"
    NOT_READY = "not ready"
    NONE = "nothing claimed"


@dataclass(frozen=True, slots=True)
class Share:
    """What one scenario puts in: `credit` from 0 to 1, of `weight`. `age` in seconds; None: never proven."""

    standing: Standing
    weight: int
    credit: float
    age: float | None
    interval: float

    @property
    def overdue(self) -> bool:
        """Proven once, and not again within its interval; or never proven."""
        return self.age is None or self.age > self.interval


@dataclass(frozen=True, slots=True)
class Readiness:
    """Of one system in one environment, as of a moment.

    Attributes:
        score: 0 to 100, or None where nothing was ever claimed.
        earned, possible: what the score is the share of.
        capped: the critical scenarios whose refutation holds the score down.
        retired: what a person took out of the sums, and why.
    """

    system: str
    environment: str
    as_of: str
    score: float | None
    earned: float
    possible: int
    shares: tuple[Share, ...]
    capped: tuple[Standing, ...] = ()
    retired: tuple[Retired, ...] = ()

    @property
    def level(self) -> Level:
        if self.score is None:
            return Level.NONE
        if self.capped or self.score <= CAP:
            return Level.NOT_READY
        refuted = self.count(Outcome.REFUTED)
        return Level.READY if self.score >= READY and not refuted else Level.PARTLY

    def count(self, outcome: Outcome) -> int:
        return sum(share.standing.outcome is outcome for share in self.shares)

    def resting(self, basis: str) -> int:
        """How many of the proofs that stand rest on this, of `BASES`."""
        return sum(one.outcome is Outcome.PROVEN and basis in one.basis for one in self._standings)

    @property
    def longest_interval(self) -> float:
        """How old a proof may become here at most, in seconds."""
        return max((share.interval for share in self.shares), default=DEFAULT_INTERVAL)

    @property
    def _standings(self) -> list[Standing]:
        return [share.standing for share in self.shares]

    @property
    def overdue(self) -> int:
        """Proven scenarios that are older than their interval."""
        return sum(one.overdue and one.standing.outcome is Outcome.PROVEN for one in self.shares)

    @property
    def last_proven(self) -> Standing | None:
        """The newest proof of all."""
        known = [share.standing for share in self.shares if share.standing.proven_at]
        return max(known, key=lambda one: (one.proven_at, one.place), default=None)

    @property
    def longest_recovery(self) -> Standing | None:
        """Of what is proven, the recovery that took most of its target."""
        known = [
            one.standing
            for one in self.shares
            if one.standing.outcome is Outcome.PROVEN and one.standing.rto is not None
        ]
        return max(known, key=_used, default=None)


def _used(one: Standing) -> tuple[float, float]:
    rto = one.rto or 0.0
    return (rto / one.rto_target if one.rto_target else 0.0), rto


def readiness_of(
    standings: Iterable[Standing], as_of: datetime, retired: Iterable[Retired] = ()
) -> tuple[Readiness, ...]:
    """One for each system and environment, by name. `as_of` must know its zone."""
    known = {one.place: one for one in sorted(standings, key=lambda one: one.place)}
    gone = in_force(retired, known)
    groups: dict[tuple[str, str], list[Standing]] = {place_of(place): [] for place in (*known, *gone)}
    for place, one in known.items():
        if place not in gone:
            groups[place_of(place)].append(one)
    stamp = as_of.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return tuple(
        replace(
            _readiness(*place, stamp, [_share(one, as_of) for one in mine]),
            retired=tuple(one for one in gone.values() if place_of(one.place) == place),
        )
        for place, mine in sorted(groups.items())
    )


def lowest(found: Sequence[Readiness]) -> Readiness | None:
    """The one that speaks for all: the lowest score of those that have one."""
    return min(
        (one for one in found if one.score is not None), key=lambda one: one.score or 0.0, default=None
    )


def _readiness(system: str, environment: str, as_of: str, shares: list[Share]) -> Readiness:
    possible = sum(share.weight for share in shares)
    earned = sum(share.weight * share.credit for share in shares)
    capped = tuple(
        one.standing for one in shares if one.standing.critical and one.standing.outcome is Outcome.REFUTED
    )
    score = None if not possible else 100.0 * earned / possible
    if score is not None and capped:
        score = min(score, CAP)
    return Readiness(
        system,
        environment,
        as_of,
        None if score is None else floor(score * 10 + 1e-9) / 10,  # 99.96 is not 100
        round(earned, 3),
        possible,
        tuple(shares),
        capped,
    )


def _share(one: Standing, as_of: datetime) -> Share:
    interval = one.interval or DEFAULT_INTERVAL
    age = max(0.0, (as_of - moment(one.proven_at)).total_seconds()) if one.proven_at else None
    credit = 0.0
    if one.outcome is Outcome.PROVEN and age is not None:
        credit = min(1.0, max(0.0, 2.0 - age / interval))
    return Share(one, CRITICAL_WEIGHT if one.critical else 1, credit, age, interval)


def moment(stamp: str) -> datetime:
    """A journal's stamp. Raises ValueError for anything else."""
    found = datetime.fromisoformat(stamp)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
