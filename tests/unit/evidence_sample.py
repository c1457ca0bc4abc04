"""A believable run, written with the real Journal: every outcome, a fault with traffic, rows lost.

Only the clock is not real: a drill's minutes are told, not waited for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from rollproof.journal import Event, Journal, Kind, Recorder
from rollproof.model.fingerprint import Difference
from rollproof.model.json import Json, JsonObject
from rollproof.model.rows import RowChanges
from rollproof.model.verdict import Outcome, Verdict
from rollproof.workload.operations import Operation, operations_to_json
from rollproof.workload.operations import Outcome as Outcome_

RUN = "20261122T050312Z-1f3a9c"
BIRTH = datetime(2026, 11, 22, 5, 3, 12, tzinfo=UTC)
FEATURE = "A migration is rolled back"
KINDS = {Outcome.PROVEN: Kind.OK, Outcome.REFUTED: Kind.FAIL, Outcome.UNKNOWN: Kind.UNKNOWN}


class Clock:
    """Tells the time that a sample says it is."""

    def __init__(self) -> None:
        self.ns = 10**15

    def tell(self, seconds: float) -> None:
        self.ns += round(seconds * 1e9)

    def now(self, zone: object = None) -> datetime:
        return BIRTH + timedelta(microseconds=(self.ns - 10**15) // 1000)


@dataclass
class Story:
    """One scenario being told."""

    recorder: Recorder
    clock: Clock

    @contextmanager
    def step(self, text: str, *, ends: Kind = Kind.OK, found: str = "") -> Iterator[None]:
        begun = self.recorder.begin("step", {"name": text, "kind": text.split(maxsplit=1)[0]})
        yield
        self.clock.tell(0.002)
        self.recorder.close(begun, ends, {"found": found} if found else {})

    def act(
        self,
        name: str,
        said: JsonObject,
        seconds: float,
        result: JsonObject | None = None,
        *,
        ends: Kind = Kind.OK,
    ) -> Event:
        begun = self.recorder.begin(name, said)
        self.clock.tell(seconds)
        return self.recorder.close(begun, ends, {**(result or {}), "seconds": seconds})

    def verify(self, check: str, title: str, verdict: Verdict, params: JsonObject | None = None) -> None:
        self.clock.tell(0.011)
        data = {"check": check, "title": title, "params": params or {}, **verdict.to_json()}
        self.recorder.journal.write(self.recorder.actor, KINDS[verdict.outcome], "verify", data, sync=False)

    def compare(
        self, differences: Sequence[Difference], changes: Sequence[RowChanges], *, label: str = "after"
    ) -> None:
        attach = self.recorder.journal.attachments.put
        self.clock.tell(0.038)
        self.recorder.note(
            "observe.compare",
            {
                "component": "database",
                "label": label,
                "against": "before",
                "differences": attach([one.to_json() for one in differences]),
                "changes": attach([one.to_json() for one in changes]),
            },
        )

    def tick(self, item: str, label: str, outcome: Outcome, check: str = "", user: str = "") -> None:
        signed = {"check": check} if check else {"user": user}
        self.recorder.note(
            "checklist.item", {"item": item, "label": label, "outcome": outcome.value, **signed}
        )

    def mark(self, mark: str, after: float, **data: Json) -> None:
        self.clock.tell(after)
        self.recorder.note(f"incident.{mark}", data)

    def traffic(self, start_ns: int, *, broken_from: float = 9.0, broken_until: float = 9.0) -> None:
        """Clients every 4 ms from `start_ns` to now; refused between the two, in seconds."""
        operations = []
        span = (self.clock.ns - start_ns) / 1e9
        for number in range(int(span / 0.004)):
            at = number * 0.004 + (number % 7) * 0.0003
            refused: Outcome_ = "indeterminate" if number % 9 == 0 else "failed"
            operations.append(
                Operation(
                    client=f"client {number % 4}",
                    name="create lead" if number % 3 else "list leads",
                    kind="write" if number % 3 else "read",
                    started_ns=start_ns + round(at * 1e9),
                    ended_ns=start_ns + round((at + 0.0021) * 1e9),
                    outcome=refused if broken_from <= at < broken_until else "ok",
                )
            )
        outcomes = [one.outcome for one in operations]
        self.recorder.note(
            "traffic.finished",
            {
                "operations": self.recorder.journal.attachments.put(operations_to_json(operations)),
                "writes": sum(one.kind == "write" for one in operations),
                "reads": sum(one.kind == "read" for one in operations),
                "acknowledged": outcomes.count("ok"),
                "failed": outcomes.count("failed"),
                "indeterminate": outcomes.count("indeterminate"),
                "findings": [],
            },
        )

    def conclude(self, outcome: Outcome, reason: str) -> None:
        self.recorder.note("scenario.concluded", {"outcome": outcome.value, "reason": reason})


class Sample:
    """A run being told, scenario by scenario."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.journal = Journal(folder / "journal.ndjson", run=RUN)
        self.recorder = Recorder(self.journal, "run")

    def start(self, **other: Json) -> None:
        about: dict[str, Json] = {
            "system": ["alquimista"],
            "environment": "embedded",
            "objectives": {
                "alquimista": {
                    "rto_seconds": 5.0,
                    "rpo_seconds": 0.0,
                    "source": "operations handbook, section 4",
                }
            },
            "versions": {"rollproof": "0.1.0", "pytest": "9.2.0", "pytest-bdd": "9.0.1", "psycopg": "3.3.9"},
            "git": "9b1f0c7f5a0e4c1c8f1d2b3a4958675a0c1b2d3e",
            "python": "3.11.9",
            "platform": "Linux x86_64",
            "command": ["pytest", "features/migration.feature", "-k", "an additive migration"],
        }
        self.recorder.note("run.started", about | other)
        facts: Json = {"PostgreSQL": "17.10", "pg_dump": "17.10", "ministack": "not used"}
        self.clock.tell(0.9)
        self.recorder.note(
            "environment.opened", {"system": "alquimista", "environment": "embedded", "facts": facts}
        )

    def scenario(self, name: str, *, line: int, tags: Sequence[str] = ("database",)) -> Story:
        slug = name.lower().replace(" ", "-")
        identity = f"migration.feature::{slug}[alquimista]"
        story = Story(Recorder(self.journal, identity), self.clock)
        self.clock.tell(0.004)
        story.recorder.note(
            "scenario.started",
            {
                "scenario": identity,
                "feature": FEATURE,
                "name": name,
                "tags": list(tags),
                "system": "alquimista",
                "file": "features/migration.feature",
                "line": line,
            },
        )
        return story

    def finish(self, outcome: Outcome = Outcome.REFUTED) -> None:
        self.clock.tell(0.3)
        self.recorder.note("run.finished", {"seconds": 11.3, "outcome": outcome.value})


@contextmanager
def telling(folder: Path) -> Iterator[Sample]:
    """A sample whose journal is stamped by its own clock."""
    sample = Sample(folder)
    fakes = {
        "rollproof.journal.writer.time": SimpleNamespace(monotonic_ns=lambda: sample.clock.ns),
        "rollproof.journal.writer.datetime": SimpleNamespace(now=sample.clock.now),
    }
    with mock.patch.multiple(
        "rollproof.journal.writer", **{k.rpartition(".")[2]: v for k, v in fakes.items()}
    ):
        yield sample
    sample.journal.close()
