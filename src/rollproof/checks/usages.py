"""How the processor and memory that services use compare between two watches. Pure; parts of a verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median

from rollproof.checks.steadiness import Limits, Part
from rollproof.model.verdict import Outcome
from rollproof.workload.samples import Usage, Watched

FEWEST = 4
"""Looks at a service below which nothing is said of it."""
ENOUGH_LOOKS = 8
NEVER_RESTS = 0.9
"""Share of the looks at which a thread must be runnable to be called one that never rests."""
SOME_MEMORY = 32.0
"""MiB that a program may need more or less from one start to another."""


def usages(before: Watched, after: Watched, limits: Limits) -> Iterable[Part]:
    """Processor, memory, and memory that grows, service by service; nothing where no process was seen."""
    then, now = _by_service(before), _by_service(after)
    for name in sorted(then.keys() | now.keys()):
        earlier, later = then.get(name, []), now.get(name, [])
        if min(len(earlier), len(later)) < FEWEST:
            said = f"{name}: its processes were looked at {len(earlier)} times before, {len(later)} after"
            yield Part(Outcome.UNKNOWN, f"{said}; {FEWEST} are needed")
            continue
        yield from _compared(name, earlier, later, limits)


def _by_service(watched: Watched) -> dict[str, list[Usage]]:
    found: dict[str, list[Usage]] = {}
    for item in sorted(watched.usage, key=lambda item: item.at_us):
        found.setdefault(item.service, []).append(item)
    return found


def _compared(name: str, then: Sequence[Usage], now: Sequence[Usage], limits: Limits) -> Iterable[Part]:
    if _began_anew(then) or _began_anew(now):
        yield Part(Outcome.UNKNOWN, f"{name}: another process took its place while it was watched")
    cores, more = _cores(then), _cores(now)
    said = f"{name}: {cores:.2f} cores before, {more:.2f} after"
    ill = more > cores + limits.cpu
    if _spinning(now) > _spinning(then):
        yield Part(Outcome.REFUTED, f"{name}: a thread never rests after the rollback")
    yield Part(Outcome.REFUTED if ill else Outcome.PROVEN, said, {f"cores {name}": round(more, 2)})
    size, larger = (median(item.kib for item in items) / 1024 for items in (then, now))
    said = f"{name}: {size:.0f} MiB before, {larger:.0f} after"
    ill = larger > max(size * limits.memory, size + SOME_MEMORY)
    yield Part(Outcome.REFUTED if ill else Outcome.PROVEN, said, {f"mib {name}": round(larger, 1)})
    grew, grows = _growth(then), _growth(now)
    if grows > max(grew, 0.0) + limits.leak:
        said = f"{name}: its memory grew by {grows:.0f} MiB in {_span(now):.1f} s after, {grew:.0f} before"
        yield Part(Outcome.REFUTED, said)


def _cores(items: Sequence[Usage]) -> float:
    """Processor seconds a second; none when a process took the place of another meanwhile."""
    return max(0.0, (items[-1].cpu_us - items[0].cpu_us) / 1e6) / max(_span(items), 1e-6)


def _began_anew(items: Sequence[Usage]) -> bool:
    """Whether processor time fell, by far: that of a child which has just ended is missing at one look."""
    return any(later.cpu_us < earlier.cpu_us / 2 for earlier, later in pairwise(items))


def _spinning(items: Sequence[Usage]) -> int:
    """How many threads were runnable at almost every look, which those that wait for requests never are."""
    looks = Counter(thread for item in items for thread in item.runnable)
    if len(items) < ENOUGH_LOOKS:
        return 0
    return sum(count >= NEVER_RESTS * len(items) for count in looks.values())


def _span(items: Sequence[Usage]) -> float:
    return (items[-1].at_us - items[0].at_us) / 1e6


def _growth(items: Sequence[Usage]) -> float:
    """MiB from the first quarter of the looks to the last: single peaks do not count."""
    few = max(1, len(items) // 4)
    first, last = (median(item.kib for item in part) for part in (items[:few], items[-few:]))
    return (last - first) / 1024
