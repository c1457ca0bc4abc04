"""The Drill: the one object that steps talk to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from rollproof.checks.checklist import items_of, tick
from rollproof.checks.registry import UNSEEN, Check
from rollproof.drill.aborting import healing
from rollproof.drill.act import Act
from rollproof.drill.healing import heal, outstanding
from rollproof.errors import AttemptFailed, PreconditionNotMet, RollproofError, ScenarioSkipped
from rollproof.journal import Event, History, Kind, Recorder, kind_of
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
        failed: what Whens attempted in vain, by act, unless a later try succeeded.
    """

    scenario: str
    system: System
    session: DrillSession
    recorder: Recorder
    interventions: list[Intervention] = field(default_factory=list)
    verdicts: list[tuple[Check, Verdict]] = field(default_factory=list)
    failure: str | None = None
    failed: dict[str, AttemptFailed] = field(default_factory=dict)
    _parts: dict[type, object] = field(default_factory=dict)
    _closers: list[Callable[[], None]] = field(default_factory=list)
    _seen: dict[str, int] = field(default_factory=dict)
    _acts: int = 0
    _concluded: tuple[Outcome, str] | None = None

    @property
    def history(self) -> History:
        """Everything recorded of this scenario so far."""
        return self.recorder.history

    def use(self, part: type[P]) -> P:
        """This scenario's one instance of a part, made when first asked for."""
        if part not in self._parts:
            self._parts[part] = part(self)
        return self._parts[part]  # type: ignore[return-value]  # filed under its own type

    def uses(self, part: type[object]) -> bool:
        """Whether this scenario has made a part already."""
        return part in self._parts

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
        """Does what a When says. A failure is an event, not an exception; False says that it failed.

        Unless a check answers for it, what the scenario proves is then not known to be its doing.
        """
        self.failed.pop(act.name, None)
        try:
            self._act(act)
        except AttemptFailed as error:
            self.failed[act.name] = error
            return False
        return True

    def _act(self, act: Act) -> JsonObject:
        self.session.guarding.stopper.expect_none()
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
        said: dict[str, Json] = {"found": error.found, "where": error.where, "facts": error.facts}
        self.recorder.close(begun, kind_of(error), said)

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
        """Judges by one check and records the verdict. It never raises for a bad one: `conclude` sums up.

        An observation that fails makes the verdict unknown. Raises NotProvenHere or NotApplicable
        when the observation says that of itself.
        """
        unseen = self._unseen(check)
        verdict = unseen or check.judge(self.history, params)
        record_verdict(self.recorder, check, verdict, params, seen=unseen is None)
        self.verdicts.append((check, verdict))
        return verdict

    def _unseen(self, check: Check) -> Verdict | None:
        """Observes what a check needs; unknown, with the reason, when that cannot be done."""
        try:
            for what in check.sees:
                self.look(what)
        except ScenarioSkipped:
            raise
        except RollproofError as error:
            return unknown(f"what this check needs could not be observed: {error.found}")
        except Exception as error:  # noqa: BLE001  a crash says nothing of the system under drill
            return unknown(f"observing what this check needs crashed: {type(error).__name__}")
        return None

    def heal(self) -> list[str]:
        """Stops what runs beside the scenario and undoes its acts, newest first; returns what failed."""
        failures = []
        for closer in reversed(self._closers):
            try:
                closer()
            except Exception as error:  # noqa: BLE001  whatever one raises, the others get their turn
                failures.append(_say(error))
        self._closers.clear()
        mine = [event for event in self.history.events if event.actor == self.recorder.actor]
        return failures + heal(outstanding(mine), self.recorder)

    def conclude(self, *, skipped: Outcome | None = None, reason: str = "") -> tuple[Outcome, str]:
        """Heals, looks whether the environment is as it was, and records the scenario's outcome, once."""
        if self._concluded is None:
            with healing():
                self._concluded = self._conclude(skipped, reason)
        return self._concluded

    def _conclude(self, skipped: Outcome | None, reason: str) -> tuple[Outcome, str]:
        failures = self.heal() or self._unsteady()
        self._tick()
        if why_not := self.session.guarding.why_nothing_is_proven():
            self.failure, skipped = why_not, None
        outcome, why = self._sum_up(skipped, reason, failures)
        self.recorder.note("scenario.concluded", {"outcome": outcome.value, "reason": why})
        return outcome, why

    def _unsteady(self) -> list[str]:
        try:
            return self.session.unsteady()
        except Exception as error:  # noqa: BLE001  what cannot be seen is not known to be well
            return [f"whether all is as it was could not be seen: {_say(error)}"]

    def _tick(self) -> None:
        for item in tick(self.history, items_of(self.system)):
            said = {"item": item.item, "label": item.label, "outcome": item.outcome.value, "check": item.by}
            self.recorder.note("checklist.item", said)

    def _sum_up(self, skipped: Outcome | None, reason: str, failures: list[str]) -> tuple[Outcome, str]:
        given = [verdict.outcome for _, verdict in self.verdicts]
        outcome = worst(given)
        unhealed = ["not healed: " + "; ".join(failures)] if failures else []
        if outcome is Outcome.REFUTED:
            return outcome, "; ".join([_reasons(self.verdicts, outcome), *unhealed])
        if unhealed:
            return Outcome.UNKNOWN, unhealed[0]
        if skipped is not None and Outcome.UNKNOWN not in given:
            return skipped, reason
        nothing_said = "" if given else "no Then gave a verdict"
        unanswered = "; ".join(self._unanswered()) if outcome is Outcome.PROVEN else ""
        if open_question := self.failure or nothing_said or unanswered:
            return Outcome.UNKNOWN, open_question
        return outcome, _reasons(self.verdicts, outcome)

    def _unanswered(self) -> list[str]:
        """Failed attempts that no Then was about: rows are unchanged after a rollback that never was."""
        answered = {act for check, _ in self.verdicts for act in check.answers}
        return [
            f"{act} failed, and no Then says what that means: {error.found}"
            for act, error in self.failed.items()
            if act not in answered
        ]


def _say(error: Exception) -> str:
    return str(error) if isinstance(error, RollproofError) else type(error).__name__


def _reasons(verdicts: list[tuple[Check, Verdict]], outcome: Outcome) -> str:
    chosen = [verdict.reason for _, verdict in verdicts if verdict.outcome is outcome]
    if outcome is not Outcome.PROVEN:
        return "; ".join(chosen)
    return f"{len(chosen)} checks, all proven" if len(chosen) > 1 else "1 check, proven"


def record_verdict(
    recorder: Recorder, check: Check, verdict: Verdict, params: JsonObject, *, seen: bool = True
) -> Event:
    """The event of a verdict: ok is proven, fail refuted, unknown unknown.

    Args:
        seen: False when what the check needs could not be observed, so that nobody judges again
            by what was observed earlier.
    """
    kinds = {Outcome.PROVEN: Kind.OK, Outcome.REFUTED: Kind.FAIL, Outcome.UNKNOWN: Kind.UNKNOWN}
    data: dict[str, Json] = {
        "check": check.id,
        "title": check.title,
        "params": params,
        **({} if seen else {"status": UNSEEN}),
        **verdict.to_json(),
    }
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
