"""What people are told of a drill: a subject and a few lines, taken from its journal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rollproof.evidence.facts import RunSummary
from rollproof.evidence.wording import headline, one_line, printable
from rollproof.model.durations import say_duration
from rollproof.model.plan import Occasion, Plan

_LISTED = 10


@dataclass(frozen=True, slots=True)
class Message:
    """One notice. `occasion` decides who gets it; `facts` are names and values for those who show tables."""

    occasion: Occasion
    subject: str
    lines: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """All of it as plain text."""
        told = [f"{name}: {value}" for name, value in self.facts]
        return "\n".join([*self.lines, "", *told])


def of_run(plan: Plan, summary: RunSummary) -> Message:
    """Of a drill that has ended. Reasons come from checks, which never put a row's values there."""
    lines = [headline(summary.counts, finished=summary.finished)]
    lines += [
        f"- {one.outcome}: {one.name} [{one.system}]: {one_line(one.reason, 300)}"
        for one in summary.not_proven[:_LISTED]
    ]
    if len(summary.not_proven) > _LISTED:
        lines.append(f"- and {len(summary.not_proven) - _LISTED} more")
    lines += [f"! {one_line(problem, 300)}" for problem in summary.problems[:_LISTED]]
    facts = summary.facts
    about = {
        "plan": plan.name,
        "systems": ", ".join(facts.systems),
        "environment": facts.environment,
        "run": facts.run,
        "began": facts.started_at,
        "took": say_duration(facts.seconds) if facts.seconds is not None else "",
        "release": facts.git,
    }
    return _message(plan, summary.outcome.value, lines, about)


def of_missed(plan: Plan, due: datetime, reason: str) -> Message:
    """Of a drill that fell due and did not begin."""
    about = {"plan": plan.name, "due": f"{due:%Y-%m-%d %H:%M} UTC", "environment": plan.plan.environment}
    return _message(plan, "missed", [f"The drill did not begin: {reason}"], about)


def of_failure(plan: Plan, code: int) -> Message:
    """Of a drill that left no run behind: it could not even begin."""
    about = {"plan": plan.name, "environment": plan.plan.environment}
    return _message(plan, "unknown", [f"The drill could not begin; it ended with exit code {code}."], about)


def _message(plan: Plan, occasion: str, lines: list[str], about: dict[str, str]) -> Message:
    known: dict[str, Occasion] = {"proven": "proven", "refuted": "refuted", "missed": "missed"}
    return Message(
        known.get(occasion, "unknown"),
        f"Rollproof drill {plan.name}: {occasion}",
        tuple(printable(line) for line in lines),
        tuple((name, printable(value)) for name, value in about.items() if value),
    )
