"""`aws SERVICE OPERATION --option value ... [--query JMESPATH] [--output text|json]`, as far as runbooks go.

The AWS command line pins another botocore than the emulator does, so that both cannot be installed together.
This takes names, types and queries from botocore's own models, as that one does.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import boto3
import jmespath
from botocore import xform_name
from botocore.waiter import WaiterModel


def main(arguments: list[str]) -> int:
    service, operation, *rest = arguments
    client = boto3.client("s3" if service == "s3api" else service)
    if operation == "wait":
        waiter = client.get_waiter(rest[0].replace("-", "_"))
        waiter.wait(**parameters(client, operation_of(client, rest[0]), options(rest[1:])))
        return 0
    given = options(rest)
    query, output = given.pop("query", ["@"])[0], given.pop("output", ["json"])[0]
    method = operation.replace("-", "_")
    answer = getattr(client, method)(**parameters(client, client.meta.method_to_api_mapping[method], given))
    answer.pop("ResponseMetadata", None)
    found = jmespath.search(query, json.loads(json.dumps(answer, default=str)))
    sys.stdout.write((text(found) if output == "text" else json.dumps(found, indent=4)) + "\n")
    return 0


def operation_of(client: Any, waiter: str) -> str:
    """The API call that a waiter repeats."""
    model: WaiterModel = client._get_waiter_config()
    waiters = model["waiters"]  # type: ignore[index]
    return next(w["operation"] for name, w in waiters.items() if xform_name(name, "-") == waiter)


def options(words: list[str]) -> dict[str, list[str]]:
    """Values by option, without its dashes."""
    found: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            found[word.removeprefix("--")] = last = []
        else:
            last.append(word)
    return found


def parameters(client: Any, operation: str, given: dict[str, list[str]]) -> dict[str, Any]:
    """What the call takes. Raises KeyError for an option that it has not."""
    members = client.meta.service_model.operation_model(operation).input_shape.members
    named = {xform_name(name, "-"): (name, shape) for name, shape in members.items()}
    return {named[key][0]: value_of(named[key][1], words) for key, words in given.items()}


def value_of(shape: Any, words: list[str]) -> Any:
    if shape.type_name == "boolean":
        return True
    if shape.type_name in ("list", "structure", "map"):
        return words if shape.type_name == "list" and words[0][0] not in "[{" else json.loads(words[0])
    return int(words[0]) if shape.type_name in ("integer", "long") else words[0]


def text(found: Any) -> str:
    """Rows of tab-separated values, as `--output text` has them."""
    if isinstance(found, list):
        rows = [row if isinstance(row, list) else [row] for row in found]
        return "\n".join("\t".join(map(str, row)) for row in rows)
    return str(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
