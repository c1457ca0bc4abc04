"""Getting stacks out of the states that a failed deploy can leave them in."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rollproof.components.aws import stack as stacks
from rollproof.components.aws.clients import calling
from rollproof.components.aws.cloud import BEFORE, Cloud
from rollproof.components.aws.digests import Digests
from rollproof.components.aws.held.base import Asked, Held, Unreadable, read
from rollproof.components.aws.releases import Deployments, record
from rollproof.components.aws.sam import transform
from rollproof.components.aws.stack import StackEvent
from rollproof.components.aws.stackfacts import (
    NOTHING_TO_READ,
    resources_of,
    scope_of,
    template_of,
)
from rollproof.components.aws.templates import SAM, Template, transforms
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill, observer
from rollproof.errors import AttemptFailed, BadInput
from rollproof.model.json import Json, JsonObject
from rollproof.model.resources import MISSING, UNREAD

STUCK = "UPDATE_ROLLBACK_FAILED"
TO_DELETE = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"})


def in_state(drill: Drill, *states: str) -> list[str]:
    """Names of the declared stacks that are in one of these states."""
    cloud = drill.use(Cloud)
    names = [cloud.fill(spec.name) for spec in drill.system.stack.values()]
    return [name for name in names if stacks.status_of(cloud, name) in states]


@dataclass(frozen=True)
class PutFilesBack(Act):
    """Uploads the files of the release that was there before the failed deploy, all of them."""

    name = "release.put_files_back"

    def run(self, drill: Drill) -> JsonObject:
        deployments = drill.use(Deployments)
        release = deployments.release(deployments.names[-2])
        sources = deployments.sources(release, ())
        for source in sources:
            deployments.packager.template(source)
        return {"version": release.name, "count": sum(len(source.assets) for source in sources)}


@dataclass(frozen=True)
class ContinueRollback(Act):
    """Continues the rollback of every stack that is stuck in UPDATE_ROLLBACK_FAILED.

    Attributes:
        skip: leave out the resources that could not be rolled back; each is named then, for
            CloudFormation takes them for rolled back, and they are not.
    """

    skip: bool = False
    name = "stack.continue_rollback"

    def run(self, drill: Drill) -> JsonObject:
        stuck = in_state(drill, STUCK)
        if not stuck:
            raise AttemptFailed(
                f"no stack is in {STUCK}",
                doing="continuing a rollback",
                remedy="see in the events of the stacks what state they are in",
            )
        skipped: list[Json] = []
        for name in stuck:
            skipped += self._continue(drill, name)
        return {"items": skipped, "count": len(stuck)}

    def _continue(self, drill: Drill, name: str) -> list[Json]:
        """One stack, to its end; what was skipped in it."""
        cloud, started = drill.use(Cloud), time.monotonic()
        skip = failed_in_rollback(stacks.events_of(cloud, name)) if self.skip else []
        token = f"rollproof-{secrets.token_hex(8)}"
        with calling("continuing the rollback of a stack", where=name):
            cloud.client("cloudformation").continue_update_rollback(
                StackName=name,
                ClientRequestToken=token,
                **({"ResourcesToSkip": [one.replace("/", ".") for one in skip]} if skip else {}),
            )
        limit = max(spec.limit for spec in drill.system.stack.values())
        status = stacks.wait_until_settled(cloud, name, limit=limit)
        events = stacks.told(cloud, name, token)
        record(drill, stacks.Operation(name, "continued", status, time.monotonic() - started, events))
        if status != "UPDATE_ROLLBACK_COMPLETE":
            raise _still_stuck(name, status, events)
        return [f"{name}/{one}" for one in skip]


def _still_stuck(name: str, status: str, events: Sequence[StackEvent]) -> AttemptFailed:
    cause = stacks.first_failure(events)
    said = f"{cause.logical} ({cause.kind}): {cause.reason}" if cause else "no event says why"
    return AttemptFailed(
        f"it is in {status}; the first to fail was {said}",
        doing="continuing the rollback of a stack",
        where=name,
        remedy="mend what the event names, or skip that resource and name it",
        facts={"code": status},
    )


def failed_in_rollback(events: Sequence[StackEvent]) -> list[str]:
    """Logical ids of the resources that the newest attempt to roll back failed on."""
    starts = [
        at for at, event in enumerate(events) if event.own and event.status.endswith("ROLLBACK_IN_PROGRESS")
    ]
    since = events[starts[-1] :] if starts else []
    failed = [event.logical for event in since if event.status.endswith("_FAILED") and not event.own]
    return list(dict.fromkeys(failed))


@dataclass(frozen=True)
class DeleteFailed(Act):
    """Deletes each stack whose creation failed, so that it can be created anew."""

    name = "stack.delete"

    def run(self, drill: Drill) -> JsonObject:
        cloud = drill.use(Cloud)
        failed = in_state(drill, *TO_DELETE)
        for name in failed:
            stack_id = stacks.describe(cloud, name)["StackId"]
            with calling("deleting a stack whose creation failed", where=name):
                cloud.client("cloudformation").delete_stack(StackName=name)
            limit = max(spec.limit for spec in drill.system.stack.values())
            if (status := stacks.wait_until_settled(cloud, stack_id, limit=limit)) not in (
                "",
                "DELETE_COMPLETE",
            ):
                raise AttemptFailed(
                    f"it is in {status}",
                    doing="deleting a stack whose creation failed",
                    where=name,
                    remedy=stacks.REMEDIES.get(status, "see its events"),
                )
        return {"items": list(failed), "count": len(failed)}


@observer("leftovers")
def look_for_leftovers(drill: Drill) -> None:
    """Asks for everything that the newest failed creation had made, each by its own API."""
    cloud = drill.use(Cloud)
    found: dict[str, list[Json]] = {"items": [], "unread": [], "left_out": []}
    count = 0
    for name in in_state(drill, *TO_DELETE):
        events = stacks.events_of(cloud, name)
        for held in _made(cloud, name, events):
            count += 1
            if (where := _left(cloud, held, events)) is not None:
                found[where].append(f"{held.name} ({held.kind})")
    drill.recorder.note("stack.leftovers", {**found, "count": count})


def _made(cloud: Cloud, name: str, events: Sequence[StackEvent]) -> Iterator[Held]:
    """What a stack had made, nested stacks left to the stack that they are of."""
    template = _expanded(cloud, template_of(cloud, name), name)
    said = stacks.describe(cloud, name)
    made = {event.logical: event for event in events if event.physical and not event.own}
    scope = scope_of(cloud, said, {logical: event.physical for logical, event in made.items()})
    declared = template.get("Resources") or {}
    for logical, event in made.items():
        if event.kind not in NOTHING_TO_READ | {stacks.NESTED}:
            properties = scope.resolve((declared.get(logical) or {}).get("Properties") or {})
            yield Held(f"{name}/{logical}", event.kind, event.physical, properties)


def _expanded(cloud: Cloud, template: Template, name: str) -> Template:
    """With SAM's transform carried out: an endpoint may forget that it was once the stack has rolled back."""
    if SAM not in transforms(template):
        return template
    try:
        return transform(template, where=name, region=cloud.endpoint.region)
    except BadInput:
        return template


def _left(cloud: Cloud, held: Held, events: Sequence[StackEvent]) -> str | None:
    """Under which word it is to be told that a resource is there; None when it is gone."""
    logical = held.name.rpartition("/")[2]
    if any(event.logical == logical and event.status == "DELETE_SKIPPED" for event in events):
        return "left_out"
    try:
        return "items" if read(Asked(cloud, held, cloud.drill.use(Digests))) is not None else None
    except Unreadable:
        return "unread"


@observer("release")
def look_at_release(drill: Drill) -> None:
    """Reads the stacks after a deploy, compares them with every earlier look, and notes how each stands."""
    cloud = drill.use(Cloud)
    cloud.look("now", "stack")
    for label in [label for label in cloud.seen if label == BEFORE or label.startswith("release ")]:
        if "stack" in cloud.seen[label]:
            cloud.compare("stack", label="now", against=label)
    for spec in drill.system.stack.values():
        drill.recorder.note("stack.state", _state(drill, cloud.fill(spec.name)))


def _state(drill: Drill, name: str) -> dict[str, Json]:
    """How a stack stands: its status, its template, and what of it is there."""
    cloud = drill.use(Cloud)
    said = stacks.describe(cloud, name)
    facts = [fact for fact in cloud.seen["now"]["stack"].facts.values() if fact.name.startswith(f"{name}/")]
    held = resources_of(cloud, said, template_of(cloud, name), name=name) if said else []
    there = {fact.name for fact in facts if fact.kind != MISSING}
    nested = {one.name for one in held if one.kind == stacks.NESTED or one.kind in NOTHING_TO_READ}
    own = cloud.seen["now"]["stack"].facts.get(("stack", name))
    return {
        "name": name,
        "status": str(said.get("StackStatus", "")),
        "count": len(held),
        "lost": sorted(one.name for one in held if one.name not in there | nested),
        "unread": sorted(fact.name for fact in facts if fact.kind == UNREAD),
        "digest": drill.use(Deployments).digests.get(name),
        "against": own.attributes["template"] if own else None,
    }
