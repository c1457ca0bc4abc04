"""What one run claimed of each scenario: all that readiness, findings and trends know of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rollproof.evidence import reading
from rollproof.model.json import Json, JsonObject
from rollproof.model.verdict import Outcome, worst

if TYPE_CHECKING:
    from rollproof.evidence.facts import RunFacts, RunSummary, ScenarioSummary

FORMAT = "rollproof-result/1"
CRITICAL_TAGS = ("data-loss", "production", "restore", "security")
"""Tags of critical scenarios where a system declares none; `critical` itself always is one."""
BASES = ("unsigned", "changes", "picked", "override")
"""Of a run: nobody was to sign it; its working copy had changes that were not committed; scenarios were
picked by hand; it was begun against its plan's own conditions."""
CHANGES = "+changes"
"""What `run.started` puts behind a commit whose working copy differs from it."""
WHOLE = "scenario"
"""Stands for a check where a scenario was refuted and none of its checks was."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A scenario on a system in an environment: what was proven in one environment says nothing of another.

    `scenario` is the feature file's name and the test in it, without the folder, which differs by machine.
    """

    system: str
    environment: str
    scenario: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What one run said of one scenario.

    Attributes:
        outcome: proven, refuted or unknown; what was skipped claims nothing and makes no claim.
        at: when the scenario began, UTC, ISO 8601; run: the run's id.
        interval: how old it may become, in seconds, as the run's plan says; None without a plan.
        checks: outcome by check, the worst where one was asked several times.
        titles: by check, what it claims.
        operator: who ran it.
        basis: what a proof of this run rests on that a reader would want to know, of `BASES`.
        machine: what it ran on; recovery times of another machine are not held against it.
    """

    place: Place
    name: str
    feature: str
    tags: tuple[str, ...]
    critical: bool
    outcome: Outcome
    at: str
    run: str
    rto: float | None = None
    rto_target: float | None = None
    rpo: float | None = None
    rpo_target: float | None = None
    interval: float | None = None
    checks: tuple[tuple[str, Outcome], ...] = ()
    titles: tuple[tuple[str, str], ...] = ()
    operator: str = ""
    basis: tuple[str, ...] = ()
    machine: str = ""

    def to_json(self) -> dict[str, Json]:
        return {
            "system": self.place.system,
            "environment": self.place.environment,
            "scenario": self.place.scenario,
            "name": self.name,
            "feature": self.feature,
            "tags": list(self.tags),
            "critical": self.critical,
            "outcome": self.outcome.value,
            "at": self.at,
            "rto_seconds": self.rto,
            "rto_objective_seconds": self.rto_target,
            "rpo_seconds": self.rpo,
            "rpo_objective_seconds": self.rpo_target,
            "interval_seconds": self.interval,
            **({"basis": list(self.basis)} if self.basis else {}),
            **({"machine": self.machine} if self.machine else {}),
        }

    @classmethod
    def from_json(cls, data: JsonObject, *, run: str, operator: str) -> Claim:
        """Without checks and titles, which only findings need, and those are entered when the run ends.

        Raises KeyError for anything but what `to_json` makes.
        """
        get = data.get
        return cls(
            Place(str(data["system"]), str(data["environment"]), str(data["scenario"])),
            str(data["name"]),
            str(data["feature"]),
            reading.texts(data, "tags"),
            data["critical"] is True,
            _OUTCOMES[str(data["outcome"])],
            str(data["at"]),
            run,
            _number(get("rto_seconds")),
            _number(get("rto_objective_seconds")),
            _number(get("rpo_seconds")),
            _number(get("rpo_objective_seconds")),
            _number(get("interval_seconds")),
            operator=operator,
            basis=reading.texts(data, "basis"),
            machine=reading.text(data, "machine"),
        )


_OUTCOMES = {outcome.value: outcome for outcome in (Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN)}


def _number(value: Json) -> float | None:
    return float(value) if type(value) in (int, float) else None  # type: ignore[arg-type]  # a number


def scenario_key(identity: str) -> str:
    """`migration.feature::test_additive[mini]` of `/some/folder/migration.feature::test_additive[mini]`."""
    path, colons, test = identity.partition("::")
    return path.replace("\\", "/").rpartition("/")[2] + colons + test


def claims_of(summary: RunSummary) -> tuple[Claim, ...]:
    """One claim for each scenario that claims anything, in the order of the run.

    Of several attempts the worst counts. A run that did not finish, or whose evidence is damaged, proves
    nothing, nor does a scenario that others interfered with: what it calls proven is left out, what it
    refutes or leaves open stays.
    """
    whole = summary.finished and not summary.problems
    found: dict[Place, Claim] = {}
    for one in summary.scenarios:
        sound = whole and not one.interventions
        if one.outcome.skipped or (one.outcome is Outcome.PROVEN and not sound):
            continue
        claim = _claim(one, summary)
        found[claim.place] = _worse(found[claim.place], claim) if claim.place in found else claim
    return tuple(found.values())


def _claim(one: ScenarioSummary, summary: RunSummary) -> Claim:
    checks, titles = _checks(one)
    asked = one.objectives
    return Claim(
        Place(one.system, summary.facts.environment, scenario_key(one.id)),
        one.name,
        one.feature,
        one.tags,
        is_critical(one.tags, asked.critical),
        one.outcome,
        one.started_at,
        summary.facts.run,
        one.rto_seconds,
        asked.rto_seconds,
        one.rpo_seconds,
        asked.rpo_seconds,
        reading.number(summary.facts.plan, "interval"),
        checks,
        titles,
        summary.facts.operator,
        tuple(_basis(summary.facts)),
        summary.facts.platform,
    )


def _basis(facts: RunFacts) -> Iterator[str]:
    if not facts.key:
        yield "unsigned"
    if CHANGES in facts.git:
        yield "changes"
    if facts.picked:
        yield "picked"
    if facts.override:
        yield "override"


def is_critical(tags: Sequence[str], declared: Sequence[str] | None) -> bool:
    """By the tag `critical`, and by those that the system declares; `CRITICAL_TAGS` if it declares none."""
    wanted = CRITICAL_TAGS if declared is None else declared
    return bool({"critical", *wanted} & set(tags))


def _checks(
    one: ScenarioSummary,
) -> tuple[tuple[tuple[str, Outcome], ...], tuple[tuple[str, str], ...]]:
    asked: dict[str, list[Outcome]] = {}
    titles: dict[str, str] = {}
    for check in one.checks:
        asked.setdefault(check.check, []).append(check.verdict.outcome)
        if check.verdict.outcome is Outcome.REFUTED or check.check not in titles:
            titles[check.check] = check.title
    outcomes = {name: worst(found) for name, found in asked.items()}
    if one.outcome is Outcome.REFUTED and Outcome.REFUTED not in outcomes.values():
        outcomes[WHOLE], titles[WHOLE] = Outcome.REFUTED, one.name
    elif one.outcome is Outcome.PROVEN:
        outcomes[WHOLE], titles[WHOLE] = Outcome.PROVEN, one.name
    return tuple(sorted(outcomes.items())), tuple(sorted(titles.items()))


def _worse(one: Claim, other: Claim) -> Claim:
    """Two attempts made one: the worst outcome of the whole and of each check, the longest recovery."""
    checks = dict(one.checks)
    for name, outcome in other.checks:
        checks[name] = worst([checks[name], outcome]) if name in checks else outcome
    outcome = worst([one.outcome, other.outcome])
    if outcome is not Outcome.PROVEN and checks.get(WHOLE) is Outcome.PROVEN:
        del checks[WHOLE]
    return replace(
        other,
        outcome=outcome,
        checks=tuple(sorted(checks.items())),
        titles=tuple(sorted((dict(one.titles) | dict(other.titles)).items())),
        rto=None if None in (one.rto, other.rto) else max(one.rto or 0.0, other.rto or 0.0),
    )


def result_json(claims: Iterable[Claim], summary: RunSummary) -> dict[str, Json]:
    """result.json: what later runs read of this one."""
    facts = summary.facts
    return {
        "format": FORMAT,
        "run": facts.run,
        "outcome": summary.outcome.value,
        "finished": summary.finished,
        "started_at": facts.started_at,
        "ended_at": facts.ended_at,
        "environment": facts.environment,
        "plan": reading.text(facts.plan, "name"),
        "operator": facts.operator,
        "journal": summary.heads[0].hash if summary.heads else None,
        "skipped": {
            outcome.value: sum(one.outcome is outcome for one in summary.scenarios)
            for outcome in Outcome
            if outcome.skipped
        },
        "claims": [claim.to_json() for claim in claims],
    }


def claims_from(data: Mapping[str, Any]) -> tuple[Claim, ...]:
    """Of a result.json. Raises ValueError, KeyError, TypeError or AttributeError for anything else."""
    if data["format"] != FORMAT:
        raise ValueError("another format")
    run, operator = str(data["run"]), str(data["operator"])
    return tuple(Claim.from_json(one, run=run, operator=operator) for one in data["claims"])
