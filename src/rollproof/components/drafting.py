"""Drafting the post-mortem while everybody still remembers: the last item of an emergency's checklist."""

from __future__ import annotations

from dataclasses import dataclass

from rollproof.components.clients import Clients
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.evidence import postmortem
from rollproof.evidence.postmortem_files import FOLDER, write_draft
from rollproof.model.json import JsonObject


@dataclass(frozen=True)
class DraftPostMortem(Act):
    """Ends the clients, so that the impact can be counted, and writes the draft into the run's folder.

    When the run is over it is written again with the verdicts, which are given later.
    """

    name = "postmortem.draft"

    def run(self, drill: Drill) -> JsonObject:
        if drill.use(Clients).traffic is not None:
            drill.look("writes")
        text = postmortem.draft(drill.history)
        path = write_draft(drill.session.folder, drill.scenario, text)
        return {
            "file": f"{FOLDER}/{path.name}",
            "plan": drill.recorder.journal.attachments.put(text),
        }
