"""What drills rely on of Lambda when they shut functions."""

from __future__ import annotations

from rollproof.components.aws.clients import THROTTLED, Aws, calling, code_of
from rollproof.errors import AttemptFailed
from rollproof.fidelity.registry import Finding, experiment
from rollproof.fidelity.secretsmanager import package

_HANDLER = "def handler(event, context):\n    return 'ran'\n"
CLAIM = "shut-function-refuses"


@experiment(
    CLAIM,
    "a function with a reserved concurrency of 0 refuses to run, through an alias as well",
    source="AWS Lambda Developer Guide, Configuring reserved concurrency for a function",
)
def shut_function_refuses(aws: Aws, prefix: str) -> Finding:
    """Shuts a function and calls it through an alias. Not made on AWS itself, where it would need a role."""
    if aws.endpoint.url is None:
        return Finding(True, "this is AWS itself")
    client = aws.client("lambda")
    client.create_function(
        FunctionName=prefix,
        Runtime="python3.12",
        Handler="index.handler",
        Role=f"arn:aws:iam::{aws.endpoint.account}:role/rollproof",
        Code={"ZipFile": package(_HANDLER)},
    )
    try:
        version = client.publish_version(FunctionName=prefix)["Version"]
        client.create_alias(FunctionName=prefix, Name="LIVE", FunctionVersion=version)
        client.put_function_concurrency(FunctionName=prefix, ReservedConcurrentExecutions=0)
        return _called(aws, prefix)
    finally:
        client.delete_function(FunctionName=prefix)


def _called(aws: Aws, name: str) -> Finding:
    try:
        with calling("calling a function that is shut", where=name):
            Aws(aws.endpoint, attempts=1).client("lambda").invoke(FunctionName=name, Qualifier="LIVE")
    except AttemptFailed as error:
        refused = code_of(error) in THROTTLED
        return Finding(refused or None, f"a shut function that is called by its alias says {code_of(error)}")
    return Finding(False, "a function with a reserved concurrency of 0 runs when it is called by its alias")
