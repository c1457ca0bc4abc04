"""Were those concerned told, at the right moments, and did it arrive?"""

from __future__ import annotations

from rollproof.checks.evidence import as_list, as_object, ended, lines, need
from rollproof.checks.registry import check
from rollproof.checks.rollbacks import is_rollback
from rollproof.journal import Event, History, Kind
from rollproof.model.json import Json, JsonObject
from rollproof.model.verdict import Verdict, proven, refuted, unknown

_SAID = {"before": "before the rollback began", "after": "after the service was verified"}


@check(
    "stakeholders-notified",
    "those concerned were told first and last",
    sees=("notifications",),
    answers=("notifications.send",),
)
def stakeholders_notified(history: History, *, moments: list[str] | None = None) -> Verdict:
    """What was sent arrived on every channel, at every address, in time: the first word before anything
    was rolled back, the last only when the service had been verified.

    By what was read back from the channels; that a call succeeded proves nothing.
    """
    read = need(history.last("notifications.read"), "what arrived")
    items = [as_object(item) for item in as_list(read.data["items"])]
    wanted = moments or ["before", "after"]
    problems = [said for moment in wanted for said in _problems(history, moment, items, read)]
    if problems:
        return refuted(problems[0], *lines(problems), addresses=_number(read.data.get("reads")))
    if not any(e.kind is Kind.BEGIN and is_rollback(e.act) for e in history.events) and "before" in wanted:
        return unknown("nothing was rolled back, so nothing shows that they were told before it")
    said = f"told {' and '.join(wanted)}, and it arrived"
    return proven(said, notifications=len(items), addresses=_number(read.data.get("reads")))


def _problems(history: History, moment: str, items: list[JsonObject], read: Event) -> list[str]:
    sent = [event for event in ended(history, "notifications.send") if event.data.get("label") == moment]
    good = [event for event in sent if event.kind is Kind.OK]
    if not good:
        return [f"nobody was told {_SAID.get(moment, moment)}"]
    arrived = [item for item in items if item["moment"] == moment]
    problems = [said for item in arrived for said in _missing(item, moment, _number(read.data.get("reads")))]
    if not arrived:
        problems.append(f"of what was sent {moment} nothing was read back")
    if late := _untimely(history, moment, good):
        problems.append(late)
    return problems


def _missing(item: JsonObject, moment: str, addresses: int) -> list[str]:
    if item["topic"] is None and item["mails"] is None:
        return [f"what was said {moment} went to nobody"]
    problems = []
    if item["topic"] is False:
        problems.append(f"what was said {moment} did not arrive at the topic")
    if item["mails"] is not None and _number(item["mails"]) < addresses:
        problems.append(f"what was said {moment} reached {item['mails']} of {addresses} addresses")
    if not item["named"]:
        problems.append(f"what was said {moment} does not name the system")
    return problems


def _untimely(history: History, moment: str, sent: list[Event]) -> str:
    rollbacks = [e.seq for e in history.events if e.kind is Kind.BEGIN and is_rollback(e.act)]
    if moment == "before" and rollbacks and min(event.seq for event in sent) > rollbacks[0]:
        return "they were told only when the rollback had begun"
    if moment == "after":
        verified = [
            e.seq for e in history.all("service.verify", Kind.OK) if e.seq > max(rollbacks, default=0)
        ]
        if not verified:
            return "they were told that it is over, and nobody had verified the service"
        if max(event.seq for event in sent) < verified[0]:
            return "they were told that it is over before the service had been verified"
    return ""


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0
