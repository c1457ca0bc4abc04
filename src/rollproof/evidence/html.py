"""report.html: one file, no network, no script; everything from the journal is untrusted text."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rollproof.evidence import phrases
from rollproof.evidence.checklist import checklist_matrix, counted
from rollproof.evidence.facts import RunSummary, ScenarioSummary
from rollproof.evidence.language import Words, words
from rollproof.evidence.limits import MOST as MOST_LIMITS
from rollproof.evidence.limits import limits_of
from rollproof.evidence.recoveries import recoveries, unasked
from rollproof.evidence.sections import sections_of
from rollproof.evidence.timeline import incident_chart, waterfall
from rollproof.evidence.wording import one_line, printable, say_command
from rollproof.model.fingerprint import DifferenceClass
from rollproof.model.verdict import Outcome

LONGEST_TEXT = 2000
"""Characters of one text that a report shows; the journal holds the rest."""
MOST_LISTED = 100
"""Differences, rows of steps or findings in one table; the attachment holds them all."""
MOST_KEYS = 50
"""Keys of lost, changed or added rows shown for one table."""


MOST_SCENARIOS = 400
"""Scenarios that one report shows; of more, those that are not proven come first."""
_LONGEST_WORD, _LONGEST_NAME = 14, 34
MOST_OPEN = 30
"""Scenarios that are not proven and whose tables are open; with more, all are folded."""
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
            limits=limits_of(summary, text),
            sections=sections_of(summary, text),
        )
    )


def shown_scenarios(summary: RunSummary, most: int) -> list[tuple[int, ScenarioSummary]]:
    """Scenarios with their numbers in the run: all, or the worst ones when there are more than `most`."""
    return worst_of(list(enumerate(summary.scenarios, start=1)), most)


def worst_of(numbered: Sequence[tuple[int, ScenarioSummary]], most: int) -> list[tuple[int, ScenarioSummary]]:
    """At most so many, the refuted and the unknown before the proven, in the order of their numbers."""
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
        finalize=partial(_shown, text),
    )
    environment.filters |= _filters(text)
    environment.globals |= {
        "chart": partial(incident_chart, text=text),
        "checklist": partial(checklist_matrix, named=partial(phrases.claim, text)),
        "classes": tuple(DifferenceClass),
        "counted": counted,
        "is_outcome": lambda cell: isinstance(cell, Outcome),
        "most": MOST_LISTED,
        "most_columns": MOST_COLUMNS,
        "most_keys": MOST_KEYS,
        "most_limits": MOST_LIMITS,
        "most_open": MOST_OPEN,
        "outcomes": tuple(Outcome),
        "recoveries": recoveries,
        "unasked": unasked,
        "short": _short,
        "t": text,
        "waterfall": waterfall,
    }
    return environment


def _filters(text: Words) -> Mapping[str, Callable[..., Any]]:
    return {
        "act": partial(phrases.act, text),
        "claim": partial(phrases.claim, text),
        "command": say_command,
        "concluded": partial(phrases.conclusion, text),
        "count": text.count,
        "details": partial(phrases.details, text),
        "duration": text.duration,
        "line": one_line,
        "named": partial(_named, text),
        "number": partial(phrases.number, text),
        "observation": partial(phrases.observation, text),
        "outcome": text.outcome,
        "percent": text.percent,
        "utc": say_utc,
        "value": partial(phrases.value, text),
        "whole": text.whole,
        "word": _word_class,
    }


def _short(cell: object, *, first: bool = False) -> bool:
    """Whether a cell of a table must not be broken: an id, a day, a share; what a row is called."""
    if not isinstance(cell, str):
        return False
    return len(cell) <= _LONGEST_NAME if first else len(cell) <= _LONGEST_WORD and " " not in cell


def _named(text: Words, name: str, kind: str) -> str:
    return text.name(kind, name)


def _shown(text: Words, value: Any) -> Any:
    """What every `{{ … }}` goes through before it is escaped."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return "" if value is None else value
    said = printable(value)
    left = len(said) - LONGEST_TEXT
    return said if left <= 0 else f"{said[:LONGEST_TEXT]}… ({text.count(left, 'more_character')})"


def say_utc(stamp: str) -> str:
    """`2026-11-22 05:03:12 UTC` from a journal's `2026-11-22T05:03:12.123456Z`."""
    date, _, time = stamp.partition("T")
    return f"{date} {time.partition('.')[0]} UTC" if time else stamp


def _word_class(outcome: Outcome) -> str:
    return outcome.value.replace(" ", "-")
