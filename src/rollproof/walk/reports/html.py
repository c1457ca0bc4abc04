"""One page for people: the history as a strip, what is wrong first, then every migration with its locks.

One file, no network, no script; every text from files, servers and tools is untrusted.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rollproof.evidence.wording import count_of, printable, shorten
from rollproof.migrations.locks.model import HeldLock, LockReport
from rollproof.model.durations import say_duration
from rollproof.walk.model import Outcome, RevisionResult, WalkResult
from rollproof.walk.reports.plain import details
from rollproof.walk.wording import EXPLAINED, HEADLINES, again_remark, headline, listed, reservations, say_estimates

LONGEST_TEXT = 2000
"""Characters of one text that the page shows; `--json` holds the rest."""
MOST_LISTED = 100
"""Migrations that are shown with all their findings."""

_WORDS = {Outcome.ENVIRONMENT: "unknown", Outcome.UP_FAILED: "unknown"}


@dataclass(frozen=True, slots=True)
class Cell:
    """A migration's place on the strip: left edge and width in percent, height by how bad it is."""

    x: float
    width: float
    height: int
    word: str
    result: RevisionResult


def render_html(result: WalkResult) -> str:
    """The whole page. The same result gives the same bytes."""
    css = _css()
    failing = [one for one in result.migrations if not one.passes]
    return (
        _environment()
        .get_template("walk.html.j2")
        .render(walk=result, warnings=(*result.warnings, *reservations(result)), failing=failing, cells=list(_strip(result)), css=Markup(css), csp=_policy(css))  # noqa: S704  our own style sheet
    )


def word(result: RevisionResult) -> str:
    """Which of the report's signs stands for it: proven, refuted, unknown, or not-applicable if accepted."""
    if result.accepted:
        return "not-applicable"
    if result.passes:
        return "proven"
    return _WORDS.get(result.outcome, "refuted")


def _strip(result: WalkResult) -> Iterator[Cell]:
    width = 100 / max(1, len(result.migrations))
    heights = {"proven": 35, "not-applicable": 60, "unknown": 100, "refuted": 100}
    for number, one in enumerate(result.migrations):
        sign = word(one)
        yield Cell(round(number * width, 4), round(width * 0.86, 4), heights[sign], sign, one)


def say_locks(report: LockReport | None) -> str:
    """The locks that kept others from reading or writing, strongest first; `-` when there were none."""
    if report is None:
        return "not looked at"
    strong = [lock for lock in report.held if lock.mode not in _HARMLESS]
    modes = dict.fromkeys(lock.mode for lock in strong)
    said = [_say_mode(mode, [lock for lock in strong if lock.mode == mode]) for mode in modes]
    said += [f"written anew: {listed(report.rewritten)}"] if report.rewritten else []
    said += [
        f"readers of {wait.relation} waited {say_duration(wait.reader)}, writers {say_duration(wait.writer)}"
        for wait in report.blocked
    ]
    return "; ".join(said) or "none that keeps others out"


def _say_mode(mode: str, locks: Sequence[HeldLock]) -> str:
    """Which relations a mode was held on, and the longest time that any of them was."""
    times = [lock.seconds for lock in locks if lock.seconds is not None]
    most = f" for {'at most ' if len(locks) > 1 else ''}{say_duration(max(times))}" if times else ""
    return f"{mode.removesuffix('Lock')} on {listed(lock.relation for lock in locks)}{most}"


_HARMLESS = frozenset({"AccessShareLock", "RowShareLock", "RowExclusiveLock"})
"""Modes under which others read and write on."""


def _policy(css: str) -> str:
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@cache
def _css() -> str:
    loader = _environment().loader
    assert loader is not None
    sources = (loader.get_source(_environment(), name)[0] for name in ("report.css", "walk.css"))
    return "\n".join(sources).replace("\r\n", "\n")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("rollproof.walk.reports"), PackageLoader("rollproof.evidence")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters |= {
        "again": again_remark,
        "count": count_of,
        "details": details,
        "duration": say_duration,
        "estimates": say_estimates,
        "headline": headline,
        "listed": listed,
        "locks": say_locks,
        "word": word,
    }
    environment.globals |= {"explained": EXPLAINED, "headlines": HEADLINES, "most": MOST_LISTED}
    return environment


def _shown(value: object) -> object:
    """What every `{{ … }}` goes through before it is escaped."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return shorten(printable(value), LONGEST_TEXT)
    return "" if value is None else value
