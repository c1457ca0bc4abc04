"""Shutting a system: its functions may not run at all, and everything that they had is given back after."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rollproof.components.aws.api import Apis, answers_of
from rollproof.components.aws.clients import THROTTLED, Aws, calling, code_of
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.function import LATEST
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill, observer
from rollproof.drill.healing import healer
from rollproof.errors import AttemptFailed, NotApplicable, PreconditionNotMet
from rollproof.fidelity.lambdas import CLAIM
from rollproof.fidelity.registry import Fidelity
from rollproof.model.json import Json, JsonObject
from rollproof.waiting import eventually

NOBODY = 0
"""A reserved concurrency of 0 stops every invocation, by whomever (AWS Lambda developer guide,
"Configuring reserved concurrency for a function")."""
SERVER_ERROR = 500
SPREAD_SECONDS = 30.0
"""How long it may take until a new concurrency holds for every request."""
SERVED, REFUSED = "served", "refused"
_LIVE: dict[str, Aws] = {}
"""Accounts that this process works in: what a healer can reach without a credential in the journal."""


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
        _LIVE[self.cloud.endpoint.account] = self.cloud.aws

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


@healer("aws.concurrency")
def _heal_concurrency(undo: JsonObject) -> str:
    """Raises AttemptFailed where this process has no credentials for the account."""
    account, items = str(undo["title"]), undo["items"]
    kept = [item for item in items if isinstance(item, list)] if isinstance(items, list) else []
    names = ", ".join(str(name) for name, _ in kept)
    if account not in _LIVE:
        raise AttemptFailed(
            f"functions of account {account} may still be shut: {names}",
            doing="opening functions again",
            remedy="give them their reserved concurrency back with the account's own tools",
        )
    for name, value in kept:
        give_back(_LIVE[account].client("lambda"), str(name), value if isinstance(value, int) else None)
    return f"opened: {names}"


def ask_functions(drill: Drill, *, but: frozenset[str] = frozenset()) -> dict[str, str]:
    """`served`, `refused` (it may not run) or `failed` of each function whose name is not in `but`.

    One without a declared `payload` is not called, since no event is known to be harmless to it: what it
    may do is read from its reserved concurrency.
    """
    gate = drill.use(Gate)
    found = {}
    for key, name in gate.functions().items():
        spec = drill.system.function[key]
        if f"function {key}" in but:
            continue
        if not spec.payload:
            found[f"function {key}"] = REFUSED if reserved(gate.client, name) == NOBODY else SERVED
            continue
        found[f"function {key}"] = _called(gate.once, name, spec.alias or LATEST, spec.payload)
    return found


def _called(client: Any, name: str, alias: str, payload: Mapping[str, object]) -> str:
    try:
        with calling("calling the function", where=name):
            answer = client.invoke(FunctionName=name, Qualifier=alias, Payload=json.dumps(payload).encode())
            body = answer["Payload"].read()
    except AttemptFailed as error:
        return REFUSED if code_of(error) in THROTTLED else f"failed: {code_of(error)}"
    return "failed" if answer.get("FunctionError") or _status(body) >= SERVER_ERROR else SERVED


def _status(body: bytes) -> int:
    """The HTTP status that a function behind an API answered; 200 for any other answer."""
    try:
        found = json.loads(body)
    except ValueError:
        return 200
    status = found.get("statusCode") if isinstance(found, dict) else None
    return status if isinstance(status, int) else 200


def tags_of(drill: Drill) -> frozenset[str]:
    """The scenario's tags."""
    started = drill.history.first("scenario.started")
    tags = started.data.get("tags") if started is not None else []
    return frozenset(map(str, tags)) if isinstance(tags, list) else frozenset()


def ask_apis(drill: Drill) -> dict[str, str]:
    """`served` for a 200, else what was answered instead, of each declared path of each API that is there.

    None in a scenario whose tags do not name APIs.
    """
    cloud, found = drill.use(Cloud), {}
    for key, place in drill.use(Apis).find().items() if "api" in tags_of(drill) else ():
        for answer in answers_of(cloud, place):
            said = f"HTTP {answer.status}" if answer.status else answer.error
            found[f"API {key} {answer.path}"] = SERVED if answer.well else said
    return found


def note_front(drill: Drill, label: str, found: Mapping[str, str]) -> None:
    """Records what clients got, by what they asked."""
    listed: list[Json] = [[name, outcome] for name, outcome in found.items()]
    drill.recorder.note("front.asked", {"label": label, "items": listed})


def ask_front(drill: Drill, label: str) -> dict[str, str]:
    """Asks everything that clients ask, once, and records it under a label.

    Functions that did not serve while all was well are not asked again.
    """
    from rollproof.components.aws.maintenance import ask_pages

    gate = drill.use(Gate)
    functions = ask_functions(drill, but=gate.unwell)
    found = {**functions, **ask_apis(drill), **ask_pages(drill)}
    note_front(drill, label, found)
    return found


@dataclass(frozen=True)
class KnowFront(Act):
    """Asks everything that clients ask while all is well: what comes back later is held against it.

    What is not served now, for want of a database that this scenario does not need, need not be later.
    """

    name = "front.know"

    def run(self, drill: Drill) -> JsonObject:
        found = ask_front(drill, "before")
        drill.use(Gate).unwell = frozenset(name for name, outcome in found.items() if outcome != SERVED)
        unwell = [f"{name}: {outcome}" for name, outcome in found.items() if outcome != SERVED]
        if len(unwell) == len(found):
            raise PreconditionNotMet(
                f"nothing is served: {'; '.join(unwell)[:500]}", doing="asking what clients ask"
            )
        return {"count": len(found) - len(unwell), "findings": [*unwell]}


@dataclass(frozen=True)
class ShutSystem(Act):
    """No function runs from now on, whoever calls it; then everything is asked once."""

    name = "system.shut"

    def undo(self, drill: Drill) -> JsonObject | None:
        return drill.use(Gate).undo()

    def run(self, drill: Drill) -> JsonObject:
        gate = drill.use(Gate)
        drill.on_heal(lambda: _open(gate))
        names = gate.shut()
        wait_until_shut(drill)
        ask_front(drill, "shut")
        return {"items": [*names]}


def _open(gate: Gate) -> None:
    gate.open()


def wait_until_shut(drill: Drill) -> None:
    """On AWS it takes a moment. What still runs after that is for a check to judge."""
    try:
        eventually(
            lambda: SERVED not in ask_functions(drill).values(),
            within=SPREAD_SECONDS,
            what="no function runs",
        )
    except AttemptFailed as error:
        drill.recorder.note("front.not_shut", {"found": error.found})


@dataclass(frozen=True)
class OpenSystem(Act):
    """Every function may run again as much as before."""

    name = "system.open"

    def run(self, drill: Drill) -> JsonObject:
        ask_front(drill, "shut")
        return {"items": [*drill.use(Gate).open()]}


@observer("front")
def look_at_front(drill: Drill) -> None:
    """Asks everything that clients ask, after everything that was done."""
    ask_front(drill, "after")
