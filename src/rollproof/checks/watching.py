"""Is the system as steady after the rollback as it was before the fault?"""

from __future__ import annotations

from collections.abc import Iterable

from rollproof.checks import steadiness
from rollproof.checks.evidence import NotRecorded, lines, need
from rollproof.checks.registry import check
from rollproof.checks.steadiness import Limits, Part
from rollproof.checks.usages import usages
from rollproof.journal import Event, History, Kind
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome, Verdict, worst
from rollproof.workload.samples import Watched

WATCH = "watch"
BEFORE, AFTER = "before", "after"


@check("watch-steady", "the system is as steady as it was before")
def watch_steady(history: History, **limits: float) -> Verdict:
    """Error rate, latency, logs, saturation and alarms after the rollback, compared with before the fault;
    of services' own processes, processor and memory as well.

    Refuted by a test of significance at `steadiness.ALPHA` over all of them together *and* a difference
    that matters; proven only when what was seen rules out that it is worse: a watch that saw too little,
    was silent, or came at the wrong time proves nothing.
    """
    before, after = watched(history, BEFORE), watched(history, AFTER)
    given = Limits(**limits)  # type: ignore[arg-type]  # `flaps` is whole
    return _sum_up(
        [
            *_out_of_place(history),
            *steadiness.silence(before, after),
            *steadiness.errors(before, after, given),
            *steadiness.latencies(before, after, given),
            *steadiness.flapping(after, given),
            *steadiness.alarms(before, after),
            *steadiness.logs(before, after),
            *steadiness.saturation(before, after, given),
            *usages(before, after, given),
        ],
        after,
    )


@check("latency-restored", "the system is as fast as it was before")
def latency_restored(history: History, **limits: float) -> Verdict:
    """Latencies of good answers after the rollback, compared with those before the fault."""
    before, after = watched(history, BEFORE), watched(history, AFTER)
    given = Limits(**limits)  # type: ignore[arg-type]  # `flaps` is whole
    parts = [
        *_out_of_place(history),
        *steadiness.silence(before, after),
        *steadiness.latencies(before, after, given),
    ]
    return _sum_up(parts, after)


def watched(history: History, label: str) -> Watched:
    """The newest watch under a label that came to its end. Raises NotRecorded when there is none."""
    event = _ended(history, label)
    if event.kind is not Kind.OK:
        raise NotRecorded(f"the watch {label} did not come to its end: {event.data.get('found', '')}")
    try:
        return Watched.from_json(history.attachment(event.data["operations"]))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise NotRecorded(f"what the watch {label} saw cannot be read") from error


def _ended(history: History, label: str) -> Event:
    began = [event for event in history.all(WATCH, Kind.BEGIN) if event.data.get("label") == label]
    begin = need(began[-1] if began else None, f"a watch {label}")
    ended = [event for event in history.all(WATCH) if event.data.get("of") == begin.seq]
    return need(ended[-1] if ended else None, f"the end of the watch {label}")


def _out_of_place(history: History) -> Iterable[Part]:
    """A watch before that saw the fault, or one after that came before the rollback was over."""
    before, after = _ended(history, BEFORE), _ended(history, AFTER)
    fault, executed = history.first("incident.fault"), history.last("incident.executed")
    if fault is not None and before.seq > fault.seq:
        yield Part(Outcome.UNKNOWN, "the watch before did not end before the fault")
    begun = next(e for e in history.all(WATCH, Kind.BEGIN) if e.seq == after.data["of"])
    if begun.seq < before.seq:
        yield Part(Outcome.UNKNOWN, "the watch after did not begin after the one before")
    if executed is not None and begun.seq < executed.seq:
        yield Part(Outcome.UNKNOWN, "the watch after began before the rollback was over")


def _sum_up(parts: list[Part], after: Watched) -> Verdict:
    outcome = worst(part.outcome for part in parts)
    against = [part.said for part in parts if part.outcome is not Outcome.PROVEN]
    numbers: dict[str, Json] = {"samples": after.asked, "watched_seconds": round(after.seconds, 2)}
    for part in parts:
        numbers |= part.numbers
    said = next((part.said for part in parts if part.outcome is outcome), "nothing was compared")
    more = sum(part.outcome is outcome for part in parts) - 1
    if outcome is Outcome.PROVEN:
        said = f"{after.asked} requests in {after.seconds:.1f} s after: as before"
    elif more:
        said += f" (and {more} more)"
    return Verdict(outcome, said, numbers, lines(against))
