"""Lambda and Step Functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollproof.components.aws.held.base import Asked, gone, reads, tidy

_FUNCTION_VOLATILE = ("FunctionArn", "Version", "MasterArn", "SigningJobArn", "SigningProfileVersionArn")


@reads("AWS::Lambda::Function")
def function(asked: Asked) -> Mapping[str, Any]:
    said = asked.call("lambda", "get_function", FunctionName=asked.id)
    policy = asked.maybe("lambda", "get_policy", FunctionName=asked.id).get("Policy")
    url = asked.maybe("lambda", "get_function_url_config", FunctionName=asked.id)
    more = {"Tags": said.get("Tags"), "Concurrency": said.get("Concurrency"), "Policy": policy}
    more["Url"] = {key: url[key] for key in ("AuthType", "Cors", "InvokeMode") if key in url}
    more["AsynchronousCalls"] = _invoking(asked, FunctionName=asked.id)
    return {**_configuration(asked, said["Configuration"]), **more}


def _invoking(asked: Asked, **place: str) -> dict[str, Any] | None:
    """How often a call that nobody waits for is tried again, and where it goes when it fails."""
    said = asked.beside("lambda", "get_function_event_invoke_config", **place)
    kept = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
    return {key: said[key] for key in kept if key in said} or None


@reads("AWS::Lambda::Version")
def version(asked: Asked) -> Mapping[str, Any]:
    return _configuration(asked, asked.call("lambda", "get_function_configuration", FunctionName=asked.id))


def _configuration(asked: Asked, said: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in said.items() if key not in _FUNCTION_VOLATILE}
    found["Environment"] = asked.hidden((said.get("Environment") or {}).get("Variables"))
    return found


@reads("AWS::Lambda::Alias")
def alias(asked: Asked) -> Mapping[str, Any]:
    """The version by its ARN: where it is the stack's own, that becomes its logical id."""
    whole, _, name = asked.id.rpartition(":")
    said = asked.call("lambda", "get_alias", FunctionName=whole, Name=name)
    serving = f"{whole}:{said['FunctionVersion']}"
    code = asked.call("lambda", "get_function_configuration", FunctionName=serving)
    policy = asked.maybe("lambda", "get_policy", FunctionName=whole, Qualifier=name).get("Policy")
    weights = (said.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    shares = {f"{whole}:{version}": weight for version, weight in weights.items()}
    provisioned = asked.beside(
        "lambda", "get_provisioned_concurrency_config", FunctionName=whole, Qualifier=name
    )
    return {
        "Name": said["Name"],
        "Description": said.get("Description", ""),
        "FunctionVersion": serving,
        "CodeSha256": code.get("CodeSha256"),
        "Weights": shares,
        "Policy": policy,
        "Provisioned": provisioned.get("RequestedProvisionedConcurrentExecutions"),
        "AsynchronousCalls": _invoking(asked, FunctionName=whole, Qualifier=name),
    }


@reads("AWS::Lambda::EventInvokeConfig")
def asynchronous_calls(asked: Asked) -> Mapping[str, Any]:
    place = {"FunctionName": asked.given("FunctionName"), "Qualifier": asked.given("Qualifier")}
    found = _invoking(asked, **place)
    if not found:
        raise gone(asked)
    return found


@reads("AWS::Lambda::Permission")
def permission(asked: Asked) -> Mapping[str, Any]:
    """The statement with its id in the policy of the function or alias that it is on."""
    name, place = asked.given("FunctionName"), {}
    if name.count(":") == 7 or (name.count(":") == 1 and not name.startswith("arn:")):
        name, _, qualifier = name.rpartition(":")
        place = {"Qualifier": qualifier}
    said = asked.call("lambda", "get_policy", FunctionName=name, **place)["Policy"]
    policy = tidy(said)
    statements = policy.get("Statement") if isinstance(policy, dict) else []
    found = [item for item in statements or [] if isinstance(item, dict) and item.get("Sid") == asked.id]
    if not found:
        raise gone(asked)
    return found[0]


@reads("AWS::Lambda::EventSourceMapping")
def event_source(asked: Asked) -> Mapping[str, Any]:
    said = asked.call("lambda", "get_event_source_mapping", UUID=asked.id)
    return {
        **said,
        "Enabled": said.get("State") not in ("Disabled", "Disabling"),
        "LastProcessingResult": None,
    }


@reads("AWS::Lambda::LayerVersion")
def layer(asked: Asked) -> Mapping[str, Any]:
    said = asked.call("lambda", "get_layer_version_by_arn", Arn=asked.id)
    content = said.pop("Content", {})
    return {
        "CodeSha256": content.get("CodeSha256"),
        "Description": said.get("Description"),
        "CompatibleRuntimes": said.get("CompatibleRuntimes"),
    }


@reads("AWS::Lambda::Url")
def function_url(asked: Asked) -> Mapping[str, Any]:
    return asked.call("lambda", "get_function_url_config", FunctionName=asked.id)


@reads("AWS::StepFunctions::StateMachine")
def state_machine(asked: Asked) -> Mapping[str, Any]:
    said = asked.call("stepfunctions", "describe_state_machine", stateMachineArn=asked.id)
    return {key: value for key, value in said.items() if key != "status"}
