"""Is the service back, and in time?"""

from __future__ import annotations

from rollproof.checks.evidence import NotRecorded, lines, need, operations
from rollproof.checks.registry import check
from rollproof.journal import Event, History, Kind
from rollproof.model.durations import say_duration
from rollproof.model.json import Json
from rollproof.model.verdict import Verdict, proven, refuted, unknown

PHASES = ("fault", "detected", "decided", "executed", "verified")
_PARTS = {
    "detect": ("fault", "detected"),
    "decide": ("detected", "decided"),
    "execute": ("decided", "executed"),
}


@check("within-rto", "the service is back within its recovery time objective", sees=("traffic",))
def within_rto(history: History, *, objective_seconds: float) -> Verdict:
    """From the fault to the first *verified* service, on the monotonic clock, split in four.

    Verified means that health, smoke tests and reads answered as they should, see `service.verify`;
    and that the clients, where there are any, were served after it.
    """
    moments = {phase: history.last(f"incident.{phase}") for phase in PHASES}
    moments["fault"] = history.first("incident.fault")
    fault = need(moments["fault"], "the fault, so there is nothing to measure from")
    verified = _first_verified(history, moments["executed"] or fault)
    if verified is None:
        return refuted("the service was never verified to be back", *_why_not(history))
    numbers = _split(moments, fault, verified)
    if broken := _unserved(history, verified):
        return refuted(
            "the service answered its checks, but clients were not served after it", *broken, **numbers
        )
    taken = (verified.mono_ns - fault.mono_ns) / 1e9
    numbers |= {"rto_seconds": taken, "objective_seconds": objective_seconds}
    said = f"back after {say_duration(taken)}, objective {say_duration(objective_seconds)}"
    if taken > objective_seconds:
        return refuted(said, **numbers)
    return proven(said, **numbers)


def _first_verified(history: History, after: Event) -> Event | None:
    """The first verified service after the last thing that was done about the fault."""
    return next((event for event in history.all("incident.verified") if event.seq > after.seq), None)


def _split(moments: dict[str, Event | None], fault: Event, verified: Event) -> dict[str, Json]:
    numbers: dict[str, Json] = {}
    for part, (begin, end) in _PARTS.items():
        first, last = moments[begin], moments[end]
        if first is not None and last is not None:
            numbers[f"{part}_seconds"] = (last.mono_ns - first.mono_ns) / 1e9
    executed = moments["executed"] or fault
    numbers["verify_seconds"] = (verified.mono_ns - executed.mono_ns) / 1e9
    return numbers


def _unserved(history: History, verified: Event) -> tuple[str, ...]:
    """Kinds of read of which not one was served after the service was verified."""
    try:
        done = operations(history)
    except NotRecorded:
        return ()
    after = [o for o in done if o.kind == "read" and o.started_ns >= verified.mono_ns]
    served = {operation.name for operation in after if operation.outcome == "ok"}
    return lines(f"{name}: no read was served" for name in sorted({o.name for o in after} - served))


def _why_not(history: History) -> tuple[str, ...]:
    last = history.last("service.verify", Kind.FAIL, Kind.UNKNOWN)
    return (str(last.data.get("found", "")),) if last is not None else ()


@check("smoke-passes", "the smoke tests pass")
def smoke_passes(history: History) -> Verdict:
    """The newest verification of the service, after everything that was done, succeeded and ran something."""
    last = need(
        history.last("service.verify", Kind.OK, Kind.FAIL, Kind.UNKNOWN), "a verification of the service"
    )
    if last.kind is not Kind.OK:
        return refuted(f"the service is not as it should be: {last.data.get('found', '')}")
    ran = last.data.get("checks")
    names = [str(item) for item in ran] if isinstance(ran, list) else []
    if not names:
        return unknown("nothing was run to verify the service")
    return proven(f"{len(names)} checks of the service passed", checks=len(names))


@check("smoke-failed-before", "the smoke tests saw the fault")
def smoke_failed_before(history: History) -> Verdict:
    """The smoke tests failed while the fault was there: they can tell broken from whole."""
    first = need(
        history.first("service.verify", Kind.OK, Kind.FAIL, Kind.UNKNOWN), "a verification of the service"
    )
    if first.kind is Kind.OK:
        return refuted("the smoke tests passed although the fault was there")
    return proven("the smoke tests failed while the fault was there")
