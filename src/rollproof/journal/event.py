"""One line of a journal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from rollproof.model.json import Json, JsonObject, canonical

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
        """Raises ValueError, KeyError or TypeError when the line is not an event."""
        raw = json.loads(line)
        data = raw["data"]
        if not isinstance(data, Mapping):
            raise TypeError("data is not an object")
        return cls(
            seq=int(raw["seq"]),
            at=str(raw["at"]),
            mono_ns=int(raw["mono_ns"]),
            run=str(raw["run"]),
            actor=str(raw["actor"]),
            kind=Kind(raw["kind"]),
            act=str(raw["act"]),
            data=data,
            prev=str(raw["prev"]),
        )
