"""report.html: one file, no network, no script; everything from the journal is untrusted text."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rollproof.evidence.checklist import checklist_matrix
from rollproof.evidence.facts import RunSummary
from rollproof.evidence.timeline import incident_chart, waterfall
from rollproof.evidence.wording import (
    count_of,
    headline,
    one_line,
    printable,
    say_act,
    say_command,
    say_details,
    say_number,
    say_value,
    shorten,
)
from rollproof.model.durations import say_duration
from rollproof.model.fingerprint import DifferenceClass
from rollproof.model.verdict import Outcome

LONGEST_TEXT = 2000
"""Characters of one text that a report shows; the journal holds the rest."""
MOST_LISTED = 100
"""Differences, rows of steps or findings in one table; the attachment holds them all."""
MOST_KEYS = 50
"""Keys of lost, changed or added rows shown for one table."""


def render_html(summary: RunSummary) -> str:
    """The whole report. The same summary gives the same bytes."""
    css = _css()
    return (
        _environment().get_template("report.html.j2").render(run=summary, css=Markup(css), csp=_policy(css))  # noqa: S704  our own style sheet
    )


def _policy(css: str) -> str:
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@cache
def _css() -> str:
    loader = PackageLoader("rollproof.evidence")
    return loader.get_source(Environment(autoescape=True), "report.css")[0].replace("\r\n", "\n")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("rollproof.evidence"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters |= {
        "act": say_act,
        "command": say_command,
        "count": count_of,
        "details": say_details,
        "duration": say_duration,
        "line": one_line,
        "number": say_number,
        "utc": say_utc,
        "value": say_value,
        "word": _word_class,
    }
    environment.globals |= {
        "chart": incident_chart,
        "checklist": checklist_matrix,
        "classes": tuple(DifferenceClass),
        "headline": headline,
        "most": MOST_LISTED,
        "most_keys": MOST_KEYS,
        "outcomes": tuple(Outcome),
        "waterfall": waterfall,
    }
    return environment


def _shown(value: Any) -> Any:
    """What every `{{ … }}` goes through before it is escaped."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return shorten(printable(value), LONGEST_TEXT)
    return "" if value is None else value


def say_utc(stamp: str) -> str:
    """`2026-11-22 05:03:12 UTC` from a journal's `2026-11-22T05:03:12.123456Z`."""
    date, _, time = stamp.partition("T")
    return f"{date} {time.partition('.')[0]} UTC" if time else stamp


def _word_class(outcome: Outcome) -> str:
    return outcome.value.replace(" ", "-")
