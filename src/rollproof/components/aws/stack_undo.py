"""Putting stacks back after a drill, in an account that does not go away with it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rollproof.components.aws import stack as stacks
from rollproof.components.aws.buckets import owed
from rollproof.components.aws.clients import Aws, calling, code_of, verified_aws
from rollproof.components.aws.cloud import Cloud
from rollproof.drill.healing import healer
from rollproof.errors import AttemptFailed, PreconditionNotMet, RollproofError
from rollproof.model.json import Json, JsonObject

if TYPE_CHECKING:
    from rollproof.components.aws.packaging import Packager

HERE: dict[str, Cloud] = {}
"""Accounts that a drill of this process works in, by their numbers: where a healer gets credentials."""
_KEPT: set[tuple[str, str]] = set()
"""Stacks, by account and name, of which an act of this process has said what they were before the drill."""
BEFORE = "before/"
"""Where in the bucket that is kept: `before/RUN/…/STACK.json`, until the stack is put back."""
ALREADY = "an earlier act says what it was"
LIMIT = 1800.0
FAULT = "RollproofFails"
"""Logical name of the resource that a drill lets fail; faults/stacks.py makes it."""
EMPTY = frozenset(["REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"])
"""States of a stack that holds nothing, and that nothing can be made of but by deleting it."""
_HIDDEN = "****"
"""What CloudFormation shows of a parameter with NoEcho."""


def undo_stacks(cloud: Cloud, packager: Packager, names: Sequence[str]) -> JsonObject | None:
    """How the stacks are now, for a healer; None where they go away with the account.

    What they are made of is kept in the account, in the bucket of the release's files: parameters may
    hold secrets, which no journal may.
    """
    if cloud.endpoint.private:
        return None
    HERE[cloud.endpoint.account] = cloud
    items: list[Json] = [_as_it_is(cloud, packager, name) for name in names]
    _KEPT.update((cloud.endpoint.account, name) for name in names)  # all of them: else nothing is announced
    return {"kind": "aws.stacks", "account": cloud.endpoint.account, "items": items}


def _as_it_is(cloud: Cloud, packager: Packager, name: str) -> dict[str, Json]:
    """Only before the first act on a stack: what a later one finds there is the drill's own."""
    if (cloud.endpoint.account, name) in _KEPT:
        return {"name": name, "found": ALREADY}
    said = stacks.describe(cloud, name)
    if not said or said["StackStatus"] in EMPTY:
        return {"name": name}
    run = cloud.drill.recorder.journal.run
    _expect_nothing_kept(cloud, packager.bucket, name, run)
    with calling("reading the template of a stack", where=name):
        body = cloud.client("cloudformation").get_template(StackName=name)["TemplateBody"]
    template = body if isinstance(body, str) else json.dumps(body)
    kept = {"template": template, "parameters": said.get("Parameters", []), "tags": said.get("Tags", [])}
    key = f"{BEFORE}{run}/{secrets.token_hex(3)}/{name}.json"
    packager.put(packager.bucket, key, json.dumps(kept).encode())
    return {"name": name, "bucket": packager.bucket, "key": key}


def _expect_nothing_kept(cloud: Cloud, bucket: str, name: str, run: str) -> None:
    """Raises PreconditionNotMet while it is still kept how the stack was before a run that was killed."""
    for item in kept_in(cloud, bucket):
        if item.stack == name and item.run != run:
            raise PreconditionNotMet(
                f"run {item.run} has left the stack as it is now",
                doing="keeping what a stack is before the drill",
                where=name,
                remedy="run `rollproof heal` where its journal is; if that is lost, `rollproof sweep --yes`",
            )


@dataclass(frozen=True, slots=True)
class KeptStack:
    """What a stack was before a run, as it is kept in the account until it is put back."""

    run: str
    stack: str
    bucket: str
    key: str
    since: datetime

    @property
    def undo(self) -> dict[str, Json]:
        return {"name": self.stack, "bucket": self.bucket, "key": self.key}


def kept_in(cloud: Cloud | Aws, bucket: str) -> Iterator[KeptStack]:
    """Everything of the kind in a bucket; nothing where there is no bucket."""
    try:
        with calling("looking for what stacks were before a drill", where=bucket):
            pages = cloud.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=BEFORE)
            items = [item for page in pages for item in page.get("Contents", ())]
    except AttemptFailed as error:
        if code_of(error) in ("NoSuchBucket", "404"):
            return
        raise
    for item in items:
        run, _, rest = str(item["Key"]).removeprefix(BEFORE).partition("/")
        _, _, name = rest.partition("/")
        if name.endswith(".json"):
            yield KeptStack(run, name.removesuffix(".json"), bucket, str(item["Key"]), item["LastModified"])


@healer("aws.stacks")
def put_back(undo: JsonObject) -> str:
    """Newest stack first: one that was not there is deleted, the others get their template back."""
    account, items = str(undo["account"]), undo["items"]
    cloud = HERE.get(account) or verified_aws(account)
    if cloud is None:
        raise RollproofError(
            f"nobody here has credentials for account {account}",
            doing="putting stacks back",
            remedy="run `rollproof heal` where the environment's variables are set, or deploy the release "
            "that the journal names with the account's own tools",
        )
    assert isinstance(items, list)
    for item in reversed(items):
        assert isinstance(item, Mapping)
        if item.get("found") != ALREADY:
            with owed(account, str(item["name"])):
                _put_one_back(cloud, item)
            _KEPT.discard((account, str(item["name"])))
    return f"{len(items)} stacks as they were"


def _put_one_back(cloud: Cloud | Aws, item: Mapping[str, Json]) -> None:
    name = str(item["name"])
    there = stacks.describe(cloud, name)
    if there:  # a kill may have come while CloudFormation was at it
        stacks.wait_until_settled(cloud, there["StackId"], limit=LIMIT)
        there = stacks.describe(cloud, name)
    if "key" in item:
        _restore(cloud, name, item, there=there.get("StackStatus") not in EMPTY if there else False)
    elif there:
        with calling("deleting a stack that the drill had made", where=name):
            cloud.client("cloudformation").delete_stack(StackName=name)
        _expect(stacks.wait_until_settled(cloud, there["StackId"], limit=LIMIT), name, "", "DELETE_COMPLETE")
    _delete_orphans(cloud, name)


def _delete_orphans(cloud: Cloud | Aws, name: str) -> None:
    """Stacks nested in a fault of ours: CloudFormation deletes them with it, not every emulator does."""
    api = cloud.client("cloudformation")
    with calling("looking for what a failed deploy left", where=name):
        pages = list(api.get_paginator("describe_stacks").paginate())
    for stack in (stack for page in pages for stack in page["Stacks"]):
        if stack["StackName"].startswith(f"{name}-{FAULT}-"):
            with calling("deleting what a failed deploy left", where=stack["StackName"]):
                api.delete_stack(StackName=stack["StackId"])
            stacks.wait_until_settled(cloud, stack["StackId"], limit=LIMIT)


def _restore(cloud: Cloud | Aws, name: str, item: Mapping[str, Json], *, there: bool) -> None:
    """Updates a stack to what it was, or makes it anew where a drill had deleted it."""
    place = {"Bucket": str(item["bucket"]), "Key": str(item["key"])}
    with calling("reading what a stack was before the drill", where=name):
        kept: dict[str, Any] = json.loads(cloud.client("s3").get_object(**place)["Body"].read())
    api = cloud.client("cloudformation")
    try:
        with calling("putting a stack back to what it was", where=name):
            (api.update_stack if there else api.create_stack)(
                StackName=name,
                **_body(cloud, kept["template"], place),
                Parameters=[_parameter(said) for said in kept["parameters"]],
                Tags=kept["tags"],
                Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
            )
    except AttemptFailed as error:
        if "No updates are to be performed" not in error.found:
            raise
    _expect(stacks.wait_until_settled(cloud, name, limit=LIMIT), name, *stacks.TO_UPDATE)
    with calling("forgetting what a stack was before the drill", where=name):
        for key in (place["Key"], f"{place['Key']}.template"):
            cloud.client("s3").delete_object(Bucket=place["Bucket"], Key=key)


def _body(cloud: Cloud | Aws, template: str, place: Mapping[str, str]) -> dict[str, str]:
    """In the call, or by URL when it is too large for that."""
    if len(template.encode()) <= stacks.BODY_BYTES:
        return {"TemplateBody": template}
    key = f"{place['Key']}.template"
    with calling("uploading the template of a stack", where=key):
        cloud.client("s3").put_object(Bucket=place["Bucket"], Key=key, Body=template.encode())
    base = cloud.endpoint.url or f"https://s3.{cloud.endpoint.region}.amazonaws.com"
    return {"TemplateURL": f"{base}/{place['Bucket']}/{key}"}


def _parameter(said: Mapping[str, Any]) -> dict[str, Any]:
    if said.get("ParameterValue") == _HIDDEN:
        return {"ParameterKey": said["ParameterKey"], "UsePreviousValue": True}
    return {"ParameterKey": said["ParameterKey"], "ParameterValue": said.get("ParameterValue", "")}


def _expect(status: str, name: str, *wanted: str) -> None:
    if status not in wanted:
        raise AttemptFailed(
            f"it is in {status or 'no state: it is not there'}",
            doing="putting a stack back",
            where=name,
            remedy=stacks.REMEDIES.get(status, "see its events in the console"),
        )
