"""How what an environment left is undone from a journal."""

from __future__ import annotations

from rollproof.drill.healing import healer
from rollproof.environments.leftovers import UNDO, remove_leftovers
from rollproof.model.json import JsonObject


@healer(UNDO)
def heal_embedded(undo: JsonObject) -> str:
    """Ends the processes and removes the folders of a run that was killed."""
    return "; ".join(remove_leftovers(undo)) or "nothing was left"
