"""What became of the clients' writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from rollproof.checks.evidence import (
    as_list,
    as_object,
    clients_trouble,
    ended,
    lines,
    need,
    operations,
)
from rollproof.checks.registry import check
from rollproof.journal import Event, History, Kind
from rollproof.model.durations import say_duration
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome, Verdict, proven, refuted, unknown

NEVER_SENT = frozenset(
    {"ConnectError", "ConnectTimeout", "PoolTimeout", "OperationalError", "ConnectionTimeout"}
)
"""What a client records of an attempt that no server ever heard of."""


@check("no-acknowledged-write-lost", "no acknowledged write is lost", sees=("writes",))
def no_acknowledged_write_lost(history: History) -> Verdict:
    """Every write that the system said yes to is there afterwards; RPO is what the lost ones span.

    Some must have been acknowledged before the rollback was over: later ones it could not lose.
    """
    event = need(history.last("observe.writes"), "what became of the clients' writes")
    acknowledged, lost = _number(event, "acknowledged"), _lost(history, event)
    numbers: dict[str, Json] = {
        "writes_acknowledged": acknowledged,
        "writes_lost": len(lost),
        "rpo_seconds": _rpo(event),
    }
    if lost:
        return refuted(
            f"{len(lost):,} of {acknowledged:,} acknowledged writes lost, over {say_duration(_rpo(event))}",
            *_by_client(lost),
            **numbers,
        )
    if not acknowledged:
        return unknown("no write was acknowledged, so nothing shows that writes survive", **numbers)
    if trouble := clients_trouble(history, "write"):
        return unknown("clients ended early, so some writes are on no record", *trouble, **numbers)
    executed = history.last("incident.executed")
    if executed and not _acknowledged(history, until_ns=executed.mono_ns):
        return unknown("no write was acknowledged before the rollback, so it had none to lose", **numbers)
    return proven(f"all {acknowledged:,} acknowledged writes are there", **numbers)


@check(
    "loss-bounded",
    "the restore loses no write older than its backup, and names each it loses",
    sees=("writes",),
)
def loss_bounded(history: History) -> Verdict:
    """Lost writes were acknowledged after the backup's snapshot and sent before the restore was over;
    their span is the RPO."""
    event = need(history.last("observe.writes"), "what became of the clients' writes")
    restored = need(history.last("backup.restore", Kind.OK), "a restore that succeeded")
    backup = need(history.until(restored.seq).last("backup.take", Kind.OK), "a backup")
    snapshot = int(str(backup.data["started_ns"]))
    lost = _lost(history, event)
    late = _acknowledged(history, since_ns=snapshot, until_ns=restored.mono_ns)
    numbers: dict[str, Json] = {
        "writes_lost": len(lost),
        "writes_after_backup": late,
        "rpo_seconds": _rpo(event),
    }
    if older := [item for item in lost if int(str(item["ended_ns"])) < snapshot]:
        said = f"{len(older):,} lost writes were acknowledged before the backup was taken"
        return refuted(said, *_by_client(older), **numbers)
    if newer := _sent_after(history, lost, restored.mono_ns):
        said = f"{len(newer):,} lost writes were made after the restore, which cannot have lost them"
        return refuted(said, *_by_client(newer), **numbers)
    if trouble := clients_trouble(history, "write"):
        return unknown("clients ended early, so some writes are on no record", *trouble, **numbers)
    if not late:
        return unknown("no write was acknowledged after the backup, so there was nothing to lose", **numbers)
    said = f"{len(lost):,} of {late:,} writes made after the backup are lost, none older"
    reason = f"{said} (RPO {say_duration(_rpo(event))})"
    return Verdict(Outcome.PROVEN, reason, numbers, _by_client(lost))


def _acknowledged(history: History, *, since_ns: int = 0, until_ns: int) -> int:
    """How many writes were acknowledged between two moments."""
    return sum(
        operation.kind == "write" and operation.outcome == "ok" and since_ns <= operation.ended_ns <= until_ns
        for operation in operations(history)
    )


def _sent_after(history: History, lost: list[Mapping[str, Json]], moment_ns: int) -> list[Mapping[str, Json]]:
    """Lost writes that were sent after a moment; a lost write is known by its client's name and its end."""
    sent = {(o.name, o.ended_ns) for o in operations(history) if o.started_ns > moment_ns} if lost else set()
    return [item for item in lost if (str(item["name"]), int(str(item["ended_ns"]))) in sent]


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
    if trouble := clients_trouble(history, "write"):
        return unknown("clients ended early, so some attempts are on no record", *trouble)
    if not tried:
        return unknown("no client tried to write while writes were revoked")
    if all(operation.error in NEVER_SENT for operation in tried):
        said = "no attempt to write reached the system while writes were revoked, so nothing refused it"
        return unknown(said, writes_tried=len(tried))
    seconds = (granted.mono_ns - revoked.mono_ns) / 1e9
    return proven(
        f"all {len(tried):,} attempts were refused", writes_tried=len(tried), window_seconds=seconds
    )


@check("writes-resumed", "the application writes again", sees=("writes",))
def writes_resumed(history: History) -> Verdict:
    """Every kind of write is acknowledged again after the last act that took writing away."""
    allowed = ended(history, "writes.grant", "maintenance.end")
    again = need(
        next((e for e in reversed(allowed) if e.kind is Kind.OK), None), "writes being allowed again"
    )
    finished = need(history.last("traffic.finished"), "clients' reads and writes")
    if finished.seq < again.seq:
        return unknown("the clients had ended before writes were allowed again")
    writes = [operation for operation in operations(history) if operation.kind == "write"]
    acknowledged = Counter(o.name for o in writes if o.started_ns > again.mono_ns and o.outcome == "ok")
    silent = sorted({operation.name for operation in writes} - set(acknowledged))
    if silent and (trouble := clients_trouble(history, "write")):
        return unknown("clients ended early, so it cannot be told whether they could write", *trouble)
    if silent:
        many = f"{len(silent)} kind{'s' if len(silent) > 1 else ''} of write"
        return refuted(f"{many} never acknowledged again", *lines(silent))
    if not acknowledged:
        return unknown("no client writes, so nothing shows that writing works")
    return proven("every kind of write was acknowledged again", writes=acknowledged.total())


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
