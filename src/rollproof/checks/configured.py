"""Do code and configuration belong together after a rollback?

Code is rolled back, a configuration that came after it stays, and the two do not go together: see the
root cause analysis of Stripe's outage of 10 July 2019, whose second part was of that kind.
"""

from __future__ import annotations

from collections.abc import Mapping

from rollproof.checks.evidence import as_list, as_object, begun, ended, lines, need, still_true
from rollproof.checks.registry import check
from rollproof.journal import Event, History, Kind
from rollproof.model.json import JsonObject
from rollproof.model.verdict import Verdict, proven, refuted, unknown

ROLL_BACK = "services.roll_back"
REHEARSE = "configuration.rehearse"
REMEMBER = "services.remember"


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
    deployed = need(history.last("services.deploy", Kind.OK), "a deploy of the newer configuration")
    found, running = _tried(tried), {*_by_service(_seen(history)), *_started(history)}
    rollback = next(iter(begun(history, ROLL_BACK)), None)
    findings = [f"{name}: not tried" for name in sorted(running - found.keys())]
    version = str(deployed.data.get("version", ""))
    findings += _tried_otherwise(found, _release_before(history, deployed), version)
    if rollback is not None and tried.seq > rollback.seq:
        findings.append("it was tried only when the rollback had begun")
    if tried.seq < deployed.seq:
        findings.append("it was tried before the newer configuration was there")
    if not running:
        return unknown("no service runs, so nothing was to be tried")
    if findings:
        return refuted("nobody knew whether old code bears the newer configuration", *lines(findings))
    failing = sorted(name for name, item in found.items() if item["outcome"] != "works")
    said = f"it fails in {', '.join(failing)}: both go back" if failing else "it works: either may stay"
    return proven(said, services=len(found), failing=len(failing))


def _tried_otherwise(found: Mapping[str, JsonObject], old: str, new: str) -> list[str]:
    """What was tried, by its process, is the code of before with the configuration of now."""
    return [
        f"{name}: tried was the code of {one['release'] or 'no release'} with the configuration of"
        f" {one['configuration'] or 'no release'}, not {old} with that of {new}"
        for name, one in found.items()
        if (one["release"], one["configuration"]) != (old, new)
    ]


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
    seen = _by_service(_seen(history))
    done = need(next(iter(ended(history, ROLL_BACK)[-1:]), None), "a rollback of the services")
    wanted = need(next(iter(begun(history, "services.deploy")), None), "a deploy before it")
    before = _release_before(history, wanted)
    if done.kind is Kind.UNKNOWN or not before:
        return unknown("the rollback was cut short, or nobody knows what ran before")
    tried = _tried(need(next(iter(ended(history, REHEARSE)[-1:]), None), "old code tried beside"))
    findings = [said for item in seen.values() if (said := _wrong(item, before, tried))]
    findings += [f"{name} does not run any more" for name in sorted(_started(history) - seen.keys())]
    if findings:
        return refuted("code and configuration do not belong together", *lines(findings))
    if not seen:
        return unknown("no service runs")
    return proven(f"{len(seen)} services run {before}, code and configuration", services=len(seen))


@check(
    "services-as-before",
    "every service runs the release that it ran before",
    sees=("services",),
    answers=(ROLL_BACK,),
)
def services_as_before(history: History) -> Verdict:
    """By the running processes: the code, and the configuration, that each had while all was well."""
    fault = need(history.first("incident.fault"), "the fault")
    remembered = need(history.until(fault.seq).last(REMEMBER, Kind.OK), "what ran while all was well")
    before, now = _by_service(remembered), _by_service(_seen(history))
    findings = [f"{name} does not run any more" for name in sorted(before.keys() - now.keys())]
    for name, item in now.items():
        findings += _otherwise(name, before.get(name, {}), item)
    if findings:
        return refuted("what runs is not what ran before", *lines(findings))
    if unknowable := sorted(name for name, item in now.items() if not item["release"]):
        return unknown("its process does not tell which release runs", *unknowable)
    if not now:
        return unknown("no service ran")
    shown = ", ".join(sorted({str(item["release"]) for item in now.values()}))
    return proven(f"{len(now)} services run {shown}, as before", services=len(now))


def _otherwise(name: str, before: JsonObject, now: JsonObject) -> list[str]:
    if now["status"] != "up":
        return [f"{name} has ended"]
    if before.get("release") != now["release"]:
        return [f"{name} runs {now['release'] or 'no release'}, and {before.get('release') or 'none'} before"]
    if before.get("configuration") != now["configuration"]:
        return [f"{name} has another configuration than before"]
    return []


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


def _seen(history: History) -> Event:
    """The newest look at the processes; those of services whose releases are images are labelled."""
    looks = [event for event in history.all("services.seen") if "label" not in event.data]
    event = need(looks[-1] if looks else None, "the services as they run")
    return still_true(history, event, "the services as they run", "services.deploy", ROLL_BACK)


def _by_service(event: Event) -> dict[str, JsonObject]:
    items = [as_object(item) for item in as_list(event.data["items"])]
    return {str(item["service"]): item for item in items}


def _started(history: History) -> set[str]:
    """Every service that was started; one that could not be started again is in no look at what runs."""
    done = history.all("services.start", Kind.OK)
    return {str(name) for event in done for name in as_list(event.data.get("items", []))}
