"""Are the functions and APIs back: the version, the code, the answers, the logs, the metrics?"""

from __future__ import annotations

from collections.abc import Mapping

from rollproof.checks.evidence import as_list, as_object, ended, lines, need
from rollproof.checks.registry import check
from rollproof.journal import Event, History, Kind
from rollproof.model.json import Json
from rollproof.model.verdict import Verdict, proven, refuted, unknown

Item = Mapping[str, Json]


def _newest(history: History, act: str, label: str = "") -> Event | None:
    found = [event for event in history.all(act) if not label or event.data.get("label") == label]
    return found[-1] if found else None


def _items(event: Event | None, what: str) -> dict[str, Item]:
    """What was seen, by function."""
    said = need(event, what).data.get("items", [])
    return {str(as_object(item)["function"]): as_object(item) for item in as_list(said)}


@check(
    "aliases-restored",
    "every function answers with the version that served before",
    sees=("functions",),
    answers=("function.roll_back",),
)
def aliases_restored(history: History, *, by: str = "alias") -> Verdict:
    """Every alias points where it did, with the shares that it had, and the version that answers is that one.

    Args:
        by: `alias`: the very same version; `release`: a newer one with the same code, as a deploy makes it.
    """
    before = _items(_newest(history, "functions.seen", "before"), "which versions served before")
    after = _items(_newest(history, "functions.seen", "after"), "which versions serve now")
    wrong = [said for key, was in before.items() for said in _wrong(key, was, after.get(key), by)]
    if wrong:
        return refuted(f"not every function is back: {wrong[0]}", *lines(wrong), functions=len(before))
    tried = [key for key, item in after.items() if item.get("answered")]
    if not tried:
        return unknown("no function could be called, so nobody knows which version answers")
    return proven(
        f"{len(before)} functions serve what they did; asked: {', '.join(tried)}",
        functions=len(before),
        asked=len(tried),
    )


def _wrong(key: str, was: Item, now: Item | None, by: str) -> list[str]:
    """What is wrong with one function, one line each."""
    if now is None or "version" not in now:
        return [f"{key}: {now.get('found') if now else 'it was not looked at'}"]
    said = []
    if by == "alias" and now["version"] != was["version"]:
        said.append(f"{key}: {now['alias']} points at version {now['version']}, not at {was['version']}")
    if now["weights"] != was["weights"]:
        said.append(f"{key}: {now['alias']} gives other shares to other versions than before")
    if now["code"] != was["code"]:
        said.append(f"{key}: version {now['version']} holds other code than the version that served before")
    if now.get("answered") is None:
        return said
    if refusal := now.get("refusal"):
        return [*said, f"{key}: it may not be called ({refusal})"]
    if now["answered"] != now["version"] and not now["weights"]:
        said.append(f"{key}: version {now['answered']} answered a call through {now['alias']}")
    return [*said, f"{key}: it fails when it is called ({now['error']})"] if now.get("error") else said


@check(
    "served-by-version",
    "requests are answered by the version that served before",
    sees=("functions", "function logs"),
)
def served_by_version(history: History) -> Verdict:
    """Whatever calls the functions, API included, reaches the alias: the logs name no other version.

    An integration that goes past the alias runs `$LATEST`, which a rollback by alias leaves as it is.
    """
    before = _items(_newest(history, "functions.seen", "before"), "which versions served before")
    after = _items(_newest(history, "logs.read"), "the functions' logs since the rollback")
    wrong, seen, blind = [], 0, []
    for key, item in after.items():
        version = str(before[key]["version"]) if key in before else ""
        versions = [str(one) for one in as_list(item.get("versions", []))]
        allowed = {version, *as_object(before[key]["weights"])} if key in before else {version}
        wrong += [f"{key}: version {one} answered requests" for one in versions if one and one not in allowed]
        seen += sum(one in allowed for one in versions)
        if item.get("tried") and not any(versions):
            blind.append(f"{key}: {_why_blind(item)}")
    if wrong:
        return refuted("requests are answered by another version", *lines(wrong))
    if blind or not seen:
        return unknown("nobody knows which version answers requests", *lines(blind))
    return proven(
        "all requests since the rollback were answered by the version that served before", functions=seen
    )


def _why_blind(item: Item) -> str:
    if item.get("gone"):
        return "its log group is gone"
    if item.get("refusal"):
        return f"its log may not be read ({item['refusal']})"
    return "no request was logged" if not item.get("requests") else "its log does not name the version"


@check("no-errors-logged", "the logs hold no error since the rollback", sees=("functions", "function logs"))
def no_errors_logged(history: History) -> Verdict:
    """Every function that can be tried has answered since, and what it logged holds no error.

    No request, or no log to read, proves nothing. A log group that was there and is gone is a loss.
    """
    event = need(_newest(history, "logs.read"), "the functions' logs since the rollback")
    if event.data.get("against") != "incident.executed":
        return unknown("nothing was rolled back, so there is no moment to look from")
    items = _items(event, "the functions' logs")
    gone = [
        f"{key}: its log group {item['group']} is gone" for key, item in items.items() if item.get("gone")
    ]
    failed = {key: item for key, item in items.items() if item.get("failed")}
    if failed:
        said = [
            f"{key}: {item['failed']} of {item['requests']} requests failed" for key, item in failed.items()
        ]
        said += [f"{key}: {one}" for key, item in failed.items() for one in as_list(item.get("errors", []))]
        return refuted("the logs hold errors since the rollback", *lines([*said, *gone]))
    if gone:
        return refuted("logs that were there are gone", *lines(gone))
    blind = [
        f"{key}: {_why_blind(item)}" for key, item in items.items() if item.get("tried") and _unseen(item)
    ]
    if blind or not any(item.get("requests") for item in items.values()):
        return unknown("not all of the requests since the rollback are in the logs", *lines(blind))
    total = sum(int(str(item.get("requests", 0))) for item in items.values())
    return proven(f"{total} requests since the rollback, none failed", requests=total, functions=len(items))


def _unseen(item: Item) -> bool:
    """Whether fewer requests were read than are known to have been made, or none at all."""
    requests, known = item.get("requests"), item.get("known")
    return not isinstance(requests, int) or requests < max(1, known if isinstance(known, int) else 1)


@check(
    "error-metric-normal",
    "the error metric is back to what it was",
    sees=("functions", "function metrics"),
)
def error_metric_normal(history: History) -> Verdict:
    """Errors for each invocation since the rollback are no more than before the fault, and were seen to rise.

    A metric that stayed silent while functions failed cannot be believed when it is silent afterwards.
    """
    before = _items(_newest(history, "metrics.read", "before"), "the metrics before the fault")
    during = _items(_newest(history, "metrics.read", "during"), "the metrics while the fault was there")
    after = _items(_newest(history, "metrics.read", "after"), "the metrics after the rollback")
    silent, wrong, blind, counted = [], [], [], 0.0
    for key, now in after.items():
        then, first = during.get(key, {}), before.get(key, {})
        calls = _number(now, "Invocations") - _number(then, "Invocations")
        errors = _number(now, "Errors") - _number(then, "Errors")
        counted += calls
        if _failed_calls(history, key) > _number(then, "Errors") - _number(first, "Errors"):
            silent.append(f"{key}: it failed when it was called, and the metric shows less errors than that")
        if _number(now, "Invocations") < _number(now, "calls"):
            blind.append(f"{key}: the metric does not cover the calls that were made")
        if calls > 0 and errors / calls > _rate(first):
            wrong.append(f"{key}: {errors:.0f} errors in {calls:.0f} calls since the rollback")
    return _of_metric(silent, wrong, blind, counted)


def _of_metric(silent: list[str], wrong: list[str], blind: list[str], counted: float) -> Verdict:
    if silent:
        return refuted("the error metric does not show errors that there were", *lines(silent))
    if wrong:
        return refuted("the error metric is not back to what it was", *lines(wrong))
    if blind or counted <= 0:
        return unknown("the metrics say nothing of calls since the rollback", *lines(blind))
    return proven(f"no more errors than before in {counted:.0f} calls since the rollback", calls=counted)


def _number(item: Item, name: str) -> float:
    value = item.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _rate(item: Item) -> float:
    calls = _number(item, "Invocations")
    return _number(item, "Errors") / calls if calls else 0.0


def _failed_calls(history: History, key: str) -> int:
    """Requests of a function that are known, from its log or its answer, to have raised an error by then."""
    event = _newest(history, "functions.diagnose")
    counts = event.data.get("numbers") if event is not None else None
    value = counts.get(key, 0) if isinstance(counts, Mapping) else 0
    return value if isinstance(value, int) else 0


@check("apis-answer", "every API answers on its health and its paths", sees=("apis",))
def apis_answer(history: History) -> Verdict:
    """Every path that is declared answers 200, after all that was done."""
    event = need(_newest(history, "apis.asked"), "how the APIs answer")
    items = [as_object(item) for item in as_list(event.data.get("items", []))]
    wrong = [f"API {item['api']}: {_said(item)}" for item in items if item["status"] != 200]
    if wrong:
        return refuted(f"{len(wrong)} of {len(items)} paths do not answer as they should", *lines(wrong))
    if not items:
        return unknown("no API was asked")
    return proven(f"{len(items)} paths answer 200", paths=len(items))


def _said(item: Item) -> str:
    path, status = item["path"], item["status"]
    return f"{path} answers {status}" if status else f"{path}: {item.get('error')}"


@check(
    "revision-deployed",
    "the last good revision was checked out and deployed",
    answers=("checkout.roll_back",),
)
def revision_deployed(history: History) -> Verdict:
    """It was looked up in the log, and what was checked out when it was deployed is that very commit."""
    event = need(_newest_end(history, "checkout.roll_back"), "a rollback by the system's own commands")
    if event.kind is Kind.UNKNOWN:
        return unknown(f"how the rollback ended nobody can tell: {event.data.get('found', '')}")
    if event.kind is Kind.FAIL:
        return refuted(f"the system's own commands failed: {event.data.get('found', '')}")
    head, good = str(event.data.get("head")), str(event.data.get("against"))
    if not event.data.get("head") or not event.data.get("against"):
        return unknown("nobody recorded which commit was deployed")
    if head != good:
        return refuted(
            f"commit {head[:12]} was deployed, and release {event.data.get('version')} is {good[:12]}"
        )
    steps = [str(step) for step in as_list(event.data.get("steps", []))]
    return proven(f"commit {head[:12]}: {', '.join(steps)}", steps=len(steps))


def _newest_end(history: History, act: str) -> Event | None:
    found = ended(history, act)
    return found[-1] if found else None
