"""Was a slowness looked into first, and rolled back only when it had lasted?"""

from __future__ import annotations

from rollproof.checks.evidence import NotRecorded, as_object, begun, ended, need
from rollproof.checks.registry import check
from rollproof.checks.rollbacks import is_rollback
from rollproof.journal import Event, History, Kind
from rollproof.model.verdict import Verdict, proven, refuted, unknown
from rollproof.workload.samples import Watched
from rollproof.workload.slowness import A_FEW, Held, Threshold, calm_for, first_held, where_time_goes

INVESTIGATE = "performance.investigate"


@check(
    "rolled-back-once-held",
    "it was rolled back when the threshold had held, and not before",
    answers=(INVESTIGATE,),
)
def rolled_back_once_held(history: History, *, latency_seconds: float, hold_seconds: float) -> Verdict:
    """From the samples themselves: a slowness that lasted is rolled back after it did, another is not."""
    threshold = Threshold(latency_seconds, hold_seconds)
    rollbacks = _after_fault(history)
    looked = history.first(INVESTIGATE, Kind.BEGIN)
    if rollbacks and (looked is None or rollbacks[0].seq < looked.seq):
        return refuted(f"{rollbacks[0].act} began before anybody had looked into it")
    began, seen = _investigation(history)
    if seen.asked < A_FEW:
        return unknown(f"{seen.asked} answers say nothing of a threshold")
    held = first_held(seen.series, threshold)
    if held is None:
        return _passed(seen, threshold, rollbacks)
    return _lasted(began, held, rollbacks)


def _passed(seen: Watched, threshold: Threshold, rollbacks: list[Event]) -> Verdict:
    if rollbacks:
        return refuted(f"{rollbacks[0].act} was done although the threshold had not held")
    if not calm_for(seen.series, threshold):
        return unknown("the threshold was not exceeded, or the slowness had not passed")
    return proven("it passed before the threshold had held, and nothing was rolled back")


def _lasted(began: Event, held: Held, rollbacks: list[Event]) -> Verdict:
    if not rollbacks:
        return refuted(f"{held.target} was too slow for as long as the threshold says: no rollback came")
    if rollbacks[0].mono_ns < began.mono_ns + held.until_us * 1000:
        return refuted(f"{rollbacks[0].act} began before the threshold had held")
    waited = (rollbacks[0].mono_ns - began.mono_ns) / 1e9
    said = f"rolled back {waited:.1f} s after it was first looked into, {held.target} being slow"
    return proven(said, waited_seconds=waited)


@check("slowness-located", "the investigation says where the time goes", answers=(INVESTIGATE,))
def slowness_located(history: History, *, part: str = "") -> Verdict:
    """What was measured says into which part the time goes: `part`, where the drill made it slow."""
    done = need(next(iter(ended(history, INVESTIGATE)[-1:]), None), "an investigation")
    if done.kind is not Kind.OK:
        return unknown(f"it was not brought to its end: {done.data.get('found', '')}")
    measured = as_object(done.data.get("numbers"))
    numbers = {name: float(value) for name, value in measured.items() if isinstance(value, int | float)}
    found, said = where_time_goes(numbers), str(done.data.get("cause", ""))
    if not found:
        return unknown("what was measured does not say where the time goes")
    if found != said:
        return refuted(f"it says {said!r}, and what was measured says {found!r}")
    if part and part not in found:
        return refuted(f"it says {found!r}, and the time goes into {part}")
    return proven(f"the time goes into {found}", **numbers)


def _investigation(history: History) -> tuple[Event, Watched]:
    done = need(history.last(INVESTIGATE, Kind.OK), "an investigation that came to its end")
    began = next(event for event in begun(history, INVESTIGATE) if event.seq == done.data["of"])
    try:
        return began, Watched.from_json(history.attachment(done.data["operations"]))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise NotRecorded("what the investigation saw cannot be read") from error


def _after_fault(history: History) -> list[Event]:
    fault = need(history.first("incident.fault"), "the fault")
    begins = (event for event in history.events if event.kind is Kind.BEGIN and event.seq > fault.seq)
    return [event for event in begins if is_rollback(event.act)]
