"""What report.pdf shows, as plain data: for templates/report.typ, which lays it out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from rollproof.evidence import phrases
from rollproof.evidence.beforeafter import before_and_after
from rollproof.evidence.checklist import ItemRow, checklist_matrix, counted
from rollproof.evidence.facts import CheckResult, Objectives, RunSummary, ScenarioSummary
from rollproof.evidence.html import say_utc, shown_scenarios, worst_of
from rollproof.evidence.language import Words
from rollproof.evidence.limits import limits_of
from rollproof.evidence.paper_sections import MOST_ROWS, bar_of, cut_of, section_on_paper
from rollproof.evidence.recoveries import Recovery, recoveries, unasked
from rollproof.evidence.sections import sections_of
from rollproof.evidence.timeline import Bar, incident_chart
from rollproof.evidence.wording import one_line
from rollproof.model.verdict import Outcome

MOST_SCENARIOS, MOST_DETAILED, MOST_FINDINGS, MOST_ACROSS = 200, 60, 8, 16
_EPOCH = [1970, 1, 1, 0, 0, 0]


def paper(run: RunSummary, t: Words) -> dict[str, Any]:
    """Everything that stands on paper; long runs are cut, and say so."""
    facts, shown = run.facts, shown_scenarios(run, MOST_SCENARIOS)
    told = [(number, one) for number, one in enumerate(run.scenarios, start=1) if one.checks or one.incidents]
    detailed = worst_of(told, MOST_DETAILED)
    limits = limits_of(run, t)
    return {
        "title": f"{t('report.title')} {facts.run}",
        "headline": t.headline(run.counts, finished=run.finished),
        "author": facts.operator or "Rollproof",
        "language": t.tag.partition("-")[0],
        "region": t.tag.partition("-")[2] or "GB",
        "date": _date(facts.started_at),
        "run": t("report.run", run=facts.run),
        "where": _where(run, t),
        "rehearsed": t("report.rehearsed"),
        "partial": t("report.partial") if facts.partial else "",
        "problems": _problems(run, t),
        "scenarios": [_row(number, one, t) for number, one in shown],
        "cut": cut_of(t, "overview.cut", len(run.scenarios) - len(shown)),
        "recoveries": [_recovery(one, t) for one in recoveries(run)[:MOST_ROWS]],
        "unasked": t("objectives.unasked", count=t.count(unasked(run), "scenario")) if unasked(run) else "",
        "incidents": [lanes for number, one in detailed for lanes in _incidents(number, one, t)][
            :MOST_DETAILED
        ],
        "verdicts": [
            {"name": f"{number} {one.name}", "checks": [_check(check, t) for check in one.checks[:MOST_ROWS]]}
            for number, one in detailed
            if one.checks
        ],
        "detailed_cut": t("report.not_shown", count=t.count(len(told) - len(detailed), "scenario"))
        if len(told) > len(detailed)
        else "",
        "comparisons": before_and_after(detailed, t),
        "columns": _columns(run.scenarios),
        "checklist": _checklist(run.scenarios, t),
        "sections": [section_on_paper(one, t) for one in sections_of(run, t)],
        "limits": [
            {
                "kind": t(f"limits.{one.kind}"),
                "what": one.what,
                "why": one_line(phrases.conclusion(t, one.why), 300) or "–",
            }
            for one in limits[:MOST_ROWS]
        ],
        "limits_cut": cut_of(t, "report.not_shown", len(limits) - MOST_ROWS),
        "facts": _facts(run, t),
        "signatures": _signatures(run, t),
        "signed_head": t("signatures.head", head=run.heads[0].hash) if run.heads else "",
        "seal": t.seal(facts.key),
        "texts": _texts(t),
    }


def _date(stamp: str) -> list[int]:
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        return _EPOCH
    return [at.year, at.month, at.day, at.hour, at.minute, at.second]


def _where(run: RunSummary, t: Words) -> str:
    facts = run.facts
    said = t(
        "report.where",
        systems=", ".join(facts.systems) or t("report.no_system"),
        environment=facts.environment or t("report.unnamed"),
    )
    counted_ = [f"{t.whole(many)} {t.outcome(outcome, many)}" for outcome, many in run.counts.items() if many]
    return ", ".join([said, say_utc(facts.started_at), *counted_])


def _problems(run: RunSummary, t: Words) -> list[str]:
    if not run.problems:
        return []
    return [
        t("report.not_trusted" if run.finished else "report.did_not_finish"),
        *(phrases.conclusion(t, one) for one in run.problems[:20]),
    ]


def _row(number: int, one: ScenarioSummary, t: Words) -> dict[str, Any]:
    never = t("report.never") if one.incidents and one.recovery_claimed else "–"
    return {
        "number": str(number),
        "name": f"{one.name} [{one.system}]" if one.system else one.name,
        "reason": "" if one.outcome is Outcome.PROVEN else one_line(phrases.conclusion(t, one.reason), 200),
        "outcome": one.outcome.value,
        "checks": t("report.of", part=one.proven_checks, whole=len(one.checks)) if one.checks else "–",
        "recovered": never if one.rto_seconds is None else t.duration(one.rto_seconds),
    }


def _recovery(one: Recovery, t: Words) -> dict[str, Any]:
    late = one.rto_outcome is Outcome.REFUTED
    drawn = one.rto is not None or one.rto_outcome is not None
    actual = t("objectives.never" if one.rto_outcome else "incident.not_asked")
    if one.rto is not None:
        actual = f"{t.duration(one.rto)} {t('objectives.missed' if late else 'objectives.met')}"
        actual = actual if one.rto_outcome else t.duration(one.rto)
    rpo = "–" if one.rpo is None else t.duration(one.rpo)
    return {
        "name": f"{one.number} {one.scenario.name}",
        "outcome": "" if one.scenario.outcome.passes else one.scenario.outcome.value,
        "bars": [bar_of(Bar(0, one.bar, open=one.rto is None), late=late)] if drawn else [],
        "goal": one.goal,
        "actual": actual,
        "target": t("objectives.no_target") if one.rto_target is None else t.duration(one.rto_target),
        "rpo_bars": []
        if one.rpo_bar is None
        else [bar_of(Bar(0, one.rpo_bar), late=_refuted(one.rpo_outcome))],
        "rpo_goal": one.rpo_goal,
        "rpo": rpo if one.rpo_target is None or one.rpo is None else _of_target(rpo, one, t),
    }


def _refuted(outcome: Outcome | None) -> bool:
    return outcome is Outcome.REFUTED


def _of_target(rpo: str, one: Recovery, t: Words) -> str:
    met = t("objectives.missed" if _refuted(one.rpo_outcome) else "objectives.met")
    return f"{rpo} / {t.duration(one.rpo_target or 0.0)} {met}"


def _incidents(number: int, one: ScenarioSummary, t: Words) -> Iterable[dict[str, Any]]:
    for incident in one.incidents:
        lanes = incident_chart(one, incident, t).lanes
        yield {
            "name": f"{number} {one.name}",
            "cause": f"{t('incident.cause')} {one_line(incident.cause, 200)}" if incident.cause else "",
            "lanes": [
                {"name": lane.name, "said": lane.said, "bars": [bar_of(bar) for bar in lane.bars]}
                for lane in lanes
                if lane.kind in ("phase", "mark")
            ],
        }


def _check(check: CheckResult, t: Words) -> dict[str, Any]:
    verdict = check.verdict
    return {
        "outcome": verdict.outcome.value,
        "title": phrases.claim(t, check),
        "reason": verdict.reason,
        "findings": [one_line(line, 200) for line in verdict.findings[:MOST_FINDINGS]],
    }


def _checklist(scenarios: Sequence[ScenarioSummary], t: Words) -> list[dict[str, Any]]:
    return [
        {"title": t(f"checklist.{phase or 'other'}"), "rows": [_item(row, t) for row in rows[:MOST_ROWS]]}
        for phase, rows in checklist_matrix(scenarios, partial(phrases.claim, t)).items()
    ]


def _columns(scenarios: Sequence[ScenarioSummary]) -> list[str]:
    """Numbers of the scenarios across the checklist; none where they are too many, and are counted."""
    many = len(scenarios)
    return [str(number) for number in range(1, many + 1)] if many <= MOST_ACROSS else []


def _item(row: ItemRow, t: Words) -> dict[str, Any]:
    across = [cell.value if cell else "" for cell in row.cells] if len(row.cells) <= MOST_ACROSS else []
    cells = [
        {"outcome": outcome.value, "said": f"{t.whole(many)} {t.outcome(outcome, many)}"}
        for outcome, many in counted(row).items()
    ]
    return {
        "label": row.label,
        "across": across,
        "cells": cells,
        "by": ", ".join(row.by) or t("report.nobody"),
    }


def _facts(run: RunSummary, t: Words) -> list[tuple[str, str, bool]]:
    """Term, what it is, and whether that is set in equal widths."""
    facts, missing = run.facts, t("report.not_recorded")
    told = [f"{name} {value}" for name, value in facts.environment_facts.items()]
    rows = [
        (t("run.run"), facts.run, True),
        (t("run.began"), say_utc(facts.started_at) or missing, False),
        (t("run.ended"), say_utc(facts.ended_at) or missing, False),
        (t("run.operator"), facts.operator or missing, False),
        (t("run.environment"), ", ".join([facts.environment or missing, *told]), False),
        *_of_systems(run, t),
        (t("run.commit"), facts.git or missing, True),
        (t("run.releases"), ", ".join(facts.releases[:MOST_FINDINGS]), False),
        (t("run.images"), ", ".join(facts.images[:MOST_FINDINGS]), True),
        (t("run.versions"), ", ".join(f"{name} {value}" for name, value in facts.versions.items()), False),
        (t("run.platform"), facts.platform or missing, False),
        *_heads(run, t),
        (t("run.again"), facts.command or t("run.no_command"), True),
    ]
    return [row for row in rows if row[1]]


def _of_systems(run: RunSummary, t: Words) -> Iterable[tuple[str, str, bool]]:
    for name, one in run.facts.objectives.items():
        yield t("run.objectives", system=name), _objectives(one, t), False
    for name, head in run.facts.migration_heads.items():
        yield t("run.heads", system=name), head, True


def _heads(run: RunSummary, t: Words) -> Iterable[tuple[str, str, bool]]:
    for head in run.heads[:MOST_FINDINGS]:
        yield t("run.head_of", part=head.part) if head.part else t("run.head"), head.hash, True


def _objectives(one: Objectives, t: Words) -> str:
    said = []
    if one.rto_seconds is not None:
        said.append(t("run.rto", duration=t.duration(one.rto_seconds)))
    if one.rpo_seconds is not None:
        said.append(t("run.rpo", duration=t.duration(one.rpo_seconds)))
    return ", ".join(said + ([t("run.source", source=one.source)] if one.source else [])) or "–"


def _signatures(run: RunSummary, t: Words) -> list[list[str]]:
    key, operator = run.facts.key, run.facts.operator or t("report.not_recorded")
    sealed = t("signatures.key", key=f"{key[:32]}…") if key else t("signatures.unsigned")
    return [
        [t("signatures.operator"), operator, "", say_utc(run.facts.ended_at)],
        [t("signatures.seal"), "–", sealed, "–"],
        [t("signatures.reviewer"), "", "", ""],
        [t("signatures.owner"), "", "", ""],
    ]


_TEXTS = {
    "title": "report.title",
    "page": "report.page",
    "overview": "overview.title",
    "number": "overview.number",
    "rollback": "overview.rollback",
    "verdict": "overview.verdict",
    "checks": "overview.checks",
    "recovered": "overview.recovered",
    "objectives": "objectives.title",
    "objectives_lead": "objectives.lead",
    "rto": "objectives.rto",
    "rpo": "objectives.rpo",
    "actual": "objectives.actual",
    "target": "objectives.target",
    "time_lines": "pdf.time_lines",
    "phase": "pdf.phase",
    "took": "scenarios.time",
    "verdicts": "pdf.verdicts",
    "comparisons": "comparison.heading",
    "comparisons_lead": "comparison.lead",
    "object": "comparison.object",
    "before": "comparison.before",
    "after": "comparison.after",
    "table": "comparison.table",
    "lost": "comparison.lost",
    "changed": "comparison.changed",
    "added": "comparison.added",
    "columns": "pdf.lost_values",
    "claim": "scenarios.claim",
    "found": "scenarios.found",
    "checklist": "checklist.title",
    "item": "checklist.item",
    "by": "checklist.by",
    "outcome": "overview.verdict",
    "limits": "limits.title",
    "limits_none": "limits.none",
    "limits_lead": "limits.lead",
    "kind": "limits.kind",
    "what": "limits.what",
    "why": "limits.why",
    "said": "pdf.said",
    "run": "run.title",
    "signatures": "signatures.title",
    "role": "signatures.role",
    "name": "signatures.name",
    "signed": "signatures.signed",
    "date": "signatures.date",
    "how": "signatures.how",
    "chain": "report.chain",
    "made_from": "report.made_from",
    "attached": "pdf.attached",
    "letters": "pdf.letters",
    "numbers": "pdf.numbers",
}


def _texts(t: Words) -> dict[str, Any]:
    texts: dict[str, Any] = {name: t(key) for name, key in _TEXTS.items()}
    texts["outcomes"] = {outcome.value: t.outcome(outcome) for outcome in Outcome}
    return texts
