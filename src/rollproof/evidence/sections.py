"""Parts of a report that come from elsewhere: readiness, controls, findings, trends.

Each is plain data, so that whoever makes one knows nothing of HTML, PDF or Markdown, and no report
knows what it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rollproof.evidence.facts import RunSummary
from rollproof.evidence.language import Words
from rollproof.model.verdict import Outcome

Cell = str | Outcome


@dataclass(frozen=True, slots=True)
class Table:
    """Rows as long as the header; the first cell of each names the row. An Outcome gets its sign."""

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a series: None where nothing was measured; `said` is the value in words."""

    label: str
    value: float | None
    said: str
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """Values in order, such as a recovery time over runs, and the target that they are held against."""

    title: str
    points: tuple[Point, ...]
    target: float | None = None
    target_said: str = ""

    @property
    def scale(self) -> float:
        """The largest of the values and the target: what a full bar stands for; never 0."""
        values = [point.value for point in self.points if point.value is not None]
        return max([*values, self.target or 0.0, 1e-9])


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a report.

    Attributes:
        key: ASCII letters and hyphens, unique in a report: what links lead to.
        lead: paragraphs; facts: terms and what they are; series and tables follow in that order.
    """

    key: str
    title: str
    lead: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    series: tuple[Series, ...] = ()
    tables: tuple[Table, ...] = ()


SOURCES: list[Callable[[RunSummary, Words], Iterable[Section]]] = []
"""What makes more sections of a run, in the order of the report; pure functions of the summary."""


def sections_of(summary: RunSummary, words: Words) -> tuple[Section, ...]:
    """Every section that comes from elsewhere."""
    from rollproof.evidence.standing.sections import standing_sections

    return tuple(section for source in (standing_sections, *SOURCES) for section in source(summary, words))
