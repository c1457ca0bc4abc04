"""A scenario's functions, open or shut: everything that they had is given back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rollproof.components.aws.clients import Aws, calling, code_of
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.function import LATEST
from rollproof.components.aws.reopening import HERE, give_back, reserved
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed, NotApplicable
from rollproof.fidelity.lambdas import CLAIM
from rollproof.fidelity.registry import Fidelity
from rollproof.model.json import Json

NOBODY = 0
"""A reserved concurrency of 0 stops every invocation, by whomever (AWS Lambda developer guide,
"Configuring reserved concurrency for a function")."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a function had before it was shut.

    Attributes:
        concurrency: reserved for it; None for none.
        version: that its alias pointed to, where the alias had to be moved; empty else.
        weights: of a canary on that alias.
    """

    concurrency: int | None
    version: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)


class Gate:
    """A scenario's functions, open or shut.

    On an endpoint that does not hold a version to its function's reserved concurrency, the alias points
    to `$LATEST`, which is held to it, while the function is shut. A deploy moves it: see `again`.

    Attributes:
        kept: what each function had, by key.
        unwell: what did not serve while all was well.
        once: a client that does not try again: that a function refuses to run is what is asked.
    """

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.cloud = drill.use(Cloud)
        self.kept: dict[str, Kept] = {}
        self.unwell: frozenset[str] = frozenset()
        self.once = Aws(self.cloud.endpoint, attempts=1).client("lambda")
        HERE[self.cloud.endpoint.account] = self.cloud.aws

    @property
    def client(self) -> Any:
        return self.cloud.client("lambda")

    def functions(self) -> dict[str, str]:
        """Names, by key, of the declared functions that are there and serve somebody.

        What rotates secrets serves nobody, and must run while the system is shut. Raises NotApplicable
        when the system declares no function.
        """
        specs = self.drill.system.function
        if not specs:
            raise NotApplicable(f"system {self.drill.system.name} declares no [function.*] to shut")
        rotating = {secret.function for secret in self.drill.system.secret.values()}
        names = {key: self.cloud.fill(spec.name) for key, spec in specs.items() if key not in rotating}
        return {key: name for key, name in names.items() if _is_there(self.client, name)}

    def shut(self) -> list[str]:
        """No request runs any of the functions from now on; their names. Raises AttemptFailed."""
        names = self.functions()
        for key, name in names.items():
            if key not in self.kept:
                self.kept[key] = Kept(reserved(self.client, name))
            with calling("shutting the function", where=name):
                self.client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=NOBODY)
        self.again()
        return list(names.values())

    def again(self) -> None:
        """Shuts what a deploy has opened meanwhile, where aliases have to be moved. Raises AttemptFailed."""
        finding = self.drill.session.use(Fidelity, self.drill.system).finding(CLAIM)
        if finding.holds is not False:
            return
        self.drill.recorder.note("provided", {"name": "aliases of shut functions", "found": finding.said})
        for key in self.kept:
            self._move_alias(key)

    def _move_alias(self, key: str) -> None:
        spec = self.drill.system.function[key]
        name = self.cloud.fill(spec.name)
        if not spec.alias:
            return
        with calling("reading the function's alias", where=name):
            alias = self.client.get_alias(FunctionName=name, Name=spec.alias)
        if alias["FunctionVersion"] == LATEST:
            return
        weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        self.kept[key] = replace(self.kept[key], version=alias["FunctionVersion"], weights=weights)
        _point(self.client, name, spec.alias, LATEST, {})

    def open(self) -> list[str]:
        """Gives every function back what it had; their names. Raises AttemptFailed."""
        names = []
        for key, had in list(self.kept.items()):
            spec = self.drill.system.function[key]
            names.append(self.cloud.fill(spec.name))
            if had.version and _version_of(self.client, names[-1], spec.alias) == LATEST:
                _point(self.client, names[-1], spec.alias, had.version, had.weights)
            give_back(self.client, names[-1], had.concurrency)
            del self.kept[key]
        return names

    def undo(self) -> dict[str, Json] | None:
        """What a journal needs to open the functions after a kill, but for credentials.

        None where the account goes away with the run.
        """
        if self.cloud.endpoint.private:
            return None
        kept = {name: reserved(self.client, name) for name in self.functions().values()}
        return {
            "kind": "aws.concurrency",
            "title": self.cloud.endpoint.account,
            "items": [[name, value] for name, value in kept.items()],
        }


def _is_there(client: Any, name: str) -> bool:
    """A scenario need not have deployed all stacks."""
    try:
        with calling("looking for the function", where=name):
            client.get_function_configuration(FunctionName=name)
    except AttemptFailed as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        return False
    return True


def _version_of(client: Any, name: str, alias: str) -> str:
    with calling("reading the function's alias", where=name):
        return str(client.get_alias(FunctionName=name, Name=alias)["FunctionVersion"])


def _point(client: Any, name: str, alias: str, version: str, weights: Mapping[str, float]) -> None:
    with calling("pointing the function's alias", where=f"{name}:{alias}"):
        client.update_alias(
            FunctionName=name,
            Name=alias,
            FunctionVersion=version,
            RoutingConfig={"AdditionalVersionWeights": dict(weights)},
        )
