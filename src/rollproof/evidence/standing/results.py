"""result.json and findings.json: what later runs, and people, read of a run without its journal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rollproof.evidence.standing.claims import result_json
from rollproof.evidence.standing.earlier import now_of
from rollproof.evidence.standing.readiness import moment
from rollproof.model.json import Json

if TYPE_CHECKING:
    from rollproof.evidence.facts import RunSummary


def render_result(summary: RunSummary) -> bytes:
    """What the run claimed of each scenario, in few bytes."""
    return _text(result_json(now_of(summary).claims, summary), indent=None)


def render_findings(summary: RunSummary) -> bytes:
    """All findings as they stand after the run, as of its end."""
    now, ended = now_of(summary), summary.facts.ended_at
    as_of = moment(ended) if ended else None
    return _text(
        {
            "format": "rollproof-findings/1",
            "run": summary.facts.run,
            "as_of": ended,
            "findings": [
                {**one.to_json(), "state": one.state(as_of).value, "overdue": one.overdue(as_of)}
                for one in now.findings.values()
                if as_of is not None
            ],
        },
        indent=2,
    )


def _text(value: Mapping[str, Json], *, indent: int | None) -> bytes:
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"
