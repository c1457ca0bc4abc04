"""A drill as OpenTelemetry spans: the run, its scenarios, their steps and acts, with the journal's times."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollproof.errors import EnvironmentUnavailable
from rollproof.evidence.facts import ActResult, RunSummary, ScenarioSummary
from rollproof.evidence.wording import one_line
from rollproof.model.verdict import Outcome
from rollproof.telemetry.prometheus import expect_address, not_installed, shown_address

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_SECONDS = 20.0
_TRACE_BYTES, _SPAN_BYTES = 16, 8
_LONGEST = 500

Attributes = Mapping[str, str | int | float | bool | tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Node:
    """One span, before OpenTelemetry has it. Times are nanoseconds since 1970."""

    name: str
    key: str
    parent: str
    started: int
    ended: int
    outcome: Outcome | None
    reason: str
    attributes: Attributes


def nodes(summary: RunSummary) -> list[Node]:
    """The spans of a run, parents first: a pure function of its journal.

    A scenario's times run from its own start, by the monotonic clock; only its start is by the wall
    clock. What never ended ends with its scenario.
    """
    facts = summary.facts
    began, ended = _ns(facts.started_at), _ns(facts.ended_at)
    about: dict[str, Any] = {
        "rollproof.run": facts.run,
        "rollproof.systems": facts.systems,
        "rollproof.environment": facts.environment,
        "rollproof.plan": str(facts.plan.get("name") or ""),
        "rollproof.outcome": summary.outcome.value,
        "rollproof.journal.head": summary.heads[0].hash if summary.heads else "",
        "vcs.ref.head.revision": facts.git,
    }
    root = Node("drill", "run", "", began, ended, summary.outcome, "; ".join(summary.problems), about)
    return [root, *(node for one in summary.scenarios for node in _of_scenario(one))]


def _of_scenario(one: ScenarioSummary) -> Iterator[Node]:
    key = f"{one.id}#{one.attempt}"
    began = _ns(one.started_at)
    ended = began + int(one.seconds * 1e9)
    about: dict[str, Any] = {
        "rollproof.scenario": one.id,
        "rollproof.system": one.system,
        "rollproof.feature": one.feature,
        "rollproof.outcome": one.outcome.value,
        "rollproof.rto.objective_seconds": one.objectives.rto_seconds,
        "rollproof.rto.measured_seconds": one.rto_seconds,
        "rollproof.rpo.measured_seconds": one.rpo_seconds,
    }
    known = {name: value for name, value in about.items() if value is not None}
    yield Node(one.name, key, "run", began, ended, one.outcome, one.reason, known)
    for number, act in enumerate(one.steps):
        yield from _of_act(act, f"{key}/{number}", key, began, ended)


def _of_act(act: ActResult, key: str, parent: str, scenario: int, latest: int) -> Iterator[Node]:
    began = scenario + int(act.started * 1e9)
    ended = latest if act.seconds is None else began + int(act.seconds * 1e9)
    name = str(act.data.get("name") or act.act) if act.act == "step" else act.act
    outcome = act.verdict or (None if act.status == "ok" else Outcome.UNKNOWN)
    reason = "" if act.status == "ok" else str(act.data.get("found") or act.status)
    about = {"rollproof.act": act.act, "rollproof.status": act.status}
    yield Node(name, key, parent, began, max(began, ended), outcome, reason, about)
    for number, below in enumerate(act.acts):
        yield from _of_act(below, f"{key}/{number}", key, scenario, latest)


def _ns(at: str) -> int:
    """Exact to the microsecond that the journal has: a float of seconds is not."""
    if not at:
        return 0
    moment = datetime.fromisoformat(at)
    return int(moment.replace(microsecond=0).timestamp()) * 10**9 + moment.microsecond * 1000


def spans(summary: RunSummary) -> list[ReadableSpan]:
    """The nodes as OpenTelemetry's own spans. Their ids come from the journal, so that a second export
    of a run says the same of the same trace. Raises EnvironmentUnavailable without opentelemetry-sdk.
    """
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope
        from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
    except ImportError:
        raise not_installed("opentelemetry-sdk") from None
    from rollproof import __version__

    resource = Resource({"service.name": "rollproof", "service.version": __version__})
    scope = InstrumentationScope("rollproof", __version__)
    seed = f"{summary.facts.run} {summary.heads[0].hash if summary.heads else ''}"
    trace = _id(seed, _TRACE_BYTES)

    def context(key: str) -> SpanContext:
        return SpanContext(
            trace, _id(f"{seed} {key}", _SPAN_BYTES), is_remote=False, trace_flags=TraceFlags(1)
        )

    return [
        ReadableSpan(
            name=one_line(node.name, _LONGEST),
            context=context(node.key),
            parent=context(node.parent) if node.parent else None,
            resource=resource,
            attributes=node.attributes,
            kind=SpanKind.INTERNAL,
            status=_status(node),
            start_time=node.started,
            end_time=max(node.started, node.ended),
            instrumentation_scope=scope,
        )
        for node in nodes(summary)
    ]


def _id(seed: str, size: int) -> int:
    """Never zero, which stands for no span at all."""
    return int.from_bytes(sha256(seed.encode()).digest()[:size], "big") or 1


def _status(node: Node) -> Any:
    """Proven is ok; refuted and unknown are errors; what claims nothing leaves it open."""
    from opentelemetry.trace import Status, StatusCode

    if node.outcome in (Outcome.REFUTED, Outcome.UNKNOWN):
        return Status(StatusCode.ERROR, one_line(f"{node.outcome.value}: {node.reason}", _LONGEST))
    return Status(StatusCode.OK if node.outcome is Outcome.PROVEN else StatusCode.UNSET)


def export_http(endpoint: str, summary: RunSummary) -> int:
    """Sends a run to an OTLP/HTTP endpoint, such as http://127.0.0.1:4318/v1/traces; how many spans it has.

    Raises BadInput for what is no address, EnvironmentUnavailable when it is not taken.
    """
    expect_address(endpoint, "--otlp")
    found = spans(summary)
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import SpanExportResult
    except ImportError:
        raise not_installed("opentelemetry-exporter-otlp-proto-http") from None
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=_SECONDS, headers={})
    try:
        result = exporter.export(found)
    finally:
        exporter.shutdown()  # type: ignore[no-untyped-call]
    if result is not SpanExportResult.SUCCESS:
        raise EnvironmentUnavailable(
            "the collector did not take the spans",
            where=shown_address(endpoint),
            remedy="see whether it listens there for OTLP over HTTP; the path is usually /v1/traces",
        )
    return len(found)


def write_json(path: Path, summary: RunSummary) -> int:
    """A run as OTLP/JSON, one request in the file; how many spans it has. Whole or not at all."""
    body = otlp_json(spans(summary))
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with partial.open("x", encoding="utf-8") as file:
            json.dump(body, file, indent=1, sort_keys=True)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise EnvironmentUnavailable(
            f"the spans cannot be written ({error.strerror})", where=str(path), remedy="make the folder"
        ) from None
    finally:
        partial.unlink(missing_ok=True)
    return len(nodes(summary))


def otlp_json(found: Sequence[ReadableSpan]) -> dict[str, Any]:
    """OTLP's JSON form: protobuf's, but ids are hexadecimal and enumerations numbers (OTLP 1.x, JSON)."""
    try:
        from google.protobuf.json_format import MessageToDict
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    except ImportError:
        raise not_installed("opentelemetry-exporter-otlp-proto-http") from None
    body: dict[str, Any] = MessageToDict(encode_spans(found), use_integers_for_enums=True)
    for resource in body.get("resourceSpans", []):
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:
                        span[name] = base64.b64decode(span[name]).hex()
    return body
