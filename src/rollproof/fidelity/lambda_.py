"""What drills rely on of Lambda's versions and aliases."""

from __future__ import annotations

from rollproof.components.aws.clients import Aws
from rollproof.fidelity.registry import Finding, experiment
from rollproof.fidelity.trials import trial_function

_CALLS = 24
"""An even split that keeps one side silent for so long is one in eight million."""
_CODE = "def handler(event, context):\n    return 'ran'\n"


@experiment(
    "alias-weights-split",
    "an alias with weights sends a share of the calls to another version",
    source="AWS Lambda Developer Guide, Implement Lambda canary deployments using a weighted alias",
)
def alias_weights_split(aws: Aws, prefix: str) -> Finding:
    """Publishes two versions, gives each half of the calls, and counts which versions answer."""
    client = aws.client("lambda")
    with trial_function(aws, prefix, _CODE) as name:
        first = client.publish_version(FunctionName=name)["Version"]
        client.update_function_configuration(FunctionName=name, Description="the canary")
        client.get_waiter("function_updated_v2").wait(FunctionName=name)
        second = client.publish_version(FunctionName=name)["Version"]
        client.create_alias(
            FunctionName=name,
            Name="LIVE",
            FunctionVersion=first,
            RoutingConfig={"AdditionalVersionWeights": {second: 0.5}},
        )
        answered = [
            client.invoke(FunctionName=name, Qualifier="LIVE").get("ExecutedVersion") for _ in range(_CALLS)
        ]
    shares = {version: answered.count(version) for version in (first, second)}
    said = f"of {_CALLS} calls through an alias with two equal weights, {shares[first]} and {shares[second]}"
    return Finding(all(shares.values()), f"{said} arrived at its versions")
