"""What a watch of the system saw: outcomes and latencies by target, and what stood beside them.

Times are whole microseconds since the watch began. Nothing that was asked or answered is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from rollproof.model.json import Json

Outcome = Literal["ok", "failed", "throttled", "unanswered"]
"""`failed`: answered, but not as it should; `throttled`: refused for want of capacity;
`unanswered`: no answer in time, or none at all."""

_OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(frozen=True, slots=True)
class Sample:
    """One question to one target.

    Attributes:
        at_us: when it was asked.
        took_us: until it was answered, or given up.
        cold: the first of its target in this watch; its latency says nothing, its outcome does.
    """

    at_us: int
    took_us: int
    outcome: Outcome
    cold: bool = False

    @property
    def well(self) -> bool:
        return self.outcome == "ok"

    @property
    def seconds(self) -> float:
        return self.took_us / 1e6


@dataclass(frozen=True, slots=True)
class Series:
    """Everything that one target was asked, in order."""

    target: str
    samples: tuple[Sample, ...]

    @property
    def failures(self) -> int:
        return sum(not sample.well for sample in self.samples)

    @property
    def latencies(self) -> tuple[float, ...]:
        """Seconds of what was answered well, but for the cold start."""
        return tuple(sample.seconds for sample in self.samples if sample.well and not sample.cold)


@dataclass(frozen=True, slots=True)
class LogCount:
    """What a log group was written while the watch lasted: lines, and those that tell of an error."""

    group: str
    lines: int
    errors: int


@dataclass(frozen=True, slots=True)
class Connections:
    """The database server at one moment: connections in use, those that wait for a lock, and the most."""

    at_us: int
    used: int
    waiting: int
    limit: int


@dataclass(frozen=True, slots=True)
class AlarmState:
    """The state of an alarm at one moment, in AWS' words."""

    at_us: int
    alarm: str
    state: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What all processes of a service have used at one moment.

    Attributes:
        cpu_us: processor time since they began, in microseconds.
        kib: resident memory, in KiB.
        runnable: threads that ran, or waited for a processor to run on; empty where nobody can tell.
    """

    at_us: int
    service: str
    cpu_us: int
    kib: int
    runnable: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Watched:
    """One watch, from its beginning to its end.

    Attributes:
        trouble: what could not be watched, one line each: a log group that is not there…
    """

    seconds: float
    series: tuple[Series, ...]
    logs: tuple[LogCount, ...] = ()
    connections: tuple[Connections, ...] = ()
    alarms: tuple[AlarmState, ...] = ()
    trouble: tuple[str, ...] = ()
    usage: tuple[Usage, ...] = ()

    @property
    def asked(self) -> int:
        return sum(len(series.samples) for series in self.series)

    @property
    def failures(self) -> int:
        return sum(series.failures for series in self.series)

    def of(self, target: str) -> Series | None:
        return next((series for series in self.series if series.target == target), None)

    def to_json(self) -> dict[str, Json]:
        """Compact: a sample is `[at, took, index of its outcome, cold]`."""
        return {
            "seconds_us": int(self.seconds * 1e6),
            "series": [_series_json(series) for series in self.series],
            "logs": [[item.group, item.lines, item.errors] for item in self.logs],
            "connections": [[c.at_us, c.used, c.waiting, c.limit] for c in self.connections],
            "alarms": [[item.at_us, item.alarm, item.state] for item in self.alarms],
            "trouble": list(self.trouble),
            "usage": [_usage_json(item) for item in self.usage],
        }

    @classmethod
    def from_json(cls, data: Json) -> Watched:
        """Raises ValueError, KeyError or TypeError when it is not what `to_json` writes."""
        whole = _mapping(data)
        return cls(
            seconds=_int(whole["seconds_us"]) / 1e6,
            series=tuple(_series(_mapping(item)) for item in _rows(whole["series"])),
            logs=tuple(LogCount(str(g), _int(n), _int(e)) for g, n, e in map(_rows, _rows(whole["logs"]))),
            connections=tuple(
                Connections(*map(_int, _rows(item)))  # all whole numbers, in this order
                for item in _rows(whole["connections"])
            ),
            alarms=tuple(
                AlarmState(_int(at), str(alarm), str(state))
                for at, alarm, state in map(_rows, _rows(whole["alarms"]))
            ),
            trouble=tuple(str(line) for line in _rows(whole["trouble"])),
            usage=tuple(_usage(_rows(item)) for item in _rows(whole.get("usage", []))),
        )


def _usage_json(item: Usage) -> Json:
    return [item.at_us, item.service, item.cpu_us, item.kib, list(item.runnable)]


def _usage(row: Sequence[Json]) -> Usage:
    at, service, cpu, kib, runnable = row
    return Usage(_int(at), str(service), _int(cpu), _int(kib), tuple(map(_int, _rows(runnable))))


def _series_json(series: Series) -> Json:
    return {
        "target": series.target,
        "samples": [[s.at_us, s.took_us, _OUTCOMES.index(s.outcome), int(s.cold)] for s in series.samples],
    }


def _series(data: Mapping[str, Json]) -> Series:
    return Series(str(data["target"]), tuple(_samples(_rows(data["samples"]))))


def _samples(rows: Iterable[Json]) -> Iterable[Sample]:
    for row in rows:
        at, took, outcome, cold = map(_int, _rows(row))
        yield Sample(at, took, _OUTCOMES[outcome], bool(cold))


def _mapping(value: Json) -> Mapping[str, Json]:
    if not isinstance(value, Mapping):
        raise TypeError("a watch is not an object")
    return value


def _rows(value: Json) -> Sequence[Json]:
    if not isinstance(value, list):
        raise TypeError("a watch's list is none")
    return value


def _int(value: Json) -> int:
    if not isinstance(value, int):
        raise TypeError("a watch's number is none")
    return value
