"""The checklist of a rollback, before, during and after: each item ticked by what was recorded.

Items that only a person can answer for are never ticked by a program: they are "not proven here".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rollproof.checks.backup import ROLLBACKS, unguarded
from rollproof.journal import Event, History, Kind
from rollproof.model.verdict import Outcome, worst


@dataclass(frozen=True, slots=True)
class Ticked:
    """One item as a scenario leaves it.

    Attributes:
        item: phase and name: `before.backup`.
        outcome: proven when its evidence is there; refuted when the evidence speaks against it;
            "not proven here" when it waits for a person.
        by: the check or act that ticked it; empty for a person's item.
    """

    item: str
    label: str
    outcome: Outcome
    by: str = ""


@dataclass(frozen=True, slots=True)
class _Item:
    name: str
    label: str
    by: str = ""
    judge: Callable[[History, str], Outcome | None] | None = None

    def tick(self, history: History) -> Ticked | None:
        if self.judge is None:
            return Ticked(self.name, self.label, Outcome.NOT_PROVEN_HERE)
        outcome = self.judge(history, self.by)
        return None if outcome is None else Ticked(self.name, self.label, outcome, self.by)


def tick(history: History) -> Iterator[Ticked]:
    """The items that concern this scenario, in order; none when nothing was rolled back."""
    if not any(history.all(act, Kind.BEGIN) for act in ROLLBACKS):
        return
    for item in _ITEMS:
        if (ticked := item.tick(history)) is not None:
            yield ticked


def _act(history: History, name: str) -> Outcome | None:
    """By the newest run of an act; None when it was no part of this scenario."""
    closed = history.last(name, Kind.OK, Kind.FAIL, Kind.UNKNOWN)
    return None if closed is None else _of(closed)


def _of(closed: Event) -> Outcome:
    return {Kind.OK: Outcome.PROVEN, Kind.FAIL: Outcome.REFUTED}.get(closed.kind, Outcome.UNKNOWN)


def _verdicts(history: History, names: str) -> Outcome | None:
    """By the verdicts of the named checks, the worst of them."""
    given = [
        Outcome(str(event.data["outcome"]))
        for event in history.all("verify")
        if event.data.get("check") in names.split(", ")
    ]
    return worst(given) if given else None


def _backup_first(history: History, name: str) -> Outcome:
    """A backup was proven before the first rollback began."""
    first = min(event.seq for act in ROLLBACKS for event in history.all(act, Kind.BEGIN))
    proofs = [event for event in history.all(name, Kind.OK) if event.seq < first]
    return Outcome.PROVEN if proofs else Outcome.REFUTED


def _note(history: History, name: str) -> Outcome:
    event = history.last(name)
    return Outcome.PROVEN if event is not None and event.data.get("cause") else Outcome.UNKNOWN


def _guard_first(history: History, name: str) -> Outcome:
    """The guard was asked, and let it through, before each rollback."""
    return Outcome.REFUTED if unguarded(history) else Outcome.PROVEN


_ITEMS = (
    _Item("before.backup", "A full backup was restored and compared", "backup.verify", _backup_first),
    _Item("before.environment", "The environment is the right one", "database.stage", _act),
    _Item("before.cause", "The cause is on record", "incident.detected", _note),
    _Item("before.plan", "The rollback was rehearsed on a copy", "rollback.rehearse", _act),
    _Item("before.notified", "Those concerned were told"),
    _Item("during.order", "The guard came before the rollback", "rollback.guard", _guard_first),
    _Item("during.steps", "The procedure's steps were done in order", "procedure-in-order", _verdicts),
    _Item("during.status", "Those concerned were kept informed"),
    _Item("after.service", "The service does its work", "service.verify", _act),
    _Item("after.schema", "The schema is what it was", "schema-restored", _verdicts),
    _Item("after.rows", "No row is lost or changed", "rows-unchanged", _verdicts),
    _Item("after.writes", "No acknowledged write is lost", "no-acknowledged-write-lost", _verdicts),
    _Item("after.notified", "Those concerned were told that it is over"),
    _Item("after.follow-up", "The correction is planned and somebody owns it"),
)
