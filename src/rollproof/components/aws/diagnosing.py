"""Gathering what speaks for a cause: logs, answers, metrics, configuration and ledger. Reads, never changes.

Nothing here knows which fault a drill has injected.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import psycopg

from rollproof.components.aws.aftermath import moment_ms, read_metrics
from rollproof.components.aws.api import Apis, event_of
from rollproof.components.aws.clients import code_of
from rollproof.components.aws.cloud import Cloud
from rollproof.components.aws.function import LATEST, Call, Functions, Serving
from rollproof.components.aws.logs import Request, read_lines, requests_of
from rollproof.components.postgres.bench import Bench
from rollproof.diagnosis import Change, Diagnosis, Evidence, Failure, diagnose
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed, EnvironmentUnavailable
from rollproof.model.json import Json, JsonObject
from rollproof.waiting import eventually

LOOK_BACK_SECONDS = 900.0
"""How far back logs are read where the moment of the deploy is not known."""
_WAIT_SECONDS = 20.0
"""How long logs may take to hold a failure that an answer has shown."""
_NO_VARIABLE = "AWS_"
_ATTRIBUTES = "Handler Runtime Timeout MemorySize Role Layers Architectures VpcConfig ImageConfigResponse"


@dataclass(frozen=True)
class DiagnoseFunctions(Act):
    """Says why the API fails, and what to do about it. A release is not asked what is wrong with it."""

    name = "functions.diagnose"

    def run(self, drill: Drill) -> JsonObject:
        evidence, raised = gather(drill)
        found = diagnose(evidence)
        drill.incident("detected", cause=found.cause, findings=list(found.findings))
        drill.incident("decided", decision=found.remedy)
        return _said(found, evidence) | {"numbers": dict(raised)}


def _said(found: Diagnosis, evidence: Evidence) -> dict[str, Json]:
    return {
        "cause": found.cause,
        "item": found.subject,
        "remedy": found.remedy,
        "findings": list(found.findings),
        "sources": list(evidence.sources),
        "items": list(found.others),
        "failed": len(evidence.failures),
        "missing": None if evidence.missing is None else list(evidence.missing),
    }


def gather(drill: Drill) -> tuple[Evidence, Mapping[str, int]]:
    """Tries everything once more, then reads all there is.

    Returns the evidence, and how many errors each function is known to have raised.
    Raises AttemptFailed: AWS refuses to say.
    """
    functions = drill.use(Functions)
    there = functions.there()
    calls = [(key, call) for key, serving in there.items() for call in _calls(functions, serving)]
    tried = [Failure(key, "answer", _text(call)) for key, call in calls if not call.well]
    unwell = _unwell(drill, but={failure.function for failure in tried})
    expected = bool(tried or unwell)
    logged = [failure for serving in there.values() for failure in _logged(drill, serving, expected)]
    raised = Counter(key for key, call in calls if call.raised)
    read_metrics(drill, "during", errors=raised)
    missing = _missing(drill)
    evidence = Evidence(
        failures=[*logged, *tried],
        changes=[change for serving in there.values() for change in changes_of(functions, serving)],
        missing=missing,
        unanswered=[key for key in unwell if not _function_failed(drill, key, [*tried, *logged])],
        compared=frozenset(functions.before),
        releases=frozenset(release.name for release in drill.system.release),
        sources=["logs", "answers", "metrics", "configuration", *([] if missing is None else ["ledger"])],
    )
    return evidence, raised


def _calls(functions: Functions, serving: Serving) -> Iterator[Call]:
    """The function's declared event, and what its API would send for the API's paths where that is sure."""
    spec, qualifier = functions.declared()[serving.key], serving.alias or LATEST
    if spec.payload:
        yield functions.call(serving.key, qualifier)
    for key, api in functions.cloud.system.api.items():
        if api.functions == (serving.key,):
            for path in functions.cloud.drill.use(Apis).paths(key):
                yield functions.call(serving.key, qualifier, event=event_of(api, path))


def _text(call: Call) -> str:
    return "\n".join(filter(None, [call.refusal, call.kind, call.text, call.error]))


def _unwell(drill: Drill, *, but: set[str]) -> list[str]:
    """APIs of which a path does not answer 200; asking them makes their functions log why.

    Not of those whose only function has failed already when it was sent what the API would send.
    """
    apis, declared = drill.use(Apis), drill.system.api
    found = [key for key in (apis.find() if declared else {}) if not _told(declared[key].functions, but)]
    return [key for key in found if not all(answer.well for answer in apis.answers(key))]


def _told(behind: tuple[str, ...], failed: set[str]) -> bool:
    return len(behind) == 1 and behind[0] in failed


def _function_failed(drill: Drill, api: str, failures: list[Failure]) -> bool:
    behind = drill.system.api[api].functions
    return any(not behind or failure.function in behind for failure in failures)


def _logged(drill: Drill, serving: Serving, expected: bool) -> list[Failure]:
    """Failed requests of the version that serves; waits a little when failures are known to be there."""
    failed: list[Request] = []

    def there() -> bool:
        failed[:] = [request for request in _requests(drill, serving) if request.failed]
        return bool(failed) or not expected

    try:
        eventually(
            there, within=0.0 if drill.use(Cloud).endpoint.private else _WAIT_SECONDS, what="it is logged"
        )
    except AttemptFailed as error:
        if code_of(error) not in ("", "ResourceNotFoundException"):
            raise
    return [Failure(serving.key, "log", request.text) for request in failed]


def _requests(drill: Drill, serving: Serving) -> list[Request]:
    """Requests that the version that serves has answered; all of them where versions are not told apart."""
    since = drill.history.last("incident.fault")
    moment = (
        moment_ms(since) if since else moment_ms(drill.history.events[-1]) - int(LOOK_BACK_SECONDS * 1000)
    )
    found = requests_of(read_lines(drill.use(Cloud), serving.log_group, since_ms=moment))
    return [request for request in found if request.version in ("", serving.version, *serving.weights)]


def changes_of(functions: Functions, serving: Serving) -> Iterator[Change]:
    """What differs between the version that served while all was well and the one that serves now."""
    before = functions.before.get(serving.key)
    if before is None:
        return
    if before.code != serving.code:
        yield Change(serving.key, "code")
    old, new = before.variables, serving.variables
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name) and not name.startswith(_NO_VARIABLE):
            yield Change(serving.key, "variable", name, old.get(name, ""), new.get(name, ""))
    for attribute in _ATTRIBUTES.split():
        values = (one.configuration.get(attribute) for one in (before, serving))
        if len({json.dumps(value, sort_keys=True, default=str) for value in values}) > 1:
            yield Change(serving.key, attribute)


@dataclass(frozen=True)
class ApplyExpected(Act):
    """Applies, in order, the migrations that are expected and that the ledger does not list."""

    name = "migration.apply"

    def run(self, drill: Drill) -> JsonObject:
        missing = _missing(drill)
        if not missing:
            raise AttemptFailed("the ledger lists all that is expected", doing="applying what is missing")
        bench = drill.use(Bench)
        history = bench.templates.history
        seconds = sum(bench.templates.apply(bench.name, history.named(name)) for name in missing)
        drill.incident("executed")
        return {"migrations": missing, "seconds": seconds}


def _missing(drill: Drill) -> list[str] | None:
    """Migrations that are expected and not in the ledger; None when there is none that can be read."""
    if not drill.uses(Bench) or not drill.use(Bench).database:
        return None
    bench = drill.use(Bench)
    try:
        listed = set(bench.ledger())
    except (EnvironmentUnavailable, psycopg.Error):
        return None
    known = [migration.id for migration in bench.templates.history.migrations]
    return [name for name in known if name in bench.expected and name not in listed] + [
        name for name in bench.expected if name not in known and name not in listed
    ]
