"""Recovery times and points of a run against their objectives, one row a scenario."""

from __future__ import annotations

from dataclasses import dataclass

from rollproof.evidence.facts import RunSummary, ScenarioSummary
from rollproof.model.verdict import Outcome


@dataclass(frozen=True, slots=True)
class Recovery:
    """What one scenario measured, in seconds; None where it measured nothing or nothing was asked for.

    Attributes:
        number: of the scenario in the run, from 1.
        share: of the objective that was used; None without both.
        bar, goal, rpo_bar, rpo_goal: where the bar ends and the objective stands, in percent of the drawing.
    """

    number: int
    scenario: ScenarioSummary
    rto: float | None
    rto_target: float | None
    rpo: float | None
    rpo_target: float | None

    @property
    def share(self) -> float | None:
        return None if self.rto is None or not self.rto_target else self.rto / self.rto_target

    @property
    def bar(self) -> float:
        if self.rto is None:
            return 100.0
        scale = max(self.rto, self.rto_target or 0.0) or 1.0
        return max(0.4, round(100 * self.rto / scale, 2))

    @property
    def goal(self) -> float | None:
        if not self.rto_target:
            return None
        return round(100 * self.rto_target / max(self.rto or 0.0, self.rto_target), 2)

    @property
    def rpo_bar(self) -> float | None:
        """None where there is nothing to draw: no objective, or nothing lost and nothing to be lost."""
        scale = max(self.rpo or 0.0, self.rpo_target or 0.0)
        if self.rpo is None or self.rpo_target is None or not scale:
            return None
        return round(100 * self.rpo / scale, 2)

    @property
    def rpo_goal(self) -> float | None:
        if self.rpo_bar is None or self.rpo_target is None:
            return None
        return round(100 * self.rpo_target / max(self.rpo or 0.0, self.rpo_target), 2)

    @property
    def rto_outcome(self) -> Outcome | None:
        """None without an objective, and where no check was asked about the time: unless it is over, for
        that is so whoever asks. What took 15 ms because nobody had to be waited for has met nothing."""
        if self.rto_target is None:
            return None
        if self.rto is not None and self.rto > self.rto_target:
            return Outcome.REFUTED
        if not self.scenario.recovery_claimed:
            return None
        return Outcome.UNKNOWN if self.rto is None else Outcome.PROVEN

    @property
    def rpo_outcome(self) -> Outcome | None:
        if self.rpo is None or self.rpo_target is None:
            return None
        return Outcome.PROVEN if self.rpo <= self.rpo_target else Outcome.REFUTED


def recoveries(summary: RunSummary) -> tuple[Recovery, ...]:
    """Scenarios whose recovery was measured or asked for, in the order of the run."""
    return tuple(
        Recovery(
            number,
            one,
            one.rto_seconds,
            one.objectives.rto_seconds,
            one.rpo_seconds,
            one.objectives.rpo_seconds,
        )
        for number, one in enumerate(summary.scenarios, start=1)
        if _measured(one)
    )


def _measured(one: ScenarioSummary) -> bool:
    """Whether a time or a point was measured, or was asked for and never came."""
    recovered = one.rto_seconds is not None or one.recovery_claimed
    return one.rpo_seconds is not None or (bool(one.incidents) and recovered)


def unasked(summary: RunSummary) -> int:
    """Scenarios with a fault in which no recovery was asked for, nor measured."""
    return sum(bool(one.incidents) and not _measured(one) for one in summary.scenarios)
