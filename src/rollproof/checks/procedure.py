"""Was it done as the runbook says, in its order?"""

from __future__ import annotations

from rollproof.checks.evidence import lines
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
    """Each step succeeded, and began only after the one before it had ended."""
    wanted = tuple(steps or SAFE_ROLLBACK)
    problems = []
    ended = 0
    for act in wanted:
        begun, closed = _run_of(history, act)
        if begun is None or closed is None:
            problems.append(f"{act} was left out")
            continue
        if closed.kind is not Kind.OK:
            problems.append(f"{act} did not succeed: {closed.data.get('found', '')}")
        if begun.seq < ended:
            problems.append(f"{act} began before the step before it had ended")
        ended = closed.seq
    if problems:
        return refuted(f"{len(problems)} steps were not done as the procedure says", *lines(problems))
    return proven(f"{len(wanted)} steps, each after the one before", steps=len(wanted))


def _run_of(history: History, act: str) -> tuple[Event | None, Event | None]:
    """Begin and end of the newest run of an act."""
    begun = history.last(act, Kind.BEGIN)
    if begun is None:
        return None, None
    ends = [e for e in history.all(act, Kind.OK, Kind.FAIL, Kind.UNKNOWN) if e.data.get("of") == begun.seq]
    return begun, ends[-1] if ends else None


@check("gave-up-waiting", "the rollback gave up and named the session that it waited for")
def gave_up_waiting(history: History) -> Verdict:
    """The rollback ended with an error that names who held the lock; it neither hung nor went through."""
    ended = history.last("migration.roll_back", Kind.OK, Kind.FAIL, Kind.UNKNOWN)
    if ended is None:
        return unknown("no rollback was tried")
    found = str(ended.data.get("found", ""))
    if ended.kind is not Kind.FAIL:
        return refuted("the rollback did not give up although a lock was held")
    if "held by" not in found:
        return refuted(f"the rollback failed without naming the session that it waited for: {found}")
    return proven(f"gave up: {found}")
