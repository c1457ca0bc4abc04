"""Before and after on paper: the differences that report.html shows, cut where they are many, and counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rollproof.evidence import phrases
from rollproof.evidence.facts import Comparison, ScenarioSummary
from rollproof.evidence.language import Words
from rollproof.evidence.wording import one_line
from rollproof.model.fingerprint import Difference, DifferenceClass
from rollproof.model.rows import RowChanges
from rollproof.model.verdict import Outcome

MOST_ROWS = 600
"""Lines of differences on all pages; the scenarios that are not proven come first in using them up."""
_MOST = {True: 3, False: 25}
"""Lines of one table, by whether the scenario is proven"""
_MOST_KEYS, _LONGEST = 5, 90
_ORDER = tuple(DifferenceClass)


def before_and_after(detailed: Iterable[tuple[int, ScenarioSummary]], t: Words) -> list[dict[str, Any]]:
    """One entry a scenario that compared anything, in the order of the report."""
    told = [(number, one) for number, one in detailed if one.comparisons]
    room, drawn = MOST_ROWS, {}
    for number, one in sorted(told, key=lambda told_: told_[1].outcome is Outcome.PROVEN):
        drawn[number] = entry = _scenario(one, min(room, _MOST[one.outcome is Outcome.PROVEN]), t)
        room -= sum(len(part["differences"]) + len(part["rows"]) for part in entry)
    return [{"name": f"{number} {one.name}", **_apart(drawn[number], t)} for number, one in told]


def _scenario(one: ScenarioSummary, most: int, t: Words) -> list[dict[str, Any]]:
    return [_comparison(compared, most, t) for compared in one.comparisons]


def _apart(entry: Sequence[dict[str, Any]], t: Words) -> dict[str, Any]:
    """What differs in tables, what does not in one line."""
    same = [part["title"] for part in entry if not part["counted"]]
    return {
        "parts": [part for part in entry if part["counted"]],
        "same": t("comparison.same", what="; ".join(same)) if same else "",
    }


def title_of(compared: Comparison, t: Words) -> str:
    names = {
        name: phrases.observation(t, getattr(compared, name)) for name in ("component", "label", "against")
    }
    return t("comparison.title", **names)


def summed_up(compared: Comparison, t: Words) -> str:
    """How much differs, in one phrase."""
    losing = sum(one.loses for one in compared.changes)
    added = sum(one.added for one in compared.changes)
    said = [
        t.count(len(compared.differences), "difference"),
        t("comparison.losing", count=t.count(losing, "table")) if losing else t("comparison.no_loss"),
    ]
    return ", ".join([*said, *([t("comparison.some_added", count=t.count(added, "row"))] if added else [])])


def _comparison(compared: Comparison, most: int, t: Words) -> dict[str, Any]:
    found = sorted(compared.differences, key=lambda one: _ORDER.index(one.klass))
    changes = sorted(compared.changes, key=lambda one: not one.loses)
    return {
        "title": title_of(compared, t),
        "said": summed_up(compared, t),
        "counted": len(found) + len(changes),
        "differences": [_difference(one, t) for one in found[:most]],
        "differences_cut": _cut(len(found) - most, "difference", compared.differences_ref, t),
        "rows": [_changes(one, t) for one in changes[:most]],
        "rows_cut": _cut(len(changes) - most, "more_table", compared.changes_ref, t),
    }


def _cut(left: int, what: str, reference: str, t: Words) -> str:
    if left <= 0:
        return ""
    if not reference:
        return t("report.not_shown", count=t.count(left, what))
    return t("comparison.cut_short", count=t.count(left, what), reference=reference)


def _difference(one: Difference, t: Words) -> list[str]:
    name = f"{one.kind} {one.name}"
    if one.klass is not DifferenceClass.OBJECT:
        name += f" ({t.name('classes', one.klass.value)})"
    if one.attribute is None:
        before = t("comparison.not_there" if one.before is None else "comparison.there")
        after = t("comparison.missing" if one.after is None else "comparison.there")
        return [name, t("comparison.itself", kind=one.kind), before, after]
    before, after = phrases.value(t, one.before), phrases.value(t, one.after)
    return [name, one.attribute, one_line(before, _LONGEST), one_line(after, _LONGEST)]


def _changes(one: RowChanges, t: Words) -> list[str]:
    name = f"{one.table} ({t('comparison.gone')})" if one.missing_table else one.table
    said = [phrases.value(t, {**one.lost_columns})] if one.lost_columns else []
    counts = [t.whole(many) for many in (one.lost, one.changed, one.added)]
    return [name, *counts, "; ".join([*said, *_keys(one, t)]) or "–"]


def _keys(one: RowChanges, t: Words) -> Iterator[str]:
    for what, keys, many in (
        ("lost_keys", one.lost_keys, one.lost),
        ("changed_keys", one.changed_keys, one.changed),
        ("added_keys", one.added_keys, one.added),
    ):
        if keys:
            shown = _few(keys)
            more = t("comparison.more_keys", count=t.whole(many - len(shown))) if many > len(shown) else ""
            yield f"{t(f'comparison.{what}')}: {', '.join(shown)}{more}"


def _few(keys: Sequence[str]) -> list[str]:
    """The first ones, as many as a line has room for; never a part of one but of the first."""
    shown = [one_line(keys[0], _LONGEST)]
    for key in keys[1:_MOST_KEYS]:
        if len(", ".join([*shown, key])) > _LONGEST:
            break
        shown.append(key)
    return shown
