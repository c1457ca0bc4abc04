"""One scenario's evidence, read from its events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rollproof.errors import JournalError
from rollproof.evidence import reading
from rollproof.evidence.acts import act_tree, since, unfinished
from rollproof.evidence.compatibility import compatibility_table
from rollproof.evidence.copies import copies_of
from rollproof.evidence.facts import (
    ActResult,
    ChecklistItem,
    CheckResult,
    Comparison,
    Incident,
    Objectives,
    Operation,
    Reliance,
    ScenarioSummary,
    Traffic,
)
from rollproof.evidence.wording import say_act
from rollproof.journal import Event, History
from rollproof.model.json import Json, JsonObject
from rollproof.model.verdict import Outcome, worst
from rollproof.workload.operations import operations_from_json

_MARKS = ("detected", "decided", "executed", "verified")
_PHASES = ("before", "during", "after")


def summarise_scenario(history: History, *, attempt: int, objectives: Objectives) -> ScenarioSummary:
    """What happened in one scenario. `history` begins with its `scenario.started`."""
    events = history.events
    started = events[0]
    concluded = history.last("scenario.concluded")
    checks = tuple(_checks(history))
    steps = act_tree([event for event in events if event.actor == started.actor], start_ns=started.mono_ns)
    comparisons, problems = _comparisons(history)
    traffic, lost_traffic = _traffic(history, started.mono_ns)
    table, lost_table = compatibility_table(history)
    problems += (*lost_traffic, *lost_table)
    recorded = reading.outcome(concluded.data.get("outcome")) if concluded else None
    outcome, reason = _agreed(
        recorded, reading.text(concluded.data, "reason") if concluded else "", checks, steps, problems
    )
    data = started.data
    line = reading.number(data, "line")
    return ScenarioSummary(
        id=started.actor,
        attempt=attempt,
        feature=reading.text(data, "feature"),
        name=reading.text(data, "name", started.actor),
        system=", ".join(reading.texts(data, "system")),
        tags=reading.texts(data, "tags"),
        file=reading.text(data, "file"),
        line=None if line is None else int(line),
        outcome=outcome,
        recorded=recorded,
        reason=reason,
        seconds=_seconds(events, concluded),
        started_at=started.at,
        checks=checks,
        steps=steps,
        incidents=_incidents(events, started.mono_ns),
        comparisons=comparisons,
        checklist=tuple(_checklist(history)),
        traffic=traffic,
        objectives=objectives,
        problems=problems,
        reliances=tuple(dict.fromkeys(_reliances(history))),
        compatibility=table,
        interventions=reading.texts(data, "interventions"),
        copies=copies_of(history),
    )


def _seconds(events: Sequence[Event], concluded: Event | None) -> float:
    told = reading.number(concluded.data, "seconds") if concluded else None
    return since(events[0].mono_ns, (concluded or events[-1]).mono_ns) if told is None else told


def _checks(history: History) -> Iterator[CheckResult]:
    for event in history.all("verify"):
        check = reading.text(event.data, "check")
        yield CheckResult(
            check,
            reading.text(event.data, "title", check),
            reading.verdict(event.data),
            reading.mapping(event.data, "params"),
        )


def _agreed(
    recorded: Outcome | None,
    reason: str,
    checks: Sequence[CheckResult],
    steps: Sequence[ActResult],
    problems: Sequence[str],
) -> tuple[Outcome, str]:
    """The recorded outcome, unless the journal itself speaks against it: then the worse one, and why."""
    refuting = [check for check in checks if check.verdict.outcome is Outcome.REFUTED]
    if recorded is None:
        return (Outcome.REFUTED if refuting else Outcome.UNKNOWN), _cut_short(steps)
    if refuting and recorded is not Outcome.REFUTED:
        return Outcome.REFUTED, f"concluded as {recorded.value}, but refuted by: {refuting[0].title}"
    if recorded is Outcome.PROVEN and (doubt := _doubt(checks, steps, problems)):
        return Outcome.UNKNOWN, f"concluded as proven, but {doubt}"
    return recorded, reason


def _cut_short(steps: Sequence[ActResult]) -> str:
    act = unfinished(steps)
    during = "" if act is None else f", during: {_named(act)}"
    return f"the run ended before this scenario was concluded{during}"


def _named(act: ActResult) -> str:
    return reading.text(act.data, "name", say_act(act.act)) if act.act == "step" else act.act


def _doubt(checks: Sequence[CheckResult], steps: Sequence[ActResult], problems: Sequence[str]) -> str:
    if not checks:
        return "no check gave a verdict"
    if worst(check.verdict.outcome for check in checks) is not Outcome.PROVEN:
        return "not every check says so"
    if act := unfinished(steps):
        return f"the journal does not say how this ended: {_named(act)}"
    if failed := [act for act in steps if act.act in ("step", "heal") and act.status != "ok"]:
        return f"this did not succeed: {_named(failed[0])}"
    return f"its evidence is damaged: {problems[0]}" if problems else ""


def _incidents(events: Sequence[Event], start_ns: int) -> tuple[Incident, ...]:
    """A fault begins an incident, unless one is going on that nobody has verified the end of: it is then a
    part of that. Of several marks of one kind the first counts, but the last `executed` before the service
    was verified: what came after the first attempt is recovery too."""
    found: list[dict[str, float]] = []
    causes: list[str] = []
    for event in events:
        head, _, mark = event.act.partition(".")
        if head != "incident":
            continue
        if mark == "fault":
            cause = reading.text(event.data, "cause") or reading.text(event.data, "title")
            if found and "verified" not in found[-1]:
                causes[-1] = "; then ".join(filter(None, [causes[-1], cause]))
            else:
                found.append({"fault": since(start_ns, event.mono_ns)})
                causes.append(cause)
        elif found and mark in _MARKS:
            _mark(found[-1], mark, since(start_ns, event.mono_ns))
    return tuple(Incident(cause=cause, **marks) for cause, marks in zip(causes, found, strict=True))


def _mark(marks: dict[str, float], name: str, at: float) -> None:
    if name == "executed" and "verified" not in marks:
        marks[name] = at
    marks.setdefault(name, at)


def _comparisons(history: History) -> tuple[tuple[Comparison, ...], tuple[str, ...]]:
    """The newest comparison of each two observations, what happened to the world first."""
    found, problems = [], []
    newest = {_pair(event.data): event for event in history.all("observe.compare")}
    for event in sorted(newest.values(), key=_interest):
        differences, wrong = reading.attached(history, event.data.get("differences"))
        changes, wrong_too = reading.attached(history, event.data.get("changes"))
        problems += [one for one in (wrong, wrong_too) if one]
        found.append(_comparison(event.data, differences, changes))
    return tuple(found), tuple(problems)


def _pair(data: JsonObject) -> tuple[str, str, str]:
    return reading.text(data, "component"), reading.text(data, "label"), reading.text(data, "against")


def _interest(event: Event) -> tuple[bool, int]:
    _, label, against = _pair(event.data)
    return (label, against) != ("after", "before"), event.seq


def _comparison(data: JsonObject, differences: Json, changes: Json) -> Comparison:
    return Comparison(
        label=reading.text(data, "label", "after"),
        against=reading.text(data, "against", "before"),
        component=reading.text(data, "component", "database"),
        differences=reading.differences(differences),
        changes=reading.row_changes(changes),
        differences_ref=_reference(data.get("differences")),
        changes_ref=_reference(data.get("changes")),
    )


def _reference(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _reliances(history: History) -> Iterator[Reliance]:
    for event in history.events:
        if event.act in ("fidelity.relied", "provided"):
            how = "provided by the suite" if event.act == "provided" else reading.text(event.data, "outcome")
            yield Reliance(reading.text(event.data, "name"), how, reading.text(event.data, "found"))


def _checklist(history: History) -> Iterator[ChecklistItem]:
    for event in history.all("checklist.item"):
        item = reading.text(event.data, "item")
        yield ChecklistItem(
            item=item,
            label=reading.text(event.data, "label", item),
            phase=_phase(event.data, item),
            outcome=reading.outcome(event.data.get("outcome")),
            by=reading.text(event.data, "check") or reading.text(event.data, "user"),
        )


def _phase(data: JsonObject, item: str) -> str:
    told = reading.text(data, "kind")
    return next((phase for phase in _PHASES if told == phase or item.lower().startswith(phase)), "")


def _traffic(history: History, start_ns: int) -> tuple[Traffic | None, tuple[str, ...]]:
    notes = history.all("traffic.finished")
    if not notes:
        return None, ()
    problems: list[str] = []
    operations: list[Operation] = []
    for note in notes:
        value, wrong = reading.attached(history, note.data.get("operations"))
        found, unreadable = _operations(value, start_ns)
        problems += [one for one in (wrong, unreadable) if one]
        operations += found
    counted = {
        name: sum(reading.count(note.data, name) for note in notes)
        for name in ("writes", "reads", "acknowledged", "failed", "indeterminate")
    }
    findings = tuple(line for note in notes for line in reading.texts(note.data, "findings"))
    return Traffic(**counted, operations=tuple(operations), findings=findings), tuple(problems)


def _operations(value: Json, start_ns: int) -> tuple[list[Operation], str]:
    """The clients' operations, and what is wrong with them when they cannot be read."""
    if value is None:
        return [], ""
    try:
        done = operations_from_json(value)
    except JournalError as error:
        return [], error.found
    return [Operation(since(start_ns, one.ended_ns), one.kind, one.outcome) for one in done], ""
