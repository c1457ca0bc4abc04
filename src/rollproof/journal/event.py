"""One line of a journal."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from rollproof.model.json import Json, JsonObject, canonical, read_canonical

GENESIS = "0" * 64
"""`prev` of the first line."""


class Kind(StrEnum):
    """`begin` is on disk before the act; one of ok, fail, unknown closes it; `note` stands alone."""

    BEGIN = "begin"
    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Event:
    """One recorded event.

    Attributes:
        seq: counts from 1 without gaps.
        at: UTC, ISO 8601 with microseconds and `Z`; for people, never for durations.
        mono_ns: monotonic nanoseconds of the recording process; for durations within one run.
        run: the run's id.
        actor: `run`, or a scenario's id, or `<scenario id>/<client>` for traffic.
        kind, act, data: what happened; the closing events of an act carry `of`, the begin's seq.
        prev: SHA-256 (hex) of the line before, without its line feed.
    """

    seq: int
    at: str
    mono_ns: int
    run: str
    actor: str
    kind: Kind
    act: str
    data: JsonObject
    prev: str

    def to_json(self) -> dict[str, Json]:
        return {
            "seq": self.seq,
            "at": self.at,
            "mono_ns": str(self.mono_ns),  # over 2^53, which canonical JSON refuses as a number
            "run": self.run,
            "actor": self.actor,
            "kind": self.kind.value,
            "act": self.act,
            "data": self.data,
            "prev": self.prev,
        }

    def line(self) -> bytes:
        """The canonical line, without its line feed."""
        return canonical(self.to_json())

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.line()).hexdigest()

    @classmethod
    def from_line(cls, line: bytes) -> Event:
        """Raises ValueError, KeyError or TypeError when the line is not an event, or not a canonical one."""
        raw = read_canonical(line)
        if set(raw) != _FIELDS or not all(type(raw[name]) is kind for name, kind in _TYPES):
            raise ValueError("not the fields of an event")
        mono_ns = int(raw["mono_ns"])
        if str(mono_ns) != raw["mono_ns"]:
            raise ValueError("mono_ns is not a whole number")
        kind = Kind(raw["kind"])
        return cls(
            raw["seq"],
            raw["at"],
            mono_ns,
            raw["run"],
            raw["actor"],
            kind,
            raw["act"],
            raw["data"],
            raw["prev"],
        )


_FIELDS = frozenset({"seq", "at", "mono_ns", "run", "actor", "kind", "act", "data", "prev"})
_TYPES = (("seq", int), ("data", dict), *((name, str) for name in sorted(_FIELDS - {"seq", "data"})))
