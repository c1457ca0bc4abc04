"""Do code and configuration belong together after a rollback?

Code is rolled back, a configuration that came after it stays, and the two do not go together: see the
root cause analysis of Stripe's outage of 10 July 2019, whose second part was of that kind.
"""

from __future__ import annotations

from collections.abc import Mapping

from rollproof.checks.evidence import as_list, as_object, begun, ended, lines, need
from rollproof.checks.registry import check
from rollproof.journal import Event, History, Kind
from rollproof.model.json import JsonObject
from rollproof.model.verdict import Verdict, proven, refuted, unknown

ROLL_BACK = "services.roll_back"
REHEARSE = "configuration.rehearse"


@check(
    "old-code-tried",
    "it was known before the rollback whether old code bears the newer configuration",
    sees=("services",),
)
def old_code_tried(history: History) -> Verdict:
    """Each service's code of before was tried with the configuration of now, ahead of the rollback."""
    tried = need(next(iter(ended(history, REHEARSE)[-1:]), None), "old code tried with newer configuration")
    if tried.kind is not Kind.OK:
        return unknown(f"it could not be tried: {tried.data.get('found', '')}")
    seen = need(history.last("services.seen"), "the services as they run")
    found = _tried(tried)
    rollback = next(iter(begun(history, ROLL_BACK)), None)
    findings = [f"{name}: not tried" for name in sorted(_services(seen) - found.keys())]
    if rollback is not None and tried.seq > rollback.seq:
        findings.append("it was tried only when the rollback had begun")
    if findings:
        return refuted("nobody knew whether old code bears the newer configuration", *lines(findings))
    failing = sorted(name for name, item in found.items() if item["outcome"] != "works")
    said = f"it fails in {', '.join(failing)}: both go back" if failing else "it works: either may stay"
    return proven(said, services=len(found), failing=len(failing))


@check(
    "code-and-configuration-together",
    "code and configuration of every service belong together",
    sees=("services",),
    answers=(ROLL_BACK,),
)
def code_and_configuration_together(history: History) -> Verdict:
    """Every service runs the release that it was rolled back to, with a configuration that this code bears.

    By the running processes: that of the release itself, or one that its code was tried with and bore.
    """
    seen = need(history.last("services.seen"), "the services as they run")
    done = need(next(iter(ended(history, ROLL_BACK)[-1:]), None), "a rollback of the services")
    wanted = need(next(iter(begun(history, "services.deploy")), None), "a deploy before it")
    before = _release_before(history, wanted)
    if done.kind is Kind.UNKNOWN or not before:
        return unknown("the rollback was cut short, or nobody knows what ran before")
    tried = _tried(need(next(iter(ended(history, REHEARSE)[-1:]), None), "old code tried beside"))
    items = [as_object(item) for item in as_list(seen.data["items"])]
    findings = [said for item in items if (said := _wrong(item, before, tried))]
    if findings:
        return refuted("code and configuration do not belong together", *lines(findings))
    if not items:
        return unknown("no service runs")
    return proven(f"{len(items)} services run {before}, code and configuration", services=len(items))


def _wrong(item: JsonObject, before: str, tried: Mapping[str, JsonObject]) -> str:
    name, fits = str(item["service"]), [str(one) for one in as_list(item["configuration"])]
    if item["release"] != before:
        return f"{name} runs the code of {item['release'] or 'no release'}, not of {before}"
    borne = tried.get(name, {}).get("outcome") == "works" and tried[name].get("configuration") in fits
    if before not in fits and not borne:
        whose = f"that of {fits[-1]}" if fits else "that of no release"
        return f"{name} runs the code of {before} with another configuration, {whose}"
    return "" if item["status"] == "up" else f"{name} has ended"


def _release_before(history: History, deploy: Event) -> str:
    """What the services ran before that deploy, as the rollback or their start says."""
    started = [e for e in history.all("services.start", Kind.OK) if e.seq < deploy.seq]
    return str(started[-1].data.get("version", "")) if started else ""


def _tried(event: Event) -> dict[str, JsonObject]:
    items = [as_object(item) for item in as_list(event.data.get("items", []))]
    return {str(item["service"]): item for item in items}


def _services(seen: Event) -> set[str]:
    return {str(as_object(item)["service"]) for item in as_list(seen.data["items"])}
