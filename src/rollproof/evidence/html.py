"""report.html: one file, no network, no script; everything from the journal is untrusted text."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rollproof.evidence.checklist import checklist_matrix, counted
from rollproof.evidence.facts import RunSummary, ScenarioSummary
from rollproof.evidence.language import Words, words
from rollproof.evidence.limits import MOST as MOST_LIMITS
from rollproof.evidence.limits import limits_of
from rollproof.evidence.recoveries import recoveries
from rollproof.evidence.sections import sections_of
from rollproof.evidence.timeline import incident_chart, waterfall
from rollproof.evidence.wording import (
    one_line,
    printable,
    say_act,
    say_command,
    say_details,
    say_number,
    say_value,
    shorten,
)
from rollproof.model.fingerprint import DifferenceClass
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome

LONGEST_TEXT = 2000
"""Characters of one text that a report shows; the journal holds the rest."""
MOST_LISTED = 100
"""Differences, rows of steps or findings in one table; the attachment holds them all."""
MOST_KEYS = 50
"""Keys of lost, changed or added rows shown for one table."""


MOST_SCENARIOS = 400
"""Scenarios that one report shows; of more, those that are not proven come first."""
MOST_COLUMNS = 24
"""Scenarios across the matrix of the checklist; of more, their outcomes are counted."""


def render_html(summary: RunSummary, language: str = "en") -> str:
    """The whole report. The same summary gives the same bytes. Raises BadInput for an unknown language."""
    css, text = _css(), words(language)
    return (
        _environment(language)
        .get_template("report.html.j2")
        .render(
            run=summary,
            css=Markup(css),  # noqa: S704  our own style sheet
            csp=_policy(css),
            shown=shown_scenarios(summary, MOST_SCENARIOS),
            limits=limits_of(summary),
            sections=sections_of(summary, text),
        )
    )


def shown_scenarios(summary: RunSummary, most: int) -> list[tuple[int, ScenarioSummary]]:
    """Scenarios with their numbers in the run: all, or the worst ones when there are more than `most`."""
    numbered = list(enumerate(summary.scenarios, start=1))
    if len(numbered) <= most:
        return numbered
    worst = sorted(numbered, key=lambda one: _GRAVITY[one[1].outcome])
    return sorted(worst[:most], key=lambda one: one[0])


_GRAVITY = {
    Outcome.REFUTED: 0,
    Outcome.UNKNOWN: 1,
    Outcome.PROVEN: 2,
    Outcome.NOT_PROVEN_HERE: 3,
    Outcome.NOT_APPLICABLE: 4,
}


def _policy(css: str) -> str:
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@cache
def _css() -> str:
    loader = PackageLoader("rollproof.evidence")
    return loader.get_source(Environment(autoescape=True), "report.css")[0].replace("\r\n", "\n")


@cache
def _environment(language: str) -> Environment:
    text = words(language)
    environment = Environment(
        loader=PackageLoader("rollproof.evidence"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters |= _filters(text)
    environment.globals |= {
        "chart": partial(incident_chart, text=text),
        "checklist": checklist_matrix,
        "classes": tuple(DifferenceClass),
        "counted": counted,
        "is_outcome": lambda cell: isinstance(cell, Outcome),
        "most": MOST_LISTED,
        "most_columns": MOST_COLUMNS,
        "most_keys": MOST_KEYS,
        "most_limits": MOST_LIMITS,
        "outcomes": tuple(Outcome),
        "recoveries": recoveries,
        "t": text,
        "waterfall": waterfall,
    }
    return environment


def _filters(text: Words) -> Mapping[str, Callable[..., Any]]:
    return {
        "act": say_act,
        "command": say_command,
        "count": text.count,
        "details": say_details,
        "duration": text.duration,
        "line": one_line,
        "number": partial(_number, text),
        "outcome": text.outcome,
        "percent": text.percent,
        "utc": say_utc,
        "value": partial(_value, text),
        "whole": text.whole,
        "word": _word_class,
    }


def _number(text: Words, name: str, value: Json) -> tuple[str, str]:
    label, said = say_number(name, value)
    return label, text.numeral(said) if isinstance(value, int | float) else said


def _value(text: Words, value: Json) -> str:
    """Numbers as this language writes them; what was recorded as text stays what it is."""
    if isinstance(value, Mapping) and value:
        return ", ".join(f"{name}: {_value(text, item)}" for name, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_value(text, item) for item in value) or say_value(value)
    said = say_value(value)
    return text.numeral(said) if isinstance(value, int | float) else said


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
