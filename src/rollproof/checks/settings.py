"""Was a wrong setting put back from its history, with everything else left alone?"""

from __future__ import annotations

from collections.abc import Mapping

from rollproof.checks.evidence import as_list, as_object, begun, ended, lines, need
from rollproof.checks.registry import check
from rollproof.checks.rollbacks import CHANGES_CODE
from rollproof.journal import Event, History, Kind
from rollproof.model.json import Json
from rollproof.model.verdict import Verdict, proven, refuted, unknown

ROLL_BACK = "settings.roll_back"


@check("setting-named", "the diagnosis names the settings that are wrong")
def setting_named(history: History) -> Verdict:
    """The diagnosis names each setting that the fault changed, and no other."""
    fault = need(_fault(history), "a wrong setting")
    diagnosis = need(next(iter(ended(history, "settings.diagnose")), None), "a diagnosis of the settings")
    wrong, named = _names(fault), _names(diagnosis)
    if not wrong:
        return unknown("the fault does not say which settings it changed")
    findings = [f"not named: {name}" for name in sorted(wrong - named)]
    findings += [f"named, though nothing is wrong with it: {name}" for name in sorted(named - wrong)]
    if findings:
        return refuted("the diagnosis does not name what is wrong", *lines(findings))
    return proven(f"named: {', '.join(sorted(named))}", settings=len(named))


@check(
    "settings-from-history",
    "the previous values came back from the settings' own history",
    answers=(ROLL_BACK,),
)
def settings_from_history(history: History) -> Verdict:
    """Each wrong setting was put back, from a version of its history, to the very value that it had."""
    fault = need(_fault(history), "a wrong setting")
    known = _digests(need(history.last("settings.remember", Kind.OK), "what the settings were"))
    done = need(next(iter(ended(history, ROLL_BACK)[-1:]), None), "settings being put back")
    if done.kind is Kind.UNKNOWN:
        return unknown(f"putting them back was cut short: {done.data.get('found', '')}")
    if done.kind is Kind.FAIL:
        return refuted(f"they were not put back: {done.data.get('found', '')}")
    restored = {str(item["name"]): item for item in _items(done)}
    findings = [f"{name}: not put back" for name in sorted(_names(fault) - set(restored))]
    findings += [
        f"{name}: nobody says from where" for name, item in restored.items() if not item.get("source")
    ]
    findings += [
        f"{name}: another value than the one before"
        for name, item in restored.items()
        if item.get("digest") != known.get(name)
    ]
    if findings:
        return refuted("the settings are not what their history says", *lines(findings))
    said = "; ".join(f"{name}: {item['source']}" for name, item in sorted(restored.items()))
    return proven(said, settings=len(restored))


@check("code-left-alone", "the code was left alone", sees=("code",))
def code_left_alone(history: History) -> Verdict:
    """The same code serves behind every function as before the fault, and nothing was deployed meanwhile."""
    before, after = (_served(history, label) for label in ("before", "after"))
    fault = need(history.first("incident.fault"), "the fault")
    deployed = [event.act for event in begun(history, *CHANGES_CODE) if event.seq > fault.seq]
    changed = sorted(name for name, code in before.items() if after.get(name) != code)
    findings = [f"{name}: other code serves" for name in changed]
    findings += [f"{act} changed code after the fault" for act in deployed]
    if findings:
        return refuted("the code was not left alone", *lines(findings))
    if not before:
        return unknown("no function was looked at, so nothing is known of its code")
    return proven(f"the same code serves behind {len(before)} functions", functions=len(before))


@check("no-secret-told", "the record of the drill tells no secret", sees=("secrets-told",))
def no_secret_told(history: History) -> Verdict:
    """Every secret value of settings and secrets was looked for in every byte of journal and attachments."""
    sought = need(history.last("secrets.sought", Kind.NOTE), "a search for secrets in the record")
    findings = [str(item) for item in as_list(sought.data.get("findings", []))]
    count, size = sought.data.get("count"), sought.data.get("bytes")
    if findings:
        return refuted(f"{len(findings)} secrets stand in the record", *lines(findings))
    if not count or not size:
        return unknown("there was no secret to look for" if not count else "there was nothing to look in")
    return proven(f"none of {count} secret values is in {size} bytes", secrets=count, bytes=size)


@check("wrong-setting-felt", "the wrong setting was felt")
def wrong_setting_felt(history: History) -> Verdict:
    """What can be asked showed that something was wrong: else that it answers again would prove nothing."""
    diagnosis = need(next(iter(ended(history, "settings.diagnose")), None), "a diagnosis of the settings")
    if problems := [str(item) for item in as_list(diagnosis.data.get("findings", []))]:
        return proven(f"felt: {', '.join(problems[:5])}", targets=len(problems))
    return refuted("everything answered as it should, although a setting was wrong")


@check("system-answers", "the system works")
def system_answers(history: History) -> Verdict:
    """Everything that can be asked answered as it should, after the last thing that was done to it."""
    asked = need(next(iter(ended(history, "system.ask")[-1:]), None), "a look whether the system works")
    executed = history.last("incident.executed")
    if asked.kind is not Kind.OK:
        return unknown(f"it could not be asked: {asked.data.get('found', '')}")
    if executed is not None and asked.seq < executed.seq:
        return unknown("it was asked before the rollback was over")
    if problems := [str(item) for item in as_list(asked.data.get("findings", []))]:
        return refuted(
            f"{len(problems)} of {asked.data['count']} do not answer as they should", *lines(problems)
        )
    if not asked.data.get("count"):
        return unknown("nothing was asked")
    left_out = [str(name) for name in as_list(asked.data.get("left_out", []))]
    said = f"all {asked.data['count']} that were asked answered"
    said += f"; not there before either: {', '.join(left_out)}" if left_out else ""
    return proven(said, targets=asked.data["count"])


def _fault(history: History) -> Event | None:
    faults = [event for event in history.all("fault.inject", Kind.OK) if event.data.get("items")]
    return faults[-1] if faults else None


def _names(event: Event) -> set[str]:
    return {str(item) for item in as_list(event.data.get("items", []))}


def _items(event: Event) -> list[Mapping[str, Json]]:
    return [as_object(item) for item in as_list(event.data.get("items", []))]


def _digests(event: Event) -> dict[str, Json]:
    return {str(item["name"]): item["digest"] for item in _items(event)}


def _served(history: History, label: str) -> dict[str, Json]:
    noted = [event for event in history.all("code.served") if event.data.get("label") == label]
    event = need(noted[-1] if noted else None, f"the code that served {label}")
    return {str(item["function"]): item["code"] for item in _items(event)}
