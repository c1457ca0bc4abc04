"""CloudWatch alarms: what they are as facts, and whether they ring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rollproof.components.aws.clients import calling
from rollproof.components.aws.cloud import Cloud, reader
from rollproof.components.aws.function import LATEST, Functions
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill, observer
from rollproof.errors import AttemptFailed, EnvironmentUnavailable, PreconditionNotMet
from rollproof.model.fingerprint import Fact, Fingerprint
from rollproof.model.json import Json, JsonObject
from rollproof.waiting import eventually

RINGS = "ALARM"
RING_SECONDS = 300.0
"""Metrics come within two minutes or so, alarms are looked at once a minute."""
PRIVATE_SECONDS = 5.0
NUDGE = "Rollproof/Nudge"
NUDGED = (
    "the emulator counts only calls made through Lambda's own API, and looks at alarms only when somebody"
    " sends a metric; the drill makes such calls and sends one"
)
_STATE = frozenset(
    "AlarmArn AlarmConfigurationUpdatedTimestamp StateValue StateReason StateReasonData StateUpdatedTimestamp"
    " StateTransitionedTimestamp EvaluationState ActionsSuppressedBy ActionsSuppressedReason".split()
)
"""What AWS changes by itself."""
_LISTS = frozenset({"AlarmActions", "OKActions", "InsufficientDataActions", "Dimensions"})


@reader("alarm")
def read_alarms(cloud: Cloud) -> Fingerprint:
    """The definition of each declared alarm, whether its actions are enabled, and its tags; not its state."""
    return Fingerprint.of(_fact(cloud, said) for said in described(cloud))


def _fact(cloud: Cloud, said: Mapping[str, Any]) -> Fact:
    with calling("reading an alarm's tags", where=said["AlarmName"]):
        tags = cloud.client("cloudwatch").list_tags_for_resource(ResourceARN=said["AlarmArn"])["Tags"]
    attributes = {name: _plain(name, value) for name, value in said.items() if name not in _STATE}
    attributes.pop("AlarmName")
    labelled: dict[str, Json] = {tag["Key"]: tag["Value"] for tag in tags}
    return Fact("alarm", said["AlarmName"], {**attributes, "tags": labelled})


def _plain(name: str, value: Any) -> Json:
    """JSON of it; lists whose order means nothing are sorted."""
    match value:
        case datetime():
            return value.isoformat()
        case float() if value.is_integer() and abs(value) < 2**53:
            return int(value)
        case Mapping():
            return {str(key): _plain(str(key), item) for key, item in value.items()}
        case list():
            items = [_plain("", item) for item in value]
            return sorted(items, key=str) if name in _LISTS else items
        case None | bool() | int() | float() | str():
            return value
    return str(value)


def described(cloud: Cloud) -> list[dict[str, Any]]:
    """What CloudWatch says of the declared alarms that are there. Raises AttemptFailed."""
    names = [cloud.fill(spec.name) for spec in cloud.system.alarm.values()]
    if not names:
        return []
    with calling("reading alarms"):
        said = cloud.client("cloudwatch").describe_alarms(
            AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
    return [*said.get("MetricAlarms", []), *said.get("CompositeAlarms", [])]


def _expect_there(drill: Drill) -> list[dict[str, Any]]:
    """Raises PreconditionNotMet for a declared alarm that is not there: it can neither ring nor be silent."""
    cloud = drill.use(Cloud)
    found = described(cloud)
    there = {said["AlarmName"] for said in found}
    for key, spec in drill.system.alarm.items():
        if cloud.fill(spec.name) not in there:
            raise PreconditionNotMet(
                f"there is no alarm {cloud.fill(spec.name)!r}",
                doing="looking at alarms",
                where=f"{drill.system.source}: alarm.{key}",
                remedy="deploy the stack that brings it, or correct its name",
            )
    return found


def look(drill: Drill, label: str) -> list[dict[str, Any]]:
    """Records the state of each alarm, and how many seconds it looks back."""
    found = _expect_there(drill)
    items = [
        {
            "name": said["AlarmName"],
            "state": said["StateValue"],
            "enabled": bool(said["ActionsEnabled"]),
            "looks_back_seconds": int(said.get("Period") or 60) * int(said.get("EvaluationPeriods") or 1),
        }
        for said in found
    ]
    drill.recorder.note("alarm.states", {"label": label, "items": items})
    return found


@dataclass(frozen=True)
class AwaitAlarm(Act):
    """Waits until an alarm of the system rings, as it should while the fault is there."""

    name = "alarm.await"

    def prepare(self, drill: Drill) -> None:
        _expect_there(drill)

    def run(self, drill: Drill) -> JsonObject:
        cloud = drill.use(Cloud)
        within = PRIVATE_SECONDS if cloud.endpoint.private else RING_SECONDS
        if cloud.endpoint.private:
            drill.recorder.note("provided", {"name": "evaluation of alarms", "found": NUDGED})
            _call_functions(drill)
        try:
            eventually(lambda: list(_ringing(cloud)), within=within, what="an alarm rings", every=0.1)
        except AttemptFailed:
            look(drill, "during")
            raise
        return {"items": [said["AlarmName"] for said in look(drill, "during") if said["StateValue"] == RINGS]}


def _call_functions(drill: Drill) -> None:
    """Calls each function that an alarm watches once, so that what it does now is counted."""
    functions, cloud = drill.use(Functions), drill.use(Cloud)
    watched = {one["Value"] for said in described(cloud) for one in said.get("Dimensions") or []}
    for key, spec in functions.declared().items():
        if spec.payload and cloud.fill(spec.name) in watched:
            functions.call(key, spec.alias or LATEST)


def _ringing(cloud: Cloud) -> Iterator[str]:
    nudge(cloud)
    yield from (said["AlarmName"] for said in described(cloud) if said["StateValue"] == RINGS)


def nudge(cloud: Cloud) -> None:
    """Makes an emulator look at its alarms, by a metric that none of them watches. Nothing on AWS."""
    if not cloud.endpoint.private:
        return
    with calling("making the emulator look at its alarms"):
        cloud.client("cloudwatch").put_metric_data(
            Namespace=NUDGE, MetricData=[{"MetricName": "Nudge", "Value": 0.0}]
        )


@observer("alarms")
def look_at_alarms(drill: Drill) -> None:
    """Records the states after everything that was done. Raises RollproofError when that cannot be."""
    if drill.use(Cloud).endpoint.private:
        drill.recorder.note("provided", {"name": "evaluation of alarms", "found": NUDGED})
        _call_functions(drill)
        nudge(drill.use(Cloud))
    if not look(drill, "after"):
        raise EnvironmentUnavailable("no alarm is declared", remedy="declare the system's [alarm.*]")
