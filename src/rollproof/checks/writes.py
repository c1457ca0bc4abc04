"""What became of the clients' writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from rollproof.checks.evidence import as_list, as_object, lines, need, operations
from rollproof.checks.registry import check
from rollproof.journal import Event, History, Kind
from rollproof.model.durations import say_duration
from rollproof.model.json import Json
from rollproof.model.verdict import Verdict, proven, refuted, unknown


@check("no-acknowledged-write-lost", "no acknowledged write is lost", sees=("writes",))
def no_acknowledged_write_lost(history: History) -> Verdict:
    """Every write that the system said yes to is there afterwards; RPO is what the lost ones span."""
    event = need(history.last("observe.writes"), "what became of the clients' writes")
    acknowledged, lost = _number(event, "acknowledged"), _lost(history, event)
    numbers: dict[str, Json] = {
        "writes_acknowledged": acknowledged,
        "writes_lost": len(lost),
        "rpo_seconds": _rpo(event),
    }
    if not acknowledged:
        return unknown("no write was acknowledged, so nothing shows that writes survive", **numbers)
    if lost:
        return refuted(
            f"{len(lost):,} of {acknowledged:,} acknowledged writes lost, over {say_duration(_rpo(event))}",
            *_by_client(lost),
            **numbers,
        )
    return proven(f"all {acknowledged:,} acknowledged writes are there", **numbers)


@check(
    "loss-bounded",
    "the restore loses no write older than its backup, and names each it loses",
    sees=("writes",),
)
def loss_bounded(history: History) -> Verdict:
    """Lost writes were all acknowledged after the backup's snapshot; their span is the RPO."""
    event = need(history.last("observe.writes"), "what became of the clients' writes")
    backup = need(history.last("backup.take", Kind.OK), "a backup")
    snapshot = int(str(backup.data["started_ns"]))
    lost = _lost(history, event)
    older = [item for item in lost if int(str(item["ended_ns"])) < snapshot]
    late = _acknowledged_after(history, snapshot)
    numbers: dict[str, Json] = {
        "writes_lost": len(lost),
        "writes_after_backup": late,
        "rpo_seconds": _rpo(event),
    }
    if older:
        return refuted(
            f"{len(older):,} lost writes were acknowledged before the backup was taken",
            *_by_client(older),
            **numbers,
        )
    if not late:
        return unknown("no write was acknowledged after the backup, so there was nothing to lose", **numbers)
    said = f"{len(lost):,} of {late:,} writes made after the backup are lost, none older"
    reason = f"{said} (RPO {say_duration(_rpo(event))})"
    return Verdict(proven(reason).outcome, reason, numbers, _by_client(lost))


def _acknowledged_after(history: History, moment_ns: int) -> int:
    return sum(
        1
        for operation in operations(history)
        if operation.kind == "write" and operation.outcome == "ok" and operation.ended_ns >= moment_ns
    )


@check(
    "no-write-got-in",
    "no write of the application role got in while writes were revoked",
    sees=("writes",),
)
def no_write_got_in(history: History) -> Verdict:
    """Between the end of the revoke and the begin of the grant no write attempt succeeded.

    An attempt whose answer did not say so (a service that answered 500) was looked for in the
    database, also in the one that a restore replaced.
    """
    revoked = need(history.last("writes.revoke", Kind.OK), "writes being revoked")
    granted = need(history.last("writes.grant", Kind.BEGIN), "writes being granted again")
    tried = [
        operation
        for operation in operations(history)
        if operation.kind == "write"
        and operation.started_ns > revoked.mono_ns
        and operation.ended_ns < granted.mono_ns
    ]
    seen = need(history.last("observe.writes"), "what became of the clients' writes").data["unexplained"]
    there = set(as_list(history.attachment(seen)))
    through = Counter(o.name for o in tried if o.outcome == "ok" or o.token in there)
    if through:
        return refuted(
            f"{sum(through.values()):,} writes got in",
            *(f"{name}: {count:,}" for name, count in through.items()),
            writes_tried=len(tried),
        )
    if not tried:
        return unknown("no client tried to write while writes were revoked")
    seconds = (granted.mono_ns - revoked.mono_ns) / 1e9
    return proven(
        f"all {len(tried):,} attempts were refused", writes_tried=len(tried), window_seconds=seconds
    )


@check("writes-resumed", "the application writes again", sees=("writes",))
def writes_resumed(history: History) -> Verdict:
    """Every kind of write is acknowledged again after the last act that took writing away."""
    ended = [
        need(event, "writing being allowed again").mono_ns
        for event in (history.last("writes.grant", Kind.OK), history.last("maintenance.end", Kind.OK))
        if event is not None
    ]
    if not ended:
        return unknown("nothing was recorded of writes being allowed again")
    after = [o for o in operations(history) if o.kind == "write" and o.started_ns > max(ended)]
    acknowledged = Counter(operation.name for operation in after if operation.outcome == "ok")
    silent = sorted({o.name for o in operations(history) if o.kind == "write"} - set(acknowledged))
    if silent:
        return refuted(f"{len(silent)} kinds of write were never acknowledged again", *lines(silent))
    return proven("every kind of write was acknowledged again", writes=sum(acknowledged.values()))


def _lost(history: History, event: Event) -> list[Mapping[str, Json]]:
    return [as_object(item) for item in as_list(history.attachment(event.data["lost"]))]


def _by_client(lost: list[Mapping[str, Json]]) -> tuple[str, ...]:
    counted = Counter(f"{item['name']} into {item['table']}" for item in lost)
    return lines(f"{name}: {count:,} lost" for name, count in counted.items())


def _number(event: Event, name: str) -> int:
    value = event.data.get(name)
    return value if isinstance(value, int) else 0


def _rpo(event: Event) -> float:
    value = event.data.get("seconds")
    return float(value) if isinstance(value, int | float) else 0.0
