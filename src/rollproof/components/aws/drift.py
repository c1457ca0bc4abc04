"""Looking for drift before a rollback: by comparing, and by CloudFormation's own detection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollproof.components.aws import stack as stacks
from rollproof.components.aws.clients import calling
from rollproof.components.aws.cloud import BEFORE, Cloud
from rollproof.components.aws.releases import RollBackRelease
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed
from rollproof.fingerprint import compare
from rollproof.model.json import JsonObject
from rollproof.waiting import eventually

DRIFTED = frozenset({"MODIFIED", "DELETED"})
DETECTION_SECONDS = 600.0


@dataclass(frozen=True)
class LookForDrift(Act):
    """Compares every resource with what it was, and asks CloudFormation for drift as well.

    Either finding is enough for it to fail: whoever rolls back over a change made by hand loses it, or
    keeps it without knowing.
    """

    name = "stack.look_for_drift"

    def run(self, drill: Drill) -> JsonObject:
        cloud = drill.use(Cloud)
        cloud.look("now", "stack")
        cloud.compare("stack", label="now")
        mine = compare(cloud.seen[BEFORE]["stack"], cloud.seen["now"]["stack"])
        theirs = [
            item for spec in drill.system.stack.values() for item in detect(drill, cloud.fill(spec.name))
        ]
        found = sorted({item.name for item in mine} | set(theirs))
        if found:
            raise AttemptFailed(
                f"{len(found)} resources are not what was deployed: {', '.join(found[:5])}",
                doing="looking for drift before a rollback",
                remedy="put them back, or take them into the template, before rolling back",
            )
        return {"count": len(cloud.seen["now"]["stack"].facts)}


def detect(drill: Drill, name: str) -> list[str]:
    """What CloudFormation's own detection names in a stack: `Shop-dev/Table`; not within nested stacks."""
    cloud = drill.use(Cloud)
    said = stacks.describe(cloud, name)
    if not said or said["StackStatus"] not in stacks.TO_UPDATE:
        return []
    client = cloud.client("cloudformation")
    with calling("detecting the drift of a stack", where=name):
        detection = client.detect_stack_drift(StackName=name)["StackDriftDetectionId"]
        status = _detected(cloud, client, detection)
        found = list(_drifts(client, name)) if status.get("StackDriftStatus") != "IN_SYNC" else []
    items = sorted(f"{name}/{item['LogicalResourceId']}" for item in found)
    drill.recorder.note(
        "stack.drift",
        {"name": name, "status": str(status.get("StackDriftStatus")), "items": list(items)},
    )
    return items


def _detected(cloud: Cloud, client: Any, detection: str) -> Mapping[str, Any]:
    """The end of a detection. Raises AttemptFailed when it fails or takes too long."""

    def status() -> Mapping[str, Any] | None:
        said: dict[str, Any] = client.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
        return None if said["DetectionStatus"] == "DETECTION_IN_PROGRESS" else said

    found = eventually(status, within=DETECTION_SECONDS, what="drift is detected", every=stacks.every(cloud))
    if found["DetectionStatus"] == "DETECTION_FAILED":
        raise AttemptFailed(
            f"CloudFormation could not detect drift: {found.get('DetectionStatusReason', 'no reason')}",
            doing="looking for drift",
        )
    return found


def _drifts(client: Any, name: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    more: dict[str, str] = {}
    while True:
        said = client.describe_stack_resource_drifts(StackName=name, **more)
        found += [one for one in said["StackResourceDrifts"] if one["StackResourceDriftStatus"] in DRIFTED]
        if not said.get("NextToken"):
            return found
        more = {"NextToken": said["NextToken"]}


def roll_back_unless_drifted(drill: Drill) -> None:
    """Goes back to the release before only when nothing was changed by hand."""
    if drill.attempt(LookForDrift()):
        drill.attempt(RollBackRelease())
