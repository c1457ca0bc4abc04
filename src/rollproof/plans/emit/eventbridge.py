"""A schedule for Amazon EventBridge Scheduler: what its CreateSchedule takes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from rollproof.model.cron import Cron
from rollproof.model.plan import Plan
from rollproof.plans.emit.base import Emitted, Target, command, cron_of, needed, ranges, shortened
from rollproof.plans.emit.utc import skipped_time

_MOST_RETRIES_SECONDS = 86400
_LEAST_RETRIES_SECONDS = 60
_LONGEST_NAME = 64


def eventbridge(plan: Plan, target: Target) -> Emitted:
    """`rollproof-NAME.schedule.json`, for `aws scheduler create-schedule --cli-input-json file://…`."""
    cron = cron_of(plan)
    arn = needed(target.arn, "--target ARN", "what EventBridge shall call", plan)
    role = needed(target.role, "--role ARN", "in which role EventBridge shall call it", plan)
    age = min(max(round(plan.schedule.start_within), _LEAST_RETRIES_SECONDS), _MOST_RETRIES_SECONDS)
    request: dict[str, Any] = {
        "Name": shortened(f"rollproof-{plan.name}", _LONGEST_NAME),
        "Description": plan.plan.description[:512] or f"Rollback drill {plan.name}",
        "ScheduleExpression": expression(cron),
        "ScheduleExpressionTimezone": plan.plan.timezone,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "State": "ENABLED",
        "Target": {
            "Arn": arn,
            "RoleArn": role,
            "Input": json.dumps({"plan": plan.name, "command": command(plan)}),
            "RetryPolicy": {"MaximumEventAgeInSeconds": age, "MaximumRetryAttempts": 0},
        },
    }
    name = f"rollproof-{plan.name}.schedule.json"
    notes = [
        f"aws scheduler create-schedule --cli-input-json file://{name}",
        "The input carries the command; a target of its own kind (an ECS task, a CodeBuild project) needs "
        "its own input.",
    ]
    if skipped := skipped_time(cron, plan.zone, datetime.now(UTC)):
        notes.append(
            f"There is no {skipped:%H:%M} on {skipped:%Y-%m-%d} in {plan.plan.timezone}: EventBridge leaves "
            "that run out, and `rollproof drill list` shows it."
        )
    return Emitted({name: json.dumps(request, indent=2) + "\n"}, tuple(notes))


def expression(cron: Cron) -> str:
    """EventBridge counts the days of the week from 1, Sunday, wants a year, and one of the days to be `?`."""
    weekdays = ranges(frozenset(day + 1 for day in cron.weekdays), range(1, 8))
    days = ranges(cron.days, range(1, 32))
    either = ("?", weekdays) if weekdays != "*" else (days, "?")
    times = f"{ranges(cron.minutes, range(60))} {ranges(cron.hours, range(24))}"
    return f"cron({times} {either[0]} {ranges(cron.months, range(1, 13))} {either[1]} *)"
