"""What a checklist is judged by: which items there are, put on record."""

from __future__ import annotations

from rollproof.checks.checklist import items_of
from rollproof.drill.drill import Drill, observer


@observer("checklist")
def look_at_checklist(drill: Drill) -> None:
    items = [item.model_dump(mode="json") for item in items_of(drill.system)]
    plan = drill.recorder.journal.attachments.put(items)
    drill.recorder.note("checklist.plan", {"plan": plan, "count": len(items)})
