"""One guided rollback, from the symptom to the follow-up."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass

from rollproof.checks import checklist, decisions, guided
from rollproof.components.followup import FileFollowUp
from rollproof.decision import observers  # noqa: F401  the observer registers itself
from rollproof.decision.acts import DecideIncident
from rollproof.decision.matrix import UNKNOWN, Answers, Decided, decide, matrix_of
from rollproof.drill.drill import Drill
from rollproof.errors import BadInput
from rollproof.guide.acts import TakeStep
from rollproof.guide.script import GuideStep, steps_for
from rollproof.guide.talk import Talk
from rollproof.journal import Kind
from rollproof.model.durations import say_duration
from rollproof.model.incident import ChecklistItem

PHASES = {"before": "Before", "during": "During", "after": "After"}


@dataclass
class Guide:
    """Leads through one incident. Each step is shown first; nothing is run that was not asked for.

    `rehearsal`: there is no incident, so that no time to recovery is measured.
    """

    drill: Drill
    talk: Talk
    region: str = "us-east-1"
    operator: str = ""
    environment: str = ""
    rehearsal: bool = False

    def lead(self) -> None:
        """The whole way. Raises BadInput when an answer that is needed cannot be had."""
        self._started = time.monotonic()
        self.operator = self.talk.ask("operator", ())
        matrix = matrix_of(self.drill.system)
        symptom = self._one_of("symptom", matrix.symptoms)
        self.environment = self.talk.ask("environment", (), default="production")
        if not self.rehearsal:
            self.drill.incident("fault", cause=symptom)
        self._part("Diagnosis", self._steps(symptom, "")["diagnose"])
        decided = self._decide(symptom)
        steps = self._steps(symptom, decided.action)
        plan = [*steps["act"], *steps["validate"], *self._smoke()]
        self.drill.recorder.note(
            "guide.plan", {"items": [step.id for step in plan], "decision": decided.action}
        )
        acting = decided.action in ("roll-back", "hotfix")
        if acting:
            self._told("before")
            self._signed("before")
        self._part(f"What is done: {decided.action}", steps["act"])
        if acting:
            self._told("during")
            self._signed("during")
        self._part("Validation", [*steps["validate"], *self._smoke()])
        if acting:
            self._told("after")
            self._follow_up()
            self._signed("after")
        self.rolled_back = decided.action == "roll-back"

    def _one_of(self, what: str, known: Sequence[str]) -> str:
        said = self.talk.ask(what, known)
        if said not in known:
            raise BadInput(f"unknown {what} {said!r}", remedy=f"one of {', '.join(known)}")
        return said

    def _steps(self, symptom: str, action: str) -> dict[str, list[GuideStep]]:
        system = self.drill.system
        return steps_for(system, symptom, action, environment=self.environment, region=self.region)

    def _smoke(self) -> list[GuideStep]:
        smoke = self.drill.system.smoke
        command = tuple(word for word in smoke.command) if smoke else ()
        plain = not any("{" in word for word in command)
        say = "Do the smoke tests pass?" if smoke else "Does the service do its work? Try what matters most."
        return [GuideStep("validate.smoke", say, command if plain else (), "service.verify", changes=False)]

    def _part(self, title: str, steps: Sequence[GuideStep]) -> None:
        if steps:
            self.talk.tell(f"\n{title}")
        for number, step in enumerate(steps, start=1):
            self._take(step, f"{number} of {len(steps)}")
            self._escalate()

    def _take(self, step: GuideStep, place: str) -> None:
        """Shows the step, then does as the operator says; a step that failed is offered again."""
        self.talk.tell(f"\n  {place}: {step.say}" + ("  (changes something)" if step.changes else ""))
        if step.command:
            self.talk.tell(f"    {shlex.join(step.command)}")
        while True:
            how = self.talk.choose(step)
            if how == "skip":
                self.drill.recorder.note("guide.skipped", {"item": step.id, "user": self.operator})
                return
            done = self._ready(step) if how == "run" else step
            if self.drill.attempt(TakeStep(done, by_hand=how == "done", operator=self.operator)):
                return
            self.talk.tell(f"    failed: {self.drill.failed[step.act].found}")
            if not self.talk_again():
                return

    def talk_again(self) -> bool:
        """Whether a step that failed may be tried again: a file has only one answer to it."""
        from rollproof.guide.talk import Terminal

        return isinstance(self.talk, Terminal)

    def _ready(self, step: GuideStep) -> GuideStep:
        """With what only the operator knows filled in, and shown once more before it runs."""
        if not step.asked:
            return step
        filled = step.filled({name: self.talk.value(name) for name in step.asked})
        self.talk.tell(f"    running: {shlex.join(filled.command)}")
        return filled

    def _decide(self, symptom: str) -> Decided:
        matrix = matrix_of(self.drill.system)
        self.talk.tell("\nDecision")
        cause = self.talk.ask("cause", matrix.causes(symptom), default=UNKNOWN)
        said = self.talk.ask("matters", (), default="nothing")
        matters = tuple(
            word for word in (part.strip() for part in said.split(",")) if word not in ("", "nothing")
        )
        answers = Answers(symptom, self.environment, cause, matters)
        self.drill.attempt(DecideIncident(answers))
        decided = decide(matrix, answers)
        who = matrix.contact.get(decided.decides)
        self.talk.tell(f"  {decided.action} (severity {decided.severity}): {decided.immediately}")
        reach = f", {who.reach}" if who and who.reach else ""
        self.talk.tell(f"  decides: {who.name if who else decided.decides}{reach}")
        self.talk.tell(f"  because: {decided.why}")
        return decided

    def _told(self, moment: str) -> None:
        told = self.drill.system.notifications
        whom = f"{len(told.stakeholders)} addresses" if told else "the team and those concerned"
        step = GuideStep(
            f"notify.{moment}", f"Tell {whom}: {_NEWS[moment]}", (), "notifications.send", changes=False
        )
        self.talk.tell(f"\nNotification, {moment} the rollback")
        self._take(step, "1 of 1")

    def _signed(self, phase: str) -> None:
        """The checklist's items of a phase that a person answers for."""
        items = [
            item for item in checklist.items_of(self.drill.system) if item.phase == phase and item.person
        ]
        ticked = {one.item: one for one in checklist.tick(self.drill.history, items)}
        waiting = [
            item
            for item in items
            if (item.item not in ticked or ticked[item.item].outcome.skipped) and not self._done(item, phase)
        ]
        if waiting:
            self.talk.tell(f"\nChecklist: {PHASES[phase].lower()} the rollback")
        for item in waiting:
            said = self.talk.sign(item.item, item.label)
            if said:
                note = {"item": item.item, "user": self.operator, "reason": said}
                self.drill.recorder.note("checklist.signed", note)

    def _done(self, item: ChecklistItem, phase: str) -> bool:
        """Whether one of its acts succeeded in this phase, so that nobody has to sign for it."""
        found = [event for act in item.act for event in self.drill.history.all(act, Kind.OK)]
        return any(event.data.get("label", phase) == phase for event in found)

    def _follow_up(self) -> None:
        self.drill.attempt(FileFollowUp())
        self.talk.tell(f"\nFollow-up: a ticket is in {self.drill.session.folder / 'follow-up'}")

    def _escalate(self) -> None:
        """Says who is asked next when time has gone by."""
        gone = time.monotonic() - self._started
        for contact in sorted(self.drill.system.contact.values(), key=lambda one: one.level or 0):
            key = f"{contact.level}"
            if contact.after and gone >= contact.after and key not in self._called:
                self._called.add(key)
                self.talk.tell(
                    f"\n  {say_duration(gone)} have passed: call {contact.name} (level {key}) {contact.reach}"
                )
                self.drill.recorder.note("guide.escalated", {"name": contact.name, "seconds": gone})

    def __post_init__(self) -> None:
        self._called: set[str] = set()
        self._started = time.monotonic()
        self.rolled_back = False

    def judge(self) -> None:
        """The verdicts on the procedure; what the system is now, no guide can tell."""
        self.drill.verify(decisions.decision_follows_matrix)
        self.drill.verify(decisions.done_as_decided)
        self.drill.verify(guided.guide_followed)
        if self.rolled_back:
            self.drill.verify(checklist.checklist_followed)


_NEWS = {
    "before": "what is wrong, what is about to be done, and by when there is news",
    "during": "how far it is",
    "after": "it is over, what was lost, what comes next",
}
