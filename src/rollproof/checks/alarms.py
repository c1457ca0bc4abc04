"""Did the alarm ring while the fault was there, and is it silent and armed now?"""

from __future__ import annotations

import math
from collections.abc import Mapping

from rollproof.checks.evidence import as_list, as_object, lines, need
from rollproof.checks.registry import check
from rollproof.journal import Event, History
from rollproof.model.json import Json
from rollproof.model.verdict import Verdict, proven, refuted, unknown

RINGS, FINE = "ALARM", "OK"


@check("alarm-rang", "an alarm rang while the fault was there", answers=("alarm.await",))
def alarm_rang(history: History) -> Verdict:
    """At least one alarm was seen ringing after the fault began and before the rollback was over."""
    event = _labelled(history, "during")
    fault, executed = history.first("incident.fault"), history.first("incident.executed")
    if fault is None or event.seq < fault.seq or (executed is not None and event.seq > executed.seq):
        return unknown("the alarms were not looked at while the fault was there")
    states = {str(item["name"]): str(item["state"]) for item in _items(event)}
    ringing = sorted(name for name, state in states.items() if state == RINGS)
    muted = sorted(str(item["name"]) for item in _items(event) if not item["enabled"])
    if not states:
        return unknown("there is no alarm")
    if ringing and set(ringing) <= set(muted):
        return refuted("it rang and nobody was told: its actions are disabled", *lines(muted))
    if ringing:
        return proven(f"rang: {', '.join(ringing)}", alarms=len(states))
    if any(state not in (RINGS, FINE) for state in states.values()):
        return unknown(
            "no alarm has enough data to say anything", *lines(f"{n}: {s}" for n, s in states.items())
        )
    return refuted("no alarm rang although the fault was there", *lines(states))


@check("alarm-quiet", "the alarms are silent, and armed", sees=("alarms",))
def alarm_quiet(history: History) -> Verdict:
    """Every alarm is OK, after the rollback if there was one, with its actions enabled.

    One that rings is borne for as long as it looks back; without data nobody can tell.
    """
    event = _labelled(history, "after")
    executed = history.last("incident.executed")
    items = _items(event)
    if not items:
        return unknown("there is no alarm")
    muted = [f"{item['name']}: its actions are disabled" for item in items if not item["enabled"]]
    passed = (event.mono_ns - executed.mono_ns) / 1e9 if executed is not None else math.inf
    late = [item for item in items if item["state"] == RINGS and passed > _seconds(item)]
    if muted or late:
        findings = [*muted, *(f"{item['name']} rings, and no fault is there any more" for item in late)]
        return refuted("not all alarms are silent and armed", *lines(findings))
    if unsure := [f"{item['name']}: {item['state']}" for item in items if item["state"] != FINE]:
        return unknown("it cannot be told yet whether all alarms are silent", *lines(unsure))
    return proven(f"{len(items)} alarms are OK, their actions enabled", alarms=len(items))


def _labelled(history: History, label: str) -> Event:
    found = [event for event in history.all("alarm.states") if event.data.get("label") == label]
    return need(found[-1] if found else None, f"the alarms {label}")


def _items(event: Event) -> list[Mapping[str, Json]]:
    return [as_object(item) for item in as_list(event.data.get("items", []))]


def _seconds(item: Mapping[str, Json]) -> float:
    found = item.get("looks_back_seconds")
    return float(found) if isinstance(found, int | float) else 60.0
