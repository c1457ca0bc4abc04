"""Judging a recorded history again: the same checks, the same history, offline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import rollproof.checks  # noqa: F401  the checks register themselves
from rollproof.checks.registry import UNSEEN, all_checks
from rollproof.journal import Event, History
from rollproof.model.verdict import Outcome, Verdict, unknown


@dataclass(frozen=True, slots=True)
class Judged:
    """One recorded verdict and what the check says now."""

    scenario: str
    check: str
    recorded: Outcome
    again: Verdict
    unjudgeable: bool = False
    """this version has no such check: it was the project's own, or is gone"""


def judge_again(history: History) -> list[Judged]:
    """Every recorded verdict, judged again on what was known before it."""
    claims = [event for event in history.events if event.act == "verify"]
    apart = {actor: history.of_scenario(actor) for actor in {event.actor for event in claims}}
    return [_again(apart[event.actor], event) for event in claims]


def _again(mine: History, event: Event) -> Judged:
    name = str(event.data["check"])
    check = all_checks().get(name)
    params = event.data.get("params")
    before = mine.until(event.seq)
    if check is None:
        verdict = unknown(f"this version has no check {name!r}")
    elif event.data.get("status") == UNSEEN:
        verdict = unknown(str(event.data["reason"]))
    else:
        verdict = check.judge(before, params if isinstance(params, Mapping) else {})
    return Judged(event.actor, name, Outcome(str(event.data["outcome"])), verdict, check is None)
