"""What drills rely on of the histories that settings are put back from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from botocore.exceptions import ClientError

from rollproof.components.aws.clients import Aws
from rollproof.errors import AttemptFailed
from rollproof.fidelity.registry import Finding, experiment
from rollproof.fidelity.trials import settle, trial_function
from rollproof.waiting import eventually

SLOW = "AppConfig.Linear50PercentEvery30Seconds"
STOP_SECONDS = 60.0
_SSM = "AWS Systems Manager User Guide"
_APPCONFIG = "AWS AppConfig User Guide"


@contextmanager
def _parameter(aws: Aws, prefix: str, kind: str = "String") -> Iterator[str]:
    """A parameter with two versions: `good`, then `bad`. Yields its name."""
    name, client = f"/{prefix}/trial", aws.client("ssm")
    client.put_parameter(Name=name, Value="good", Type=kind, Description="before")
    try:
        client.label_parameter_version(Name=name, ParameterVersion=1, Labels=["stable"])
        client.put_parameter(Name=name, Value="bad", Type=kind, Overwrite=True)
        yield name
    finally:
        with suppress(client.exceptions.ParameterNotFound):
            client.delete_parameter(Name=name)


def _history(aws: Aws, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws.client("ssm").get_parameter_history(Name=name, WithDecryption=True)[
        "Parameters"
    ]
    return sorted(found, key=lambda item: int(item["Version"]))


@experiment(
    "parameter-history",
    "Parameter Store keeps each version of a parameter: value, type, description and labels",
    source=f"{_SSM}, Working with parameter versions",
)
def parameter_history(aws: Aws, prefix: str) -> Finding:
    with _parameter(aws, prefix) as name:
        found = _history(aws, name)
        kept = [(item["Value"], item.get("Labels", [])) for item in found]
        described = found[0].get("Description") == "before"
    good = kept == [("good", ["stable"]), ("bad", [])] and described
    return Finding(good, f"after two values the history has {len(kept)} versions, labels {kept[0][1]}")


@experiment(
    "parameter-secure",
    "the history of a SecureString gives each value back, decrypted",
    source=f"{_SSM}, Working with parameter versions",
)
def parameter_secure(aws: Aws, prefix: str) -> Finding:
    with _parameter(aws, prefix, "SecureString") as name:
        values = [item["Value"] for item in _history(aws, name)]
        plain = aws.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    if values != ["good", "bad"]:
        return Finding(False, "the values of a SecureString do not come back from its history")
    return Finding(
        plain != "bad", f"without decryption the value is {'hidden' if plain != 'bad' else 'plain'}"
    )


@experiment(
    "parameter-gone",
    "with a parameter that is deleted its history goes",
    source=f"{_SSM}, Deleting parameters from Parameter Store",
)
def parameter_gone(aws: Aws, prefix: str) -> Finding:
    with _parameter(aws, prefix) as name:
        aws.client("ssm").delete_parameter(Name=name)
        try:
            left = len(_history(aws, name))
        except ClientError as error:
            code = error.response["Error"]["Code"]
            return Finding(code == "ParameterNotFound", f"the history of a deleted parameter: {code}")
        return Finding(not left, f"the history of a deleted parameter has {left} versions")


@experiment(
    "parameter-pattern",
    "a value that does not fit a parameter's pattern is refused",
    source="AWS Systems Manager API Reference, PutParameter: AllowedPattern",
)
def parameter_pattern(aws: Aws, prefix: str) -> Finding:
    name, client = f"/{prefix}/pattern", aws.client("ssm")
    client.put_parameter(Name=name, Value="1", Type="String", AllowedPattern="^\\d+$")
    try:
        client.put_parameter(Name=name, Value="many", Type="String", Overwrite=True, AllowedPattern="^\\d+$")
    except ClientError as error:
        return Finding(True, f"a value that does not fit: {error.response['Error']['Code']}")
    finally:
        client.delete_parameter(Name=name)
    return Finding(False, "a value that does not fit was taken")


@experiment(
    "parameter-policies",
    "the policies of a parameter are told, each with its text",
    source=f"{_SSM}, Assigning parameter policies",
)
def parameter_policies(aws: Aws, prefix: str) -> Finding:
    name, client = f"/{prefix}/policies", aws.client("ssm")
    attributes = {
        "Type": "NoChangeNotification",
        "Version": "1.0",
        "Attributes": {"After": "20", "Unit": "Days"},
    }
    client.put_parameter(
        Name=name, Value="1", Type="String", Tier="Advanced", Policies=json.dumps([attributes])
    )
    try:
        found = _history(aws, name)[-1].get("Policies") or []
        texts = [policy.get("PolicyText", "") for policy in found]
    except AttributeError:
        return Finding(False, "the answer about a parameter with a policy cannot be read by a client")
    finally:
        client.delete_parameter(Name=name)
    return Finding(any("NoChangeNotification" in text for text in texts), f"{len(texts)} policies were told")


class _Flags:
    """An application of AppConfig with the version `good` deployed, and `bad` there."""

    def __init__(self, aws: Aws, prefix: str) -> None:
        self.aws, self.api = aws, aws.client("appconfig")
        self.app = self.api.create_application(Name=prefix)["Id"]
        self.env = self.api.create_environment(ApplicationId=self.app, Name=prefix)["Id"]
        self.profile = self.api.create_configuration_profile(
            ApplicationId=self.app, Name=prefix, LocationUri="hosted"
        )["Id"]
        self.strategy = self.api.create_deployment_strategy(
            Name=prefix,
            DeploymentDurationInMinutes=0,
            GrowthFactor=100,
            ReplicateTo="NONE",
            FinalBakeTimeInMinutes=0,
        )["Id"]
        self.versions = [self._version(text) for text in ("good", "bad")]

    def _version(self, text: str) -> str:
        said = self.api.create_hosted_configuration_version(
            ApplicationId=self.app,
            ConfigurationProfileId=self.profile,
            Content=text.encode(),
            ContentType="text/plain",
        )
        return str(said["VersionNumber"])

    def deploy(self, version: str, strategy: str) -> int:
        said = self.api.start_deployment(
            ApplicationId=self.app,
            EnvironmentId=self.env,
            ConfigurationProfileId=self.profile,
            DeploymentStrategyId=strategy,
            ConfigurationVersion=version,
        )
        return int(said["DeploymentNumber"])

    def deploy_good(self) -> None:
        number = self.deploy(self.versions[0], self.strategy)
        eventually(lambda: self.state(number) == "COMPLETE", within=STOP_SECONDS, what="it is deployed")

    def state(self, number: int) -> str:
        where = {"ApplicationId": self.app, "EnvironmentId": self.env}
        return str(self.api.get_deployment(**where, DeploymentNumber=number)["State"])

    def stopped(self, number: int, **more: bool) -> str:
        """The state of a deployment after it was stopped."""
        where = {"ApplicationId": self.app, "EnvironmentId": self.env}
        self.api.stop_deployment(**where, DeploymentNumber=number, **more)
        try:
            eventually(
                lambda: self.state(number) in ("ROLLED_BACK", "REVERTED"),
                within=STOP_SECONDS,
                what="it stopped",
            )
        except AttemptFailed:
            return self.state(number)
        return self.state(number)

    def served(self) -> str:
        data = self.aws.client("appconfigdata")
        token = data.start_configuration_session(
            ApplicationIdentifier=self.app,
            EnvironmentIdentifier=self.env,
            ConfigurationProfileIdentifier=self.profile,
        )["InitialConfigurationToken"]
        content: bytes = data.get_latest_configuration(ConfigurationToken=token)["Configuration"].read()
        return content.decode()

    def remove(self) -> None:
        within = {"ApplicationId": self.app}
        for version in self.versions:
            self.api.delete_hosted_configuration_version(
                **within, ConfigurationProfileId=self.profile, VersionNumber=int(version)
            )
        self.api.delete_configuration_profile(**within, ConfigurationProfileId=self.profile)
        self.api.delete_environment(**within, EnvironmentId=self.env)
        self.api.delete_application(**within)
        self.api.delete_deployment_strategy(DeploymentStrategyId=self.strategy)


@contextmanager
def _flags(aws: Aws, prefix: str) -> Iterator[_Flags]:
    flags = _Flags(aws, prefix)
    try:
        flags.deploy_good()
        yield flags
    finally:
        flags.remove()


@experiment(
    "appconfig-stop",
    "a deployment of AppConfig that is stopped half way is rolled back, and clients get what they got before",
    source=f"{_APPCONFIG}, Stopping a deployment",
)
def appconfig_stop(aws: Aws, prefix: str) -> Finding:
    with _flags(aws, prefix) as flags:
        state = flags.stopped(flags.deploy(flags.versions[1], SLOW))
        served = flags.served()
    said = f"a deployment stopped half way is {state}, and clients get the {served or 'empty'} version"
    return Finding(state == "ROLLED_BACK" and served == "good", said)


@experiment(
    "appconfig-served",
    "clients of AppConfig get the version that was deployed last, and no other",
    source=f"{_APPCONFIG}, Retrieving a configuration",
)
def appconfig_served(aws: Aws, prefix: str) -> Finding:
    with _flags(aws, prefix) as flags:
        before = flags.served()
        number = flags.deploy(flags.versions[1], flags.strategy)
        eventually(lambda: flags.state(number) == "COMPLETE", within=STOP_SECONDS, what="it is deployed")
        after = flags.served()
    return Finding(
        (before, after) == ("good", "bad"), f"clients got {before or 'nothing'}, then {after or 'nothing'}"
    )


@experiment(
    "function-version-variables",
    "a published version keeps its environment variables when those of the function change",
    source="AWS Lambda Developer Guide, Manage Lambda function versions",
)
def function_version_variables(aws: Aws, prefix: str) -> Finding:
    client = aws.client("lambda")
    code = "import os\ndef handler(event, context):\n    return os.environ['MODE']\n"
    with trial_function(aws, prefix, code, MODE="good"):
        version = client.publish_version(FunctionName=prefix)["Version"]
        client.update_function_configuration(FunctionName=prefix, Environment={"Variables": {"MODE": "bad"}})
        settle(aws, prefix)
        said = client.get_function_configuration(FunctionName=prefix, Qualifier=version)
        kept = said["Environment"]["Variables"].get("MODE")
        ran = client.invoke(FunctionName=prefix, Qualifier=version)["Payload"].read().decode()
    good = kept == "good" and ran == '"good"'
    return Finding(good, f"the published version says {kept} and runs with {ran}")
