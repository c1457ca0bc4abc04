"""Plans at a glance: last result, when it was, what comes next, and what is overdue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.table import Table
from rich.text import Text

from rollproof.evidence.wording import printable
from rollproof.model.calendar import due_after, due_before
from rollproof.model.durations import say_duration
from rollproof.model.plan import Plan
from rollproof.model.verdict import Outcome
from rollproof.plans.missed import missed_of
from rollproof.plans.past import PastRun, past_runs

_COLOURS = {Outcome.PROVEN: "green", Outcome.REFUTED: "red", Outcome.UNKNOWN: "yellow"}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a plan stands at a moment. Times are UTC.

    Attributes:
        last, outcome: its newest run and what that proved; outcome is None while it runs.
        proven: when the newest run began that proved everything it claimed.
        upcoming: when it falls due next; None without a schedule.
        overdue: why it is overdue, one phrase; empty when it is not.
    """

    plan: Plan
    last: PastRun | None
    outcome: Outcome | None
    proven: datetime | None
    upcoming: datetime | None
    overdue: str


def standing(plan: Plan, reports: Path, moment: datetime) -> Standing:
    """How a plan stands, by its schedule and the runs in `reports`."""
    runs = past_runs(reports, plan.name)
    outcomes = ((run, run.outcome()) for run in runs)
    newest = next(outcomes, None)
    proven = newest[0].started if newest and newest[1] is Outcome.PROVEN else _first_proven(outcomes)
    return Standing(
        plan,
        newest[0] if newest else None,
        newest[1] if newest else None,
        proven,
        next(due_after(plan, moment), None),
        _overdue(plan, runs, proven, reports, moment),
    )


def _first_proven(outcomes: Iterable[tuple[PastRun, Outcome | None]]) -> datetime | None:
    return next((run.started for run, outcome in outcomes if outcome is Outcome.PROVEN), None)


def _overdue(
    plan: Plan, runs: Sequence[PastRun], proven: datetime | None, reports: Path, moment: datetime
) -> str:
    grace = timedelta(seconds=plan.schedule.start_within)
    due = next(due_before(plan, moment - grace), None)
    if due and not any(run.started >= due for run in runs):
        reasons = [one.reason for one in missed_of(reports, plan.name) if one.due == due]
        why = f": {reasons[0]}" if reasons else ""
        return f"fell due {_when(due, plan)}, and did not run{why}"
    limit = plan.objectives.proven_within
    if limit is not None and (proven is None or moment - proven > timedelta(seconds=limit)):
        return f"not proven within {say_duration(limit)}"
    return ""


def _when(moment: datetime | None, plan: Plan) -> str:
    return f"{moment.astimezone(plan.zone):%Y-%m-%d %H:%M %Z}" if moment else "never"


def plan_table(standings: Sequence[Standing]) -> Table:
    """For a terminal; what is overdue is red, and says so in words as well."""
    table = Table("plan", "environment", "last result", "when", "last proven", "next")
    for one in standings:
        overdue = Text("overdue", style="bold red") if one.overdue else Text(_next(one))
        table.add_row(
            Text(one.plan.name, style="red" if one.overdue else ""),
            one.plan.plan.environment,
            _result(one),
            _when(one.last.started if one.last else None, one.plan),
            _ago(one.proven),
            overdue,
        )
    return table


def overdue_lines(standings: Sequence[Standing]) -> list[str]:
    """What is overdue and why, and when it falls due next, one line each."""
    return [
        f"overdue: {one.plan.name}: {printable(one.overdue)}; next {_next(one)}"
        for one in standings
        if one.overdue
    ]


def _result(one: Standing) -> Text:
    if one.last is None:
        return Text("none")
    return Text(one.outcome.value, style=_COLOURS.get(one.outcome, "")) if one.outcome else Text("running")


def _ago(moment: datetime | None) -> str:
    if moment is None:
        return "never"
    days = (datetime.now(UTC) - moment).days
    return "today" if days == 0 else f"{days} day{'s' if days > 1 else ''} ago"


def _next(one: Standing) -> str:
    if one.upcoming:
        return _when(one.upcoming, one.plan)
    return "on every push" if one.plan.schedule.on == "push" else "by hand"
