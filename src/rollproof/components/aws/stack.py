"""CloudFormation stacks: deployed through change sets, waited for, and asked what went wrong first."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rollproof.components.aws.assembly import StackSource
from rollproof.components.aws.clients import Aws, calling, code_of
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.tags import drill_tags, tags_of
from rollproof.errors import AttemptFailed
from rollproof.journal.redaction import cut
from rollproof.model.json import Json
from rollproof.waiting import eventually

TO_UPDATE = frozenset(
    {
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    }
)
TO_CREATE = frozenset({"", "REVIEW_IN_PROGRESS", "DELETE_COMPLETE"})
WELL = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
REMEDIES = {
    "ROLLBACK_COMPLETE": "its creation failed and was rolled back: delete it, then create it anew",
    "ROLLBACK_FAILED": "its creation failed and so did rolling that back: delete it, then create it anew",
    "CREATE_FAILED": "its creation failed with rollback switched off: delete it, then create it anew",
    "DELETE_FAILED": "delete it again, retaining the resources that could not be deleted",
    "UPDATE_FAILED": "an update failed with rollback switched off: roll the stack back first",
    "UPDATE_ROLLBACK_FAILED": "continue rolling it back, skipping resources that cannot be restored",
}
"""What a stack needs before it can be deployed to (CloudFormation User Guide, stack status codes)."""
CHANGE_SET = "rollproof-"
"""How the names of change sets begin that drills make."""
BODY_BYTES = 51_200
"""of a template that may be sent in the call itself (CloudFormation quotas)"""
NESTED = "AWS::CloudFormation::Stack"
_NOTHING = ("didn't contain changes", "No updates are to be performed")
_CANCELLED = "cancelled"
LONGEST = 1000
"""characters kept of what an event says"""


@dataclass(frozen=True, slots=True)
class StackEvent:
    """One event of a stack, as CloudFormation tells it.

    Attributes:
        logical: id of the resource; with the path to it, for one of a nested stack.
        own: it is of the stack itself, not of a resource in it.
    """

    logical: str
    kind: str
    status: str
    reason: str
    physical: str
    token: str
    at: str
    own: bool

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> StackEvent:
        return cls(
            logical=said["LogicalResourceId"],
            kind=said["ResourceType"],
            status=said["ResourceStatus"],
            reason=cut(said.get("ResourceStatusReason", ""))[:LONGEST],
            physical=said.get("PhysicalResourceId", ""),
            token=said.get("ClientRequestToken", ""),
            at=said["Timestamp"].isoformat(),
            own=said.get("PhysicalResourceId", "") == said["StackId"],
        )

    def to_json(self) -> dict[str, Json]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of a stack, from its start to its end.

    Attributes:
        change: `created`, `updated`, `unchanged`…
        status: of the stack when it had ended.
        events: of the stack and of those nested in it, oldest first.
    """

    stack: str
    change: str
    status: str
    seconds: float
    events: tuple[StackEvent, ...] = ()

    @property
    def succeeded(self) -> bool:
        return self.change == "unchanged" or self.status in WELL


def describe(cloud: Cloud | Aws, name: str) -> dict[str, Any]:
    """The stack as CloudFormation describes it; empty when there is none."""
    try:
        with calling("asking for a stack", where=name):
            found: dict[str, Any] = cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"][
                0
            ]
    except AttemptFailed as error:
        if code_of(error) == "ValidationError" and "does not exist" in error.found:
            return {}
        raise
    return found


def status_of(cloud: Cloud | Aws, name: str) -> str:
    """Empty when there is none."""
    return str(describe(cloud, name).get("StackStatus", ""))


def outputs_of(cloud: Cloud, name: str) -> dict[str, str]:
    """The outputs of a stack by their keys. Raises AttemptFailed when there is no such stack."""
    said = describe(cloud, name)
    if not said:
        raise AttemptFailed("there is no such stack", doing="asking for a stack's outputs", where=name)
    return {item["OutputKey"]: item["OutputValue"] for item in said.get("Outputs", [])}


def expect_settled(cloud: Cloud, name: str) -> str:
    """The status of a stack that can be deployed to. Raises AttemptFailed for any other, with what to do."""
    status = status_of(cloud, name)
    if status in TO_UPDATE | TO_CREATE:
        return status
    remedy = REMEDIES.get(status, "see in the console what is going on")
    if status.endswith("_IN_PROGRESS"):
        remedy = "somebody else is changing it: wait until that has ended, and find out who it was"
    raise AttemptFailed(
        f"the stack is in {status}",
        doing="deploying a stack",
        where=name,
        remedy=remedy,
        facts={"code": status},
    )


def every(cloud: Cloud | Aws) -> float:
    """Seconds between two questions: an emulator may be asked often, AWS throttles."""
    return 0.02 if cloud.endpoint.url else 2.0


def wait_until_settled(cloud: Cloud | Aws, name: str, *, limit: float) -> str:
    """Waits until nothing is going on in a stack; its status, empty when it is gone.

    Raises AttemptFailed, `indeterminate`, when that takes longer than `limit` seconds.
    """

    def settled() -> list[str] | None:
        status = status_of(cloud, name)
        return None if status.endswith("_IN_PROGRESS") else [status]

    try:
        return eventually(settled, within=limit, what="the stack has settled", every=every(cloud))[0]
    except AttemptFailed as error:
        raise AttemptFailed(
            f"{error.found}: it is still in {status_of(cloud, name)}",
            doing="waiting for a stack",
            where=name,
            remedy="raise the `limit` of the stack, or see what it waits for",
            facts={"indeterminate": 1, "seconds": limit},
        ) from error


def deploy(
    cloud: Cloud,
    source: StackSource,
    reference: Mapping[str, str],
    parameters: Mapping[str, str],
    *,
    disable_rollback: bool = False,
) -> Operation:
    """Creates or updates a stack through a change set and waits for the end.

    It returns also when the stack rolled itself back: see `Operation.succeeded`.

    Raises:
        AttemptFailed: the stack is in a state that cannot be deployed to; CloudFormation refuses the
            template, a parameter or a missing capability; or a call failed.
    """
    started = time.monotonic()
    status = expect_settled(cloud, source.name)
    change = "created" if status in TO_CREATE else "updated"
    token = f"{CHANGE_SET}{secrets.token_hex(8)}"
    name = _change_set(cloud, source, reference, parameters, change=change, token=token)
    if name is None:
        return Operation(source.name, "unchanged", status, time.monotonic() - started)
    with calling("executing a change set", where=source.name):
        more = {"DisableRollback": True} if disable_rollback else {}
        cloud.client("cloudformation").execute_change_set(
            ChangeSetName=name, StackName=source.name, ClientRequestToken=token, **more
        )
    ended = wait_until_settled(cloud, source.name, limit=source.limit)
    events = told(cloud, source.name, token)
    if ended not in WELL and first_failure(events) is None:
        events += tuple(_refused_beforehand(cloud, source.name, token))
    return Operation(source.name, change, ended, time.monotonic() - started, events)


def _change_set(
    cloud: Cloud,
    source: StackSource,
    reference: Mapping[str, str],
    parameters: Mapping[str, str],
    *,
    change: str,
    token: str,
) -> str | None:
    """The id of a change set that is ready; None when there is nothing to change."""
    client = cloud.client("cloudformation")
    try:
        with calling("creating a change set", where=source.name):
            made = client.create_change_set(
                StackName=source.name,
                ChangeSetName=token,
                ChangeSetType="CREATE" if change == "created" else "UPDATE",
                Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
                Tags=[{"Key": k, "Value": v} for k, v in _tags(cloud, source, change).items()],
                Capabilities=list(source.capabilities),
                **reference,
            )["Id"]
    except AttemptFailed as error:
        raise refused(error, source) from error
    return _ready(cloud, source, str(made))


def _tags(cloud: Cloud, source: StackSource, change: str) -> dict[str, str]:
    """The release's own; and in an account that stays, whose run made the stack, and until when it may be.

    CloudFormation passes them on to what the stack holds. One that was there before gets none.
    """
    if cloud.endpoint.private:
        return dict(source.tags)
    if change == "created":
        return {**source.tags, **drill_tags(cloud.drill.recorder.journal.run)}
    return {**source.tags, **tags_of(describe(cloud, source.name).get("Tags", []))}


def _ready(cloud: Cloud, source: StackSource, change_set: str) -> str | None:
    client = cloud.client("cloudformation")
    place = {"ChangeSetName": change_set, "StackName": source.name}

    def made() -> dict[str, Any] | None:
        with calling("waiting for a change set", where=source.name):
            said: dict[str, Any] = client.describe_change_set(**place)
        return None if said["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS") else said

    said = eventually(made, within=source.limit, what="the change set is made", every=every(cloud))
    if said["Status"] == "CREATE_COMPLETE":
        return change_set
    with calling("removing a change set that failed", where=source.name):
        client.delete_change_set(**place)
    reason = str(said.get("StatusReason", ""))
    if any(text in reason for text in _NOTHING):
        return None
    raise AttemptFailed(f"the change set failed: {reason}", doing="creating a change set", where=source.name)


def refused(error: AttemptFailed, source: StackSource) -> AttemptFailed:
    """What CloudFormation refuses before it begins, in words that say what to correct."""
    remedy = (
        error.remedy or "correct the template or the stack's `parameters`; cfn-lint finds more of the kind"
    )
    if "capabilit" in error.found.lower():
        remedy = f"add it to `capabilities` of [stack.{source.key}], if the template may do that"
    where = f"{source.path} ({source.name})"
    return AttemptFailed(error.found, doing=error.doing, where=where, remedy=remedy, facts=error.facts)


def events_of(cloud: Cloud, name: str, *, token: str = "") -> list[StackEvent]:
    """Events of a stack, oldest first; those of one operation when its token is given."""
    client, found = cloud.client("cloudformation"), []
    stack_id = describe(cloud, name).get("StackId", name)
    with calling("reading the events of a stack", where=name):
        for page in client.get_paginator("describe_stack_events").paginate(StackName=stack_id):
            events = [StackEvent.of(item) for item in page["StackEvents"]]
            found += [event for event in events if not token or event.token == token]
            if token and events and events[-1].token != token and found:
                break
    return found[::-1]


def told(cloud: Cloud, name: str, token: str) -> tuple[StackEvent, ...]:
    """The events of one operation, those within nested stacks that failed behind their stack's own."""
    found: list[StackEvent] = []
    events = events_of(cloud, name, token=token)
    for event in events:
        found.append(event)
        if event.kind == NESTED and event.status.endswith("_FAILED") and not event.own and event.physical:
            found += _within(cloud, event, since=events[0].at)
    return tuple(found)


def _refused_beforehand(cloud: Cloud, name: str, token: str) -> Iterator[StackEvent]:
    """What CloudFormation's validation found before it began: a name that is taken, a property it does not
    know. Only DescribeEvents tells (CloudFormation User Guide, "Validate stack deployments")."""
    client = cloud.client("cloudformation")
    if not hasattr(client, "describe_events"):  # boto3 has it since November 2025
        return
    try:
        with calling("reading what validation found", where=name):
            found = client.describe_events(StackName=name).get("OperationEvents", [])
    except AttemptFailed:
        return
    for item in found:
        reason = item.get("ValidationStatusReason")
        if reason and item.get("ValidationStatus") == "FAILED" and item.get("LogicalResourceId"):
            said = {**item, "ResourceStatus": "VALIDATION_FAILED", "ResourceStatusReason": reason}
            yield StackEvent.of({"ResourceType": "", **said, "ClientRequestToken": token})


def _within(cloud: Cloud, nested: StackEvent, *, since: str) -> list[StackEvent]:
    """What happened in a nested stack meanwhile."""
    inner = told(cloud, nested.physical, "")
    return [replace(e, logical=f"{nested.logical}/{e.logical}") for e in inner if e.at >= since]


def first_failure(events: Sequence[StackEvent]) -> StackEvent | None:
    """The event that made an operation fail: not the stack's own, not one cancelled because of it.

    Where that is a nested stack, the first within it.
    """
    failed = [
        event
        for event in events
        if event.status.endswith("_FAILED") and not event.own and _CANCELLED not in event.reason.lower()
    ]
    if not failed or failed[0].kind != NESTED:
        return failed[0] if failed else None
    inner = [event for event in failed if event.logical.startswith(f"{failed[0].logical}/")]
    return first_failure(inner) or failed[0]
