"""Is the service back, and in time?"""

from __future__ import annotations

from rollproof.checks.evidence import clients_trouble, ended, lines, need, operations
from rollproof.checks.registry import check
from rollproof.checks.rollbacks import CHANGES_CODE, is_rollback
from rollproof.journal import Event, History, Kind
from rollproof.model.durations import say_duration
from rollproof.model.json import Json
from rollproof.model.verdict import Verdict, proven, refuted, unknown

REMEDIES = ("migration.roll_back", "backup.restore", "writes.grant", "maintenance.end")
"""Acts on the fault: until the last of them has ended, the service is not back for good."""
CHANGES = (*REMEDIES, *CHANGES_CODE, "migration.apply", "writes.revoke", "maintenance.begin")
"""Acts after which an earlier look at the service says nothing any more."""


@check("within-rto", "the service is back within its recovery time objective", sees=("traffic",))
def within_rto(history: History, *, objective_seconds: float) -> Verdict:
    """From the fault to the first *verified* service, on the monotonic clock, split in four.

    Verified means that health, smoke tests and reads answered as they should, see `service.verify`,
    after the last act on the fault; and that clients at work then, readers and writers, were served after it.
    """
    fault = need(history.first("incident.fault"), "the fault, so there is nothing to measure from")
    remedied = _remedied(history, fault)
    verified = next((e for e in history.all("incident.verified") if e.seq > remedied.seq), None)
    if verified is None:
        return _never_verified(history, remedied)
    taken = (verified.mono_ns - fault.mono_ns) / 1e9
    numbers = _split(history, fault, remedied, verified)
    if broken := _unserved(history, fault, verified):
        if trouble := [*clients_trouble(history, "read"), *clients_trouble(history, "write")]:
            return unknown("clients ended early, so it cannot be told whether they were served", *trouble)
        return refuted(
            "the service answered its checks, but clients were not served after it", *broken, **numbers
        )
    numbers |= {"rto_seconds": taken, "objective_seconds": objective_seconds}
    said = f"back after {say_duration(taken)}, objective {say_duration(objective_seconds)}"
    return refuted(said, **numbers) if taken > objective_seconds else proven(said, **numbers)


def _remedied(history: History, fault: Event) -> Event:
    """The end of the last act on the fault; the fault itself when nothing was done about it."""
    acts = [*history.all("incident.executed"), *ended(history, *REMEDIES)]
    return max((event for event in acts if event.seq > fault.seq), key=lambda e: e.seq, default=fault)


def _never_verified(history: History, remedied: Event) -> Verdict:
    looked = [event for event in ended(history, "service.verify") if event.seq > remedied.seq]
    if not looked:
        return unknown("nobody looked whether the service is back")
    problems = [str(event.data["found"]) for event in looked[-1:] if event.data.get("found")]
    return refuted("the service was never verified to be back", *problems)


def _split(history: History, fault: Event, remedied: Event, verified: Event) -> dict[str, Json]:
    """Detection ends with the first `detected`, decision and execution with the last of theirs."""
    detected = next((e for e in history.all("incident.detected") if e.seq > fault.seq), None)
    decided = history.until(verified.seq).last("incident.decided")
    executed = history.until(verified.seq).last("incident.executed") or remedied
    moments = [
        ("detect", fault, detected),
        ("decide", detected, decided),
        ("execute", decided, executed),
        ("verify", executed, verified),
    ]
    return {
        f"{part}_seconds": (end.mono_ns - begin.mono_ns) / 1e9
        for part, begin, end in moments
        if begin is not None and end is not None and begin.seq <= end.seq
    }


def _unserved(history: History, fault: Event, verified: Event) -> tuple[str, ...]:
    """What clients at work were refused throughout after the service was verified.

    Kinds of read of which not one was served; kinds of write that were acknowledged before the fault, were
    tried after the service was verified, and then never acknowledged.
    """
    finished = history.last("traffic.finished", Kind.NOTE)
    if finished is None or finished.seq < verified.seq:
        return ()
    done = operations(history)
    reads = {o.name for o in done if o.kind == "read"}
    writes = {o.name for o in done if o.kind == "write" and o.outcome == "ok" and o.ended_ns < fault.mono_ns}
    after = [o for o in done if o.started_ns >= verified.mono_ns]
    served = {o.name for o in after if o.outcome == "ok"}
    refused = writes & {o.name for o in after} - served
    said = [(name, "read was served") for name in sorted(reads - served)]
    said += [(name, "write was acknowledged") for name in sorted(refused)]
    return lines(f"{name}: no {what}" for name, what in said)


@check("smoke-passes", "the smoke tests pass")
def smoke_passes(history: History) -> Verdict:
    """The newest verification of the service, after everything that was done, succeeded and ran something."""
    last = need(next(iter(ended(history, "service.verify")[-1:]), None), "a verification of the service")
    later = [e.act for e in history.events if e.kind is Kind.BEGIN and e.seq > last.seq and _changes(e.act)]
    if last.kind is Kind.UNKNOWN:
        return unknown(f"the service's verification was cut short: {last.data.get('found', '')}")
    if later:
        return unknown(f"the service was not verified after {later[-1]}")
    if last.kind is Kind.FAIL:
        return refuted(f"the service is not as it should be: {last.data.get('found', '')}")
    ran = last.data.get("checks")
    names = [str(item) for item in ran] if isinstance(ran, list) else []
    if not names:
        return unknown("nothing was run to verify the service")
    return proven(f"{len(names)} checks of the service passed: {', '.join(names)}", checks=len(names))


def _changes(act: str) -> bool:
    return act in CHANGES or is_rollback(act)


@check("smoke-failed-before", "the smoke tests saw the fault", answers=("service.verify",))
def smoke_failed_before(history: History) -> Verdict:
    """The smoke tests failed while the fault was there: they can tell broken from whole."""
    first = need(next(iter(ended(history, "service.verify")), None), "a verification of the service")
    fault = need(history.first("incident.fault"), "the fault")
    remedied = _remedied(history, fault)
    if first.seq < fault.seq or (remedied is not fault and first.seq > remedied.seq):
        return unknown("the service was not verified while the fault was there")
    if first.kind is Kind.UNKNOWN:
        return unknown(f"the service's verification was cut short: {first.data.get('found', '')}")
    if first.kind is Kind.OK:
        return refuted("the smoke tests passed although the fault was there")
    return proven(f"the smoke tests failed while the fault was there: {first.data.get('found', '')}")
