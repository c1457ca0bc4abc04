"""A job for GitLab CI, and the command that makes its pipeline schedule."""

from __future__ import annotations

from typing import Any

from rollproof.model.plan import Plan
from rollproof.plans.emit.base import Emitted, Target, as_yaml, command, cron_of, header, portable, shell


def gitlab(plan: Plan, target: Target) -> Emitted:
    """`.gitlab/rollproof-NAME.yml`, to be included; the schedule itself is no part of GitLab's YAML."""
    on_push = plan.schedule.on == "push"
    if not on_push:
        cron_of(plan)
    name = f".gitlab/rollproof-{plan.name}.yml"
    text = header(plan, "gitlab") + as_yaml({f"rollproof-{plan.name}": _job(plan, target)})
    notes = [f"Include it in .gitlab-ci.yml: include: [{{local: {name}}}]"]
    if plan.schedule.cron:
        made = [
            *("glab", "schedule", "create", "--ref", "main", "--description", f"rollproof {plan.name}"),
            *("--cron", portable(cron_of(plan)), "--cronTimeZone", plan.plan.timezone),
            *("--variable", f"ROLLPROOF_PLAN:{plan.name}"),
        ]
        notes.append(f"Make its schedule, in the plan's own time zone: {shell(made)}")
    return Emitted({name: text}, tuple(notes))


def _job(plan: Plan, target: Target) -> dict[str, Any]:
    rules: list[dict[str, Any]] = []
    if plan.schedule.cron:
        scheduled = f'$CI_PIPELINE_SOURCE == "schedule" && $ROLLPROOF_PLAN == "{plan.name}"'
        rules.append({"if": scheduled})
    if plan.schedule.on == "push":
        rules.append({"if": '$CI_PIPELINE_SOURCE == "push"'})
    return {
        "image": target.image or "python:3.12",
        "rules": rules,
        "resource_group": f"rollproof-{plan.name}",
        "timeout": "2 hours",
        "interruptible": False,
        "variables": {"GIT_DEPTH": "0"},
        "script": [target.install, shell(command(plan))],
        "artifacts": {
            "when": "always",
            "name": f"rollproof-{plan.name}",
            "paths": ["reports/"],
            "expire_in": _days(plan.retention.keep),
        },
    }


def _days(seconds: float) -> str:
    return f"{max(1, round(seconds / 86400))} days"
