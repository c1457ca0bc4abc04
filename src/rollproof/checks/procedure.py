"""Was it done as the runbook says, in its order?"""

from __future__ import annotations

from rollproof.checks.backup import ROLLBACKS
from rollproof.checks.evidence import begun, ended, lines
from rollproof.checks.registry import check
from rollproof.journal import Event, History, Kind
from rollproof.model.verdict import Verdict, proven, refuted, unknown

SAFE_ROLLBACK = (
    "backup.take",
    "backup.verify",
    "rollback.rehearse",
    "rollback.guard",
    "migration.roll_back",
    "service.verify",
)
"""Full backup, proof that it restores, rehearsal on a copy, guard, the rollback, validation."""


@check("procedure-in-order", "the procedure was carried out in its order, no step left out")
def procedure_in_order(history: History, *, steps: list[str] | None = None) -> Verdict:
    """Each step succeeded, and began only after the one before it had ended; no rollback came earlier."""
    wanted = tuple(steps or SAFE_ROLLBACK)
    problems: list[str] = []
    unsure: list[str] = []
    before = 0
    for act in wanted:
        start, end = _run_of(history, act)
        if start is None:
            problems.append(f"{act} was left out")
            continue
        if start.seq < before or _too_early(history, act, before):
            problems.append(f"{act} began before the step before it had ended")
        if end is None or end.kind is Kind.UNKNOWN:
            unsure.append(f"how {act} ended nobody can tell")
        elif end.kind is Kind.FAIL:
            problems.append(f"{act} did not succeed: {end.data.get('found', '')}")
        before = (end or start).seq
    if problems:
        many = f"{len(problems)} step{'s were' if len(problems) > 1 else ' was'}"
        return refuted(f"{many} not done as the procedure says", *lines([*problems, *unsure]))
    if unsure:
        return unknown(unsure[0], *lines(unsure))
    return proven(f"{len(wanted)} steps, each after the one before", steps=len(wanted))


def _too_early(history: History, act: str, before: int) -> bool:
    """Whether something was rolled back before its turn, be it only at a first try."""
    return act in ROLLBACKS and any(event.seq < before for event in begun(history, *ROLLBACKS))


def _run_of(history: History, act: str) -> tuple[Event | None, Event | None]:
    """Begin and end of the newest run of an act."""
    start = history.last(act, Kind.BEGIN)
    if start is None:
        return None, None
    return start, next((e for e in ended(history, act) if e.data.get("of") == start.seq), None)


@check(
    "gave-up-waiting",
    "the rollback gave up and named the session that it waited for",
    answers=("migration.roll_back",),
)
def gave_up_waiting(history: History) -> Verdict:
    """The rollback ended with an error that names who held the lock; it neither hung nor went through."""
    last = next(iter(ended(history, "migration.roll_back")[-1:]), None)
    if last is None:
        return unknown("no rollback was tried")
    found = str(last.data.get("found", ""))
    if last.kind is Kind.OK:
        return refuted("the rollback did not give up although a lock was held")
    if last.kind is Kind.UNKNOWN:
        return unknown(f"the rollback was cut short, and nobody can tell what it did: {found}")
    if "held by" not in found:
        return refuted(f"the rollback failed without naming the session that it waited for: {found}")
    return proven(f"gave up: {found}")
