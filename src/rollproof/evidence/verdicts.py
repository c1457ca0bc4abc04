"""verdicts.json: the run for other programs; docs/reference/verdicts.schema.json says what is in it."""

from __future__ import annotations

import json

from rollproof.evidence.checklist import checklist_matrix
from rollproof.evidence.facts import (
    CheckResult,
    Comparison,
    Incident,
    RunFacts,
    RunSummary,
    ScenarioSummary,
)
from rollproof.evidence.wording import headline, say_command
from rollproof.model.json import Json
from rollproof.model.rows import RowChanges

FORMAT = "rollproof-verdicts/1"
"""Goes up when a field changes its meaning or goes away; new fields alone do not raise it."""


def render_verdicts(summary: RunSummary) -> bytes:
    """The run as JSON, UTF-8, indented. No row values and no keys of rows: counts only."""
    text = json.dumps(to_json(summary), indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def to_json(summary: RunSummary) -> dict[str, Json]:
    """What verdicts.json holds."""
    return {
        "format": FORMAT,
        "outcome": summary.outcome.value,
        "headline": headline(summary.counts, finished=summary.finished),
        "finished": summary.finished,
        "problems": list(summary.problems),
        "counts": {outcome.value: many for outcome, many in summary.counts.items()},
        "run": _run(summary.facts),
        "journal": {
            "events": summary.events,
            "head": summary.heads[0].hash if summary.heads else None,
            "parts": {head.part: head.hash for head in summary.heads[1:]},
            "signed": False,
            "key": summary.facts.key or None,
        },
        "scenarios": [_scenario(one) for one in summary.scenarios],
        "checklist": _checklist(summary),
    }


def _run(facts: RunFacts) -> dict[str, Json]:
    return {
        "id": facts.run,
        "systems": list(facts.systems),
        "environment": facts.environment,
        "environment_facts": dict(facts.environment_facts),
        "started_at": facts.started_at,
        "ended_at": facts.ended_at,
        "seconds": facts.seconds,
        "git": facts.git,
        "python": facts.python,
        "platform": facts.platform,
        "versions": dict(facts.versions),
        "command": facts.command,
    }


def _scenario(one: ScenarioSummary) -> dict[str, Json]:
    return {
        "id": one.id,
        "attempt": one.attempt,
        "feature": one.feature,
        "name": one.name,
        "system": one.system,
        "tags": list(one.tags),
        "file": one.file,
        "line": one.line,
        "outcome": one.outcome.value,
        "recorded_outcome": one.recorded.value if one.recorded else None,
        "reason": one.reason,
        "started_at": one.started_at,
        "seconds": one.seconds,
        "rto_seconds": one.rto_seconds,
        "rto_objective_seconds": one.objectives.rto_seconds,
        "rpo_seconds": one.rpo_seconds,
        "rpo_objective_seconds": one.objectives.rpo_seconds,
        "checks": [_check(check) for check in one.checks],
        "incidents": [_incident(incident) for incident in one.incidents],
        "comparisons": [comparison_json(compared) for compared in one.comparisons],
        "rollbacks": [
            {
                "act": act.act,
                "status": act.status,
                "seconds": act.seconds,
                "command": say_command(act.data),
            }
            for act in one.rollbacks
        ],
        "relies_on": [
            {"name": relied.name, "how": relied.how, "found": relied.found} for relied in one.reliances
        ],
        "worked_on": [{"what": copy.what, "but": copy.but} for copy in one.copies],
    }


def _check(check: CheckResult) -> dict[str, Json]:
    return {
        "check": check.check,
        "title": check.title,
        "params": dict(check.params),
        **check.verdict.to_json(),
    }


def _incident(incident: Incident) -> dict[str, Json]:
    return {
        "cause": incident.cause,
        "rto_seconds": incident.rto_seconds,
        "phases": [{"name": phase.name, "seconds": phase.seconds} for phase in incident.phases],
    }


def comparison_json(compared: Comparison) -> dict[str, Json]:
    """What differs, without keys of rows."""
    return {
        "component": compared.component,
        "label": compared.label,
        "against": compared.against,
        "differences": [str(one) for one in compared.differences],
        "rows": [_rows(change) for change in compared.changes],
        "differences_attachment": compared.differences_ref or None,
        "rows_attachment": compared.changes_ref or None,
    }


def _rows(change: RowChanges) -> dict[str, Json]:
    return {
        "table": change.table,
        "lost": change.lost,
        "changed": change.changed,
        "added": change.added,
        "lost_columns": dict(change.lost_columns),
        "missing_table": change.missing_table,
    }


def _checklist(summary: RunSummary) -> list[Json]:
    return [
        {
            "phase": phase,
            "label": row.label,
            "by": list(row.by),
            "outcomes": [cell.value if cell else None for cell in row.cells],
        }
        for phase, rows in checklist_matrix(summary.scenarios).items()
        for row in rows
    ]
