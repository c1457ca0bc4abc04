"""Code and schema apart: was every combination asked, is what breaks named, is there a safe order?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rollproof.checks.evidence import (
    as_list,
    as_object,
    asks_a_service,
    clients_trouble,
    ended,
    lines,
    need,
    operations,
    still_true,
)
from rollproof.checks.registry import check
from rollproof.compatibility import judging
from rollproof.compatibility.model import CELLS, CURRENT, PREVIOUS, ROUNDS, Asked, CellRun, Matrix
from rollproof.journal import Event, History, Kind
from rollproof.model.durations import say_duration
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome, Verdict, proven, refuted, unknown

ASK, ROLL_BACK = "compatibility.ask", "compatibility.roll_back"


@dataclass(frozen=True, slots=True)
class Declared:
    """What the system file and the releases' folders say: endpoints, and digest and migrations by release."""

    endpoints: tuple[str, ...]
    digests: Mapping[str, str]
    listed: Mapping[str, tuple[str, ...]]


def _matrix(history: History) -> Matrix:
    """What was asked last. NotRecorded when nothing was."""
    about = need(history.last("compatibility.matrix", Kind.NOTE), "the matrix of code, schema and rows")
    said = as_object(history.attachment(about.data["answers"]))
    cells = [event for event in history.all("compatibility.cell") if event.seq > about.seq]
    return Matrix(
        {which: str(name) for which, name in as_object(said["names"]).items()},
        tuple(Asked.from_json(as_object(item)) for item in as_list(said["endpoints"])),
        tuple(CellRun.from_json(as_object(history.attachment(event.data["answers"]))) for event in cells),
    )


def _declared(history: History) -> Declared:
    event = need(history.last("compatibility.declared", Kind.NOTE), "what the system file declares")
    said = as_object(history.attachment(event.data["answers"]))
    releases = {which: as_object(one) for which, one in as_object(said["releases"]).items()}
    return Declared(
        tuple(map(str, as_list(said["endpoints"]))),
        {which: str(one["digest"]) for which, one in releases.items()},
        {which: tuple(map(str, as_list(one["listed"]))) for which, one in releases.items()},
    )


def _cut_short(history: History) -> Verdict | None:
    """Unknown, with the reason, unless the asking came to its end."""
    last = need(next(iter(ended(history, ASK)[-1:]), None), "asking the releases")
    if last.kind is Kind.OK:
        return None
    return unknown(f"the releases could not be asked: {last.data.get('found', '')}")


@check(
    "matrix-complete",
    "every combination was asked at every endpoint, twice",
    sees=("releases",),
    answers=(ASK,),
)
def matrix_complete(history: History) -> Verdict:
    """Each cell was run, or there can be none; each endpoint was asked in each round, or there was nothing
    to ask about; none was left out everywhere."""
    if cut := _cut_short(history):
        return cut
    matrix, declared = _matrix(history), _declared(history)
    names = list(dict.fromkeys([*declared.endpoints, *(asked.name for asked in matrix.endpoints)]))
    missing = [f"{cell.say(matrix.names)}: not run" for cell in CELLS if matrix.run(cell) is None]
    missing += [gap for run in matrix.runs if not run.impossible for gap in _gaps(matrix, run, names)]
    answered = {a.endpoint for run in matrix.runs for a in run.answers if not a.left_out}
    never = [f"{name}: there was nothing to ask about in any cell" for name in names if name not in answered]
    numbers: dict[str, Json] = {
        "cells": len(matrix.runs),
        "endpoints": len(names),
        "answers": sum(not answer.left_out for run in matrix.runs for answer in run.answers),
    }
    if missing:
        return refuted(f"{len(missing)} questions were never asked", *lines(missing), **numbers)
    if never or not names:
        return unknown("some endpoints were asked nowhere", *lines(never), **numbers)
    said = f"{len(names)} endpoints, each asked {ROUNDS} times in {len(matrix.runs)} combinations"
    return proven(said, **numbers)


def _gaps(matrix: Matrix, run: CellRun, names: list[str]) -> Iterator[str]:
    for name in names:
        rounds = {answer.round for answer in run.of(name)}
        if len(rounds) < ROUNDS:
            yield f"{run.cell.say(matrix.names)}: {name} was asked {len(rounds)} times"


@check("matrix-genuine", "each combination is the one that it says", sees=("releases",), answers=(ASK,))
def matrix_genuine(history: History) -> Verdict:
    """The code is what is in its release's folder, the ledger lists its schema's migrations and no others,
    and before it was asked the rows were there that it says, and no others of the newer release."""
    if cut := _cut_short(history):
        return cut
    matrix, declared = _matrix(history), _declared(history)
    runs = [run for run in matrix.runs if not run.impossible]
    findings = [f"{run.cell.say(matrix.names)}: {one}" for run in runs for one in _untrue(run, declared)]
    if findings:
        return refuted("a combination is not what it says", *lines(findings), cells=len(runs))
    if not runs:
        return unknown("no combination was run")
    if declared.digests[PREVIOUS] == declared.digests[CURRENT]:
        return unknown("both releases have the same code, so nothing tells them apart")
    return proven(f"{len(runs)} combinations ran the code, schema and rows that they name", cells=len(runs))


def _untrue(run: CellRun, declared: Declared) -> Iterator[str]:
    cell = run.cell
    if run.digest != declared.digests[cell.code]:
        yield "the code that ran is not that release's"
    extra = Counter(run.listed) - Counter(declared.listed[cell.schema])
    lacking = Counter(declared.listed[cell.schema]) - Counter(run.listed)
    if extra or lacking:
        yield f"the schema is another: {', '.join([*extra, *lacking])}"
    of_current = run.written.get(declared.digests[CURRENT], 0)
    if not run.written.get(declared.digests[cell.rows], 0):
        yield "no row of that release was there"
    elif cell.rows == PREVIOUS and of_current:
        yield f"{of_current} rows of the other release were there already"


@check("breaks-named", "what breaks is named, by combination and endpoint", answers=(ASK,))
def breaks_named(history: History) -> Verdict:
    """Judged again from the bare answers, nothing breaks that the drill did not name, and each finding
    came twice."""
    if cut := _cut_short(history):
        return cut
    matrix = _matrix(history)
    found = judging.breaks(matrix)
    event = need(history.last("compatibility.found", Kind.NOTE), "what breaks")
    named = set(map(str, as_list(history.attachment(event.data["answers"]))))
    said = [one.say(matrix.names) for one in found]
    numbers: dict[str, Json] = {"breaks": len(said), "cells": len({one.cell for one in found})}
    if silent := [one for one in said if one not in named]:
        return refuted(f"{len(silent)} of {len(said)} breaks were not named", *lines(silent), **numbers)
    if invented := sorted(named - set(said)):
        return refuted("breaks were named that nothing was seen of", *lines(invented), **numbers)
    if unsound := judging.unsound_homes(matrix):
        return unknown("a release does not work on its own schema either", *lines(unsound), **numbers)
    if once := [one.say(matrix.names) for one in found if not one.steady]:
        return unknown("some breaks were seen once and not again", *lines(once), **numbers)
    reason = f"{len(said)} found, each seen {ROUNDS} times" if said else "nothing breaks in any combination"
    return Verdict(Outcome.PROVEN, reason, numbers, lines(said))


@check("order-safe", "the order to roll back in breaks nothing", answers=(ASK, ROLL_BACK))
def order_safe(history: History, *, order: str) -> Verdict:
    """Nothing breaks in the combinations that the order passes through, but at endpoints that may; and the
    rollback was carried out in this order.

    Args:
        order: the one that the runbook relies on; empty: the first that is safe.
    """
    if cut := _cut_short(history):
        return cut
    matrix = _matrix(history)
    safe = judging.safe_orders(matrix)
    if unsound := judging.unsound_homes(matrix):
        return unknown("a release does not work on its own schema either", *lines(unsound))
    if not safe or order not in ("", *safe):
        return _no_order(matrix, order, safe)
    chosen = order or safe[0]
    if wrong := _other_way(history, chosen):
        return wrong
    accepted = _accepted(matrix, chosen)
    but = f", but for {len(accepted)} that may" if accepted else ""
    return Verdict(Outcome.PROVEN, f"{chosen}: nothing breaks on the way{but}", {}, lines(accepted))


def _other_way(history: History, order: str) -> Verdict | None:
    """What is wrong with how the rollback was carried out, by its steps' own records; None: nothing."""
    last = need(next(iter(ended(history, ROLL_BACK)[-1:]), None), "the rollback")
    if last.kind is Kind.UNKNOWN:
        return unknown(f"the rollback was cut short: {last.data.get('found', '')}")
    if last.kind is Kind.FAIL:
        return refuted(f"the rollback did not succeed: {last.data.get('found', '')}")
    begun = [event for event in history.all("compatibility.step") if event.kind is Kind.BEGIN]
    steps = tuple(str(event.data.get("step")) for event in begun)
    if steps != judging.STEPS[order]:
        return refuted(f"it was not carried out {order}, but: {', '.join(steps) or 'no step'}")
    return None


def _no_order(matrix: Matrix, order: str, safe: list[str]) -> Verdict:
    found = judging.breaks(matrix)
    wanted = [order] if order else list(judging.ORDERS)
    findings = [
        f"{one}: {broken.say(matrix.names)}"
        for one in wanted
        for broken in judging.in_the_way(one, matrix, found)
    ]
    if not findings:
        return unknown(f"some combinations that {order or 'every order'} passes through were not run")
    others = f"; safe would be: {', '.join(safe)}" if safe else ""
    said = f"{order} is not safe{others}" if order else "there is no order in which nothing breaks"
    return refuted(said, *lines(findings), breaks=len(findings))


def _accepted(matrix: Matrix, order: str) -> list[str]:
    return [
        f"{one.say(matrix.names)} (may: {matrix.endpoint(one.endpoint).may_fail})"
        for one in judging.breaks(matrix)
        if one.cell in judging.ORDERS[order]
    ]


@check("requests-served", "no request failed", sees=("traffic",), answers=(ROLL_BACK,))
def requests_served(history: History) -> Verdict:
    """From the begin of the rollback on, every read and write of the clients was served; while all was
    closed on purpose nobody is counted, and it is said for how long that was."""
    began = need(history.last(ROLL_BACK, Kind.BEGIN), "the rollback")
    end = need(next(iter(ended(history, ROLL_BACK)[-1:]), None), "the rollback's end")
    if end.kind is not Kind.OK:
        return unknown(f"the rollback did not come to its end: {end.data.get('found', '')}")
    closed = _closed(history, began, end)
    during = [o for o in operations(history) if o.ended_ns > began.mono_ns]
    counted = [o for o in during if not any(o.ended_ns > a and o.started_ns < b for a, b in closed)]
    failed = [operation for operation in counted if operation.outcome != "ok"]
    numbers: dict[str, Json] = {"requests": len(counted), "failed": len(failed)}
    if closed:
        numbers["closed_seconds"] = sum(b - a for a, b in closed) / 1e9
    if failed:
        by = Counter(f"{o.name}: {o.outcome}{f', {o.error}' if o.error else ''}" for o in failed)
        findings = [f"{name}: {count} times" for name, count in by.most_common()]
        return refuted(f"{len(failed):,} of {len(counted):,} requests failed", *lines(findings), **numbers)
    if trouble := [*clients_trouble(history, "read"), *clients_trouble(history, "write")]:
        return unknown("clients ended early, so some requests are on no record", *trouble, **numbers)
    asking = asks_a_service(history)
    if not asking:
        return unknown("no client asks a service, so none would have missed it", **numbers)
    if idle := sorted({*asking, *(o.name for o in operations(history))} - {o.name for o in counted}):
        return unknown(f"these clients asked nothing meanwhile: {', '.join(idle)}", **numbers)
    shut = f", closed for {say_duration(sum(b - a for a, b in closed) / 1e9)}" if closed else ""
    return proven(f"all {len(counted):,} requests were served{shut}", **numbers)


def _closed(history: History, began: Event, end: Event) -> list[tuple[int, int]]:
    """When the system was closed on purpose: from the begin of `close` to the end of `open`."""
    steps = [event for event in history.all("compatibility.step") if began.seq < event.seq < end.seq]
    begun = {event.seq: str(event.data.get("step")) for event in steps if event.kind is Kind.BEGIN}
    shut = [event.mono_ns for event in steps if begun.get(event.seq) == "close"]
    opened = [event.mono_ns for event in steps if begun.get(_of(event)) == "open"]
    return list(zip(shut, opened, strict=False))


def _of(event: Event) -> int:
    return int(str(event.data.get("of", 0)))


@check("previous-serves", "the previous release serves, on its own schema", sees=("serving",))
def previous_serves(history: History) -> Verdict:
    """What serves is that release's code, healthy; the ledger lists its migrations alone, unless the order
    leaves the database as it is."""
    declared = _declared(history)
    event = need(history.last("compatibility.serving", Kind.NOTE), "what serves")
    event = still_true(history, event, "what serves", ROLL_BACK)
    if not event.data.get("count"):
        return unknown("no service serves")
    done = need(history.last(ROLL_BACK, Kind.OK), "a rollback that succeeded")
    schema = PREVIOUS if "database" in as_list(done.data.get("items", [])) else CURRENT
    findings = [str(item) for item in as_list(event.data.get("findings", []))]
    if event.data.get("digest") != declared.digests[PREVIOUS]:
        findings.append("the code that serves is not the previous release's")
    listed, wanted = Counter(map(str, as_list(event.data["items"]))), Counter(declared.listed[schema])
    findings += [f"still listed: {name}" for name in listed - wanted]
    findings += [f"not listed: {name}" for name in wanted - listed]
    if findings:
        return refuted("it is not the previous release that serves", *lines(findings))
    kept = " (the schema stays the newer one)" if schema == CURRENT else ""
    return proven(f"healthy, with its own code and {len(wanted)} migrations{kept}")
