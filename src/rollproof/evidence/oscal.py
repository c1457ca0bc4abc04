"""oscal.json: OSCAL assessment results, for tools of auditors. Source: NIST OSCAL 1.2, assessment-results.

Checks are observations; a scenario is a finding about an objective of its own, under controls that it
supports. Nothing here says that a control is satisfied by itself: `satisfied` is said of the drill's
objective. What was unknown, not proven here or not applicable is never `satisfied`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from rollproof.evidence.facts import CheckResult, RunSummary, ScenarioSummary
from rollproof.evidence.standing.claims import claims_of, scenario_key
from rollproof.evidence.standing.controls import controls_from, shipped_controls
from rollproof.evidence.wording import one_line, printable, say_number
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome

VERSION = "1.2.0"
"""of OSCAL"""
NAMESPACE = "https://rollproof.dev/ns/oscal"
_NAMESPACE_UUID = uuid5(NAMESPACE_URL, NAMESPACE)
_LONGEST = 4000
_NO_TIME = "1970-01-01T00:00:00Z"
_CONTROL = re.compile(r"[^\W\d][\w.-]*\Z")

FRAMEWORK = "nist80053"
"""The framework of the control map whose ids OSCAL catalogs have: NIST SP 800-53."""


def control_id(name: str) -> str:
    """`cm-3.2` of `CM-3(2)`: ids as NIST's own catalog in OSCAL has them; empty for what cannot be one."""
    said = name.lower().replace("(", ".").replace(")", "")
    return said if _CONTROL.match(said) else ""


def _supported(summary: RunSummary) -> list[tuple[ScenarioSummary, list[str]]]:
    """Scenarios that claim something, with the controls that they support; those without any left out."""
    controls = shipped_controls().with_own(controls_from(summary.earlier.controls))
    claims = {(claim.place.system, claim.place.scenario): claim for claim in claims_of(summary)}
    found = []
    for one in summary.scenarios:
        claim = claims.get((one.system, scenario_key(one.id)))
        if claim is None or one.outcome.skipped:
            continue
        named = (
            name
            for rule in controls.rules
            if rule.means(claim)
            for name in dict(rule.supports).get(FRAMEWORK, ())
        )
        if ids := list(filter(None, map(control_id, dict.fromkeys(named)))):
            found.append((one, ids))
    return found


def render_oscal(summary: RunSummary) -> bytes:
    """The run as OSCAL assessment results, JSON, UTF-8. The same summary gives the same bytes."""
    document = {"assessment-results": _Document(summary).to_json()}
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n"


@dataclass(frozen=True)
class _Document:
    run: RunSummary

    def uuid(self, *parts: str) -> str:
        """Of the run and a part of it: the same journal gives the same UUIDs, another journal others."""
        head = self.run.heads[0].hash if self.run.heads else ""
        name = "\n".join([self.run.facts.run, head, *parts])
        return str(uuid5(_NAMESPACE_UUID, name.encode("utf-8", "backslashreplace").decode()))

    def to_json(self) -> dict[str, Json]:
        return _without_nothing(
            {
                "uuid": self.uuid("document"),
                "metadata": self._metadata(),
                "import-ap": {
                    "href": f"#{self.uuid('plan')}",
                    "remarks": "what the run was asked to do, before it began",
                },
                "local-definitions": {"objectives-and-methods": self._objectives()}
                if self.supported
                else None,
                "results": [self._result()],
                "back-matter": {"resources": self._resources()},
            }
        )

    @cached_property
    def supported(self) -> list[tuple[ScenarioSummary, list[str]]]:
        return _supported(self.run)

    def _metadata(self) -> dict[str, Json]:
        facts = self.run.facts
        ended = _time(facts.ended_at)
        return {
            "title": _title(f"Rollback drills, run {facts.run}"),
            "published": ended,
            "last-modified": ended,
            "version": "1",
            "oscal-version": VERSION,
            "props": _props({"journal-head": self.run.heads[0].hash if self.run.heads else "none"}),
            "roles": [{"id": "operator", "title": "Operator, who ran the drills"}],
            "parties": [
                {
                    "uuid": self.uuid("operator"),
                    "type": "person",
                    "name": _title(facts.operator or "not recorded"),
                }
            ],
            "responsible-parties": [{"role-id": "operator", "party-uuids": [self.uuid("operator")]}],
            "remarks": _text(facts.seal_said),
        }

    def _objectives(self) -> list[Json]:
        """Each control with the objectives of the drills that support it."""
        by_control: dict[str, list[Json]] = {}
        for one, controls in self.supported:
            for control in controls:
                part = {"id": self._objective(one, control), "name": "objective", "prose": _text(one.name)}
                by_control.setdefault(control, []).append(part)
        return [
            {
                "control-id": control,
                "description": f"Drills that are evidence supporting {control}.",
                "parts": parts,
            }
            for control, parts in by_control.items()
        ]

    def _objective(self, one: ScenarioSummary, control: str) -> str:
        return f"{control}_drill-{self.uuid('objective', control, one.id, str(one.attempt))}"

    def _result(self) -> dict[str, Json]:
        facts = self.run.facts
        observations = [self._observation(one, place) for one in self.run.scenarios for place in _places(one)]
        return _without_nothing(
            {
                "uuid": self.uuid("result"),
                "title": _title(f"Rollback drills in the {facts.environment or 'unnamed'} environment"),
                "description": _text(
                    f"{len(self.run.scenarios)} scenarios, the run as a whole: {self.run.outcome.value}. "
                    f"{facts.seal_said}"
                ),
                "start": _time(facts.started_at),
                "end": _time(facts.ended_at),
                "props": _props(
                    {"outcome": self.run.outcome.value, "finished": str(self.run.finished).lower()}
                ),
                "local-definitions": {"components": self._components()} if facts.systems else None,
                "reviewed-controls": {"control-selections": [self._selection()]},
                "observations": observations,
                "findings": [self._finding(one, control) for one, ids in self.supported for control in ids],
                "remarks": _text("\n".join(self.run.problems)) or None,
            }
        )

    def _components(self) -> list[Json]:
        return [
            {
                "uuid": self.uuid("system", name),
                "type": "this-system",
                "title": _title(name),
                "description": _text(f"The system under drill, as its system file declares it: {name}"),
                "status": {"state": "operational"},
            }
            for name in self.run.facts.systems
        ]

    def _selection(self) -> dict[str, Json]:
        ids = dict.fromkeys(control for _, controls in self.supported for control in controls)
        selection: dict[str, Json] = {"description": "Controls that the drills are evidence in support of."}
        if ids:
            return selection | {"include-controls": [{"control-id": control} for control in ids]}
        return {"description": "No control is named: the drills are evidence by themselves."}

    def _observation(self, one: ScenarioSummary, place: int | None) -> dict[str, Json]:
        """A check's verdict, or, where none gave one, what came of the scenario."""
        check = None if place is None else one.checks[place]
        title = one.name if check is None else f"{one.name}: {check.title}"
        return _without_nothing(
            {
                "uuid": self._observed(one, place),
                "title": _title(title),
                "description": _text(_said(one, check)),
                "props": _observed_props(one, check),
                "methods": ["TEST"],
                "types": ["control-objective"],
                "subjects": [
                    {"subject-uuid": self.uuid("system", name), "type": "component"}
                    for name in self.run.facts.systems
                    if name == one.system
                ],
                "relevant-evidence": [
                    {
                        "href": f"#{self.uuid('journal')}",
                        "description": _text(f"Events of {one.id}, attempt {one.attempt}."),
                    }
                ],
                "collected": _time(one.started_at or self.run.facts.started_at),
            }
        )

    def _observed(self, one: ScenarioSummary, place: int | None) -> str:
        return self.uuid("observation", one.id, str(one.attempt), "" if place is None else str(place))

    def _finding(self, one: ScenarioSummary, control: str) -> dict[str, Json]:
        passes = one.outcome is Outcome.PROVEN
        reasons = {Outcome.PROVEN: "pass", Outcome.REFUTED: "fail"}
        status: dict[str, Json] = {
            "state": "satisfied" if passes else "not-satisfied",
            "reason": reasons.get(one.outcome, "other"),
            "remarks": _text(f"{one.outcome.value}: {one.reason}"),
        }
        target: dict[str, Json] = {
            "type": "objective-id",
            "target-id": self._objective(one, control),
            "status": status,
        }
        return {
            "uuid": self.uuid("finding", control, one.id, str(one.attempt)),
            "title": _title(one.name),
            "description": _text(
                f"Evidence supporting {control}: this drill came out {one.outcome.value}. "
                "It says nothing of the rest of the control."
            ),
            "target": target,
            "related-observations": [
                {"observation-uuid": self._observed(one, place)} for place in _places(one)
            ],
        }

    def _resources(self) -> list[Json]:
        about = (("journal", "journal.ndjson"), ("plan", "plan.json"), ("verdicts", "verdicts.json"))
        return [
            {
                "uuid": self.uuid(kind),
                "title": name,
                "description": f"{name} of the bundle that this file lies in",
                "rlinks": [{"href": name}],
            }
            for kind, name in about
        ]


def _places(one: ScenarioSummary) -> Sequence[int | None]:
    return range(len(one.checks)) if one.checks else (None,)


def _said(one: ScenarioSummary, check: CheckResult | None) -> str:
    if check is None:
        return f"{one.outcome.value}: {one.reason or 'no check gave a verdict'}"
    return "\n".join([f"{check.verdict.outcome.value}: {check.verdict.reason}", *check.verdict.findings[:50]])


def _observed_props(one: ScenarioSummary, check: CheckResult | None) -> list[Json]:
    outcome = one.outcome if check is None else check.verdict.outcome
    found = {"outcome": outcome.value, "scenario": one.id}
    if check is not None:
        found["check"] = check.check
        found |= {name: say_number(name, value)[1] for name, value in check.verdict.numbers.items()}
    return _props(found)


_NOT_TOKEN = re.compile(r"[^\w.-]+", re.ASCII)


def _props(found: Mapping[str, str]) -> list[Json]:
    """Names must be tokens, values one line without blanks at their ends, and neither empty."""
    props: list[Json] = []
    for name, value in found.items():
        token = _NOT_TOKEN.sub("-", name).strip("-.") or "value"
        token = token if token[0].isalpha() or token[0] == "_" else f"n{token}"
        if said := one_line(printable(value), 500).strip():
            props.append({"name": token, "ns": NAMESPACE, "value": said})
    return props


def _title(text: str) -> str:
    """One line, as OSCAL wants of titles and names."""
    return _text(one_line(text, 400))


def _text(text: str) -> str:
    said = printable(text).encode("utf-8", "backslashreplace").decode().strip()
    return (said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}…") or "–"


_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z\Z", re.ASCII)


def _time(stamp: str) -> str:
    return stamp if _TIME.match(stamp) else _NO_TIME


def _without_nothing(data: Mapping[str, Any]) -> dict[str, Json]:
    """OSCAL allows no empty list and no null."""
    return {name: value for name, value in data.items() if value not in (None, [], {}, "")}
