"""Alarms of CloudWatch that end a drill."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rollproof.environments.base import AwsEndpoint

MOST = 100
"""names in one call, by the CloudWatch API reference"""


def alarming(names: Sequence[str], endpoint: AwsEndpoint) -> str:
    """Why to end: an alarm is in ALARM, or is not there; nothing while all of them are at rest.

    Raises EnvironmentUnavailable or AttemptFailed when nobody can say.
    """
    states = dict(_states(names, endpoint))
    for name in names:
        if name not in states:
            return f"there is no alarm {name}, so nobody would hear of it"
        if states[name] == "ALARM":
            return f"alarm {name} is in ALARM"
    return ""


def _states(names: Sequence[str], endpoint: AwsEndpoint) -> list[tuple[str, str]]:
    from rollproof.components.aws.clients import Aws, calling

    client, found = Aws(endpoint).client("cloudwatch"), list[tuple[str, str]]()
    for first in range(0, len(names), MOST):
        with calling("looking at the alarms that end a drill"):
            said: dict[str, Any] = client.describe_alarms(
                AlarmNames=list(names[first : first + MOST]), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
            )
        for kind in ("MetricAlarms", "CompositeAlarms"):
            found += [(str(item["AlarmName"]), str(item["StateValue"])) for item in said.get(kind, [])]
    return found
