"""Faults as acts: begin is on disk before they are injected, and healing comes with them."""

from __future__ import annotations

from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import PreconditionNotMet
from rollproof.model.json import JsonObject


class Fault(Act):
    """Inject and heal, a pair. Injecting looks whether the fault really took hold."""

    name = "fault.inject"

    def describe(self, drill: Drill) -> JsonObject:
        return {"kind": type(self).__name__}

    def run(self, drill: Drill) -> JsonObject:
        drill.on_heal(self.heal)
        said = self.inject(drill)
        if not self.took_hold(drill):
            raise PreconditionNotMet(f"the fault {type(self).__name__} did not take hold")
        return said

    def inject(self, drill: Drill) -> JsonObject:
        """Makes it go wrong. Returns what the journal may say of it."""
        raise NotImplementedError(f"{type(self).__name__} has no inject()")

    def took_hold(self, drill: Drill) -> bool:
        """Whether what should be wrong now is wrong."""
        raise NotImplementedError(f"{type(self).__name__} has no took_hold()")

    def heal(self) -> None:
        """Undoes it where it does not go away with the scenario's own database and folder."""
