"""Evidence: what a run's journal says, for a person, a CI server, a program and a terminal.

Everything here is a pure function of the journal: no clock, no environment.
"""

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
