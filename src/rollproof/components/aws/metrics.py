"""What CloudWatch and the logs say of functions: invocations, errors, throttles, durations."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from rollproof.components.aws.clients import calling
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.logs import Line

NAMES = ("Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions")
PERIOD_SECONDS = 60
"""The shortest that CloudWatch keeps of what AWS services send."""
_REPORT = re.compile(r"REPORT RequestId: \S+\s+Duration: (?P<ms>[\d.]+) ms")
_INIT = re.compile(r"Init Duration: (?P<ms>[\d.]+) ms")


@dataclass(frozen=True, slots=True)
class Metrics:
    """A function's metrics over a time; None for what CloudWatch has no data of.

    Attributes:
        duration_ms, slowest_ms: mean and longest of all calls.
    """

    function: str
    invocations: float | None
    errors: float | None
    throttles: float | None
    duration_ms: float | None
    slowest_ms: float | None
    concurrency: float | None

    @property
    def error_rate(self) -> float | None:
        """None without invocations: no metric is no good metric."""
        if not self.invocations or self.errors is None:
            return None
        return self.errors / self.invocations


def read_metrics(cloud: Cloud, name: str, *, since: datetime) -> Metrics:
    """Metrics of one function, from the minute of `since` on. Raises AttemptFailed.

    On AWS they come a minute or two late; nothing here waits for them.
    """
    found = {metric: _points(cloud, name, metric, since) for metric in NAMES}
    durations = found["Duration"]
    count = sum(point["SampleCount"] for point in durations)
    return Metrics(
        function=name,
        invocations=_sum(found["Invocations"]),
        errors=_sum(found["Errors"]),
        throttles=_sum(found["Throttles"]),
        duration_ms=sum(point["Sum"] for point in durations) / count if count else None,
        slowest_ms=max((point["Maximum"] for point in durations), default=None),
        concurrency=max((point["Maximum"] for point in found["ConcurrentExecutions"]), default=None),
    )


def _points(cloud: Cloud, name: str, metric: str, since: datetime) -> list[dict[str, Any]]:
    with calling(f"reading the metric {metric}", where=name):
        said = cloud.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=[{"Name": "FunctionName", "Value": name}],
            StartTime=since.replace(second=0, microsecond=0),
            EndTime=datetime.now(UTC) + timedelta(seconds=PERIOD_SECONDS),
            Period=PERIOD_SECONDS,
            Statistics=["Sum", "SampleCount", "Maximum"],
        )
    points: list[dict[str, Any]] = said["Datapoints"]
    return points


def _sum(points: Iterable[dict[str, Any]]) -> float | None:
    values = [float(point["Sum"]) for point in points]
    return sum(values) if values else None


@dataclass(frozen=True, slots=True)
class Reported:
    """What a function's REPORT lines say of its slowest calls.

    Attributes:
        calls: lines that there were.
        slow_ms: median of those that took longer than the threshold, or of all when none did.
        init_ms: median of their cold starts; 0 when none of them was one.
    """

    calls: int
    slow_ms: float
    init_ms: float


def reported(lines: Iterable[Line], *, threshold_ms: float) -> Reported | None:
    """None when there is no REPORT line."""
    found = [
        (float(said["ms"]), _init_ms(line.text)) for line in lines if (said := _REPORT.search(line.text))
    ]
    if not found:
        return None
    slow = [item for item in found if sum(item) > threshold_ms] or found
    return Reported(len(found), median(ms for ms, _ in slow), median(init for _, init in slow))


def _init_ms(text: str) -> float:
    said = _INIT.search(text)
    return float(said["ms"]) if said else 0.0
