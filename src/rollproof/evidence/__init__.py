"""Evidence: what a run's journal says, for a person, a CI server, a program and a terminal.

Everything here is a pure function of the journal: no clock, no environment.

What is named here is imported when it is first asked for: reading a bundle takes no terminal.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rollproof.evidence.facts import RunSummary, ScenarioSummary
    from rollproof.evidence.html import render_html
    from rollproof.evidence.junit import render_junit
    from rollproof.evidence.summary import summarise
    from rollproof.evidence.terminal import Progress, as_text, closing_panel, progress_line, verdict_table
    from rollproof.evidence.verdicts import render_verdicts
    from rollproof.evidence.write import latest_run, point_latest, write_reports

__all__ = [
    "Progress",
    "RunSummary",
    "ScenarioSummary",
    "as_text",
    "closing_panel",
    "latest_run",
    "point_latest",
    "progress_line",
    "render_html",
    "render_junit",
    "render_verdicts",
    "summarise",
    "verdict_table",
    "write_reports",
]

_ROOMS = {
    "Progress": "terminal",
    "RunSummary": "facts",
    "ScenarioSummary": "facts",
    "as_text": "terminal",
    "closing_panel": "terminal",
    "latest_run": "write",
    "point_latest": "write",
    "progress_line": "terminal",
    "render_html": "html",
    "render_junit": "junit",
    "render_verdicts": "verdicts",
    "summarise": "summary",
    "verdict_table": "terminal",
    "write_reports": "write",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
