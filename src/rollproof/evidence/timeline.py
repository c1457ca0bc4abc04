"""Where things stand on a time line, in percent of its width: a drawing that fits any screen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rollproof.evidence.facts import ActResult, Incident, Operation, ScenarioSummary, Traffic
from rollproof.evidence.language import Words, words
from rollproof.model.durations import say_duration

_BINS = 96


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch: `x` and `width` in percent of the chart, `height` in percent of its lane."""

    x: float
    width: float
    height: float = 100.0
    open: bool = False


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of a chart and what it says in words."""

    name: str
    said: str
    bars: tuple[Bar, ...]
    kind: str = "phase"
    """phase, mark, served or errors"""


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Gauge:
    """The recovery time against its objective."""

    segments: tuple[Bar, ...]
    objective: float
    """percent of the gauge's width"""
    said: str


@dataclass(frozen=True, slots=True)
class Chart:
    """An incident, drawn."""

    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    gauge: Gauge | None
    said: str
    """the whole chart in a sentence, for who cannot see it"""


@dataclass(frozen=True, slots=True)
class _Window:
    """The time that a chart shows, in seconds since the scenario's start."""

    start: float
    end: float

    def x(self, at: float) -> float:
        return round(100 * (min(max(at, self.start), self.end) - self.start) / (self.end - self.start), 2)

    def bar(self, start: float, end: float, *, is_open: bool = False) -> Bar:
        """Never thinner than can be seen."""
        left = min(self.x(start), 99.6)
        return Bar(left, max(0.4, round(self.x(end) - left, 2)), open=is_open)


def incident_chart(scenario: ScenarioSummary, incident: Incident, text: Words | None = None) -> Chart:
    """An incident's phases, what clients saw meanwhile, and the recovery time against its objective."""
    t = text or words()
    window = _window(scenario, incident)
    inject = (window.bar(incident.fault, incident.fault),)
    lanes = [Lane(t("incident.inject"), t("incident.fault"), inject, "mark")]
    lanes += [
        Lane(
            _lane_name(phase.name, t),
            t("report.never") if phase.seconds is None else t.duration(phase.seconds),
            (_phase_bar(window, phase.started, phase.seconds),),
        )
        for phase in incident.phases
    ]
    said = ", ".join(f"{lane.name} {lane.said}" for lane in lanes)
    traffic = _traffic_lanes(window, scenario.traffic, t) if scenario.traffic else []
    return Chart(
        (*lanes, *traffic),
        _ticks(window, incident.fault, t),
        _gauge(scenario, incident, t),
        said,
    )


def _window(scenario: ScenarioSummary, incident: Incident) -> _Window:
    marks = (incident.detected, incident.decided, incident.executed, incident.verified)
    ends = [mark for mark in marks if mark is not None]
    if incident.verified is None:
        ends.append(scenario.seconds)
    end = max([*ends, incident.fault])
    margin = max((end - incident.fault) * 0.05, 0.001)
    return _Window(max(0.0, incident.fault - margin), end + margin)


def _lane_name(phase: str, t: Words) -> str:
    return " + ".join(t(f"incident.{name}") for name in phase.split(" + "))


def _phase_bar(window: _Window, started: float, seconds: float | None) -> Bar:
    end = window.end if seconds is None else started + seconds
    return window.bar(started, end, is_open=seconds is None)


def _traffic_lanes(window: _Window, traffic: Traffic, t: Words) -> list[Lane]:
    inside = [one for one in traffic.operations if window.start <= one.at <= window.end]
    if not inside:
        return []
    served = [one for one in inside if one.outcome == "ok"]
    errors = [one for one in inside if one.outcome != "ok"]
    return [
        Lane(t("incident.served"), t.whole(len(served)), _columns(window, served), "served"),
        Lane(t("incident.errors"), t.whole(len(errors)), _columns(window, errors), "errors"),
    ]


def _columns(window: _Window, operations: Sequence[Operation]) -> tuple[Bar, ...]:
    counts: dict[int, int] = {}
    for operation in operations:
        place = min(_BINS - 1, int(window.x(operation.at) * _BINS / 100))
        counts[place] = counts.get(place, 0) + 1
    most = max(counts.values(), default=1)
    width = 100 / _BINS
    return tuple(
        Bar(round(place * width, 2), round(width * 0.8, 2), round(max(12.0, 100 * many / most), 1))
        for place, many in sorted(counts.items())
    )


def _ticks(window: _Window, zero: float, t: Words) -> tuple[Tick, ...]:
    """Round times since the fault, four or five of them."""
    span = window.end - zero
    step = _round_step(span / 4)
    times = [step * number for number in range(int(span / step) + 1)]
    return tuple(
        Tick(window.x(zero + time), f"+{t.numeral(_short(time))}" if time else t("incident.fault"))
        for time in times
    )


def _round_step(rough: float) -> float:
    for step in (60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400):
        if rough >= 60 and rough <= step:
            return float(step)
    power = float(10 ** math.floor(math.log10(max(rough, 1e-6))))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)


def _short(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:g} ms"
    return f"{seconds:g} s" if seconds < 60 else say_duration(seconds)


def _gauge(scenario: ScenarioSummary, incident: Incident, t: Words) -> Gauge | None:
    objective, actual = scenario.objectives.rto_seconds, incident.rto_seconds
    if not objective or (actual is None and not scenario.recovery_claimed):
        return None
    if actual is None:
        return Gauge((Bar(0, 100, open=True),), 100.0, t("objectives.never"))
    scale = max(objective, actual)
    segments = tuple(
        Bar(
            round(100 * (phase.started - incident.fault) / scale, 2),
            max(0.3, round(100 * (phase.seconds or 0.0) / scale, 2)),
        )
        for phase in incident.phases
    )
    share = t("objectives.share", share=t.percent(actual / objective), target=t.duration(objective))
    met = t("objectives.met" if actual <= objective else "objectives.missed")
    judged = scenario.recovery_claimed or actual > objective
    return Gauge(segments, round(100 * objective / scale, 2), f"{met}: {share}" if judged else share)


@dataclass(frozen=True, slots=True)
class Row:
    """An act in the table of steps: how deep it lies and where its bar stands."""

    act: ActResult
    depth: int
    bar: Bar


def waterfall(scenario: ScenarioSummary) -> tuple[Row, ...]:
    """Steps and the acts inside them in order, each with its place in the scenario's time."""
    ends = [act.started + (act.seconds or 0.0) for act in (*scenario.steps, *scenario.acts)]
    window = _Window(0.0, max([scenario.seconds, *ends, 0.001]))
    return tuple(_rows(scenario.steps, window, 0))


def _rows(acts: Sequence[ActResult], window: _Window, depth: int) -> list[Row]:
    rows = []
    for act in acts:
        end = window.end if act.seconds is None else act.started + act.seconds
        rows.append(Row(act, depth, window.bar(act.started, end, is_open=act.seconds is None)))
        rows += _rows(act.acts, window, depth + 1)
    return rows
