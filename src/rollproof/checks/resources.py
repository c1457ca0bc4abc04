"""Are the resources in the account what they were? By what they are, never by a status."""

from __future__ import annotations

from rollproof.checks.evidence import as_list, as_object, lines, need
from rollproof.checks.registry import check
from rollproof.journal import Event, History
from rollproof.model.fingerprint import Difference
from rollproof.model.verdict import Verdict, proven, refuted, unknown


@check("resources-restored", "the resources are what they were", sees=("resources",))
def resources_restored(history: History, *, kind: str, against: str = "before") -> Verdict:
    """Every fact of the components of a kind is what it was; none is missing, none was added."""
    found = [
        event
        for event in history.all("resources.compared")
        if event.data.get("kind") == kind and event.data.get("against") == against
    ]
    event = need(found[-1] if found else None, f"how the {kind} compares with {against}")
    count = event.data.get("count")
    if not isinstance(count, int) or count == 0:
        return unknown(f"nothing was read of the {kind} {against}, so nothing could differ")
    recorded = as_list(history.attachment(event.data["differences"]))
    differences = [Difference.from_json(as_object(item)) for item in recorded]
    if differences:
        return refuted(
            f"{kind}: {len(differences)} differences, such as {differences[0]}",
            *lines(differences),
            differences=len(differences),
            facts=count,
        )
    said = f"{kind}: as it was {against}{reservation(event)}"
    return unread_verdict(event) or proven(said, facts=count, differences=0)


def reservation(event: Event) -> str:
    """What a comparison left out because the system file says so, for the end of a verdict's reason."""
    named = as_list(event.data.get("left_out", []))
    return f", but for {len(named)} that the system file leaves out, such as {named[0]}" if named else ""


def unread_verdict(event: Event) -> Verdict | None:
    """Unknown when a comparison met what nobody here can read; a proven verdict would claim too much."""
    unseen = as_list(event.data.get("unread", []))
    if not unseen:
        return None
    return unknown(
        f"{len(unseen)} of what was compared cannot be read here, such as {unseen[0]}; the rest is as it was",
        *lines(unseen),
    )
