"""A run's journal summed up: the one source of report.html, junit.xml, verdicts.json and the terminal."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from rollproof.evidence import reading
from rollproof.evidence.acts import since
from rollproof.evidence.facts import JournalHead, Objectives, RunFacts, RunSummary, ScenarioSummary
from rollproof.evidence.scenario import summarise_scenario
from rollproof.journal import Event, History
from rollproof.model.json import JsonObject
from rollproof.model.verdict import Outcome, worst


def summarise(history: History, *parts: History) -> RunSummary:
    """Sums up one run. A pure function of its journals: no clock, no environment.

    A journal cut short by a kill is summed up as far as it goes, and `finished` is False.

    Args:
        history: the run's journal.
        parts: journals of its workers, when it had several.
    """
    histories = [one for one in (history, *parts) if one.events]
    facts = _facts(histories)
    scenarios = tuple(one for part in histories for one in _scenarios(part, facts.objectives))
    problems = [problem for part in histories for problem in _problems(part)]
    problems += [f"{one.name}: {problem}" for one in scenarios for problem in one.problems]
    finished = bool(histories) and all(_finished(part) for part in histories)
    outcome = _overall(scenarios, histories, sound=finished and not problems)
    heads = tuple(_head(index, part) for index, part in enumerate(histories))
    return RunSummary(facts, scenarios, outcome, finished, heads, tuple(problems))


def _overall(scenarios: Sequence[ScenarioSummary], histories: Sequence[History], *, sound: bool) -> Outcome:
    claims = [one.outcome for one in scenarios if not one.outcome.skipped]
    told = [one for one in map(_told, histories) if one in (Outcome.REFUTED, Outcome.UNKNOWN)]
    outcome = worst([*claims, *told])
    return outcome if sound or outcome is Outcome.REFUTED else Outcome.UNKNOWN


def _told(history: History) -> Outcome | None:
    note = history.last("run.finished")
    return reading.outcome(note.data.get("outcome")) if note else None


def _finished(history: History) -> bool:
    """Finished by its own process; a killed run that was healed later says a reason instead."""
    note = history.last("run.finished")
    return note is not None and not reading.text(note.data, "reason")


def _problems(history: History) -> list[str]:
    note = history.last("run.finished")
    if note is None:
        last = history.events[-1]
        where = "" if last.actor == "run" else f" of {last.actor}"
        return [f"this run did not finish: its journal ends after event {last.seq} ({last.act}{where})"]
    reason = reading.text(note.data, "reason")
    told = [f"this run did not finish: {reason}"] if reason else []
    return told + [f"not undone: {line}" for line in reading.texts(note.data, "findings")]


def _scenarios(history: History, objectives: Mapping[str, Objectives]) -> list[ScenarioSummary]:
    attempts: dict[str, int] = {}
    found = []
    for started in history.all("scenario.started"):
        attempts[started.actor] = attempts.get(started.actor, 0) + 1
        system = next(iter(reading.texts(started.data, "system")), "")
        found.append(
            summarise_scenario(
                _from(history.of_scenario(started.actor), started),
                attempt=attempts[started.actor],
                objectives=objectives.get(system, Objectives()),
            )
        )
    return found


def _from(history: History, started: Event) -> History:
    """The events of one attempt: from its start to the next start of the same scenario."""
    later = [event.seq for event in history.all("scenario.started") if event.seq > started.seq]
    end = min(later, default=None)
    mine = [one for one in history.events if one.seq >= started.seq and (end is None or one.seq < end)]
    return History(mine, history.attachments)


def _facts(histories: Sequence[History]) -> RunFacts:
    if not histories:
        return RunFacts(run="")
    first = histories[0].events[0]
    note = next((part.first("run.started") for part in histories if part.first("run.started")), None)
    data: JsonObject = note.data if note else {}
    lasts = [_last_own(part) for part in histories]
    return RunFacts(
        run=first.run,
        systems=reading.texts(data, "system"),
        environment=reading.text(data, "environment"),
        started_at=(note or first).at,
        ended_at=max(last.at for last in lasts),
        seconds=since(first.mono_ns, max(last.mono_ns for last in lasts)),
        git=_git(data),
        python=reading.text(data, "python"),
        platform=reading.text(data, "platform"),
        command=_command(data),
        versions=_named(reading.mapping(data, "versions")),
        environment_facts=_environment_facts(histories),
        objectives=_objectives(data),
    )


def _last_own(history: History) -> Event:
    """The last event of the run itself; healing after a kill may be days later, and another boot."""
    own = [event for event in history.events if event.actor != "heal"]
    return (own or list(history.events))[-1]


def _git(data: JsonObject) -> str:
    git = data.get("git")
    return ", ".join(_named(git).values()) if isinstance(git, Mapping) else reading.text(data, "git")


def _command(data: JsonObject) -> str:
    command = data.get("command", data.get("argv"))
    return command if isinstance(command, str) else shlex.join(str(part) for part in reading.items(command))


def _named(data: JsonObject) -> dict[str, str]:
    return {name: str(value) for name, value in sorted(data.items())}


def _environment_facts(histories: Sequence[History]) -> dict[str, str]:
    facts: dict[str, str] = {}
    for part in histories:
        for event in part.all("environment.opened"):
            facts |= _named(reading.mapping(event.data, "facts"))
    return facts


def _objectives(data: JsonObject) -> dict[str, Objectives]:
    declared = reading.mapping(data, "objectives")
    return {
        system: Objectives(
            reading.number(one, "rto_seconds"),
            reading.number(one, "rpo_seconds"),
            reading.text(one, "source"),
        )
        for system, one in declared.items()
        if isinstance(one, Mapping)
    }


def _head(index: int, history: History) -> JournalHead:
    last = history.events[-1]
    return JournalHead("main" if index == 0 else f"part {index}", last.seq, last.hash)
