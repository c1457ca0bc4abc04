"""Whether a plan's drill may start at a moment: its windows and its frozen dates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice

from rollproof.model.plan import DAYS, Frozen, Plan, Window

_FAR = timedelta(days=5 * 366)
_TRIES = 12000
"""due times that are looked at before a schedule is said never to fall into its window"""


def refusal(plan: Plan, moment: datetime) -> str | None:
    """Why nothing of the plan may start at `moment`, one sentence; None when it may."""
    local = moment.astimezone(plan.zone)
    for frozen in plan.frozen:
        if is_frozen(frozen, local.date()):
            why = f": {frozen.reason}" if frozen.reason else ""
            return f"from {frozen.first} to {frozen.last} nothing may be drilled{why}"
    if plan.window and not any(is_open(window, local) for window in plan.window):
        said = " or ".join(map(say_window, plan.window))
        return f"it is {_say(local)}, and a drill may start only {said} ({plan.plan.timezone})"
    return None


def is_frozen(frozen: Frozen, day: date) -> bool:
    """Both ends belong to it."""
    return date.fromisoformat(frozen.first) <= day <= date.fromisoformat(frozen.last)


def is_open(window: Window, local: datetime) -> bool:
    """Whether a window is open at a local time. `days` are those on which it opens."""
    now = local.hour * 60 + local.minute
    opens, closes = minutes(window.opens), minutes(window.closes)
    today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
    if opens < closes:
        return today in window.days and opens <= now < closes
    return (today in window.days and now >= opens) or (yesterday in window.days and now < closes)


def minutes(time_of_day: str) -> int:
    """Since midnight: `24:00` is 1440."""
    hours, _, rest = time_of_day.partition(":")
    return int(hours) * 60 + int(rest)


def say_window(window: Window) -> str:
    """`mon, tue 22:00-02:00`."""
    days = "every day" if set(window.days) == set(DAYS) else ", ".join(window.days)
    return f"{days} {window.opens}-{window.closes}"


def due_after(plan: Plan, moment: datetime) -> Iterator[datetime]:
    """When the plan falls due after `moment` and may start, in UTC, the next first."""
    if plan.cron is None:
        return
    for due in islice(plan.cron.after(moment, plan.zone), _TRIES):
        if due - moment > _FAR:
            return
        if refusal(plan, due) is None:
            yield due.astimezone(UTC)


def due_before(plan: Plan, moment: datetime) -> Iterator[datetime]:
    """When the plan fell due up to `moment` and could start, in UTC, the newest first."""
    if plan.cron is None:
        return
    for due in islice(plan.cron.before(moment + timedelta(seconds=1), plan.zone), _TRIES):
        if moment - due > _FAR:
            return
        if refusal(plan, due) is None:
            yield due.astimezone(UTC)


def due_between(plan: Plan, after: datetime, until: datetime) -> list[datetime]:
    """When the plan fell due after one moment and up to another, in UTC, the oldest first."""
    found: list[datetime] = []
    for due in due_after(plan, after):
        if due > until:
            break
        found.append(due)
    return found


def never_starts(plan: Plan, moment: datetime) -> bool:
    """Whether a plan with a schedule will not start once within five years."""
    return plan.cron is not None and next(due_after(plan, moment), None) is None


def _say(local: datetime) -> str:
    return f"{DAYS[local.weekday()]} {local:%Y-%m-%d %H:%M}"
