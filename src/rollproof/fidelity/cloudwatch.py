"""What drills rely on of CloudWatch: metrics of functions, and alarms that follow them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from rollproof.components.aws.clients import Aws
from rollproof.errors import AttemptFailed
from rollproof.fidelity.registry import Finding, experiment
from rollproof.fidelity.trials import trial_function
from rollproof.waiting import eventually

AWS_SECONDS, EMULATOR_SECONDS, OWN_SECONDS = 240.0, 30.0, 1.0
"""Metrics of AWS services come within two minutes or so, alarms follow once a minute. Emulators that
look at alarms by themselves do so within half a minute; the embedded one does so at once, or never."""
FAILS = "def handler(event, context):\n    raise RuntimeError('on purpose')\n"
_GUIDE = "Amazon CloudWatch User Guide"


def _patience(aws: Aws) -> float:
    if aws.endpoint.url is None:
        return AWS_SECONDS
    return OWN_SECONDS if aws.endpoint.private else EMULATOR_SECONDS


def _comes(aws: Aws, probe: Callable[[], bool], what: str) -> bool:
    try:
        return eventually(probe, within=_patience(aws), what=what)
    except AttemptFailed:
        return False


@experiment(
    "function-metrics",
    "calls of a function that fail are counted as its Invocations and Errors, and have a Duration",
    source="AWS Lambda Developer Guide, Types of metrics for Lambda functions",
)
def function_metrics(aws: Aws, prefix: str) -> Finding:
    with trial_function(aws, prefix, FAILS):
        aws.client("lambda").invoke(FunctionName=prefix)
        names = ("Invocations", "Errors", "Duration")
        missing = [name for name in names if not _comes(aws, partial(_counted, aws, prefix, name), name)]
    if missing:
        return Finding(False, f"after a call that failed there is no metric {', '.join(missing)}")
    return Finding(True, "a call that failed was counted in Invocations, Errors and Duration")


def _counted(aws: Aws, function: str, metric: str) -> bool:
    return _total(aws, function, metric) > 0


def _total(aws: Aws, function: str, metric: str) -> float:
    now = datetime.now(UTC)
    said = aws.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName=metric,
        Dimensions=[{"Name": "FunctionName", "Value": function}],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )
    return sum(float(point["Sum"]) for point in said["Datapoints"])


@contextmanager
def _alarm(aws: Aws, name: str, **more: Any) -> Iterator[Callable[[], str]]:
    """An alarm that rings from 1 on; yields what asks for its state."""
    client = aws.client("cloudwatch")
    wanted: dict[str, Any] = {
        "AlarmName": name,
        "Namespace": f"Rollproof/{name}",
        "MetricName": "Failures",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }
    client.put_metric_alarm(**(wanted | more))

    def state() -> str:
        found = client.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return str(found[0]["StateValue"]) if found else "gone"

    try:
        yield state
    finally:
        client.delete_alarms(AlarmNames=[name])


def _put(aws: Aws, name: str, value: float, **dimensions: str) -> None:
    given = [{"Name": key, "Value": text} for key, text in dimensions.items()]
    datum = {"MetricName": "Failures", "Value": value, "Dimensions": given}
    aws.client("cloudwatch").put_metric_data(Namespace=f"Rollproof/{name}", MetricData=[datum])


@experiment(
    "alarm-follows-metric",
    "an alarm rings when the metric that it watches passes its threshold",
    source=f"{_GUIDE}, Evaluating an alarm",
)
def alarm_follows_metric(aws: Aws, prefix: str) -> Finding:
    with _alarm(aws, prefix) as state:
        _put(aws, prefix, 5.0)
        if _comes(aws, lambda: state() == "ALARM", "the alarm rings"):
            return Finding(True, "after a value of 5 an alarm with the threshold 1 rang")
        return Finding(False, f"after a value of 5 an alarm with the threshold 1 was in {state()}")


@experiment(
    "alarm-by-itself",
    "an alarm on a function's errors rings without anybody sending a metric",
    source=f"{_GUIDE}, Evaluating an alarm",
)
def alarm_by_itself(aws: Aws, prefix: str) -> Finding:
    dimensions = [{"Name": "FunctionName", "Value": prefix}]
    watched = {"Namespace": "AWS/Lambda", "MetricName": "Errors", "Dimensions": dimensions}
    with trial_function(aws, prefix, FAILS), _alarm(aws, prefix, **watched) as state:
        if state() == "ALARM":
            return Finding(False, "the alarm on a function's Errors rang before that was ever called")
        aws.client("lambda").invoke(FunctionName=prefix)
        if _comes(aws, lambda: state() == "ALARM", "the alarm rings"):
            return Finding(True, "a call that failed made the alarm on the function's Errors ring")
        return Finding(False, f"after a call that failed the alarm on the function's Errors was in {state()}")


@experiment(
    "alarm-by-dimension",
    "an alarm looks at the metric of its own dimensions only",
    source=f"{_GUIDE}, CloudWatch concepts: Dimensions",
)
def alarm_by_dimension(aws: Aws, prefix: str) -> Finding:
    mine = [{"Name": "Function", "Value": "mine"}]
    with _alarm(aws, prefix, Dimensions=mine) as state:
        _put(aws, prefix, 5.0, Function="another")
        if aws.endpoint.url is None:
            _put(aws, prefix, 0.0, Function="mine")
            _comes(aws, lambda: state() == "OK", "the alarm was evaluated")
        if state() == "ALARM":
            return Finding(False, "a value of another function's metric made the alarm ring")
        _put(aws, prefix, 5.0, Function="mine")
        rang = _comes(aws, lambda: state() == "ALARM", "the alarm rings")
    if rang:
        return Finding(True, "only the value with the alarm's own dimensions made it ring")
    return Finding(None, "the alarm rang for no value at all")


@experiment(
    "alarm-without-data",
    "an alarm that treats missing data as good is OK when there is none",
    source=f"{_GUIDE}, Configuring how CloudWatch alarms treat missing data",
)
def alarm_without_data(aws: Aws, prefix: str) -> Finding:
    with _alarm(aws, prefix) as state:
        if _comes(aws, lambda: state() == "OK", "the alarm is OK"):
            return Finding(True, "an alarm without data that treats missing data as good was OK")
        return Finding(False, f"an alarm without data that treats missing data as good was in {state()}")


@experiment(
    "alarm-actions-disabled",
    "an alarm whose actions are disabled says so, and says so no more once they are enabled",
    source="Amazon CloudWatch API Reference, DisableAlarmActions",
)
def alarm_actions_disabled(aws: Aws, prefix: str) -> Finding:
    client = aws.client("cloudwatch")

    def enabled() -> bool:
        return bool(client.describe_alarms(AlarmNames=[prefix])["MetricAlarms"][0]["ActionsEnabled"])

    with _alarm(aws, prefix):
        client.disable_alarm_actions(AlarmNames=[prefix])
        off = not enabled()
        client.enable_alarm_actions(AlarmNames=[prefix])
        said = (
            f"disabled: {'said' if off else 'not said'}, enabled again: {'said' if enabled() else 'not said'}"
        )
        return Finding(off and enabled(), said)


@experiment(
    "metric-percentile",
    "a percentile of a metric is told, not an average in its place",
    source=f"{_GUIDE}, CloudWatch statistics definitions",
)
def metric_percentile(aws: Aws, prefix: str) -> Finding:
    for value in (1.0,) * 9 + (101.0,):
        _put(aws, prefix, value)
    _comes(aws, lambda: bool(_p95(aws, prefix)), "the percentile is told")
    found = _p95(aws, prefix)
    if not found:
        return Finding(False, "no percentile is told")
    return Finding(found[0] > 50, f"the 95th percentile of nine times 1 and once 101 is {found[0]:g}")


def _p95(aws: Aws, prefix: str) -> list[float]:
    now = datetime.now(UTC)
    said = aws.client("cloudwatch").get_metric_statistics(
        Namespace=f"Rollproof/{prefix}",
        MetricName="Failures",
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=1),
        Period=300,
        ExtendedStatistics=["p95"],
    )
    told = [point.get("ExtendedStatistics", {}).get("p95") for point in said["Datapoints"]]
    return [float(value) for value in told if value is not None]
