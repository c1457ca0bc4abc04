"""What logs and metrics say of functions since a moment: observed here, judged by checks.

AWS delivers both late, so that "no errors" right after a rollback may only mean "not yet": what is read
has to cover the calls that the drill itself made since, or nobody can tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rollproof.components.aws.clients import calling, code_of
from rollproof.components.aws.cloud import BEFORE, Cloud
from rollproof.components.aws.function import Functions, Serving
from rollproof.components.aws.logs import Request, read_lines, requests_of
from rollproof.diagnosis.symptoms import symptoms_in
from rollproof.drill.drill import Drill, observer
from rollproof.errors import AttemptFailed
from rollproof.journal import Event
from rollproof.model.json import Json
from rollproof.waiting import eventually

DELIVERY_SECONDS = 120.0
"""How late AWS may be: logs take seconds, metrics of Lambda up to two minutes or so."""
EMULATOR_SECONDS = 2.0
PERIOD_SECONDS = 60
"""Metrics of Lambda have one value a minute, so sums over whole minutes are compared."""
METRICS = ("Invocations", "Errors", "Throttles")


def patience(cloud: Cloud) -> float:
    return EMULATOR_SECONDS if cloud.endpoint.private else DELIVERY_SECONDS


def moment_ms(event: Event) -> int:
    """When an event was recorded, in milliseconds since the epoch."""
    return int(datetime.fromisoformat(event.at).timestamp() * 1000)


def since_rollback(drill: Drill) -> Event | None:
    """The last act on the fault, or None when nothing was done about it yet."""
    return drill.history.last("incident.executed")


@observer("function logs")
def look_at_logs(drill: Drill) -> None:
    """What each function logged since the last act on the fault: requests, versions, errors by symptom."""
    cloud, functions, since = drill.use(Cloud), drill.use(Functions), since_rollback(drill)
    begun = since or drill.history.events[0]
    items: list[Json] = []
    for key, serving in (functions.before or functions.there()).items():
        items.append(
            _logged(cloud, serving, moment_ms(begun), functions.calls_since(key, begun.seq))
            | {"tried": functions.tries(key)}
        )
    drill.recorder.note("logs.read", {"against": begun.act, "items": items})


def _logged(cloud: Cloud, serving: Serving, since_ms: int, known: int) -> dict[str, Json]:
    said: dict[str, Json] = {"function": serving.key, "group": serving.log_group, "known": known}
    try:
        requests = requests_since(cloud, serving.log_group, since_ms=since_ms, known=known)
    except AttemptFailed as error:
        if code_of(error) != "ResourceNotFoundException":
            return said | {"refusal": error.found}
        return said | {"gone": serving.key in cloud.drill.use(Functions).logged, "requests": 0}
    begun = [request for request in requests if request.begun]
    failed = [request for request in begun if request.failed]
    errors = sorted({symptom.said for request in failed for symptom in symptoms_in(request.text)})
    return said | {
        "requests": len(begun),
        "versions": sorted({request.version for request in begun}),
        "failed": len(failed),
        "errors": [*errors[:20]],
    }


def requests_since(cloud: Cloud, group: str, *, since_ms: int, known: int) -> list[Request]:
    """Requests logged since a moment; waits a while until there are as many as are known to have been made.

    Raises AttemptFailed: the group is not there, or may not be read.
    """
    found: list[Request] = []

    def complete() -> bool:
        found[:] = requests_of(read_lines(cloud, group, since_ms=since_ms))
        return sum(request.begun for request in found) >= known

    try:
        eventually(complete, within=patience(cloud), what=f"{group} holds {known} requests")
    except AttemptFailed as error:
        if code_of(error):
            raise
    return found


def read_metrics(drill: Drill, label: str, *, errors: Mapping[str, int] | None = None) -> None:
    """Sums of the metrics of each function over the whole scenario until now, recorded under a label.

    Sums, because a minute is the finest that there is: what came after a moment is a difference of two.
    They are read again until they cover the calls that this drill has made, or time is up.

    Args:
        errors: how many each function is known to have raised since the metrics were read for `before`.
    """
    first = {item["function"]: item for item in _recorded(drill, BEFORE)}
    items: list[Any] = []

    def settled() -> bool:
        items[:] = _read(drill)
        return all(_covers(item, first.get(item["function"], {}), errors or {}) for item in items)

    try:
        eventually(settled, within=patience(drill.use(Cloud)), what="the metrics cover what was called")
    except AttemptFailed as error:
        if code_of(error):
            raise
    drill.recorder.note("metrics.read", {"label": label, "items": items})


def _read(drill: Drill) -> list[Any]:
    cloud, functions = drill.use(Cloud), drill.use(Functions)
    started = datetime.fromisoformat(drill.history.events[0].at)
    return [
        {"function": key, "calls": functions.calls_since(key, 0)}
        | {name: _sum(cloud, serving.name, name, started) for name in METRICS}
        for key, serving in (functions.before or functions.there()).items()
    ]


def _recorded(drill: Drill, label: str) -> list[Any]:
    found = [event for event in drill.history.all("metrics.read") if event.data.get("label") == label]
    items = found[-1].data["items"] if found else []
    assert isinstance(items, list)
    return items


def _covers(item: Any, first: Any, errors: Mapping[str, int]) -> bool:
    seen = (item["Errors"] or 0) - (first.get("Errors") or 0)
    return (item["Invocations"] or 0) >= item["calls"] and seen >= errors.get(item["function"], 0)


def _sum(cloud: Cloud, name: str, metric: str, started: datetime) -> float | None:
    """None when the metric has no value at all."""
    with calling("reading a metric", where=f"AWS/Lambda {metric} of {name}"):
        found = cloud.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=[{"Name": "FunctionName", "Value": name}],
            StartTime=started.replace(second=0, microsecond=0),
            EndTime=datetime.now(UTC) + timedelta(seconds=2 * PERIOD_SECONDS),
            Period=PERIOD_SECONDS,
            Statistics=["Sum"],
        )["Datapoints"]
    return sum(float(point["Sum"]) for point in found) if found else None


@observer("function metrics")
def look_at_metrics(drill: Drill) -> None:
    """The metrics once more."""
    read_metrics(drill, "after")
