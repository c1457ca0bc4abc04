"""The checklist of a rollback, before, during and after: each item ticked by what was recorded.

The items are data: checklist.toml beside this module, and the system file's own. An item that nobody
but a person can answer for is never ticked by a program: it is "not proven here".
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from rollproof.checks.backup import unguarded
from rollproof.checks.evidence import as_list, ended, lines, need
from rollproof.checks.registry import check
from rollproof.checks.rollbacks import is_rollback
from rollproof.journal import Event, History, Kind
from rollproof.model.verdict import Outcome, Verdict, proven, refuted, unknown, worst

if TYPE_CHECKING:
    from rollproof.model.incident import ChecklistItem
    from rollproof.model.system import System

_GUARD = "rollback.guard"
_OF = {Kind.OK: Outcome.PROVEN, Kind.FAIL: Outcome.REFUTED}


@dataclass(frozen=True, slots=True)
class Ticked:
    """One item as a scenario leaves it.

    Attributes:
        item: phase and name: `before.backup`.
        outcome: proven when its evidence is there; refuted when the evidence speaks against it, or is
            missing and required; "not proven here" when it waits for a person.
        by: the check or act that ticked it; empty for a person's item.
    """

    item: str
    label: str
    outcome: Outcome
    by: str = ""


@cache
def default_items() -> tuple[ChecklistItem, ...]:
    """The items that ship with Rollproof."""
    from rollproof.model.incident import ChecklistItem

    data = tomllib.loads((files("rollproof.checks") / "checklist.toml").read_text())
    return tuple(ChecklistItem.model_validate(row) for row in data["checklist"])


def items_of(system: System) -> tuple[ChecklistItem, ...]:
    """The shipped items with the system's own in their place, or behind those of their phase."""
    own = {item.item: item for item in system.checklist}
    kept = [own.pop(item.item, item) for item in default_items()]
    order = ("before", "during", "after")
    return tuple(sorted([*kept, *own.values()], key=lambda item: order.index(item.phase)))


def tick(history: History, items: Sequence[ChecklistItem] | None = None) -> Iterator[Ticked]:
    """The items that concern this scenario, in order; none when nothing was rolled back."""
    rollbacks = _Rollbacks.of(history)
    if rollbacks is None:
        return
    for item in default_items() if items is None else items:
        if item.concerns and not rollbacks.acts & set(item.concerns):
            continue
        outcome, by = _outcome(item, history, rollbacks)
        if item.person and outcome in (None, Outcome.UNKNOWN) and (who := _signature(item, history)):
            outcome, by = Outcome.PROVEN, f"signed by {who}"
        if outcome is not None:
            yield Ticked(item.item, item.label, outcome, by)
        elif item.person:
            yield Ticked(item.item, item.label, Outcome.NOT_PROVEN_HERE)
        elif item.required:
            yield Ticked(item.item, item.label, Outcome.REFUTED, by)


@dataclass(frozen=True, slots=True)
class _Rollbacks:
    """What was rolled back: by which acts, from where to where in the journal."""

    acts: frozenset[str]
    first: int
    last: int

    @classmethod
    def of(cls, history: History) -> _Rollbacks | None:
        begun = [e for e in history.events if e.kind is Kind.BEGIN and is_rollback(e.act)]
        if not begun:
            return None
        acts = frozenset(event.act for event in begun)
        closed = ended(history, *acts)
        return cls(acts, begun[0].seq, max([begun[-1].seq, *(event.seq for event in closed)]))


def _outcome(item: ChecklistItem, history: History, rollbacks: _Rollbacks) -> tuple[Outcome | None, str]:
    """How the item stands and by what; None when nothing was recorded of it."""
    if item.each:
        return _before_each(item, history), item.act[0]
    if item.verdicts:
        return _by_verdicts(history, item.verdicts)
    if item.note:
        event = history.last(item.note)
        return (
            Outcome.PROVEN if event is not None and _says_something(event) else Outcome.UNKNOWN
        ), item.note
    return _by_acts(item, history, rollbacks)


def _signature(item: ChecklistItem, history: History) -> str:
    """Who has signed it; empty when nobody has."""
    signed = [e for e in history.all("checklist.signed") if e.data.get("item") == item.item]
    return str(signed[-1].data.get("user", "")) if signed and signed[-1].data.get("reason") else ""


def _says_something(event: Event) -> bool:
    return bool(event.data.get("cause") or event.data.get("decision"))


def _before_each(item: ChecklistItem, history: History) -> Outcome:
    """Each rollback began only after a run of the act that had succeeded since the one before."""
    if item.act == (_GUARD,):
        return Outcome.REFUTED if unguarded(history) else Outcome.PROVEN
    consent, good = False, True
    for event in history.events:
        if event.act in item.act and event.kind not in (Kind.BEGIN, Kind.NOTE):
            consent = event.kind is Kind.OK
        elif event.kind is Kind.BEGIN and is_rollback(event.act):
            good, consent = good and consent, False
    return Outcome.PROVEN if good else Outcome.REFUTED


def _by_verdicts(history: History, checks: Sequence[str]) -> tuple[Outcome | None, str]:
    """By the verdicts of the named checks, the worst of them."""
    given = [e for e in history.all("verify") if e.data.get("check") in checks]
    if not given:
        return None, ", ".join(checks)
    by = dict.fromkeys(str(event.data["check"]) for event in given)
    return worst([Outcome(str(event.data["outcome"])) for event in given]), ", ".join(by)


def _by_acts(item: ChecklistItem, history: History, rollbacks: _Rollbacks) -> tuple[Outcome | None, str]:
    """By the runs of its acts that lie where they belong; refuted when all of them lie elsewhere."""
    closed = sorted(ended(history, *item.act), key=lambda event: event.seq)
    if not closed:
        return None, next(iter(item.act), "")
    there = [event for event in closed if _in_phase(item, event, history, rollbacks)]
    if not there:
        elsewhere = None if item.person else Outcome.REFUTED  # another phase has an item of its own for it
        return elsewhere, closed[-1].act
    if item.required and any(event.kind is Kind.OK for event in there):
        return Outcome.PROVEN, there[-1].act
    return _OF.get(there[-1].kind, Outcome.UNKNOWN), there[-1].act


def _in_phase(item: ChecklistItem, event: Event, history: History, rollbacks: _Rollbacks) -> bool:
    follows = history.last(item.after, Kind.OK) if item.after else None
    if item.after and (follows is None or follows.seq > event.seq):
        return False
    if item.phase == "before":
        return event.seq < rollbacks.first
    if item.phase == "after":
        return event.seq > rollbacks.last
    verified = [e.seq for e in history.all("service.verify", Kind.OK) if e.seq > rollbacks.last]
    return rollbacks.first < event.seq < (min(verified) if verified else event.seq + 1)


@check(
    "checklist-followed", "every item of the checklist is ticked or waits for a person", sees=("checklist",)
)
def checklist_followed(history: History) -> Verdict:
    """The items before, during and after, each in its phase; those of a person are named, not counted.

    Refuted for an item that was skipped, failed, or came too late: a backup proven after the rollback.
    """
    from rollproof.model.incident import ChecklistItem

    plan = need(history.last("checklist.plan"), "the checklist")
    items = [ChecklistItem.model_validate(row) for row in as_list(history.attachment(plan.data["plan"]))]
    ticked = list(tick(history, items))
    if not ticked:
        return unknown("nothing was rolled back, so the checklist was not asked for")
    bad = [f"{one.item}: {one.label}" for one in ticked if one.outcome is Outcome.REFUTED]
    unsure = [f"{one.item}: {one.label}" for one in ticked if one.outcome is Outcome.UNKNOWN]
    if bad:
        return refuted(f"{len(bad)} items were skipped, failed or came too late", *lines([*bad, *unsure]))
    if unsure:
        return unknown(f"of {len(unsure)} items nobody can tell", *lines(unsure))
    waiting = [f"waits for a person: {one.label}" for one in ticked if one.outcome.skipped]
    numbers = {"ticked": len(ticked) - len(waiting), "waiting": len(waiting)}
    if not numbers["ticked"]:
        return unknown("every item waits for a person, so nothing of it is proven", *lines(waiting))
    verdict = proven(f"{numbers['ticked']} items ticked, {len(waiting)} wait for a person", **numbers)
    return Verdict(verdict.outcome, verdict.reason, verdict.numbers, tuple(waiting))
