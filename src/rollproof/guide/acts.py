"""What the guide records: each step as an act of the name that a drill would give it."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass

from rollproof.checks.rollbacks import is_rollback
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed
from rollproof.guide.script import GuideStep
from rollproof.journal.redaction import cut
from rollproof.model.json import JsonObject

LIMIT_SECONDS = 1800.0


@dataclass(frozen=True)
class TakeStep(Act):
    """One step, run by the guide or reported by the operator as done by hand.

    What a command prints goes to the terminal alone: it may be rows or secrets.
    """

    step: GuideStep
    by_hand: bool
    operator: str

    @property
    def name(self) -> str:  # type: ignore[override]  # each step has the name of its act
        return self.step.act

    def describe(self, drill: Drill) -> JsonObject:
        return {
            "item": self.step.id,
            "title": self.step.say,
            "user": self.operator,
            "command": cut(shlex.join(self.step.command)),
            "status": "by hand" if self.by_hand else "run",
            **({"label": self.step.id.partition(".")[2]} if self.step.act == "notifications.send" else {}),
        }

    def run(self, drill: Drill) -> JsonObject:
        said: JsonObject = {"item": self.step.id, "user": self.operator}
        if not self.by_hand:
            said = {**said, "exit_code": _run(self.step)}
        if is_rollback(self.step.act) or self.step.act == "hotfix.deploy":
            drill.incident("executed")
        if self.step.act == "service.verify":
            drill.incident("verified")
            said = {**said, "checks": [self.step.say]}
        if self.step.act == "notifications.send":
            said = {**said, "label": self.step.id.partition(".")[2]}
        return said


def _run(step: GuideStep) -> int:
    """Runs it on the operator's own terminal, with the operator's own environment. Raises AttemptFailed."""
    doing = f"step {step.id}"
    try:
        done = subprocess.run(step.command, timeout=LIMIT_SECONDS, check=False)
    except OSError as error:
        raise AttemptFailed(
            f"{step.command[0]} could not be started: {error.strerror}", doing=doing
        ) from error
    except subprocess.TimeoutExpired as error:
        raise AttemptFailed(f"it was still running after {LIMIT_SECONDS:.0f} s", doing=doing) from error
    if done.returncode:
        raise AttemptFailed(
            f"{step.command[0]} ended with {done.returncode}",
            doing=doing,
            remedy="read what it printed; then run the step again or say that it is done by hand",
            facts={"exit_code": done.returncode},
        )
    return 0
