"""Did a deploy that failed leave things as they were, and was everything said that must be said?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rollproof.checks.evidence import as_list, as_object, begun, ended, lines, need
from rollproof.checks.registry import check
from rollproof.journal import Event, History, Kind
from rollproof.model.fingerprint import Difference
from rollproof.model.json import Json
from rollproof.model.verdict import Verdict, proven, refuted, unknown

FAILING = ("release.deploy", "release.deploy_failing")
DEPLOYS = (*FAILING, "release.roll_back")
RETURNED = frozenset({"UPDATE_ROLLBACK_COMPLETE", "ROLLBACK_COMPLETE"})
WELL = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
_STACK = "AWS::CloudFormation::Stack"


@check("stack-returned", "the stack returned by itself", answers=FAILING)
def stack_returned(history: History) -> Verdict:
    """Each stack whose deploy failed ended rolled back, and nobody did anything about it meanwhile."""
    failed = _failed_operations(history)
    if not failed:
        return unknown("no deploy failed, so nothing had to return")
    stuck = [f"{_name(event)} is in {event.data.get('status')}" for event in failed if not _returned(event)]
    if stuck:
        return refuted(f"a stack did not return by itself: {stuck[0]}", *lines(stuck))
    names = ", ".join(map(_name, failed))
    return proven(f"{names}: rolled back by CloudFormation alone", stacks=len(failed))


def _returned(event: Event) -> bool:
    return event.data.get("status") in RETURNED


def _name(event: Event) -> str:
    return str(event.data.get("name"))


@check(
    "failed-stack-restored",
    "the stack that failed holds what it held before",
    sees=("resources",),
    answers=FAILING,
)
def failed_stack_restored(history: History) -> Verdict:
    """Every resource of each stack whose deploy failed is what it was; other stacks that moved are named."""
    failed = {_name(event) for event in _failed_operations(history)}
    if not failed:
        return unknown("no deploy failed, so nothing had to be restored")
    event = need(_compared(history, against="before"), "how the stacks compare with before")
    own = [item for item in _differences(history, event) if _stack(item.name) in failed]
    if own:
        said = f"{len(own)} differences in a stack whose deploy failed, such as {own[0]}"
        return refuted(said, *lines(own), differences=len(own))
    if unseen := [item for item in _texts(event, "unread") if _stack(item) in failed]:
        return unknown(f"{len(unseen)} of its resources cannot be read here: {unseen[0]}", *lines(unseen))
    others = sorted({_stack(item.name) for item in _differences(history, event)})
    moved = f"; deployed before it and left at the new release: {', '.join(others)}" if others else ""
    left = f"; left out: {', '.join(_texts(event, 'left_out'))}" if event.data.get("left_out") else ""
    if not isinstance(event.data.get("count"), int) or event.data["count"] == 0:
        return unknown("nothing was read of the stacks before, so nothing could differ")
    return proven(
        f"{', '.join(sorted(failed))}: every resource as before{moved}{left}", facts=event.data["count"]
    )


@check("failure-named", "the event that failed first is named", answers=FAILING)
def failure_named(history: History) -> Verdict:
    """The named event is the first that failed of all that were recorded, and it says why."""
    failed = _failed_operations(history)
    if not failed:
        return unknown("no deploy failed, so no event is to be named")
    wrong = [said for event in failed if (said := _misnamed(history, event))]
    if wrong:
        return refuted(wrong[0], *lines(wrong))
    first = failed[-1].data
    return proven(f"{first.get('item')} ({first.get('kind')}): {first.get('cause')}", stacks=len(failed))


def _misnamed(history: History, event: Event) -> str:
    """What is wrong with the event that is named; empty when nothing is."""
    told = [as_object(item) for item in as_list(history.attachment(event.data["history"]))]
    first = _first_failure(told)
    if first is None:
        return f"{_name(event)}: no event of the deploy says what failed"
    named = tuple(str(event.data.get(key, "")) for key in ("item", "kind", "cause"))
    right = tuple(str(first[key]) for key in ("logical", "kind", "reason"))
    if not right[2]:
        return f"{_name(event)}: {right[0]} failed first and does not say why"
    if named != right:
        return f"{_name(event)}: {named[0] or 'nothing'} is named, but {right[0]} ({right[1]}) failed first"
    return ""


def _first_failure(events: Sequence[Mapping[str, Json]]) -> Mapping[str, Json] | None:
    """By time: the first that failed and was not cancelled because another had.

    Of a nested stack, what failed first within it, which is told under the path to it.
    """
    causes = [
        event
        for event in events
        if str(event["status"]).endswith("_FAILED")
        and not event["own"]
        and "cancelled" not in str(event["reason"]).lower()
    ]
    first = causes[0] if causes else None
    if first is None or first["kind"] != _STACK:
        return first
    within = [event for event in causes if str(event["logical"]).startswith(f"{first['logical']}/")]
    return _first_failure(within) or first


@check("next-deploy-works", "the next good deploy works", sees=("release",), answers=DEPLOYS)
def next_deploy_works(history: History) -> Verdict:
    """The deploy after the failure put every stack where that release had it when it was deployed first."""
    last = _deploy_after_failure(history)
    if isinstance(last, Verdict):
        return last
    release = f"release {last.data.get('version', '')}"
    clean = need(_compared(history, against=release), f"how the stacks compare with {release}")
    before = need(_compared(history, against="before"), "how the stacks compare with before")
    if not _differences(history, before) and _differences(history, clean):
        return refuted("the deploy succeeded and changed nothing", *lines(_differences(history, clean)))
    if differences := _differences(history, clean):
        said = f"{len(differences)} differences from {release} when it was first deployed"
        return refuted(f"{said}, such as {differences[0]}", *lines(differences))
    if not _differences(history, before):
        return unknown(f"{release} holds what was there already, so the deploy had nothing to show")
    if unseen := _texts(clean, "unread"):
        return unknown(f"{len(unseen)} resources cannot be read here: {unseen[0]}", *lines(unseen))
    return proven(f"{release}: every resource as when it was first deployed", facts=clean.data["count"])


@check("stacks-complete", "every stack holds all of the release", sees=("release",), answers=DEPLOYS)
def stacks_complete(history: History) -> Verdict:
    """Each stack is well, has the release's own template, and each of its resources answers for itself."""
    last = _deploy_after_failure(history)
    if isinstance(last, Verdict):
        return last
    states = [event for event in history.all("stack.state") if event.seq > last.seq]
    if not states:
        return unknown("nobody looked at the stacks after the deploy")
    wrong = [said for event in states for said in _incomplete(event)]
    if wrong:
        return refuted(f"{wrong[0]}", *lines(wrong), stacks=len(states))
    if unseen := [item for event in states for item in _texts(event, "unread")]:
        return unknown(f"{len(unseen)} resources cannot be read here: {unseen[0]}", *lines(unseen))
    held = sum(int(str(event.data["count"])) for event in states)
    return proven(f"{len(states)} stacks hold {held} resources of the release", resources=held)


def _incomplete(event: Event) -> list[str]:
    said, name = event.data, _name(event)
    found = []
    if said.get("status") not in WELL:
        found.append(f"{name} is in {said.get('status') or 'no state: it is not there'}")
    if said.get("digest") and said.get("digest") != said.get("against"):
        found.append(f"{name} has another template than the release")
    if not said.get("count"):
        found.append(f"{name} holds nothing")
    return found + [f"{item} is not there" for item in _texts(event, "lost")]


@check("nothing-left", "nothing that the failed creation made is left", sees=("leftovers",))
def nothing_left(history: History) -> Verdict:
    """Each resource that the failed creation made is gone, by its own API."""
    event = need(history.last("stack.leftovers"), "what the failed creation left")
    if left := _texts(event, "items"):
        return refuted(f"{len(left)} resources are left, such as {left[0]}", *lines(left))
    if unseen := _texts(event, "unread"):
        return unknown(f"whether {unseen[0]} is left cannot be told here", *lines(unseen))
    made = event.data.get("count")
    if not made:
        return unknown("the creation failed before it had made anything")
    kept = _texts(event, "left_out")
    retained = f"; kept, as the template asks: {', '.join(kept)}" if kept else ""
    return proven(f"{made} resources were made and are gone{retained}", resources=made)


@check("deploy-refused", "a deploy to a stack in that state is refused", answers=DEPLOYS)
def deploy_refused(history: History, *, because: str) -> Verdict:
    """The newest deploy was refused for that reason, and no stack was touched."""
    last = need(next(iter(ended(history, *DEPLOYS)[-1:]), None), "a deploy")
    if last.kind is not Kind.FAIL:
        return refuted("the deploy was not refused")
    touched = [event for event in history.all("stack.operation") if event.seq > _begin(history, last).seq]
    if touched:
        return refuted(f"{_name(touched[0])} was touched, ending in {touched[0].data.get('status')}")
    found = str(last.data.get("found", ""))
    if because not in found:
        return refuted(f"it was refused for another reason: {found}")
    return proven(f"{last.data.get('where', '')}: {found}")


@check("rollback-continued", "the stuck stack has recovered", answers=FAILING)
def rollback_continued(history: History) -> Verdict:
    """A rollback that had failed was continued to its end."""
    stuck = [e for e in _failed_operations(history) if e.data.get("status") == "UPDATE_ROLLBACK_FAILED"]
    if not stuck:
        return unknown("no stack was stuck in UPDATE_ROLLBACK_FAILED")
    names = {_name(event) for event in stuck}
    later = [e for e in history.all("stack.operation") if e.seq > stuck[-1].seq and _name(e) in names]
    states = {_name(event): str(event.data.get("status")) for event in later}
    bad = [f"{name} is in {states.get(name, 'UPDATE_ROLLBACK_FAILED')}" for name in sorted(names)]
    bad = [said for said in bad if not said.endswith("UPDATE_ROLLBACK_COMPLETE")]
    if bad:
        return refuted(bad[0], *lines(bad))
    return proven(f"{', '.join(sorted(names))}: the rollback was continued to its end", stacks=len(names))


@check("skipped-named", "what was skipped is named, and all else is what it was", sees=("resources",))
def skipped_named(history: History) -> Verdict:
    """What differs in the stuck stack from before is what was skipped, and nothing besides."""
    continued = ended(history, "stack.continue_rollback")
    done = need(continued[-1] if continued else None, "a rollback being continued")
    if done.kind is not Kind.OK:
        return refuted(f"the rollback could not be continued: {done.data.get('found', '')}")
    stuck = {_name(e) for e in _failed_operations(history)}
    skipped = set(_texts(done, "items"))
    event = need(_compared(history, against="before"), "how the stacks compare with before")
    own = [item for item in _differences(history, event) if _stack(item.name) in stuck]
    unsaid = [item for item in own if item.name not in skipped]
    if unsaid:
        said = f"{unsaid[0].name} is not what it was, and nobody says that it was skipped"
        return refuted(said, *lines(unsaid), differences=len(unsaid))
    if unseen := [text for text in _texts(event, "unread") if _stack(text) in stuck]:
        return unknown(f"{len(unseen)} resources cannot be read here: {unseen[0]}", *lines(unseen))
    if not skipped:
        return proven("nothing was skipped, and every resource is what it was", skipped=0)
    changed = sorted({item.name for item in own})
    mend = f"; to be mended by hand: {', '.join(changed)}" if changed else ""
    return proven(f"skipped: {', '.join(sorted(skipped))}{mend}", skipped=len(skipped), changed=len(changed))


@check("drift-found", "what was changed by hand is found", answers=("stack.look_for_drift",))
def drift_found(history: History) -> Verdict:
    """Named by comparison and by CloudFormation's own detection, before anything is rolled back."""
    changed = need(history.last("stack.changed_by_hand"), "a change by hand")
    item, prop = str(changed.data["item"]), str(changed.data.get("attribute", ""))
    looked = need(next(iter(ended(history, "stack.look_for_drift")[-1:]), None), "a look for drift")
    early = [event for event in begun(history, "release.roll_back") if changed.seq < event.seq < looked.seq]
    if early:
        return refuted("the rollback began before anybody had looked for drift")
    compared = need(_compared(history, against="before"), "a comparison with before")
    mine = {difference.name for difference in _differences(history, compared)}
    theirs = {name for event in history.all("stack.drift") for name in _texts(event, "items")}
    if item not in mine:
        return refuted(f"{item} was changed by hand, and comparing does not find it")
    if looked.kind is Kind.OK:
        return refuted(f"{item} was changed by hand, and the look for drift let it pass")
    return _agreement(item, prop, mine, theirs)


def _agreement(item: str, prop: str, mine: set[str], theirs: set[str]) -> Verdict:
    """Where the two disagree, the verdict says so: CloudFormation only compares what a template sets."""
    said = f"{item} ({prop}) was changed by hand and found"
    if false := sorted(theirs - mine):
        return refuted(f"CloudFormation says that {false[0]} has drifted, and comparing finds nothing there")
    unseen = sorted(mine - theirs)
    if item not in theirs:
        return refuted(f"{said} by comparing, but CloudFormation's own detection does not name it")
    note = f"; CloudFormation's own detection does not name {', '.join(unseen)}" if unseen else ""
    return proven(f"{said}, by comparing and by CloudFormation{note}", found=len(mine))


@check("rollback-held", "nothing is rolled back over a drift", answers=("stack.look_for_drift",))
def rollback_held(history: History) -> Verdict:
    """After drift was found, no rollback began until somebody had decided about it."""
    looked = need(next(iter(ended(history, "stack.look_for_drift")[-1:]), None), "a look for drift")
    if looked.kind is Kind.OK:
        return refuted("the look for drift found nothing")
    later = [event.act for event in begun(history, *DEPLOYS) if event.seq > looked.seq]
    if later:
        return refuted(f"{later[0]} began although drift had been found")
    return proven(f"held back: {looked.data.get('found', '')}")


def _deploy_after_failure(history: History) -> Event | Verdict:
    """How the newest deploy began, when it came after one that failed and succeeded itself."""
    done = ended(history, *DEPLOYS)
    failed = [event for event in done[:-1] if event.kind is Kind.FAIL]
    if not failed:
        return unknown("no deploy came after one that failed")
    if done[-1].kind is not Kind.OK:
        return refuted(f"the next deploy failed: {done[-1].data.get('found', '')}")
    return _begin(history, done[-1])


def _begin(history: History, end: Event) -> Event:
    """How an act began that ended so."""
    return [event for event in begun(history, end.act) if event.seq < end.seq][-1]


def _failed_operations(history: History) -> list[Event]:
    """The operations on stacks that failed within the newest deploy that failed by one."""
    for end in reversed([event for event in ended(history, *DEPLOYS) if event.kind is not Kind.OK]):
        start = _begin(history, end)
        found = [
            event
            for event in history.all("stack.operation")
            if start.seq < event.seq < end.seq
            and event.data.get("decision") != "unchanged"
            and event.data.get("status") not in WELL
        ]
        if found:
            return found
    return []


def _compared(history: History, *, against: str) -> Event | None:
    """The newest comparison of the stacks."""
    found = [
        event
        for event in history.all("resources.compared")
        if event.data.get("kind") == "stack" and event.data.get("against") == against
    ]
    return found[-1] if found else None


def _differences(history: History, event: Event) -> list[Difference]:
    recorded = as_list(history.attachment(event.data["differences"]))
    return [Difference.from_json(as_object(item)) for item in recorded]


def _stack(name: str) -> str:
    """The stack at the top of a resource's path."""
    return name.partition("/")[0].partition(" (")[0]


def _texts(event: Event, key: str) -> list[str]:
    found: Iterable[Json] = as_list(event.data.get(key) or [])
    return [str(item) for item in found]
