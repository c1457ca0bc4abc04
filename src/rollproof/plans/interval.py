"""How old a proof may become before the plan that asks for it calls it old."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

from rollproof.model.calendar import due_after
from rollproof.model.plan import Plan

_LOOKED_AT = 60
"""due times ahead: two months of a daily plan, with its weekends and frozen days"""


def interval_of(plan: Plan, moment: datetime | None = None) -> float | None:
    """Seconds; None when the plan does not say.

    `proven_within` if it is there; else the longest time between two of the next due times, and how late
    a drill may begin: one drill that runs when it should is then never old.
    """
    if plan.objectives.proven_within is not None:
        return plan.objectives.proven_within
    dues = list(itertools.islice(due_after(plan, moment or datetime.now(UTC)), _LOOKED_AT))
    gaps = [(later - one).total_seconds() for one, later in itertools.pairwise(dues)]
    return max(gaps) + plan.schedule.start_within if gaps else None
