"""The Drill: the one object that steps talk to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from rollproof.checks.checklist import tick
from rollproof.checks.registry import Check
from rollproof.drill.act import Act
from rollproof.drill.healing import heal, outstanding
from rollproof.errors import AttemptFailed, NotApplicable, NotProvenHere, PreconditionNotMet, RollproofError
from rollproof.journal import Event, History, Kind, Recorder
from rollproof.model.json import Json, JsonObject
from rollproof.model.verdict import Outcome, Verdict, unknown, worst

if TYPE_CHECKING:
    from rollproof.drill.session import DrillSession
    from rollproof.model.system import System

P = TypeVar("P", bound="Part")


class Part(Protocol):
    """Something that lives as long as a scenario: a database under drill, its traffic…"""

    def __init__(self, drill: Drill) -> None: ...


class Intervention(Protocol):
    """Steps in around an act. Only saboteurs do: they are how every check proves that it can say no."""

    def around(self, drill: Drill, act: Act, run: Callable[[], JsonObject]) -> JsonObject: ...


@dataclass
class Drill:
    """One scenario on one system. Given requires, When attempts, Then verifies.

    Attributes:
        scenario: its id, also the actor of everything it records.
        failure: what ended the scenario early, if anything did.
    """

    scenario: str
    system: System
    session: DrillSession
    recorder: Recorder
    interventions: list[Intervention] = field(default_factory=list)
    verdicts: list[tuple[Check, Verdict]] = field(default_factory=list)
    failure: str | None = None
    _parts: dict[type, object] = field(default_factory=dict)
    _closers: list[Callable[[], None]] = field(default_factory=list)
    _seen: dict[str, int] = field(default_factory=dict)
    _acts: int = 0

    @property
    def history(self) -> History:
        """Everything recorded of this scenario so far."""
        return self.recorder.history

    def use(self, part: type[P]) -> P:
        """This scenario's one instance of a part, made when first asked for."""
        if part not in self._parts:
            self._parts[part] = part(self)
        return self._parts[part]  # type: ignore[return-value]  # filed under its own type

    def on_heal(self, closer: Callable[[], None]) -> None:
        """`closer` runs when the scenario ends, before anything is undone; newest first."""
        self._closers.append(closer)

    def require(self, act: Act) -> JsonObject:
        """Does what a Given says. Raises PreconditionNotMet when the world does not become so."""
        try:
            return self._act(act)
        except AttemptFailed as error:
            raise PreconditionNotMet(
                error.found, doing=error.doing, where=error.where, remedy=error.remedy, facts=error.facts
            ) from error

    def attempt(self, act: Act) -> bool:
        """Does what a When says. A failure is an event, not an exception; False says that it failed."""
        try:
            self._act(act)
        except AttemptFailed:
            return False
        return True

    def _act(self, act: Act) -> JsonObject:
        act.prepare(self)
        undo = act.undo(self)
        said: dict[str, Json] = {**act.describe(self), **({"undo": undo} if undo else {})}
        begun = self.recorder.begin(act.name, said)
        self._acts += 1
        run: Callable[[], JsonObject] = partial(act.run, self)
        for intervention in self.interventions:
            run = partial(intervention.around, self, act, run)
        try:
            result = run()
        except RollproofError as error:
            self._record_failure(begun, error)
            raise
        except BaseException as error:
            self.recorder.close(begun, Kind.UNKNOWN, {"found": f"interrupted by {type(error).__name__}"})
            raise
        self.recorder.close(begun, Kind.OK, result)
        return result

    def _record_failure(self, begun: Event, error: RollproofError) -> None:
        kind = Kind.UNKNOWN if error.facts.get("indeterminate") else Kind.FAIL
        self.recorder.close(begun, kind, {"found": error.found, "where": error.where, "facts": error.facts})

    def incident(self, phase: str, **said: Json) -> None:
        """Marks a moment of the incident: fault, detected, decided, executed or verified."""
        self.recorder.note(f"incident.{phase}", said)

    def look(self, what: str) -> None:
        """Makes the observation that a check needs, unless nothing was done since the last one."""
        if self._seen.get(what) == self._acts:
            return
        observer_of(what)(self)
        self._seen[what] = self._acts

    def verify(self, check: Check, **params: Json) -> Verdict:
        """Judges by one check and records the verdict. It never raises for a bad one: `conclude` sums up."""
        try:
            for what in check.sees:
                self.look(what)
            verdict = check.judge(self.history, params)
        except AttemptFailed as error:
            verdict = unknown(f"what this check needs could not be observed: {error.found}")
        record_verdict(self.recorder, check, verdict, params)
        self.verdicts.append((check, verdict))
        return verdict

    def heal(self) -> list[str]:
        """Stops what runs beside the scenario and undoes its acts, newest first; returns what failed."""
        failures = []
        for closer in reversed(self._closers):
            try:
                closer()
            except RollproofError as error:
                failures.append(str(error))
        self._closers.clear()
        mine = [event for event in self.history.events if event.actor == self.recorder.actor]
        return failures + heal(outstanding(mine), self.recorder)

    def conclude(self, *, skipped: Outcome | None = None, reason: str = "") -> tuple[Outcome, str]:
        """Heals, looks whether the environment is as it was, and records the scenario's outcome."""
        for item in tick(self.history):
            said = {"item": item.item, "label": item.label, "outcome": item.outcome.value, "check": item.by}
            self.recorder.note("checklist.item", said)
        failures = self.heal()
        if not failures:
            failures = self.session.unsteady()
        outcome, why = self._sum_up(skipped, reason, failures)
        self.recorder.note("scenario.concluded", {"outcome": outcome.value, "reason": why})
        return outcome, why

    def _sum_up(self, skipped: Outcome | None, reason: str, failures: list[str]) -> tuple[Outcome, str]:
        outcome = worst(verdict.outcome for _, verdict in self.verdicts)
        if outcome is Outcome.REFUTED:
            return outcome, _reasons(self.verdicts, outcome)
        if failures:
            return Outcome.UNKNOWN, "not healed: " + "; ".join(failures)
        if skipped is not None:
            return skipped, reason
        if self.failure is not None:
            return Outcome.UNKNOWN, self.failure
        if not self.verdicts:
            return Outcome.UNKNOWN, "no Then gave a verdict"
        return outcome, _reasons(self.verdicts, outcome)


def _reasons(verdicts: list[tuple[Check, Verdict]], outcome: Outcome) -> str:
    chosen = [verdict.reason for _, verdict in verdicts if verdict.outcome is outcome]
    return "; ".join(chosen) if outcome is not Outcome.PROVEN else f"{len(chosen)} checks, all proven"


def record_verdict(recorder: Recorder, check: Check, verdict: Verdict, params: JsonObject) -> Event:
    """The event of a verdict: ok is proven, fail refuted, unknown unknown."""
    kinds = {Outcome.PROVEN: Kind.OK, Outcome.REFUTED: Kind.FAIL, Outcome.UNKNOWN: Kind.UNKNOWN}
    data = {"check": check.id, "title": check.title, "params": params, **verdict.to_json()}
    return recorder.journal.write(recorder.actor, kinds[verdict.outcome], "verify", data, sync=True)


Observer = Callable[[Drill], None]
_OBSERVERS: dict[str, Observer] = {}


def observer(what: str) -> Callable[[Observer], Observer]:
    """Registers how `what` is observed; components do, for the checks that name it in `sees`."""

    def register(function: Observer) -> Observer:
        _OBSERVERS[what] = function
        return function

    return register


def observer_of(what: str) -> Observer:
    """Raises KeyError for an observation that no component offers: a mistake in a check."""
    return _OBSERVERS[what]


SKIPS: dict[type[RollproofError], Outcome] = {
    NotApplicable: Outcome.NOT_APPLICABLE,
    NotProvenHere: Outcome.NOT_PROVEN_HERE,
}
