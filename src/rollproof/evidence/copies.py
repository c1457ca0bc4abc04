"""What drills worked on where it was no database of their own making: which copy, of what, how old."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from rollproof.evidence import reading
from rollproof.evidence.wording import count_of, say_bytes
from rollproof.journal import Event, History, Kind
from rollproof.model.durations import say_duration

MOST = 5
"""tables without rows that one sentence names"""


@dataclass(frozen=True, slots=True)
class WorkingCopy:
    """One copy.

    Attributes:
        what: which it is, in words.
        but: in what it may be otherwise than what it is a copy of; empty when nothing is known of the kind.
    """

    what: str
    but: str = ""


def copies_of(history: History) -> tuple[WorkingCopy, ...]:
    """Every copy that was made of something that was there before the run, in the order of the journal."""
    return tuple(dict.fromkeys(_copies(history)))


def _copies(history: History) -> Iterator[WorkingCopy]:
    made = [event for event in history.events if event.kind is Kind.OK and event.act in _SAID]
    of_cluster = any(event.act == "cluster.clone" for event in made)
    for event in made:
        if not (of_cluster and event.act == "template.clone"):  # within the copy of the cluster
            yield _SAID[event.act](event)


def _restored(event: Event) -> WorkingCopy:
    data, facts = event.data, reading.mapping(event.data, "facts")
    known = [reading.text(facts, "format"), say_bytes(reading.number(data, "bytes") or 0)]
    known.append(reading.text(data, "digest")[: len("sha256:") + 12] + "…")
    what = f"a copy restored from backup {reading.text(data, 'name')} ({', '.join(known)})"
    taken, age = reading.text(facts, "taken"), reading.number(facts, "age_seconds") or 0
    rows = count_of(int(reading.number(data, "rows") or 0), "row")
    but = [f"the rows are those of {_when(taken)}, {_age(age)} before: {rows}"]
    if left := int(reading.number(data, "count") or 0):
        named = ", ".join(reading.texts(data, "left_out")[:MOST]) + (", …" if left > MOST else "")
        but.append(f"the backup was taken without the rows of {count_of(left, 'table')}: {named}")
    if facts.get("marked production"):
        but.append("it bears production's mark")
    return WorkingCopy(f"{what} of {_when(taken)}", "; ".join(but))


def _age(seconds: float) -> str:
    """Whole minutes: several workers read the same backup one after the other."""
    return say_duration(seconds // 60 * 60) if seconds >= 60 else "less than a minute"


def _cloned(event: Event) -> WorkingCopy:
    how = {"template": "file by file", "dump": "by pg_dump"}.get(reading.text(event.data, "kind"), "")
    return WorkingCopy(f"a clone of the environment's database, made {how} at {_when(event.at)}")


def _cluster(event: Event) -> WorkingCopy:
    data = event.data
    taken, source = reading.text(reading.mapping(data, "facts"), "taken"), reading.texts(data, "sources")
    if taken:
        what = f"a cluster restored from snapshot {', '.join(source)} of {_when(taken)}"
        return WorkingCopy(what, f"the rows are those of {_when(taken)}")
    return WorkingCopy(f"a clone of Aurora cluster {', '.join(source)}, made at {_when(event.at)}")


def _when(stamp: str) -> str:
    try:
        return f"{datetime.fromisoformat(stamp):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return "an unknown time"


_SAID = {"template.load": _restored, "template.clone": _cloned, "cluster.clone": _cluster}
"""Acts that make a copy, by what is said of each."""
