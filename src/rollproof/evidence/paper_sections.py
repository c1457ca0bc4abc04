"""Sections that come from elsewhere, as templates/report.typ lays them out: bars, and tables with widths."""

from __future__ import annotations

from typing import Any

from rollproof.evidence.language import Words
from rollproof.evidence.sections import Cell, Section, Series, Table
from rollproof.evidence.timeline import Bar
from rollproof.model.verdict import Outcome

MOST_ROWS = 150
_LINE, _LONGEST_WORD = 84, 24
"""Letters that a line of a table holds, and of a word that is not broken"""


def section_on_paper(section: Section, t: Words) -> dict[str, Any]:
    return {
        "title": section.title,
        "lead": section.lead,
        "facts": section.facts,
        "series": [_series(one, t) for one in section.series],
        "tables": [_table(one, t) for one in section.tables],
    }


def _series(series: Series, t: Words) -> dict[str, Any]:
    scale = series.scale
    return {
        "title": series.title,
        "target": t("incident.with_objective", duration=series.target_said) if series.target_said else "",
        "goal": None if series.target is None else round(100 * series.target / scale, 2),
        "points": [
            {
                "label": point.label,
                "said": point.said,
                "bars": []
                if point.value is None
                else [
                    bar_of(
                        Bar(0, max(0.4, round(100 * point.value / scale, 2))),
                        late=point.outcome is Outcome.REFUTED,
                    )
                ],
            }
            for point in series.points[-MOST_ROWS:]
        ],
    }


def _table(table: Table, t: Words) -> dict[str, Any]:
    return {
        "header": table.header,
        "widths": _widths(table, t),
        "rows": [[_cell(cell) for cell in row] for row in table.rows[:MOST_ROWS]],
        "cut": cut_of(t, "report.not_shown", len(table.rows) - MOST_ROWS),
    }


def _widths(table: Table, t: Words) -> list[float]:
    """The columns' shares of the page; 0 for those that are as wide as they need, where all fit side by side.

    A share is that of the longest word, which must not be broken, and a third of what else there is; what a
    row is called is kept whole where it is short.
    """
    columns = [[_plain(row[column], t) for row in table.rows] for column in range(len(table.header))]
    told = [[name, *cells] for name, cells in zip(table.header, columns, strict=True)]
    longest = [max(map(len, texts)) for texts in told]
    if sum(longest) + 2 * len(longest) <= _LINE:
        return [1.0 if column == len(longest) - 1 else 0.0 for column in range(len(longest))]
    kept = [max((len(word) for text in texts for word in text.split()), default=1) for texts in told]
    kept[0] = max(kept[0], longest[0]) if longest[0] <= _LONGEST_WORD else kept[0]
    return [
        round(min(word, _LONGEST_WORD) + 2 + 0.35 * max(0, min(whole, _LINE) - word), 1)
        for word, whole in zip(kept, longest, strict=True)
    ]


def _plain(cell: Cell, t: Words) -> str:
    return f"----{t.outcome(cell).replace(' ', '-')}" if isinstance(cell, Outcome) else cell


def _cell(cell: Cell) -> str | dict[str, str]:
    return {"outcome": cell.value} if isinstance(cell, Outcome) else cell


def bar_of(bar: Bar, *, late: bool = False) -> dict[str, Any]:
    return {"x": bar.x, "width": min(bar.width, 100 - bar.x), "open": bar.open, "late": late}


def cut_of(t: Words, key: str, left: int) -> str:
    return t(key, count=t.whole(left)) if left > 0 else ""
