"""Runs whose time is over, by their plan's retention: named, and removed only when a person says so."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from rollproof.errors import EnvironmentUnavailable
from rollproof.evidence.register import Register
from rollproof.model.plan import Plan
from rollproof.model.verdict import Outcome
from rollproof.plans.past import PastRun, past_runs


def over(plan: Plan, reports: Path, moment: datetime) -> list[PastRun]:
    """The oldest first. Never the newest `at_least`, the newest that is proven, or one that still runs."""
    older = past_runs(reports, plan.name)[plan.retention.at_least :]
    limit = moment - timedelta(seconds=plan.retention.keep)
    if not any(run.started < limit for run in older):
        return []
    runs = past_runs(reports, plan.name)
    proven = next((run for run in runs if run.outcome() is Outcome.PROVEN), None)
    return [run for run in reversed(older) if run.started < limit and run != proven and not run.running]


def remove(runs: Sequence[PastRun], reports: Path, plan: Plan) -> None:
    """In the index as expired before the folder goes, so that no gap is unexplained.

    Raises EnvironmentUnavailable when a folder cannot be removed.
    """
    reason = f"its time was over: plan {plan.name} keeps runs for {plan.retention.keep / 86400:g} days"
    for run in runs:
        Register(reports).expired(run.folder.name, reason)
        try:
            shutil.rmtree(run.folder)
        except OSError as error:
            raise EnvironmentUnavailable(
                f"the run's folder cannot be removed ({error.strerror})", where=str(run.folder)
            ) from None
