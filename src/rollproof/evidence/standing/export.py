"""Findings as files that other tools read. Texts that came from elsewhere are made harmless in them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from rollproof.evidence.standing.findings import Finding
from rollproof.evidence.wording import one_line
from rollproof.model.json import Json

Export = Callable[[Sequence[Finding], datetime], dict[str, str]]
_COLUMNS = (
    "id state overdue critical system environment scenario name check title opened_at opened_run seen_at"
    " seen_run owner due reopened closed_at closed_run accepted_by reason until"
).split()


def to_csv(findings: Sequence[Finding], now: datetime) -> dict[str, str]:
    """findings.csv. A cell that a spreadsheet would take for a formula is quoted by an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")  # RFC 4180
    writer.writerow(_COLUMNS)
    for one in findings:
        said = {**one.to_json(), "state": one.state(now).value, "overdue": one.overdue(now)}
        writer.writerow([_cell(said[name]) for name in _COLUMNS])
    return {"findings.csv": text.getvalue()}


def _cell(value: Json) -> str:
    text = ("yes" if value else "no") if isinstance(value, bool) else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def to_github(findings: Sequence[Finding], now: datetime) -> dict[str, str]:
    """A file each, as the body that GitHub's `POST /repos/…/issues` takes; `gh api --input` reads it."""
    return {
        f"{one.id}.json": _json(
            {
                "title": _title(one),
                "body": _body(one, now),
                "labels": ["rollproof", "critical"] if one.critical else ["rollproof"],
            }
        )
        for one in findings
    }


def to_jira(findings: Sequence[Finding], now: datetime) -> dict[str, str]:
    """jira.json: as Jira's bulk creation (`POST /rest/api/2/issue/bulk`) takes it; add your project."""
    issues: list[Json] = [
        {
            "fields": {
                "summary": _title(one),
                "description": _body(one, now),
                "issuetype": {"name": "Bug"},
                "priority": {"name": "Highest" if one.critical else "Medium"},
                "duedate": one.due,
                "labels": ["rollproof", one.id],
            }
        }
        for one in findings
    ]
    return {"jira.json": _json({"issueUpdates": issues})}


EXPORTS: Mapping[str, Export] = {"csv": to_csv, "github": to_github, "jira": to_jira}


def _title(one: Finding) -> str:
    return one_line(_plain(f"[{one.id}] {one.title}: {one.name} ({one.place.system})"), 250)


def _body(one: Finding, now: datetime) -> str:
    state = "overdue" if one.overdue(now) else one.state(now).value
    facts = {
        "Finding": one.id,
        "State": state,
        "System": f"{one.place.system} in {one.place.environment}",
        "Scenario": one.name,
        "Check": f"{one.check}: {one.title}",
        "First refuted": f"{one.opened_at} in run {one.opened_run}",
        "Last refuted": f"{one.seen_at} in run {one.seen_run}",
        "Owner": one.owner or "nobody",
        "Due": one.due,
        "Retest": "drill the scenario again; a run that proves the check closes the finding",
    }
    return "\n".join(f"{name}: {one_line(_plain(said), 500)}" for name, said in facts.items())


def _plain(text: str) -> str:
    """Neither a mention nor mark-up of GitHub or Jira."""
    return (
        text.replace("@", "@\u200b").replace("<", "‹").replace(">", "›").replace("{", "(").replace("}", ")")
    )


def _json(value: Json) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
