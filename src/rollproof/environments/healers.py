"""How what an environment left is undone from a journal."""

from __future__ import annotations

from rollproof.drill.healing import healer
from rollproof.environments.leftovers import UNDO, remove_leftovers
from rollproof.model.json import JsonObject


@healer(UNDO)
def heal_embedded(undo: JsonObject) -> str:
    """Ends the processes and removes the folders of a run that was killed."""
    return "; ".join(remove_leftovers(undo)) or "nothing was left"


@healer("containers")
def heal_containers(undo: JsonObject) -> str:
    """Removes what bears the label of a killed run's environment."""
    from rollproof.environments.containers.leftovers import remove_leftovers as remove_containers

    return "; ".join(remove_containers(undo)) or "nothing was left"
