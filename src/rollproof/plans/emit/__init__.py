"""A plan's schedule in the words of the schedulers that people already have."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rollproof.errors import BadInput
from rollproof.model.plan import Plan
from rollproof.plans.emit.base import Emitted, Target
from rollproof.plans.emit.eventbridge import eventbridge
from rollproof.plans.emit.github import github_actions
from rollproof.plans.emit.gitlab import gitlab
from rollproof.plans.emit.kubernetes import kubernetes_cronjob
from rollproof.plans.emit.systemd import systemd

__all__ = ["FORMATS", "Emitted", "Target", "emit"]

FORMATS: Mapping[str, Callable[[Plan, Target], Emitted]] = {
    "github-actions": github_actions,
    "gitlab": gitlab,
    "kubernetes-cronjob": kubernetes_cronjob,
    "eventbridge": eventbridge,
    "systemd": systemd,
}


def emit(plan: Plan, form: str, target: Target) -> Emitted:
    """The files that make another scheduler run the plan.

    Raises BadInput for a scheduler that nobody knows, for one that cannot hold the plan's schedule,
    and when something is missing that only the person knows, such as an image.
    """
    if form not in FORMATS:
        raise BadInput(f"no scheduler is called {form!r}", remedy=f"name one of: {', '.join(FORMATS)}")
    return FORMATS[form](plan, target)
