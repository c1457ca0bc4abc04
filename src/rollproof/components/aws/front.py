"""What clients get: from functions, APIs and sites, asked once and recorded; a check judges."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollproof.components.aws.api import Apis, answers_of
from rollproof.components.aws.clients import THROTTLED, calling, code_of
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.function import LATEST
from rollproof.components.aws.gate import NOBODY, Gate
from rollproof.components.aws.reopening import reserved
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill, observer
from rollproof.errors import AttemptFailed, PreconditionNotMet
from rollproof.model.json import Json, JsonObject

SERVER_ERROR = 500
SERVED, REFUSED = "served", "refused"


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


@observer("front")
def look_at_front(drill: Drill) -> None:
    """Asks everything that clients ask, after everything that was done."""
    ask_front(drill, "after")
