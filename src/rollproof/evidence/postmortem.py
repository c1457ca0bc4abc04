"""A post-mortem drafted from the journal of one scenario: pure, and it never says more than was recorded.

The cause is quoted as what the drill diagnosed; the root cause, and what is done so that it does not
happen again, are left to a person, and marked so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise

from rollproof.errors import BadInput
from rollproof.evidence import phrases, reading
from rollproof.evidence.facts import CheckResult
from rollproof.evidence.postmortem_words import LANGUAGES, Words
from rollproof.evidence.wording import one_line, printable
from rollproof.journal import Event, History, Kind
from rollproof.model.json import JsonObject
from rollproof.model.verdict import Outcome
from rollproof.workload.operations import Operation, operations_from_json

LONGEST_NAME = 80
MARKS = ("fault", "detected", "decided", "executed", "verified")
_ENDS = (Kind.OK, Kind.FAIL, Kind.UNKNOWN)
_NOT_TOLD = frozenset({"step", "verify", "heal"})


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened. `at`: UTC, as the journal has it; `said`: what was recorded with it."""

    mark: str
    at: str
    ns: int
    said: str = ""


@dataclass(frozen=True, slots=True)
class Deed:
    """An act: when it began, and how it ended: `ok`, `fail`, `unknown`, or `open`."""

    at: str
    act: str
    status: str
    found: str = ""


@dataclass(frozen=True, slots=True)
class Impact:
    """What clients saw from the fault to the verified service, and after it.

    Attributes:
        failures: requests that were not acknowledged, by the name of what was asked.
        lost: acknowledged writes that were gone afterwards; None when nobody looked.
    """

    asked: int = 0
    failed: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    asked_after: int = 0
    failed_after: int = 0
    lost: int | None = None


@dataclass(frozen=True, slots=True)
class PostMortem:
    """Everything that the draft says, as it was recorded."""

    scenario: str
    system: str
    run: str
    moments: tuple[Moment, ...]
    diagnosis: str
    findings: tuple[str, ...]
    decision: str
    deeds: tuple[Deed, ...]
    impact: Impact | None
    verdicts: tuple[CheckResult, ...]
    waiting: tuple[str, ...]

    def mark(self, name: str) -> Moment | None:
        return next((moment for moment in self.moments if moment.mark == name), None)

    def seconds(self, since: str, until: str) -> float | None:
        """Between two marks; None when either is missing."""
        first, last = self.mark(since), self.mark(until)
        return None if first is None or last is None else max(0.0, (last.ns - first.ns) / 1e9)


def has_incident(history: History) -> bool:
    """Whether there is anything to write a post-mortem of."""
    return history.first("incident.fault") is not None


def post_mortem(history: History) -> PostMortem:
    """What was recorded of the incident in one scenario. Raises BadInput when there was none."""
    if not has_incident(history):
        raise BadInput(
            "no incident was recorded",
            doing="drafting a post-mortem",
            remedy="name a scenario in which something went wrong",
        )
    started = history.first("scenario.started") or history.events[0]
    detected, decided = history.first("incident.detected"), history.first("incident.decided")
    moments = tuple(_moments(history))
    return PostMortem(
        scenario=reading.text(started.data, "name", started.actor),
        system=", ".join(reading.texts(started.data, "system")),
        run=started.run,
        moments=moments,
        diagnosis=reading.text(detected.data, "cause") if detected else "",
        findings=reading.texts(detected.data, "findings") if detected else (),
        decision=reading.text(decided.data, "decision") if decided else "",
        deeds=tuple(_deeds(history)),
        impact=_impact(history, {moment.mark: moment.ns for moment in moments}),
        verdicts=tuple(_verdicts(history)),
        waiting=tuple(_waiting(history)),
    )


def _moments(history: History) -> Iterator[Moment]:
    """The first of each mark, but the last `executed` that was not verified before: it ended the recovery."""
    verified = history.first("incident.verified")
    for name in MARKS:
        events = history.all(f"incident.{name}")
        if name == "executed" and verified is not None:
            events = [event for event in events if event.seq < verified.seq][-1:] or events
        for event in events[-1:] if name == "executed" else events[:1]:
            said = reading.text(event.data, "cause") or reading.text(event.data, "decision")
            yield Moment(name, event.at, event.mono_ns, said)


def _deeds(history: History) -> Iterator[Deed]:
    fault = history.first("incident.fault")
    ends = {event.data.get("of"): event for event in history.events if event.kind in _ENDS}
    for event in history.events:
        if event.kind is not Kind.BEGIN or event.act in _NOT_TOLD:
            continue
        end = ends.get(event.seq)
        if fault is not None and (end or event).seq > fault.seq:
            found = reading.text(end.data, "found") if end is not None and end.kind is not Kind.OK else ""
            yield Deed(event.at, event.act, end.kind.value if end else "open", found)


def _verdicts(history: History) -> Iterator[CheckResult]:
    for event in history.all("verify"):
        check = reading.text(event.data, "check")
        yield CheckResult(check, reading.text(event.data, "title", check), reading.verdict(event.data))


def _waiting(history: History) -> Iterator[str]:
    for event in history.all("checklist.item"):
        if reading.outcome(event.data.get("outcome")).skipped:
            yield reading.text(event.data, "label")


def _impact(history: History, marks: Mapping[str, int]) -> Impact | None:
    """None when no client was at work, or what they did cannot be read."""
    finished = history.last("traffic.finished", Kind.NOTE)
    if finished is None:
        return None
    value, wrong = reading.attached(history, finished.data.get("operations"))
    if wrong or value is None:
        return None
    done = operations_from_json(value)
    until = marks.get("verified", max((one.ended_ns for one in done), default=0))
    during = [one for one in done if marks["fault"] <= one.ended_ns <= until]
    after = [one for one in done if one.started_ns > until]
    written = history.last("observe.writes", Kind.NOTE)
    return Impact(
        asked=len(during),
        failed=sum(map(_failed, during)),
        failures=_by_name([one for one in during if _failed(one)]),
        asked_after=len(after),
        failed_after=sum(map(_failed, after)),
        lost=reading.count(written.data, "count") if written else None,
    )


def _failed(operation: Operation) -> bool:
    return operation.outcome != "ok"


def _by_name(operations: list[Operation]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for operation in operations:
        counted[operation.name] = counted.get(operation.name, 0) + 1
    return counted


def render(found: PostMortem, *, language: str = "en") -> str:
    """The draft in Markdown. Raises BadInput for a language that there is none in."""
    if language not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        raise BadInput(f"no post-mortem is written in {language!r}", remedy=f"one of {known}")
    words = LANGUAGES[language]
    parts = [_head, _summary, _time_line, _impact_table, _diagnosis, _done, _went, _left_to_people]
    return "\n".join(line for part in parts for line in part(found, words)).rstrip() + "\n"


def _head(found: PostMortem, words: Words) -> Iterator[str]:
    yield f"# {words.title}: {_plain(found.scenario)}"
    yield ""
    yield f"*{words.draft}*"
    yield ""
    yield f"- {words.system}: {_plain(found.system)}"
    yield f"- {words.run}: `{found.run}`"
    yield ""


def _summary(found: PostMortem, words: Words) -> Iterator[str]:
    yield f"## {words.durations}"
    yield ""
    yield f"| {words.from_to} | {words.took} |"
    yield "| --- | --- |"
    for since, until in (*pairwise(MARKS), ("fault", "verified")):
        seconds = found.seconds(since, until)
        took = words.not_recorded if seconds is None else words.t.duration(seconds)
        yield f"| {words.marks[since]} → {words.marks[until]} | {took} |"
    yield ""


def _time_line(found: PostMortem, words: Words) -> Iterator[str]:
    yield f"## {words.time_line}"
    yield ""
    yield f"| UTC | {words.what} | {words.recorded} |"
    yield "| --- | --- | --- |"
    for moment in sorted(found.moments, key=lambda moment: moment.ns):
        yield f"| {moment.at} | {words.marks[moment.mark]} | {_cell(moment.said)} |"
    for name in MARKS:
        if found.mark(name) is None:
            yield f"| – | {words.marks[name]} | {words.not_recorded} |"
    yield ""


def _impact_table(found: PostMortem, words: Words) -> Iterator[str]:
    yield f"## {words.impact}"
    yield ""
    if found.impact is None:
        yield words.not_measured
        yield ""
        return
    seen = found.impact
    yield f"| {words.measure} | {words.value} |"
    yield "| --- | --- |"
    share = words.t.numeral(_share(seen.failed, seen.asked))
    yield f"| {words.failed} | {seen.failed} {words.of} {seen.asked}{share} |"
    for name, count in sorted(seen.failures.items()):
        yield f"| – {_cell(name)} | {count} |"
    yield f"| {words.failed_after} | {seen.failed_after} {words.of} {seen.asked_after} |"
    yield f"| {words.lost} | {words.not_recorded if seen.lost is None else seen.lost} |"
    yield ""


def _share(part: int, whole: int) -> str:
    return f" ({100 * part / whole:.1f} %)" if whole else ""


def _diagnosis(found: PostMortem, words: Words) -> Iterator[str]:
    yield f"## {words.diagnosis}"
    yield ""
    yield words.quoted
    yield ""
    yield f"> {_plain(found.diagnosis) or words.not_recorded}"
    yield ""
    for finding in found.findings:
        yield f"- {_plain(finding)}"
    if found.findings:
        yield ""
    yield f"{words.decision}: {_plain(found.decision) or words.not_recorded}"
    yield ""


def _done(found: PostMortem, words: Words) -> Iterator[str]:
    yield f"## {words.done}"
    yield ""
    yield f"| UTC | {words.what} | {words.ended} |"
    yield "| --- | --- | --- |"
    for deed in found.deeds:
        ended = f"{words.status[deed.status]}{': ' if deed.found else ''}{_cell(deed.found)}"
        yield f"| {deed.at} | {_cell(phrases.act(words.t, deed.act, deed.status))} (`{deed.act}`) | {ended} |"
    yield ""


def _went(found: PostMortem, words: Words) -> Iterator[str]:
    well, poorly = list(_well(found, words)), list(_poorly(found, words))
    for title, items in ((words.well, well), (words.poorly, poorly)):
        yield f"## {title}"
        yield ""
        yield from [f"- {item}" for item in items] or [words.nothing_recorded]
        yield ""


def _well(found: PostMortem, words: Words) -> Iterator[str]:
    proven = [one for one in found.verdicts if one.verdict.outcome is Outcome.PROVEN]
    yield from (_plain(phrases.claim(words.t, one)) for one in proven)
    if found.impact is not None and found.impact.lost == 0:
        yield words.none_lost


def _poorly(found: PostMortem, words: Words) -> Iterator[str]:
    for one in found.verdicts:
        if (outcome := one.verdict.outcome) in (Outcome.REFUTED, Outcome.UNKNOWN):
            claim = _plain(phrases.claim(words.t, one))
            yield f"{claim}: {words.outcomes[outcome.value]}: {_plain(one.verdict.reason)}"
    for deed in found.deeds:
        if deed.status != "ok":
            yield f"`{deed.act}`: {words.status[deed.status]}"
    if found.impact is not None and found.impact.failed:
        yield words.clients_saw.format(failed=found.impact.failed, asked=found.impact.asked)
    if found.impact is not None and found.impact.lost:
        yield words.some_lost.format(lost=found.impact.lost)
    yield from (f"{words.waits}: {_plain(label)}" for label in found.waiting)


def _left_to_people(found: PostMortem, words: Words) -> Iterator[str]:
    """Nothing in these may come from a program."""
    for title in (words.root_cause, words.prevention):
        yield f"## {title}"
        yield ""
        yield f"**{words.to_fill}**"
        yield ""


def _plain(text: str) -> str:
    """On one line, so that nothing recorded can make a heading of its own; HTML shows as text."""
    return one_line(printable(text), 600).replace("<", "&lt;").replace("`", "'")


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def draft(history: History, *, language: str = "en") -> str:
    """The draft of one scenario's post-mortem, from its events alone. Raises BadInput."""
    return render(post_mortem(history), language=language)


def file_name(scenario: str, *, language: str = "en") -> str:
    """The name of the file that a scenario's draft is kept in."""
    slug = "".join(letter if letter.isalnum() else "-" for letter in scenario).strip("-")
    if len(slug) > LONGEST_NAME:
        slug = f"{slug[-LONGEST_NAME:].strip('-')}-{sha256(scenario.encode()).hexdigest()[:8]}"
    return f"{slug}.md" if language == "en" else f"{slug}.{language}.md"


def events_of(history: History, scenario: str) -> list[Event]:
    """A scenario's newest attempt, from its start."""
    mine = history.of_scenario(scenario)
    started = mine.last("scenario.started")
    return [event for event in mine.events if started is None or event.seq >= started.seq]


def said_of(data: JsonObject) -> str:
    """What a scenario calls itself, with its system."""
    return f"{reading.text(data, 'name')} [{', '.join(reading.texts(data, 'system'))}]"
