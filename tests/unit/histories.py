"""Literal histories: what a drill would have recorded, told event by event, with no drill behind it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from rollproof.checks.registry import Check
from rollproof.errors import JournalError
from rollproof.journal import GENESIS, Attachments, Event, History, Kind
from rollproof.model.fingerprint import Difference, DifferenceClass, Fact, Fingerprint
from rollproof.model.json import Json, canonical
from rollproof.model.rows import RowChanges, RowDigest, TableRows
from rollproof.model.verdict import Verdict
from rollproof.workload.operations import Operation, operations_to_json
from rollproof.workload.operations import Outcome as Answered

SECOND = 10**9
FACTS = (
    Fact("table", "shop.orders", {"owner": "shop"}),
    Fact("index", "shop.orders_pkey", {"unique": True}),
    Fact("sequence", "shop.orders_id_seq", {"increment": "1", "cycle": False}),
    Fact("sequence", "shop.down_seq", {"increment": "-1", "cycle": False}),
    Fact("sequence", "shop.round_seq", {"increment": "1", "cycle": True}),
)
"""What most histories' database is made of."""
LEDGER = "public.migrations"


class MemoryAttachments(Attachments):
    """Attachments that are kept in memory only."""

    def __init__(self) -> None:
        super().__init__(Path("/nonexistent"))
        self.values: dict[str, Json] = {}

    def put(self, value: Json) -> str:
        name = hashlib.sha256(canonical(value)).hexdigest()
        self.values[name] = value
        return name

    def get(self, name: str) -> Json:
        if name not in self.values:
            raise JournalError("an attachment of the journal is missing", where=name)
        return self.values[name]


class Story:
    """Tells a history; each event is a second after the one before, unless a moment is given."""

    def __init__(self, scenario: str = "a.feature::b") -> None:
        self.scenario = scenario
        self.events: list[Event] = []
        self.attachments = MemoryAttachments()

    @property
    def history(self) -> History:
        return History(tuple(self.events), self.attachments)

    def judge(self, check: Check, **params: Json) -> Verdict:
        return check.judge(self.history, params)

    def event(self, act: str, kind: Kind = Kind.NOTE, *, at: float | None = None, **data: Json) -> Event:
        """One event; `at` in seconds."""
        newest = self.events[-1].mono_ns if self.events else 0
        moment = newest + SECOND if at is None else round(at * SECOND)
        seq = len(self.events) + 1
        event = Event(seq, "", moment, "r1", self.scenario, kind, act, data, GENESIS)
        self.events.append(event)
        return event

    def act(self, act: str, ends: Kind | None = Kind.OK, *, at: float | None = None, **data: Json) -> Event:
        """An act and its end at the same moment `at`, or a second apart; None for one that never ended."""
        begun = self.event(act, Kind.BEGIN, at=at)
        return begun if ends is None else self.event(act, ends, at=at, of=begun.seq, **data)

    def observe(
        self,
        label: str,
        *,
        facts: Iterable[Fact] = FACTS,
        tables: Iterable[TableRows] = (),
        ledger: Sequence[str] | None = None,
        at: float | None = None,
    ) -> None:
        listed = Fingerprint.of(facts).to_json()
        self.event(
            "observe",
            at=at,
            label=label,
            fingerprint=self.attachments.put(listed),
            kept=self.attachments.put([table.to_json() for table in tables]),
            count=len(listed),
        )
        if ledger is not None:
            self.event("observe.ledger", at=at, label=label, items=list(ledger))

    def compare(
        self,
        label: str = "after",
        against: str = "before",
        *,
        differences: Iterable[Difference] = (),
        changes: Iterable[RowChanges] = (),
    ) -> None:
        self.event(
            "observe.compare",
            label=label,
            against=against,
            differences=self.attachments.put([one.to_json() for one in differences]),
            changes=self.attachments.put([one.to_json() for one in changes]),
        )

    def sequences(self, label: str, *behind: tuple[str, str], count: int = 3) -> None:
        """Which sequences stand behind which columns."""
        self.event(
            "observe.sequences",
            label=label,
            items=[list(pair) for pair in behind],
            findings=[f"sequence {name}: next value 1, but {column} holds 9" for name, column in behind],
            count=count,
        )

    def traffic(self, *operations: Operation, findings: Sequence[str] = (), at: float | None = None) -> None:
        self.event(
            "traffic.finished",
            at=at,
            operations=self.attachments.put(operations_to_json(operations)),
            findings=list(findings),
        )

    def writes(
        self,
        *,
        acknowledged: int,
        lost: Iterable[Operation] = (),
        unexplained: Iterable[str] = (),
        seconds: float = 0.0,
    ) -> None:
        gone: list[Json] = [
            {"name": one.name, "table": one.table, "ended_ns": str(one.ended_ns)} for one in lost
        ]
        self.event(
            "observe.writes",
            acknowledged=acknowledged,
            lost=self.attachments.put(gone),
            unexplained=self.attachments.put(list(unexplained)),
            seconds=seconds,
        )


def write(
    at: float,
    outcome: Answered = "ok",
    *,
    name: str = "place order",
    table: str = "shop.orders",
    took: float = 0.1,
    token: str = "",
    error: str | None = None,
) -> Operation:
    """A client's write, sent at `at` seconds."""
    start, end = round(at * SECOND), round((at + took) * SECOND)
    return Operation(name, name, "write", start, end, outcome, token or f"t{at}", table, error)


def read(at: float, outcome: Answered = "ok", *, name: str = "list orders", took: float = 0.1) -> Operation:
    return Operation(name, name, "read", round(at * SECOND), round((at + took) * SECOND), outcome)


def table(name: str = "shop.orders", rows: int = 10) -> TableRows:
    return TableRows(name, ("id", "total"), ("id",), RowDigest(rows, "12345"))


def differs(
    name: str = "shop.orders_pkey",
    attribute: str | None = "unique",
    before: Json = True,
    after: Json = False,
    *,
    kind: str = "index",
    klass: DifferenceClass = DifferenceClass.OBJECT,
) -> Difference:
    return Difference(kind, name, attribute, before, after, klass)


def moved(name: str, before: Json, after: Json) -> Difference:
    """A sequence that hands out another value next."""
    return differs(name, "next value", before, after, kind="sequence", klass=DifferenceClass.SEQUENCE_STATE)
