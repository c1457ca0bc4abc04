"""Services whose releases are images: which release answers, by which image, with which share of requests?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import comb

from rollproof.checks.evidence import (
    as_list,
    as_object,
    asks_a_service,
    begun,
    clients_trouble,
    ended,
    labelled,
    lines,
    need,
    operations,
    still_true,
)
from rollproof.checks.registry import check
from rollproof.journal import Event, History, Kind
from rollproof.model.json import Json
from rollproof.model.verdict import Verdict, proven, refuted, unknown
from rollproof.workload.availability import error_rate, only, outage_seconds
from rollproof.workload.operations import Operation

SEEN = ("service releases",)
UNLIKELY = 1e-6
"""A share that chance alone would give less often than this is none that the weights ask for."""
_SHORT = 19
_CHANGES = (
    "service.deploy",
    "service.roll_back",
    "service.put_beside",
    "service.shift",
    "shares.roll_back",
    "canary.roll_back",
    "flag.roll_back",
)
"""Acts after which another release may answer, or as another one."""


def _item(event: Event) -> Mapping[str, Json]:
    return as_object(as_list(event.data["items"])[0])


def _served(history: History) -> list[Mapping[str, Json]]:
    """Each release as it was when it began to serve, oldest first."""
    return [{**_item(event), "service": event.data["name"]} for event in history.all("service.serving")]


def should_serve(history: History) -> Mapping[str, Json]:
    """What should serve now: what the last rollback went for, or what was deployed since.

    As it was when it first served, not as somebody said afterwards that it is.
    """
    served = _served(history)
    moments = [*history.all("service.serving"), *begun(history, "service.roll_back")]
    last = max(moments, key=lambda event: event.seq, default=None)
    wanted = "" if last is None else str((last.data if last.kind is Kind.BEGIN else _item(last))["digest"])
    found = next((one for one in served if one["digest"] == wanted), None)
    if found is None:
        need(None, "the release that should serve")
    return found or {}


def seen_now(history: History, service: Json) -> Mapping[str, Json]:
    seen = need(labelled(history, "services.seen", "after"), "what serves now")
    event = still_true(history, seen, "what serves", *_CHANGES)
    for item in as_list(event.data["items"]):
        if as_object(item)["service"] == service:
            return as_object(item)
    need(None, f"what serves now as {service}")
    return {}


def _counts(value: Json) -> dict[str, int]:
    return {str(name): int(str(count)) for name, count in as_object(value).items()}


@check(
    "service-restored",
    "the service answers as the release that should serve, and as no other",
    sees=SEEN,
    answers=("service.roll_back", "service.deploy"),
)
def service_restored(history: History) -> Verdict:
    """By what it answers when it is asked who it is, and by the files that its processes run from.

    Not by what its runner says of it: RUNNING is said of the old release too.
    """
    expected = should_serve(history)
    now = seen_now(history, expected["service"])
    identity, answers = str(expected["identity"]), _counts(now["answers"])
    failed, total = int(str(now["failed"])), sum(answers.values()) + int(str(now["failed"]))
    wrong = [f"{n} of {total} answers are those of {one}" for one, n in answers.items() if one != identity]
    wrong += [f"{failed} of {total} requests failed"] if failed else []
    shown, strange = _processes(now, expected)
    if wrong or strange:
        said = f"the service does not answer as release {expected['version']} alone"
        return refuted(said, *lines([*wrong, *strange]), asked=total)
    others = {str(one["identity"]) for one in _served(history) if one["digest"] != expected["digest"]}
    if identity in others and not shown:
        return unknown("releases answer alike, so their answers do not tell which one serves")
    if not total:
        return unknown("the service was not asked")
    said = f"{total} answers, all of release {expected['version']}"
    return proven(f"{said}; {shown} processes run its files" if shown else said, asked=total)


def _processes(now: Mapping[str, Json], expected: Mapping[str, Json]) -> tuple[int, list[str]]:
    """How many processes could be looked at, and what is wrong with them.

    A container's files are those of the image that the engine started it of, which cannot be altered.
    """
    found = [as_object(item) for item in as_list(now["processes"])]
    wrong = []
    for one in found:
        if one["serving"] and one["digest"] != expected["digest"]:
            wrong.append(f"a process that serves was started from {str(one['digest'])[:_SHORT]}")
        elif one["serving"] and expected["tree"] and not one.get("image") and one["tree"] != expected["tree"]:
            wrong.append("a process that serves runs other files than its image holds")
        elif not one["serving"]:
            wrong.append(f"a process of {str(one['digest'])[:_SHORT]} was left running")
    return len(found), wrong


@check(
    "digest-pinned",
    "the service's configuration names the very image that served, by its digest",
    sees=SEEN,
    answers=("service.roll_back",),
)
def digest_pinned(history: History) -> Verdict:
    """A tag may name another image tomorrow, and then a restart brings what nobody has rolled back to."""
    need(next(iter(begun(history, "service.roll_back")), None), "a rollback of the service")
    expected = should_serve(history)
    image = str(seen_now(history, expected["service"])["image"])
    _, at, digest = image.partition("@")
    if not at:
        return refuted(f"the service's configuration names {image}: a tag says nothing of what it names")
    if digest != expected["digest"]:
        return refuted(f"it names {digest[:_SHORT]}, and {str(expected['digest'])[:_SHORT]} served")
    return proven(f"it names {digest[:_SHORT]}, which served as release {expected['version']}")


@check("moved-tag-found", "a tag that names another image than it did is found out")
def moved_tag_found(history: History) -> Verdict:
    """The rollback compared what the tag names with the digest that was recorded while it served."""
    moved = _item(need(history.last("tag.moved"), "a tag that was moved"))
    done = need(next(iter(ended(history, "service.roll_back")[-1:]), None), "a rollback of the service")
    if done.kind is Kind.UNKNOWN:
        return unknown("how the rollback ended nobody can tell")
    items = as_list(done.data.get("items", []))
    said = as_object(items[0]) if items else {}
    if said.get("tag") != moved["tag"] or said.get("now") != moved["now"]:
        return refuted(f"tag {moved['tag']} names another image than it did, and the rollback did not see it")
    return proven(f"tag {moved['tag']} names {str(moved['now'])[:_SHORT]} now: the rollback said so")


@check("versions-listed", "every version there is is listed: its digest, its tags, when it was pushed")
def versions_listed(history: History) -> Verdict:
    """Newest first, and with all that served or was pushed."""
    event = need(history.last("service.versions", Kind.OK), "which versions there are")
    listed = [as_object(item) for item in as_list(event.data.get("items", []))]
    tags = {str(tag) for one in listed for tag in as_list(one["tags"])}
    digests = {str(one["digest"]) for one in listed}
    served = [_item(one) for one in history.until(event.seq).all("service.serving")]
    wrong = [f"no tag {one['tag']} is listed" for one in served if one["tag"] not in tags]
    wrong += [
        f"{one['version']} ({str(one['digest'])[:_SHORT]}) is not listed"
        for one in served
        if one["digest"] not in digests
    ]
    pushed = [str(one["pushed"]) for one in listed]
    wrong += ["the list is not in the order of pushing"] if pushed != sorted(pushed, reverse=True) else []
    if wrong:
        return refuted("the list of versions is not whole", *lines(wrong), versions=len(listed))
    if not served:
        return unknown("nothing has served, so nobody knows what must be listed")
    return proven(f"{len(listed)} versions, newest first", versions=len(listed))


@check(
    "failed-deploy-named",
    "the deploy failed, for a reason that is named",
    answers=("service.deploy",),
)
def failed_deploy_named(history: History) -> Verdict:
    """A release that is never well must not get requests: a deploy of it that succeeds is the worst."""
    event = need(next(iter(ended(history, "service.deploy")[-1:]), None), "a deploy of the service")
    if event.kind is Kind.OK:
        return refuted("a release that is never healthy was deployed, and nobody minded")
    if event.kind is Kind.UNKNOWN:
        return unknown(f"how the deploy ended nobody can tell: {event.data.get('found', '')}")
    found = str(event.data.get("found", ""))
    if "health" not in found and "exit code" not in found:
        return refuted(f"the deploy failed, and nothing says why: {found}")
    return proven(found)


@check("clients-served", "clients were served all along", sees=("traffic",))
def clients_served(history: History, *, at_most: float) -> Verdict:
    """The share of operations that were not acknowledged, from first to last, of each kind of client.

    Each kind for itself: errors of a service would be few beside all that clients ask of others. Some must
    have asked a service while it was changed: clients of the database alone would not miss it.

    Args:
        at_most: share of errors that is borne, 0 to 1.
    """
    done = operations(history)
    if trouble := {*clients_trouble(history, "read"), *clients_trouble(history, "write")}:
        return unknown("clients ended early, so it cannot be told whether they were served", *lines(trouble))
    rates = {name: error_rate(only(done, name=name)) or 0.0 for name in sorted({one.name for one in done})}
    if not rates:
        return unknown("clients did nothing")
    worst = max(rates.values())
    numbers: dict[str, Json] = {
        "error_rate": worst,
        "operations": len(done),
        "outage_seconds": outage_seconds(done),
    }
    said = f"at most {worst:.2%} of a client's operations failed, {at_most:.2%} is borne"
    if worst <= at_most and (unasked := _unasked(history, done)):
        return unknown(unasked, **numbers)
    if worst <= at_most:
        return proven(f"{said}; {len(done)} operations", **numbers)
    found = [f"{name}: {rate:.2%} failed" for name, rate in rates.items() if rate > at_most]
    return refuted(said, *lines(found), **numbers)


def _unasked(history: History, done: Sequence[Operation]) -> str:
    """Why clients' operations say nothing of the service; empty when they do."""
    change = need(next(iter(begun(history, *_CHANGES)[-1:]), None), "a change of what serves")
    asking = asks_a_service(history)
    if not asking:
        return "no client asks a service, so none would have missed it"
    idle = asking - {one.name for one in done if one.ended_ns > change.mono_ns}
    return f"these clients asked nothing of it meanwhile: {', '.join(sorted(idle))}" if idle else ""


@check(
    "requests-switched",
    "all requests went over to the new revision, and all came back",
    sees=SEEN,
    answers=("service.shift", "shares.roll_back"),
)
def requests_switched(history: History) -> Verdict:
    """Blue-green: measured by who answers, at each moment and at the end."""
    blue, green = _revisions(history)
    wrong = [
        *_alone(_shift(history, "switched"), green, "after the switch"),
        *_alone(_shift(history, "back"), blue, "after switching back"),
        *_failing(history, "switched", "back"),
        *_only_blue_now(history, blue),
    ]
    if wrong:
        return refuted("requests are not where they should be", *lines(wrong))
    if blue["identity"] == green["identity"]:
        return unknown("both revisions answer alike, so their answers do not tell which one serves")
    return proven(f"all to {green['version']}, and all back to {blue['version']}")


@check(
    "canary-contained",
    "the canary got its share, was stopped at the threshold, and gets no request any more",
    sees=SEEN,
    answers=("canary.roll_back",),
)
def canary_contained(history: History) -> Verdict:
    """Its share is measured by who answers, while it ran and at the end."""
    blue, green = _revisions(history)
    share = need(labelled(history, "service.shares", "canary"), "the canary's share").data
    if blue["identity"] == green["identity"]:
        return unknown("both revisions answer alike, so their answers do not tell which one serves")
    counts, weights = _counts(as_list(share["items"])[0]), as_object(share["numbers"])
    got, total = counts.get(str(green["identity"]), 0), sum(counts.values())
    weight = int(str(weights["green"])) / 100
    stopped = need(next(iter(ended(history, "canary.roll_back")[-1:]), None), "the end of the canary")
    wrong = _only_blue_now(history, blue)
    if stopped.kind is Kind.FAIL:
        wrong.append(f"it was not stopped by the threshold: {stopped.data.get('found', '')}")
    if min(_at_most(got, total, weight), _at_least(got, total, weight)) < UNLIKELY:
        wrong.append(f"{got} of {total} requests went to the canary, its weight is {weight:.0%}")
    if wrong:
        return refuted("the canary is not contained", *lines(wrong), canary_share=got / max(1, total))
    if stopped.kind is not Kind.OK or not got:
        return unknown("the canary got no request, or nobody knows how it ended")
    facts = as_object(stopped.data.get("facts", {}))
    rate, limit = float(str(facts.get("error_rate", 0))), float(str(facts.get("threshold", 0)))
    if rate <= limit:
        return refuted(f"it was stopped at {rate:.1%} errors, and the threshold is {limit:.1%}")
    return proven(
        f"{got} of {total} requests, stopped at {rate:.1%} errors; 0 % now",
        canary_share=got / total,
        error_rate=rate,
    )


def _revisions(history: History) -> tuple[Mapping[str, Json], Mapping[str, Json]]:
    """The revision that served, and the one that was put beside it."""
    beside = need(history.last("service.put_beside", Kind.OK), "a revision beside the one that serves")
    return should_serve(history), _item(beside)


def _shift(history: History, label: str) -> dict[str, int]:
    """Who answered how often after a change of weights."""
    shifted = [e for e in ended(history, "service.shift", "shares.roll_back") if e.data.get("label") == label]
    event = need(shifted[-1] if shifted else None, f"who answered when requests were {label}")
    return _counts(as_list(event.data["items"])[0])


def _failing(history: History, *labels: str) -> list[str]:
    """Requests that nobody answered while it was measured who does."""
    shifts = [e for e in ended(history, "service.shift", "shares.roll_back") if e.data.get("label") in labels]
    return [f"{e.data['label']}: {e.data['failed']} requests failed" for e in shifts if e.data.get("failed")]


def _alone(counts: Mapping[str, int], one: Mapping[str, Json], when: str) -> list[str]:
    other = {name: count for name, count in counts.items() if name != one["identity"]}
    if not counts.get(str(one["identity"])):
        return [f"{when} no request was answered by {one['version']}"]
    return [f"{when} {count} of {sum(counts.values())} answers were {n}'s" for n, count in other.items()]


def _only_blue_now(history: History, blue: Mapping[str, Json]) -> list[str]:
    now = seen_now(history, blue["service"])
    wrong = _alone(_counts(now["answers"]), blue, "at the end")
    left = {name: weight for name, weight in _counts(now.get("weights", {})).items() if weight}
    extra = [f"{name} still has weight {weight}" for name, weight in left.items() if name != "blue"]
    failed = int(str(now["failed"]))
    return [*wrong, *extra, *([f"{failed} requests failed at the end"] if failed else [])]


def _at_most(got: int, total: int, share: float) -> float:
    """Chance of no more than so many, each with this share."""
    return sum(comb(total, k) * share**k * (1 - share) ** (total - k) for k in range(got + 1))


def _at_least(got: int, total: int, share: float) -> float:
    return sum(comb(total, k) * share**k * (1 - share) ** (total - k) for k in range(got, total + 1))


@check(
    "flag-off",
    "the feature is off in every answer, and was on before",
    sees=("flag",),
    answers=("flag.roll_back",),
)
def flag_off(history: History) -> Verdict:
    """By what the service answers; an instance that was left with the flag on shows in some answers."""
    rollback = need(history.first("flag.roll_back", Kind.BEGIN), "turning the feature off")
    then = need(labelled(history.until(rollback.seq), "flag.seen", "before"), "the flag before")
    now = need(labelled(history, "flag.seen", "after"), "the flag now")
    now = still_true(history, now, "the flag", *_CHANGES)
    before, after = as_object(then.data["numbers"]), as_object(now.data["numbers"])
    on, off, asked = (int(str(after[name])) for name in ("on", "off", "asked"))
    if not int(str(before["on"])):
        return unknown("the flag was never seen to be on")
    if not asked:
        return unknown("nothing was asked of the feature")
    if on:
        return refuted(f"{on} of {asked} answers say that the feature is still on", asked=asked)
    if off < asked:
        return refuted(f"{asked - off} of {asked} answers were errors", asked=asked)
    return proven(f"{off} answers, all without the feature", asked=asked)
