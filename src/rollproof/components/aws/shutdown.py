"""Shutting a system: its functions may not run at all, and everything that they had is given back after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollproof.components.aws.clients import Aws, calling, code_of
from rollproof.components.aws.cloud import Cloud
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed, NotApplicable
from rollproof.model.json import Json

NOBODY = 0
"""A reserved concurrency of 0 stops every invocation, by whomever (AWS Lambda developer guide,
"Configuring reserved concurrency for a function")."""


class Gate:
    """A scenario's functions, open or shut.

    Attributes:
        kept: reserved concurrency that each function had before it was shut, None for none.
    """

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.cloud = drill.use(Cloud)
        self.kept: dict[str, int | None] = {}

    @property
    def client(self) -> Any:
        return self.cloud.client("lambda")

    def functions(self, *, but: frozenset[str] = frozenset()) -> list[str]:
        """Names of the declared functions that are there, without those whose keys are in `but`.

        Raises NotApplicable when the system declares none.
        """
        specs = self.drill.system.function
        if not specs:
            raise NotApplicable(f"system {self.drill.system.name} declares no [function.*] to shut")
        names = [self.cloud.fill(spec.name) for key, spec in specs.items() if key not in but]
        return [name for name in names if is_there(self.client, name)]

    def shut(self, names: list[str]) -> None:
        """No request runs any of these functions from now on. Raises AttemptFailed."""
        for name in names:
            if name not in self.kept:
                self.kept[name] = reserved(self.client, name)
            with calling("shutting the function", where=name):
                self.client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=NOBODY)

    def open(self) -> list[str]:
        """Gives every function back what it had. Raises AttemptFailed."""
        opened = list(self.kept)
        for name in opened:
            give_back(self.client, name, self.kept[name])
            del self.kept[name]
        return opened


def is_there(client: Any, name: str) -> bool:
    """Whether the function exists; a scenario need not have deployed all stacks."""
    try:
        with calling("looking for the function", where=name):
            client.get_function_configuration(FunctionName=name)
    except AttemptFailed as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        return False
    return True


def reserved(client: Any, name: str) -> int | None:
    """The function's reserved concurrency, None when it has none. Raises AttemptFailed."""
    with calling("reading the function's reserved concurrency", where=name):
        found = client.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")
    return None if found is None else int(found)


def give_back(client: Any, name: str, concurrency: int | None) -> None:
    """Sets the reserved concurrency, or takes it away. Raises AttemptFailed."""
    with calling("opening the function again", where=name):
        if concurrency is None:
            client.delete_function_concurrency(FunctionName=name)
        else:
            client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=concurrency)


def invoked(aws: Aws, name: str, alias: str, payload: bytes) -> str:
    """`served`, `refused` (it may not run), or `failed` (it ran and ended with an error)."""
    client = Aws(aws.endpoint, attempts=1).client("lambda")
    try:
        with calling("invoking the function", where=name):
            answer = client.invoke(FunctionName=name, Qualifier=alias, Payload=payload)
    except AttemptFailed as error:
        if code_of(error) in ("TooManyRequestsException", "EC2ThrottledException"):
            return "refused"
        return f"failed: {code_of(error)}"
    return "failed" if answer.get("FunctionError") else "served"


def undo_data(cloud: Cloud, kept: Mapping[str, int | None]) -> dict[str, Json]:
    """What a journal needs to open the functions again after a kill; no credential."""
    return {
        "kind": "aws.concurrency",
        "private": cloud.endpoint.private,
        "account": cloud.endpoint.account,
        "region": cloud.endpoint.region,
        "items": [[name, value] for name, value in kept.items()],
    }
