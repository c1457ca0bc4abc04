"""Exceptions: what was refuted, left open or never tested, and what was not as in production."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rollproof.evidence import reading
from rollproof.evidence.facts import RunFacts, RunSummary
from rollproof.evidence.language import Words, words
from rollproof.evidence.recoveries import recoveries
from rollproof.model.verdict import Outcome

MOST = 300
"""Exceptions that one report lists; verdicts.json holds every scenario."""
_OUTCOMES = {
    Outcome.REFUTED: "refuted",
    Outcome.UNKNOWN: "unknown",
    Outcome.NOT_PROVEN_HERE: "not_proven_here",
    Outcome.NOT_APPLICABLE: "not_applicable",
}
_STAND_IN = "provided by the suite"


@dataclass(frozen=True, slots=True)
class Limit:
    """One exception. `kind` is a key of the texts under `limits`."""

    kind: str
    what: str
    why: str


def limits_of(summary: RunSummary, t: Words | None = None) -> tuple[Limit, ...]:
    """All exceptions, the gravest first; each once. English without `t`."""
    return tuple(dict.fromkeys(_limits(summary, t or words())))


def _limits(summary: RunSummary, t: Words) -> Iterator[Limit]:
    for one in summary.not_proven:
        yield Limit(_OUTCOMES[one.outcome], _named(one.name, one.system, summary), one.reason)
    begun = {one.id for one in summary.scenarios}
    for scenario in summary.facts.planned:
        if scenario not in begun:
            yield Limit("never_begun", scenario, "")
    yield from _missed(summary, t)
    yield from _chosen(summary.facts)
    yield from _items(summary)
    yield from _differences(summary)


def _missed(summary: RunSummary, t: Words) -> Iterator[Limit]:
    """Objectives that were missed where no check was asked about them: the scenario is proven still."""
    for one in recoveries(summary):
        if not one.scenario.outcome.passes:
            continue
        name = _named(one.scenario.name, one.scenario.system, summary)
        for what, outcome, actual, target in (
            ("RTO", one.rto_outcome, one.rto, one.rto_target),
            ("RPO", one.rpo_outcome, one.rpo, one.rpo_target),
        ):
            if outcome is Outcome.REFUTED and actual is not None and target is not None:
                said = t("objectives.against", actual=t.duration(actual), target=t.duration(target))
                yield Limit("missed", name, f"{what} {said}")


def _chosen(facts: RunFacts) -> Iterator[Limit]:
    """What a person left out, or did against the plan: the journal cannot say what would have come of it."""
    for option in facts.picked:
        yield Limit("picked", option, "")
    if facts.parts:
        here, of = facts.parts
        yield Limit("part", f"{here} / {of}", "")
    if facts.override:
        yield Limit("override", reading.text(facts.plan, "name"), facts.override)


def _named(name: str, system: str, summary: RunSummary) -> str:
    return f"{name} [{system}]" if len(summary.facts.systems) > 1 else name


def _items(summary: RunSummary) -> Iterator[Limit]:
    for scenario in summary.scenarios:
        for item in scenario.checklist:
            if not item.outcome.passes and not item.outcome.skipped and scenario.outcome.passes:
                yield Limit("unsigned_item", item.label, scenario.name)


def _differences(summary: RunSummary) -> Iterator[Limit]:
    for scenario in summary.scenarios:
        for relied in scenario.reliances:
            if relied.how != "holds":
                kind = "stand_in" if relied.how == _STAND_IN else "unlike"
                yield Limit(kind, relied.name, relied.found)
    for copy in summary.facts.copies:
        if copy.but:
            yield Limit("copy", copy.what, copy.but)
    for system, lines in summary.facts.differences.items():
        for line in lines:
            yield Limit("declared", system, line)
