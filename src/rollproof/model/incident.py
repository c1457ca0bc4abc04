"""What a system says of incidents: how they are decided, by whom, and what has to be ticked off."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from rollproof.model.spec import Seconds, Spec

Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=60)]
"""Small letters, digits and hyphens: `deploy-failed`."""
Level = Literal["low", "medium", "high", "critical"]
Action = Literal["wait", "investigate", "hotfix", "roll-back"]


class Contact(Spec):
    """Somebody who decides or is told. Named by a role, reached by an address that is no secret."""

    name: str
    """the team or the role, such as `on-call team`"""
    level: Annotated[int, Field(ge=1, le=9)] | None = None
    """level of escalation; 1 is asked first"""
    after: Seconds = 0.0
    """how long into an incident they are called; 0: only when somebody decides so"""
    reach: str = ""
    """where: a channel, a mailbox, a rota"""


class Severity(Spec):
    """When an incident has a severity; the first row of which something holds decides."""

    level: Level
    when: Annotated[tuple[Word, ...], Field(min_length=1)]
    """what is the matter (`core-broken`), or the environment's name; any one of them is enough"""


class Decision(Spec):
    """One row of the decision matrix; the first that fits decides. What is left out fits anything."""

    symptom: Word
    cause: tuple[Word, ...] = ()
    """`unknown` is a cause too"""
    severity: tuple[Level, ...] = ()
    environments: tuple[Word, ...] = ()
    action: Action
    immediately: str
    """what is done at once"""
    decides: Word
    """key of the `[contact.*]` who decides"""
    feature: str = ""
    """the feature that rehearses it"""


class ChecklistItem(Spec):
    """One item of the checklist of a rollback, and what ticks it."""

    item: Annotated[str, Field(pattern=r"^(before|during|after)\.[a-z][a-z0-9-]*$")]
    """phase and name: `before.backup`"""
    label: str
    act: tuple[str, ...] = ()
    """ticked when one of these acts succeeded in the item's phase, refuted when it failed or came too late"""
    verdicts: tuple[str, ...] = ()
    """ticked by the worst verdict of these checks"""
    note: str = ""
    """ticked when this was recorded, with its cause or decision"""
    each: bool = False
    """with `act`: it must have succeeded anew before each rollback"""
    after: str = ""
    """with `act`: only what came after this act had succeeded counts"""
    concerns: tuple[str, ...] = ()
    """acts of rollback that it is for; all when left out"""
    required: bool = False
    """refuted when nothing was recorded of it; otherwise it is then left out"""
    person: bool = False
    """a person answers for it when no program did"""

    @property
    def phase(self) -> str:
        return self.item.partition(".")[0]

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = sum(map(bool, (self.act, self.verdicts, self.note)))
        if ways > 1 or not (ways or self.person):
            raise ValueError("give one of `act`, `verdicts` and `note`, or `person`")
        return self
