"""What saboteurs of settings do."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import httpx

from rollproof.components.aws.appconfig import Configuration
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.function import Functions
from rollproof.components.aws.parameters import Parameters
from rollproof.components.aws.setting import Restored, Version
from rollproof.components.aws.settings import Settings
from rollproof.components.aws.telling import known_secrets
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.faults.settings import SLOW_STRATEGY
from tests.sabotage.hooks import _patched


def _client(drill: Drill, service: str) -> Any:
    return drill.use(Cloud).client(service)


def _wrong(drill: Drill, kind: str, wrong: dict[str, str]) -> None:
    """The system file would have named other wrong values."""
    settings = {
        key: spec.model_copy(update={"wrong": wrong}) if spec.kind == kind else spec
        for key, spec in drill.system.settings.items()
    }
    drill.system = drill.system.model_copy(update={"settings": settings})


def _changed(drill: Drill) -> str:
    return drill.use(Settings).changed[0]


def other_type(drill: Drill, act: Act) -> None:
    """The value comes back, and not as what it was."""
    ssm, name = _client(drill, "ssm"), _changed(drill)
    value = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value=value, Type="StringList", Overwrite=True)


def other_value(drill: Drill, act: Act) -> None:
    """Somebody remembers the value wrongly."""
    _client(drill, "ssm").put_parameter(Name=_changed(drill), Value="99", Type="String", Overwrite=True)


def label_left(drill: Drill, act: Act) -> None:
    """A label that says `wrong` stays on the parameter."""
    _client(drill, "ssm").label_parameter_version(Name=_changed(drill), Labels=["wrong"])


def another_touched(drill: Drill, act: Act) -> None:
    """A parameter that nobody had to touch is changed."""
    ssm = _client(drill, "ssm")
    names = [item.name for known in drill.use(Settings).known.values() for item in known]
    other = next(name for name in names if name.startswith("/") and name != _changed(drill))
    ssm.put_parameter(Name=other, Value="another", Type="String", Overwrite=True)


def one_of_two(drill: Drill, act: Act) -> None:
    """Two parameters are wrong, and only one is really put back."""
    _wrong(drill, "ssm", {"agents/page-size": "a hundred", "release": "none"})
    restore = Parameters.restore

    def first_only(self: Parameters, known: Version) -> Restored:
        if known.name.endswith("/release"):
            return Restored(known.name, f"version {known.version} of its history", "3", known.digest)
        return restore(self, known)

    _patched(drill, Parameters, "restore", first_only)


def unfelt(drill: Drill, act: Act) -> None:
    """The wrong value is one that nothing depends on."""
    _wrong(drill, "ssm", {"release": "none"})


def code_along(drill: Drill, act: Act) -> None:
    """Whoever puts the setting back deploys other code with it."""
    functions, client = drill.use(Functions), _client(drill, "lambda")
    key, spec = next(iter(functions.declared().items()))
    name = drill.use(Cloud).fill(spec.name)
    package = httpx.get(client.get_function(FunctionName=name)["Code"]["Location"], trust_env=False).content
    body = io.BytesIO(package)
    with zipfile.ZipFile(body, "a") as archive:
        archive.writestr("hotfix.txt", key)
    client.update_function_code(FunctionName=name, ZipFile=body.getvalue())
    functions.settle(name)
    version = client.publish_version(FunctionName=name)["Version"]
    client.update_alias(FunctionName=name, Name=spec.alias, FunctionVersion=version)


def never_finished(drill: Drill, act: Act) -> None:
    """The good configuration is deployed, by a strategy that takes its time, and nobody waits."""
    for key, store in drill.use(Settings).stores().items():
        if isinstance(store, Configuration):
            store._deploy(drill.use(Settings).known[key][0].version, SLOW_STRATEGY, wait=False)


def secret_printed(drill: Drill, act: Act) -> None:
    """Somebody notes what he sees past the journal, which cuts what it knows for a secret."""
    secret = next(secret for secret in known_secrets(drill) if len(secret.value) == 40)
    noted = drill.recorder.journal.path.with_name("noted.json")
    noted.write_text(json.dumps({"found": f"now it says {secret.value}"}), encoding="utf-8")


def variable_left(drill: Drill, act: Act) -> None:
    """What serves is well, what would be published next is not."""
    functions, client = drill.use(Functions), _client(drill, "lambda")
    key = next(spec.function for spec in drill.system.settings.values() if spec.kind == "environment")
    variables = dict(functions.serving(str(key)).variables) | {"LEFT_OVER": "1"}
    name = drill.use(Cloud).fill(functions.declared()[str(key)].name)
    client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


def actions_disabled(drill: Drill, act: Act) -> None:
    """Nobody is to be woken while the work goes on; nobody thinks of it afterwards."""
    cloud = drill.use(Cloud)
    names = [cloud.fill(spec.name) for spec in drill.system.alarm.values()]
    cloud.client("cloudwatch").disable_alarm_actions(AlarmNames=names)


def threshold_raised(drill: Drill, act: Act) -> None:
    """The alarm is made to be silent."""
    cloud = drill.use(Cloud)
    name = cloud.fill(next(iter(drill.system.alarm.values())).name)
    said = cloud.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    keys = (
        "AlarmName Namespace MetricName Dimensions Statistic Period EvaluationPeriods ComparisonOperator"
        " TreatMissingData AlarmActions OKActions"
    ).split()
    cloud.client("cloudwatch").put_metric_alarm(**{key: said[key] for key in keys}, Threshold=1e6)
