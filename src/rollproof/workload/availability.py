"""How well clients were served, read from what they did. Pure functions over operations.

All moments are monotonic nanoseconds, all durations seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rollproof.workload.operations import Kind, Operation


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which one client was not served.

    Attributes:
        client: whose.
        started_ns: when its first operation that went wrong began.
        ended_ns: when the next good one ended, which is the first proof of service; or, with
            `over` False, when its last operation that is on record ended.
        operations: how many went wrong.
    """

    client: str
    kind: Kind
    started_ns: int
    ended_ns: int
    operations: int
    over: bool

    @property
    def seconds(self) -> float:
        return (self.ended_ns - self.started_ns) / 1e9


def only(
    operations: Iterable[Operation], *, kind: Kind | None = None, name: str | None = None
) -> tuple[Operation, ...]:
    """The operations of a kind, of an entry, or both."""
    return tuple(o for o in operations if kind in (None, o.kind) and name in (None, o.name))


def outages(operations: Iterable[Operation]) -> tuple[Outage, ...]:
    """Every time in which a client's operations went wrong, in order of start.

    Indeterminate operations count as wrong: a caller who does not know was not served.
    """
    found = [outage for mine in _by_client(operations) for outage in _outages(mine)]
    return tuple(sorted(found, key=lambda outage: (outage.started_ns, outage.client)))


def longest_outage(operations: Iterable[Operation]) -> Outage | None:
    """The one that took longest, or None when there was none."""
    return max(outages(operations), key=lambda outage: outage.seconds, default=None)


def outage_seconds(operations: Iterable[Operation]) -> float:
    """Seconds in which at least one client was not served; overlaps count once."""
    total, end = 0, 0
    for outage in outages(operations):
        total += max(0, outage.ended_ns - max(end, outage.started_ns))
        end = max(end, outage.ended_ns)
    return total / 1e9


def first_good(operations: Iterable[Operation], *, after_ns: int) -> Operation | None:
    """The good operation that ended first among those that *began* at or after a moment.

    One that began before may have been served by what was there before.
    """
    good = [o for o in operations if o.outcome == "ok" and o.started_ns >= after_ns]
    return min(good, key=lambda operation: operation.ended_ns, default=None)


def all_served(operations: Iterable[Operation], *, after_ns: int) -> int | None:
    """The moment by which every client had a good operation that began at or after `after_ns`.

    None when some client had none, or when there are no operations at all.
    """
    firsts = [first_good(mine, after_ns=after_ns) for mine in _by_client(operations)]
    ends = [first.ended_ns for first in firsts if first is not None]
    return max(ends) if ends and len(ends) == len(firsts) else None


def error_rate(operations: Iterable[Operation]) -> float | None:
    """The share of operations that were not acknowledged, 0 to 1; None when there are none."""
    outcomes = [operation.outcome for operation in operations]
    return sum(outcome != "ok" for outcome in outcomes) / len(outcomes) if outcomes else None


def latency_percentiles(
    operations: Iterable[Operation], percentiles: Sequence[float] = (50, 95, 99, 100)
) -> dict[float, float]:
    """Seconds that acknowledged operations took, by nearest rank: the value that `p` percent do not exceed.

    Empty when none was acknowledged. Raises ValueError for a percentile outside 0 to 100.
    """
    if any(not 0 <= p <= 100 for p in percentiles):
        raise ValueError("a percentile is a number from 0 to 100")
    took = sorted(operation.seconds for operation in operations if operation.outcome == "ok")
    if not took:
        return {}
    return {p: took[max(0, math.ceil(p / 100 * len(took)) - 1)] for p in percentiles}


def _by_client(operations: Iterable[Operation]) -> list[list[Operation]]:
    clients: dict[tuple[str, str], list[Operation]] = {}
    for operation in sorted(operations, key=lambda o: o.started_ns):
        clients.setdefault((operation.client, operation.name), []).append(operation)
    return list(clients.values())


def _outages(operations: Sequence[Operation]) -> list[Outage]:
    found, wrong = [], list[Operation]()
    for operation in operations:
        if operation.outcome != "ok":
            wrong.append(operation)
        elif wrong:
            found.append(_outage(wrong, ended_ns=operation.ended_ns, over=True))
            wrong = []
    if wrong:
        found.append(_outage(wrong, ended_ns=wrong[-1].ended_ns, over=False))
    return found


def _outage(wrong: Sequence[Operation], *, ended_ns: int, over: bool) -> Outage:
    first = wrong[0]
    return Outage(first.client, first.kind, first.started_ns, ended_ns, len(wrong), over)
