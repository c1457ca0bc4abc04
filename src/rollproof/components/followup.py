"""Filing what is left to do: a ticket as a file, for whichever tracker the team has."""

from __future__ import annotations

from dataclasses import dataclass

from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import PreconditionNotMet
from rollproof.model.json import JsonObject

FOLDER = "follow-up"


@dataclass(frozen=True)
class FileFollowUp(Act):
    """Writes `follow-up/<scenario>.md` into the run's folder: cause, what was and is to be done, by whom."""

    name = "followup.file"

    def run(self, drill: Drill) -> JsonObject:
        detected = drill.history.last("incident.detected")
        decided = drill.history.last("incident.decided")
        if detected is None or not detected.data.get("cause"):
            raise PreconditionNotMet("no cause is on record, so there is nothing to file")
        owner = next((c.name for c in drill.system.contact.values() if c.level == 1), "the team on call")
        folder = drill.session.folder / FOLDER
        folder.mkdir(exist_ok=True)
        slug = "".join(letter if letter.isalnum() else "-" for letter in drill.scenario)[-80:]
        path = folder / f"{slug}.md"
        path.write_text(
            f"# Correct what was rolled back in {drill.system.name}\n\n"
            f"- Cause: {detected.data['cause']}\n"
            f"- Decided: {decided.data.get('decision') if decided else 'nothing is on record'}\n"
            f"- Scenario: {drill.scenario}\n- Run: {drill.session.run}\n- Owner: {owner}\n"
            "- To do: mend the cause, prove the correction by the same scenario, deploy it\n"
        )
        return {"file": f"{FOLDER}/{path.name}", "user": owner}
