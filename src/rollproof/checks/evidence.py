"""Finding in a history what a check needs; what is not there makes the verdict unknown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rollproof.errors import RollproofError
from rollproof.journal import Event, History, Kind
from rollproof.model.fingerprint import Difference, DifferenceClass
from rollproof.model.json import Json
from rollproof.model.rows import RowChanges, TableRows
from rollproof.workload.operations import Operation, operations_from_json

MOST_FINDINGS = 50
_NAME = re.compile(r'"(?:[^"]|"")*"|[^."]+')


class NotRecorded(RollproofError):
    """The history does not hold what the check judges."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the component differed at one moment from another."""

    differences: tuple[Difference, ...]
    changes: tuple[RowChanges, ...]

    def lasting(self) -> tuple[Difference, ...]:
        """Differences other than where sequences stand, which every write moves."""
        return tuple(d for d in self.differences if d.klass is not DifferenceClass.SEQUENCE_STATE)


def need(event: Event | None, what: str) -> Event:
    """The event, or NotRecorded saying what is missing."""
    if event is None:
        raise NotRecorded(f"nothing was recorded of {what}")
    return event


def labelled(history: History, act: str, label: str) -> Event | None:
    """The newest event of an act under a label."""
    return next((e for e in reversed(history.all(act)) if e.data.get("label") == label), None)


def still_true(history: History, event: Event, what: str, *acts: str) -> Event:
    """The event, if none of these acts has begun since: what was seen before an act says nothing of it.

    Raises NotRecorded: one has.
    """
    later = next((begin for begin in begun(history, *acts) if begin.seq > event.seq), None)
    return need(event if later is None else None, f"{what} since {later.act if later else ''} began")


def asks_a_service(history: History) -> frozenset[str]:
    """Names of the clients' entries that ask a service; SQL clients would not notice that one is down.

    Raises NotRecorded: nobody recorded which clients there were.
    """
    event = need(history.last("traffic.started", Kind.NOTE), "which clients ask a service")
    return frozenset(map(str, as_list(event.data.get("sources", []))))


def observation(history: History, label: str) -> Event:
    """The newest observation under a label."""
    return need(labelled(history, "observe", label), f"the database {label!r}")


def comparison(history: History, label: str, against: str) -> Comparison:
    """The newest comparison of `label` with `against`."""
    found = [
        e
        for e in history.all("observe.compare")
        if e.data.get("label") == label and e.data.get("against") == against
    ]
    event = need(found[-1] if found else None, f"how the database {label!r} compares with {against!r}")
    differences = as_list(history.attachment(event.data["differences"]))
    changes = as_list(history.attachment(event.data["changes"]))
    return Comparison(
        tuple(Difference.from_json(as_object(item)) for item in differences),
        tuple(RowChanges.from_json(as_object(item)) for item in changes),
    )


def kept_rows(history: History, label: str) -> tuple[TableRows, ...]:
    """The tables and row counts of an observation."""
    event = observation(history, label)
    return tuple(
        TableRows.from_json(as_object(item)) for item in as_list(history.attachment(event.data["kept"]))
    )


def operations(history: History) -> tuple[Operation, ...]:
    """What the clients did. NotRecorded when none ran."""
    event = need(history.last("traffic.finished", Kind.NOTE), "clients' reads and writes")
    return tuple(operations_from_json(history.attachment(event.data["operations"])))


def clients_trouble(history: History, kind: str) -> tuple[str, ...]:
    """Clients of a kind, `read` or `write`, that ended early or could not be ended.

    What they did at last, or would have done, is on no record. A client that no operation tells the
    kind of counts for both.
    """
    event = history.last("traffic.finished", Kind.NOTE)
    findings = as_list(event.data.get("findings", [])) if event is not None else []
    others = {o.client for o in operations(history) if o.kind != kind} if findings else set()
    return tuple(said for said in map(str, findings) if not any(said.startswith(f"{o} ") for o in others))


def begun(history: History, *acts: str) -> list[Event]:
    """How the runs of these acts began, in order."""
    return [event for event in history.events if event.act in acts and event.kind is Kind.BEGIN]


def ended(history: History, *acts: str) -> list[Event]:
    """How the runs of these acts ended, in order."""
    closing = (Kind.OK, Kind.FAIL, Kind.UNKNOWN)
    return [event for event in history.events if event.act in acts and event.kind in closing]


def same_table(one: str, other: str) -> bool:
    """Whether two qualified names are of one table: `public.order` is `public."order"`."""
    return _parts(one) == _parts(other)


def _parts(name: str) -> list[str]:
    found = _NAME.findall(name)
    return [part[1:-1].replace('""', '"') if part.startswith('"') else part for part in found]


def as_list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise NotRecorded("an attachment is not a list")
    return value


def as_object(value: Json) -> Mapping[str, Json]:
    if not isinstance(value, Mapping):
        raise NotRecorded("an attachment's item is not an object")
    return value


def lines(items: Iterable[object]) -> tuple[str, ...]:
    """One line each, at most `MOST_FINDINGS`, the last saying how many more there are."""
    texts = [str(item) for item in items]
    if len(texts) <= MOST_FINDINGS:
        return tuple(texts)
    return (*texts[:MOST_FINDINGS], f"… and {len(texts) - MOST_FINDINGS} more")


def say_changes(change: RowChanges) -> str:
    """`nigredo_leads.leads: 3 rows lost (id=4, id=9, id=11), column phone: 812 values lost`."""
    if change.missing_table:
        return f"{change.table}: the table is gone, with {change.lost:,} rows"
    parts = [
        f"{count:,} row{'s' if count != 1 else ''} {what}{_some(keys)}"
        for count, what, keys in (
            (change.lost, "lost", change.lost_keys),
            (change.changed, "changed", change.changed_keys),
            (change.added, "added", change.added_keys),
        )
        if count
    ]
    parts += [f"column {name}: {count:,} values lost" for name, count in change.lost_columns.items()]
    parts += [change.incomplete] if change.incomplete else []
    return f"{change.table}: {', '.join(parts)}"


def _some(keys: tuple[str, ...]) -> str:
    if not keys:
        return ""
    return f" ({', '.join(keys[:3])}{', …' if len(keys) > 3 else ''})"
