"""A workflow for GitHub Actions, whose schedules know only UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rollproof.model.plan import Plan
from rollproof.plans.emit.base import Emitted, Target, as_yaml, command, cron_of, header, shell
from rollproof.plans.emit.utc import InUtc, in_utc

_LATE = "GitHub starts scheduled runs minutes to hours late when it is busy, and drops some."
_OFF = "GitHub turns the schedule of a public repository off after 60 days without a commit."


def github_actions(plan: Plan, target: Target) -> Emitted:
    """`.github/workflows/rollproof-NAME.yml`.

    Where the zone changes its clocks, both times are scheduled, and the job goes on only when the one
    that fired is the one of the season.
    """
    seasons = in_utc(cron_of(plan), plan.zone, datetime.now(UTC)) if plan.cron else []
    if not seasons and plan.schedule.on != "push":
        cron_of(plan)
    name = f".github/workflows/rollproof-{plan.name}.yml"
    text = header(plan, "github-actions") + as_yaml(_workflow(plan, target, seasons))
    return Emitted({name: text}, _notes(plan, seasons))


def _workflow(plan: Plan, target: Target, seasons: list[InUtc]) -> dict[str, Any]:
    occasions: dict[str, Any] = {}
    crons = dict.fromkeys(cron for season in seasons for cron in season.crons)
    if crons:
        occasions["schedule"] = [{"cron": cron} for cron in crons]
    if plan.schedule.on == "push":
        occasions["push"] = {}
    occasions["workflow_dispatch"] = {}
    return {
        "name": f"Rollback drill {plan.name}",
        "on": occasions,
        "permissions": {"contents": "read"},
        "concurrency": {"group": f"rollproof-{plan.name}", "cancel-in-progress": False},
        "jobs": {"drill": _job(plan, target, seasons)},
    }


def _job(plan: Plan, target: Target, seasons: list[InUtc]) -> dict[str, Any]:
    due = {"if": "steps.season.outputs.due == 'true'"} if len(seasons) > 1 else {}
    keep = {"if": "always() && steps.season.outputs.due == 'true'" if due else "always()"}
    artifact = {"name": f"rollproof-{plan.name}", "path": "reports/", "include-hidden-files": True}
    steps: list[dict[str, Any]] = [_season(plan, seasons)] if due else []
    steps += [
        {**due, "uses": "actions/checkout@v5", "with": {"fetch-depth": 0}},
        {**due, "uses": "actions/setup-python@v6", "with": {"python-version": "3.12"}},
        {**due, "run": target.install},
        {**due, "name": "Drill", "run": shell(command(plan)), **_secrets(plan)},
        {**keep, "uses": "actions/upload-artifact@v4", "with": artifact},
    ]
    return {"runs-on": "ubuntu-latest", "timeout-minutes": 120, "steps": steps}


def _season(plan: Plan, seasons: list[InUtc]) -> dict[str, Any]:
    """Says whether the schedule that fired is that of the offset which the zone has today."""
    arms = [f'"{season.said} {cron}"' for season in seasons for cron in season.crons]
    script = (
        f'case "$(TZ={plan.plan.timezone} date +%z) $FIRED" in\n'
        f'  {" | ".join(arms)} | *" ") echo "due=true" >> "$GITHUB_OUTPUT" ;;\n'
        '  *) echo "this is the other season\'s time; nothing to do" ;;\n'
        "esac\n"
    )
    env = {"FIRED": "${{ github.event.schedule }}"}
    return {"id": "season", "name": "Is it the season of the time that fired?", "env": env, "run": script}


def _secrets(plan: Plan) -> dict[str, Any]:
    names = [name for one in plan.notify for name in (one.url_env, one.user_env, one.password_env) if name]
    env = {name: f"${{{{ secrets.{name} }}}}" for name in dict.fromkeys(names)}
    return {"env": env} if env else {}


def _notes(plan: Plan, seasons: list[InUtc]) -> tuple[str, ...]:
    notes = []
    if seasons and plan.plan.timezone != "UTC":
        notes.append(f"GitHub's schedules are in UTC; the times of {plan.plan.timezone} were converted.")
    if len(seasons) > 1:
        offsets = " and ".join(season.said for season in seasons)
        notes.append(
            f"{plan.plan.timezone} changes its clocks ({offsets}): both times are scheduled, and the job "
            "goes on only at the one that is right today. On the day of a change a drill between midnight "
            "and 4 o'clock may come twice, late or not at all."
        )
    return (*notes, _LATE, _OFF) if seasons else ()
