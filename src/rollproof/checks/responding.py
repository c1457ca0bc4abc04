"""Was an emergency answered as its checklist says: the deploy found, people told, a post-mortem drafted?"""

from __future__ import annotations

from collections.abc import Iterator

from rollproof.checks.evidence import NotRecorded, as_list, as_object, begun, ended, lines, need, operations
from rollproof.checks.registry import check
from rollproof.checks.rollbacks import is_rollback
from rollproof.journal import Event, History, Kind
from rollproof.model.json import JsonObject
from rollproof.model.verdict import Verdict, proven, refuted, unknown

IDENTIFY, TELL, DRAFT = "incident.identify", "people.tell", "postmortem.draft"
TO_FILL = "**To be filled in by a person.**"
LEFT_TO_PEOPLE = ("## Root cause", "## Actions, their owners and dates")
_WHEN = {"before": "before anything was rolled back", "after": "after the service had been verified"}


@check("deploy-identified", "the deploy that caused it was found in logs and failures", answers=(IDENTIFY,))
def deploy_identified(history: History) -> Verdict:
    """The deploy that was named is the one that brought the fault, found before anything was rolled back."""
    fault = need(history.first("incident.fault"), "the fault")
    deployed = [event for event in begun(history, "services.deploy") if event.seq < fault.seq]
    brought = need(deployed[-1] if deployed else None, "the deploy that brought the fault")
    found = need(next(iter(ended(history, IDENTIFY)[-1:]), None), "a search for the deploy that caused it")
    if found.kind is Kind.UNKNOWN:
        return unknown(f"the search was cut short: {found.data.get('found', '')}")
    if found.kind is Kind.FAIL:
        return refuted(f"it was not found: {found.data.get('found', '')}")
    wanted, named = str(brought.data.get("version", "")), str(found.data.get("version", ""))
    if not wanted:
        return unknown("nobody recorded which release brought the fault")
    rollback = _first_rollback(history)
    if rollback is not None and rollback.seq < found.seq:
        return refuted("it was looked for only when the rollback had begun")
    if named != wanted:
        return refuted(f"{named or 'nothing'} was named, and {wanted} it was")
    findings = [str(item) for item in as_list(found.data.get("findings", []))]
    return proven(f"{wanted}: {findings[0] if findings else 'without a finding'}", findings=len(findings))


@check(
    "people-told",
    "the team and the status page were told first and last",
    sees=("announcements",),
    answers=(TELL,),
)
def people_told(history: History) -> Verdict:
    """On every declared channel both messages arrived, in time, and the page's last word is that it is over.

    By what the receiver in their place was sent; that a call succeeded proves nothing.
    """
    heard = need(history.last("people.heard"), "what arrived")
    items = [as_object(item) for item in as_list(heard.data["items"])]
    channels = [str(name) for name in as_list(heard.data["sources"])]
    findings = [
        said for moment in _WHEN for channel in channels for said in _untold(history, items, channel, moment)
    ]
    if (over := heard.data.get("against")) and heard.data.get("status") != over:
        findings.append(f"the status page says {heard.data.get('status') or 'nothing'!r}, not {over!r}")
    if findings:
        return refuted(findings[0], *lines(findings))
    if not channels:
        return unknown("there is no channel on which anybody could be told")
    if _first_rollback(history) is None:
        return unknown("nothing was rolled back, so nothing shows that they were told before it")
    return proven(f"told before and after: {', '.join(channels)}", messages=len(items))


def _untold(history: History, items: list[JsonObject], channel: str, moment: str) -> Iterator[str]:
    mine = [item for item in items if (item["channel"], item["moment"]) == (channel, moment)]
    if not any(item["arrived"] and item["named"] for item in mine):
        yield f"nothing arrived at the {channel} {_WHEN[moment]}"
        return
    told = [event for event in ended(history, TELL) if event.data.get("label") == moment]
    if not told:
        yield f"nothing was recorded of telling the {channel} {_WHEN[moment]}"
    if moment == "before" and (first := _first_rollback(history)) and told and told[0].seq > first.seq:
        yield f"the {channel} was told only when the rollback had begun"
    verified = history.last("service.verify", Kind.OK)
    if moment == "after" and told and (verified is None or told[-1].seq < verified.seq):
        yield f"the {channel} was told that it is over, and nobody had verified the service"


def _first_rollback(history: History) -> Event | None:
    return next((e for e in history.events if e.kind is Kind.BEGIN and is_rollback(e.act)), None)


@check(
    "postmortem-faithful",
    "the post-mortem says what was recorded, and leaves the cause to a person",
    answers=(DRAFT,),
)
def postmortem_faithful(history: History) -> Verdict:
    """Every mark of the incident, the diagnosis and the impact are in the draft; its cause is left open."""
    done = need(next(iter(ended(history, DRAFT)[-1:]), None), "a draft of the post-mortem")
    if done.kind is not Kind.OK:
        return refuted(f"it was not drafted: {done.data.get('found', '')}")
    if "plan" not in done.data:
        return refuted("nothing was drafted")
    if history.until(done.seq).first("incident.fault") is None:
        return unknown("no incident was recorded, so the draft has nothing to be held against")
    text = str(history.attachment(done.data["plan"]))
    known = history.until(done.seq)
    findings = [*_missing(known, text), *_invented(text)]
    if findings:
        return refuted("the draft is not what was recorded", *lines(findings))
    return proven(
        f"the draft, of {len(text.splitlines())} lines, says what was recorded", characters=len(text)
    )


def _missing(history: History, text: str) -> Iterator[str]:
    for name in ("fault", "detected", "decided", "verified"):
        event = history.first(f"incident.{name}")
        if event is not None and event.at not in text:
            yield f"when it was {name} is not in it: {event.at}"
    detected = history.first("incident.detected")
    cause = " ".join(str(detected.data.get("cause", "")).split()) if detected else ""
    if cause and f"> {cause}" not in text:
        yield "the diagnosis is not quoted"
    failed = _failed(history)
    if failed and f"| {failed[0]} of {failed[1]} " not in text:
        yield f"it does not say that {failed[0]} of {failed[1]} requests failed"
    lost = history.last("observe.writes", Kind.NOTE)
    if lost is not None and f"| Acknowledged writes lost | {lost.data.get('count')} |" not in text:
        yield "it does not say how many acknowledged writes were lost"


def _failed(history: History) -> tuple[int, int] | None:
    """Of the clients' requests from the fault to the verified service: failed, and all."""
    fault, verified = history.first("incident.fault"), history.first("incident.verified")
    try:
        done = operations(history)
    except NotRecorded:
        return None
    if fault is None or verified is None:
        return None
    during = [one for one in done if fault.mono_ns <= one.ended_ns <= verified.mono_ns]
    return sum(one.outcome != "ok" for one in during), len(during)


def _invented(text: str) -> Iterator[str]:
    """What stands in a section that only a person may fill in."""
    for title in LEFT_TO_PEOPLE:
        body = text.partition(f"\n{title}\n")[2].partition("\n## ")[0].strip()
        if body != TO_FILL:
            yield f"{title.lstrip('# ')}: {body[:80] or 'the section is missing'}"
