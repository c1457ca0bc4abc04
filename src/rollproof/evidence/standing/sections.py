"""Readiness, trends, findings and controls as sections of a report, in its language."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from rollproof.evidence import reading
from rollproof.evidence.phrases import conclusion
from rollproof.evidence.sections import Cell, Point, Section, Series, Table
from rollproof.evidence.standing.claims import BASES
from rollproof.evidence.standing.controls import (
    Coverage,
    Support,
    by_framework,
    controls_from,
    coverage,
    shipped_controls,
)
from rollproof.evidence.standing.earlier import Now, now_of
from rollproof.evidence.standing.findings import Finding, State
from rollproof.evidence.standing.readiness import (
    CAP,
    CRITICAL_WEIGHT,
    DEFAULT_INTERVAL,
    Readiness,
    Share,
    moment,
)
from rollproof.evidence.standing.retired import Retired
from rollproof.evidence.standing.states import Standing
from rollproof.model.durations import say_duration
from rollproof.model.verdict import Outcome

if TYPE_CHECKING:
    from rollproof.evidence.facts import RunSummary
    from rollproof.evidence.language import Words

_MOST = 40
"""Rows that one table of these sections lists"""
_MOST_SERIES = 12


def standing_sections(summary: RunSummary, words: Words) -> Iterator[Section]:
    """Pure: of this run, and of what its journal holds of the runs before it."""
    say = Say(words)
    now = now_of(summary)
    if now.standings:
        yield _readiness(summary, now, say)
    if series := tuple(_series(summary, now, say)):
        yield Section("trend", say("trend.title"), series=series)
    if now.findings:
        yield _findings(summary, now, say)
    if now.claims:
        yield _controls(summary, now, say)


class Say:
    """Texts of these sections in a report's language."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.index = 0 if words.language == "en" else 1

    def __call__(self, key: str, /, **values: object) -> str:
        text = _texts()[key][self.index]
        return text.format(**values) if values else text

    def of(self, texts: Sequence[str]) -> str:
        """One of several texts, one for each language; the first where there is but one."""
        return texts[self.index] if self.index < len(texts) else texts[0] if texts else ""


@cache
def _texts() -> Mapping[str, Sequence[str]]:
    body = (files("rollproof.evidence.standing") / "texts.toml").read_text(encoding="utf-8")
    return {f"{part}.{key}": said for part, keys in tomllib.loads(body).items() for key, said in keys.items()}


def say_age(seconds: float) -> str:
    """`3 days`, `1 day`, `5 h 2 min`: days from two days on."""
    days = int(seconds // 86400)
    return f"{days} d" if days >= 2 else say_duration(seconds)


def _readiness(summary: RunSummary, now: Now, say: Say) -> Section:
    lead = [say("readiness.formula", weight=CRITICAL_WEIGHT, cap=f"{CAP:.0f}")]
    if now.readiness:
        as_of = now.readiness[0].as_of.replace("T", " ").replace("Z", " UTC")
        lead.append(say("readiness.as_of", as_of=as_of, runs=say.words.whole(summary.earlier.runs)))
    if summary.earlier.problem:
        lead.append(say("readiness.problem", what=conclusion(say.words, summary.earlier.problem)))
    lead += _resting(now.readiness, say)
    lead += [
        say("readiness.left_out", what=conclusion(say.words, line))
        for line in summary.earlier.left_out[:_MOST]
    ]
    return Section(
        "readiness",
        say("readiness.title"),
        lead=tuple(lead),
        tables=(
            _scores(now.readiness, say),
            *_missing(now.readiness, say),
            *_retired(now.readiness, say),
        ),
    )


def _resting(found: Sequence[Readiness], say: Say) -> Iterator[str]:
    """What the scores rest on, where a reader might think they rest on more."""
    for basis in BASES:
        many = sum(one.resting(basis) for one in found)
        if many:
            yield say(f"readiness.on_{basis}", proofs=say.words.whole(many))
    longest = max((one.longest_interval for one in found), default=0.0)
    if longest > DEFAULT_INTERVAL:
        yield say("readiness.longest", age=say_age(longest))


def _retired(found: Sequence[Readiness], say: Say) -> Iterator[Table]:
    names = ("scenario", "system", "environment", "stood", "by", "since", "why")
    rows = tuple(_retired_row(one, say) for place in found for one in place.retired)
    if rows:
        yield Table(tuple(say(f"readiness.{name}") for name in names), rows)


def _retired_row(one: Retired, say: Say) -> tuple[Cell, ...]:
    why = say("readiness.instead", reason=one.reason, scenario=one.instead) if one.instead else one.reason
    stood = reading.outcome(one.stood)
    return one.name, one.place.system, one.place.environment, stood, one.by, one.at[:10], why


def _scores(found: Sequence[Readiness], say: Say) -> Table:
    names = (
        "system environment score level earned proven refuted unknown overdue capped".split()  # columns
    )
    rows = [
        (
            one.system,
            one.environment,
            "–" if one.score is None else say.words.numeral(f"{one.score:.1f}"),
            say(f"readiness.{one.level.value}"),
            say.words.numeral(f"{one.earned:.2f} / {one.possible}"),
            *(str(one.count(outcome)) for outcome in (Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN)),
            str(one.overdue),
            "; ".join(standing.name for standing in one.capped[:3]) or "–",
        )
        for one in found
    ]
    return Table(tuple(say(f"readiness.{name}") for name in names), tuple(rows))


def _missing(found: Sequence[Readiness], say: Say) -> Iterator[Table]:
    """What each scenario that does not earn all of its weight earns, the costliest first."""
    short = [share for one in found for share in one.shares if share.credit < 1]
    if short:
        short.sort(key=lambda share: (-share.weight * (1 - share.credit), share.standing.place))
        names = ("scenario", "system", "environment", "outcome", "age", "interval", "weight", "credit")
        rows = tuple(_row(share, say) for share in short[:_MOST])
        yield Table(tuple(say(f"readiness.{name}") for name in names), rows)


def _row(share: Share, say: Say) -> tuple[Cell, ...]:
    one = share.standing
    return (
        one.name,
        one.place.system,
        one.place.environment,
        one.outcome,
        say("readiness.never") if share.age is None else say_age(share.age),
        say_age(share.interval),
        str(share.weight),
        say.words.numeral(f"{share.credit:.2f}"),
    )


def _series(summary: RunSummary, now: Now, say: Say) -> Iterator[Series]:
    """Of what this run measured and others had before, one each."""
    mine = {claim.place for claim in now.claims}
    known = [one for place, one in now.standings.items() if place in mine and len(one.measured) > 1]
    for one in known[:_MOST_SERIES]:
        name = f"{one.name} [{one.place.system}]" if len(summary.facts.systems) > 1 else one.name
        target = one.rto_target
        yield Series(
            name, tuple(_points(one, say)), target, "" if target is None else say.words.duration(target)
        )


def _points(one: Standing, say: Say) -> Iterator[Point]:
    for measured in one.measured:
        stamp = measured.at[:16].replace("T", " ")
        yield Point(stamp, measured.rto, say.words.duration(measured.rto))


def _findings(summary: RunSummary, now: Now, say: Say) -> Section:
    as_of = moment(summary.facts.ended_at)
    shown = sorted(now.findings.values(), key=lambda one: _urgency(one, now, summary))
    states = [one.state(as_of) for one in shown]
    counts = say(
        "findings.counts",
        open=states.count(State.OPEN),
        overdue=sum(one.overdue(as_of) for one in shown),
        accepted=states.count(State.ACCEPTED),
        closed=states.count(State.CLOSED),
    )
    names = ("id", "what", "owner", "due", "state")
    rows = tuple(_finding(one, summary, say) for one in shown[:_MOST])
    table = Table(tuple(say(f"findings.{name}") for name in names), rows)
    return Section("findings", say("findings.title"), lead=(counts, say("findings.lead")), tables=(table,))


def _urgency(one: Finding, now: Now, summary: RunSummary) -> tuple[bool, bool, str, str]:
    as_of = moment(summary.facts.ended_at)
    return bool(one.closed_run), not one.overdue(as_of), one.due, one.id


def _finding(one: Finding, summary: RunSummary, say: Say) -> tuple[Cell, ...]:
    title = say.words.names.get("checks", {}).get(one.check, one.title)
    what = f"{title} – {one.name} [{one.place.system}, {one.place.environment}]"
    return one.id, what, one.owner or say("findings.nobody"), one.due, _state(one, summary, say)


def _state(one: Finding, summary: RunSummary, say: Say) -> str:
    as_of = moment(summary.facts.ended_at)
    match one.state(as_of):
        case State.CLOSED:
            said = say("findings.closed", run=one.closed_run)
        case State.ACCEPTED:
            said = say("findings.accepted", by=one.accepted_by, until=one.until, reason=one.reason)
        case _:
            said = say("findings.overdue" if one.overdue(as_of) else "findings.open")
    return say("findings.reopened", state=said, times=one.reopened) if one.reopened else said


def _controls(summary: RunSummary, now: Now, say: Say) -> Section:
    controls = shipped_controls().with_own(controls_from(summary.earlier.controls))
    found = coverage(controls, now.claims, retested=retested(summary, now))
    names = ("framework", "covered", "proven", "refuted", "unknown", "idle")
    frameworks = Table(
        tuple(say(f"controls.{name}") for name in names),
        tuple(_covered(one, say) for one in by_framework(controls, found)),
    )
    titles = {name: one.title for name, one in controls.frameworks.items()}
    header = tuple(say(f"controls.{name}") for name in ("control", "about", "says", "by"))
    rows = tuple(_support(one, titles[one.framework], say) for one in found if one.outcome is not None)
    return Section(
        "controls",
        say("controls.title"),
        lead=(say("controls.lead"),),
        tables=(frameworks, Table(header, rows)),
    )


def retested(summary: RunSummary, now: Now) -> bool:
    """Whether this run closed a finding that earlier runs had opened."""
    return any(one.closed_run == summary.facts.run for one in now.findings.values())


def _covered(one: Coverage, say: Say) -> tuple[Cell, ...]:
    said = f"{one.total - one.idle} / {one.total}"
    return one.framework.title, said, str(one.proven), str(one.refuted), str(one.unknown), str(one.idle)


def _support(one: Support, framework: str, say: Say) -> tuple[Cell, ...]:
    assert one.outcome is not None
    named = "; ".join(say.of(title) for title in one.drills)
    if one.scenarios:
        named += f" ({say.words.count(len(one.scenarios), 'scenario')}: {one.scenarios[0]}"
        named += ", …)" if len(one.scenarios) > 1 else ")"
    return f"{framework} {one.control}", say.of(one.text), one.outcome, named
