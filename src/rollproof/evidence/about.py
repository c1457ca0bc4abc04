"""plan.json and environment.json: what was planned, and on what it was drilled."""

from __future__ import annotations

import json
from collections.abc import Mapping

from rollproof.evidence.facts import RunSummary
from rollproof.model.json import Json


def render_plan(summary: RunSummary) -> bytes:
    """What the run was asked to do, resolved: systems, objectives, and each scenario that was chosen."""
    facts = summary.facts
    begun = {one.id for one in summary.scenarios}
    return _indented(
        {
            "format": "rollproof-plan/1",
            "run": facts.run,
            "operator": facts.operator,
            "plan": dict(facts.plan) or None,
            "environment": facts.environment,
            "systems": list(facts.systems),
            "objectives": {
                system: {
                    "rto_seconds": one.rto_seconds,
                    "rpo_seconds": one.rpo_seconds,
                    "source": one.source,
                }
                for system, one in facts.objectives.items()
            },
            "command": facts.command,
            "scenarios": list(facts.planned),
            "never_begun": [scenario for scenario in facts.planned if scenario not in begun],
        }
    )


def render_environment(summary: RunSummary) -> bytes:
    """Versions, commit, releases, images, migrations, and how this environment differs from production."""
    facts = summary.facts
    return _indented(
        {
            "format": "rollproof-environment/1",
            "run": facts.run,
            "environment": facts.environment,
            "facts": dict(facts.environment_facts),
            "git": facts.git,
            "python": facts.python,
            "platform": facts.platform,
            "versions": dict(facts.versions),
            "releases": list(facts.releases),
            "images": list(facts.images),
            "migration_heads": dict(facts.migration_heads),
            "differences_to_production": {
                "declared": {system: list(lines) for system, lines in facts.differences.items()},
                "found": _found(summary),
            },
        }
    )


def _found(summary: RunSummary) -> list[Json]:
    """What scenarios relied on and the environment does not do as production would; each once."""
    told = {
        (one.name, one.how): one.found
        for scenario in summary.scenarios
        for one in scenario.reliances
        if one.how != "holds"
    }
    return [{"name": name, "how": how, "found": found} for (name, how), found in sorted(told.items())]


def _indented(value: Mapping[str, Json]) -> bytes:
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"
