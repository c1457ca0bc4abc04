"""A run's journal summed up: the one source of report.html, junit.xml, verdicts.json and the terminal."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from rollproof.evidence import reading
from rollproof.evidence.acts import since
from rollproof.evidence.copies import copies_of
from rollproof.evidence.facts import JournalHead, Objectives, RunFacts, RunSummary, ScenarioSummary
from rollproof.evidence.scenario import summarise_scenario
from rollproof.evidence.standing.earlier import earlier_of
from rollproof.journal import Event, History, Kind
from rollproof.model.json import JsonObject
from rollproof.model.language import language_code
from rollproof.model.verdict import Outcome, worst

_MERGED = "parts.merged"
"""Written when workers' journals become one, after everything that it stands before."""


def summarise(history: History) -> RunSummary:
    """Sums up one run. A pure function of its journal: no clock, no environment.

    A journal cut short by a kill is summed up as far as it goes, and `finished` is False.
    """
    facts = _facts(history)
    scenarios = tuple(_scenarios(history, facts.objectives))
    problems = _problems(history)
    problems += [f"{one.name}: {problem}" for one in scenarios for problem in one.problems]
    finished = _finished(history)
    outcome = _overall(scenarios, history, sound=finished and not problems)
    return RunSummary(
        facts,
        scenarios,
        outcome,
        finished,
        tuple(_heads(history)),
        len(history.events),
        tuple(problems),
        earlier_of(history),
    )


def _overall(scenarios: Sequence[ScenarioSummary], history: History, *, sound: bool) -> Outcome:
    """The worst of what was claimed. A worker without scenarios tells unknown, which says nothing."""
    told = [reading.outcome(note.data.get("outcome")) for note in history.all("run.finished")]
    claims = [one.outcome for one in scenarios if not one.outcome.skipped]
    outcome = worst([*claims, *(one for one in told if one is Outcome.REFUTED)])
    return outcome if sound or outcome is Outcome.REFUTED else Outcome.UNKNOWN


def _finished(history: History) -> bool:
    """Each process that began also finished; a killed one that was healed later gives a reason."""
    ended = [note for note in history.all("run.finished") if not reading.text(note.data, "reason")]
    return bool(ended) and len(ended) >= len(history.all("run.started"))


def _problems(history: History) -> list[str]:
    notes = history.all("run.finished")
    reasons = [reading.text(note.data, "reason") for note in notes if note.data.get("reason")]
    told = [f"this run did not finish: {reason}" for reason in reasons]
    if not told and not _finished(history):
        told = [f"this run did not finish: its journal ends with {_last_words(history)}"]
    told = told or _never_begun(history)
    return told + [f"not undone: {line}" for note in notes for line in reading.texts(note.data, "findings")]


def _never_begun(history: History) -> list[str]:
    """Scenarios that were chosen and of which nothing is on record: an interrupt, a part that failed."""
    begun = {event.actor for event in history.all("scenario.started")}
    chosen = dict.fromkeys(one for note in history.all("run.planned") for one in _items(note))
    missing = [one for one in chosen if one not in begun]
    if not missing:
        return []
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return [f"chosen and never begun: {missing[0]}{more}"]


def _last_words(history: History) -> str:
    if not history.events:
        return "nothing in it"
    last = history.events[-1]
    where = "" if last.actor == "run" else f" of {last.actor}"
    return f"event {last.seq} ({last.act}{where})"


def _scenarios(history: History, objectives: Mapping[str, Objectives]) -> list[ScenarioSummary]:
    attempts: dict[str, int] = {}
    found = []
    for part in attempts_of(history):
        started = part.events[0]
        attempts[started.actor] = attempts.get(started.actor, 0) + 1
        system = next(iter(reading.texts(started.data, "system")), "")
        found.append(
            summarise_scenario(
                part, attempt=attempts[started.actor], objectives=objectives.get(system, Objectives())
            )
        )
    return found


def attempts_of(history: History) -> list[History]:
    """The events of each attempt at each scenario, its clients' among them, in the order of their starts.

    An attempt goes from its `scenario.started` to the next of the same scenario. In one pass: runs have
    thousands of scenarios.
    """
    owners = _Owners({event.actor for event in history.all("scenario.started")})
    running: dict[str, list[Event]] = {}
    found: list[list[Event]] = []
    for event in history.events:
        if event.act == "scenario.started":
            running[event.actor] = []
            found.append(running[event.actor])
        for owner in owners[event.actor]:
            if owner in running:
                running[owner].append(event)
    return [History(events, history.attachments) for events in found]


class _Owners(dict[str, tuple[str, ...]]):
    """Actor -> the scenarios that its events belong to: its own, or those whose client it is."""

    def __init__(self, scenarios: set[str]) -> None:
        super().__init__()
        self.scenarios = scenarios

    def __missing__(self, actor: str) -> tuple[str, ...]:
        parts = actor.split("/")
        names = ("/".join(parts[:number]) for number in range(1, len(parts) + 1))
        self[actor] = tuple(name for name in names if name in self.scenarios)
        return self[actor]


def _facts(history: History) -> RunFacts:
    own = [one for one in history.events if one.actor != "heal" and one.act != _MERGED]
    if not own:
        return RunFacts(run=history.events[0].run if history.events else "")
    began = history.all("run.started")
    data: JsonObject = began[0].data if began else {}
    return RunFacts(
        run=history.events[0].run,
        systems=tuple(dict.fromkeys(name for one in began for name in reading.texts(one.data, "system"))),
        environment=reading.text(data, "environment"),
        started_at=min(one.at for one in own),
        ended_at=max(one.at for one in own),
        seconds=_seconds(own),
        git=_git(data),
        python=reading.text(data, "python"),
        platform=reading.text(data, "platform"),
        command=_command(data),
        versions=_named(reading.mapping(data, "versions")),
        environment_facts=_environment_facts(history),
        copies=copies_of(history),
        objectives={name: asked for one in began for name, asked in _objectives(one.data).items()},
        operator=reading.text(data, "operator"),
        key=reading.text(reading.mapping(data, "seal"), "keyid"),
        plan=reading.mapping(data, "plan"),
        planned=tuple(dict.fromkeys(one for note in history.all("run.planned") for one in _items(note))),
        releases=tuple(dict.fromkeys(_versions(history))),
        images=tuple(dict.fromkeys(_images(history))),
        migration_heads=_migration_heads(history),
        differences={
            system: reading.texts(lines, "items")
            for system, lines in reading.mapping(data, "declared").items()
            if isinstance(lines, Mapping)
        },
        language=language_of(history),
        picked=tuple(dict.fromkeys(one for note in began for one in reading.texts(note.data, "left_out"))),
        override=reading.text(reading.mapping(data, "plan"), "override"),
        parts=_parts(began),
    )


def language_of(history: History) -> str:
    """Code of the language of a run's reports; English where the journal names none that is known."""
    began = history.all("run.started")
    try:
        return language_code(reading.text(began[0].data, "language", "en") if began else "en")
    except ValueError:
        return "en"


def _parts(began: Sequence[Event]) -> tuple[int, int] | None:
    shards = [reading.mapping(note.data, "shard") for note in began if "shard" in note.data]
    here = {reading.count(shard, "index") for shard in shards}
    of = max((reading.count(shard, "of") for shard in shards), default=0)
    return (len(here), of) if len(here) < of else None


def _seconds(own: Sequence[Event]) -> float:
    """From the first event to the last. Runs that were made one had a monotonic clock each."""
    if len({one.run for one in own}) == 1:
        return since(min(one.mono_ns for one in own), max(one.mono_ns for one in own))
    moments = [datetime.fromisoformat(one.at) for one in own]
    return (max(moments) - min(moments)).total_seconds()


def _items(event: Event) -> tuple[str, ...]:
    return reading.texts(event.data, "items")


def _versions(history: History) -> Iterator[str]:
    for event in history.all("release.deploy", Kind.BEGIN):
        if version := reading.text(event.data, "version"):
            yield version


_IMAGE = re.compile(r"(?<![\w./:-])[\w./:-]*@?sha256:[0-9a-f]{64}")
_WITH_IMAGES = ("image", "release", "service")


def _images(history: History) -> Iterator[str]:
    """Digests of container images, wherever an act with images or services names one."""
    for event in history.events:
        if event.act.startswith(_WITH_IMAGES):
            yield from _IMAGE.findall(json.dumps(event.data))


def _migration_heads(history: History) -> dict[str, str]:
    """By system, the newest migration of the longest ledger that was read."""
    systems = {e.actor: reading.text(e.data, "system") for e in history.all("scenario.started")}
    longest: dict[str, tuple[str, ...]] = {}
    for note in history.all("observe.ledger"):
        system, ledger = systems.get(note.actor, ""), _items(note)
        if len(ledger) > len(longest.get(system, ())):
            longest[system] = ledger
    return {system: ledger[-1] for system, ledger in sorted(longest.items())}


def _git(data: JsonObject) -> str:
    git = data.get("git")
    return ", ".join(_named(git).values()) if isinstance(git, Mapping) else reading.text(data, "git")


def _command(data: JsonObject) -> str:
    command = data.get("command", data.get("argv"))
    return command if isinstance(command, str) else shlex.join(str(part) for part in reading.items(command))


def _named(data: JsonObject) -> dict[str, str]:
    return {name: str(value) for name, value in sorted(data.items())}


def _environment_facts(history: History) -> dict[str, str]:
    facts: dict[str, str] = {}
    for event in history.all("environment.opened"):
        facts |= _named(reading.mapping(event.data, "facts"))
    if copies := copies_of(history):
        facts["worked on"] = "; ".join(one.what for one in copies)
    return facts


def _objectives(data: JsonObject) -> dict[str, Objectives]:
    declared = reading.mapping(data, "objectives")
    return {
        system: Objectives(
            reading.number(one, "rto_seconds"),
            reading.number(one, "rpo_seconds"),
            reading.text(one, "source"),
            reading.texts(one, "critical") if "critical" in one else None,
        )
        for system, one in declared.items()
        if isinstance(one, Mapping)
    }


def _heads(history: History) -> Iterator[JournalHead]:
    """The journal's own head, and those of the workers' journals that it was made of."""
    if history.events:
        yield JournalHead("", history.events[-1].hash)
    for note in history.all(_MERGED):
        for name, head in reading.mapping(note.data, "parts").items():
            yield JournalHead(name, str(head))
