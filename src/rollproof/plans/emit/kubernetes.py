"""A CronJob for Kubernetes, in the plan's own time zone; with shards, an indexed Job each time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rollproof.model.plan import Plan
from rollproof.plans.emit.base import (
    Emitted,
    Target,
    as_yaml,
    command,
    cron_of,
    header,
    needed,
    portable,
    shortened,
)
from rollproof.plans.emit.utc import skipped_time

_CLAIM = "rollproof-reports"
_SAID = (1, 2, 3, 4, 5)
"""exit codes with which Rollproof itself has ended"""
_LONGEST_NAME = 52
"""a CronJob's: its Jobs get 11 characters more, and theirs may have 63"""


def kubernetes_cronjob(plan: Plan, target: Target) -> Emitted:
    """`rollproof-NAME.yaml`: batch/v1 CronJob. Time zones need Kubernetes 1.27, parts 1.31."""
    cron = cron_of(plan)
    needed(target.image, "--image IMAGE", "which image has the project and Rollproof in it", plan)
    name = shortened(f"rollproof-{plan.name}", _LONGEST_NAME)
    manifest = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "labels": _labels(plan)},
        "spec": {
            "schedule": portable(cron),
            "timeZone": plan.plan.timezone,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": max(60, round(plan.schedule.start_within)),
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {"metadata": {"labels": _labels(plan)}, "spec": _job(plan, target)},
        },
    }
    text = header(plan, "kubernetes-cronjob") + as_yaml(manifest)
    return Emitted({f"{name}.yaml": text}, _notes(plan, target))


def _labels(plan: Plan) -> dict[str, str]:
    return {"app.kubernetes.io/name": "rollproof", "rollproof/plan": plan.name}


def _job(plan: Plan, target: Target) -> dict[str, Any]:
    return {
        **(_split(target.shards) if target.shards > 1 else {"backoffLimit": 0}),
        "template": {"metadata": {"labels": _labels(plan)}, "spec": _pod(plan, target)},
    }


def _split(shards: int) -> dict[str, Any]:
    """A part whose pod died is done again; one that has given its verdict is not, whatever it said."""
    verdict = {"containerName": "drill", "operator": "In", "values": list(_SAID)}
    return {
        "completions": shards,
        "parallelism": shards,
        "completionMode": "Indexed",
        "backoffLimitPerIndex": 2,
        "maxFailedIndexes": shards,
        "podFailurePolicy": {"rules": [{"action": "FailIndex", "onExitCodes": verdict}]},
    }


def _pod(plan: Plan, target: Target) -> dict[str, Any]:
    parts = ["--shards", str(target.shards)] if target.shards > 1 else []
    container: dict[str, Any] = {
        "name": "drill",
        "image": target.image,
        "command": [_literal(word) for word in [*command(plan), "--reports", "/reports", *parts]],
        "volumeMounts": [{"name": "reports", "mountPath": "/reports"}],
        "env": _secrets(plan),
    }
    if target.folder:
        container["workingDir"] = target.folder
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 300,
        "containers": [container],
        "volumes": [{"name": "reports", "persistentVolumeClaim": {"claimName": _CLAIM}}],
    }


def _literal(word: str) -> str:
    """Kubernetes puts the value of a variable in the place of `$(NAME)`; two dollar signs are one."""
    return word.replace("$(", "$$(")


def _secrets(plan: Plan) -> list[dict[str, Any]]:
    names = [name for one in plan.notify for name in (one.url_env, one.user_env, one.password_env) if name]
    return [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": "rollproof", "key": name}}}
        for name in dict.fromkeys(names)
    ]


def _notes(plan: Plan, target: Target) -> tuple[str, ...]:
    notes = [f"The reports go to the persistent volume claim {_CLAIM}, which must be there."]
    if _secrets(plan):
        notes.append("The variables for notices come from the secret `rollproof`, one key each.")
    if skipped := skipped_time(cron_of(plan), plan.zone, datetime.now(UTC)):
        notes.append(
            f"There is no {skipped:%H:%M} on {skipped:%Y-%m-%d} in {plan.plan.timezone}: Kubernetes leaves "
            "that run out, and `rollproof drill list` shows it."
        )
    if target.shards > 1:
        notes.append("The parts are made one afterwards: rollproof merge /reports/shards/*/latest")
    return tuple(notes)
