"""Acts: what a Given or a When does to the world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rollproof.model.json import JsonObject

if TYPE_CHECKING:
    from rollproof.drill.drill import Drill


class Act:
    """One thing done to the system under drill, or beside it.

    Subclasses are frozen dataclasses whose fields say *what*; `run` says how.
    """

    name: str = ""
    """dotted, component first: `migration.roll_back`"""

    def prepare(self, drill: Drill) -> None:
        """Chooses and looks, touching nothing. Raises NotApplicable, BadInput or PreconditionNotMet."""

    def describe(self, drill: Drill) -> JsonObject:
        """What the begin event says; nothing has been touched yet."""
        return {}

    def undo(self, drill: Drill) -> JsonObject | None:
        """How a healer undoes it later, known before it is done: `{"kind": "postgres.database", …}`.

        None when there is nothing to undo, or when what it changes goes away with something
        that an earlier act has announced.
        """
        return None

    def run(self, drill: Drill) -> JsonObject:
        """Does it and returns what the closing event says.

        Raises:
            AttemptFailed: it did not succeed; with the fact `indeterminate` set when nobody can
                know (a connection lost during COMMIT).
            BadInput, EnvironmentUnavailable: it could not even be tried.
        """
        raise NotImplementedError(f"{type(self).__name__} has no run()")
