"""The checklist as a matrix: items down, scenarios across."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rollproof.evidence.facts import ChecklistItem, CheckResult, ScenarioSummary
from rollproof.model.verdict import Outcome, worst

PHASES = ("before", "during", "after", "")


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One item: its cell for each scenario (None where it was not asked for) and what ticked it."""

    label: str
    cells: tuple[Outcome | None, ...]
    by: tuple[str, ...]


def title_of(check: CheckResult) -> str:
    return check.title


def checklist_matrix(
    scenarios: Sequence[ScenarioSummary], named: Callable[[CheckResult], str] = title_of
) -> dict[str, list[ItemRow]]:
    """Rows by phase, in the order in which items first came up; phases without items left out.

    `named` is what a check is called that ticks an item.
    """
    items: dict[tuple[str, str], list[list[ChecklistItem]]] = {}
    for place, scenario in enumerate(scenarios):
        for item in scenario.checklist:
            key = (item.phase, item.item)
            if key not in items:
                items[key] = [[] for _ in scenarios]
            items[key][place].append(item)
    titles = {check.check: named(check) for scenario in scenarios for check in scenario.checks}
    by_phase: dict[str, list[ItemRow]] = {}
    for phase in PHASES:
        rows = [_row(cells, titles) for (of, _), cells in items.items() if of == phase]
        by_phase |= {phase: rows} if rows else {}
    return by_phase


def _row(cells: list[list[ChecklistItem]], titles: dict[str, str]) -> ItemRow:
    given = [item for cell in cells for item in cell]
    by = dict.fromkeys(titles.get(item.by, item.by) for item in given if item.by)
    return ItemRow(given[0].label, tuple(_cell(cell) for cell in cells), tuple(by))


def _cell(items: list[ChecklistItem]) -> Outcome | None:
    if not items:
        return None
    outcomes = [item.outcome for item in items]
    return outcomes[0] if all(one.skipped for one in outcomes) else worst(outcomes)


def counted(row: ItemRow) -> dict[Outcome, int]:
    """How often an item came out how, for matrices with more columns than a page is wide."""
    return {outcome: many for outcome in Outcome if (many := row.cells.count(outcome))}
