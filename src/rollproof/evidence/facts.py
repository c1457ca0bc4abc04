"""What evidence is made of: a run as its journal tells it, in frozen data that every report shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from rollproof.evidence.compatibility import CompatibilityTable
from rollproof.evidence.standing.earlier import Earlier
from rollproof.model.fingerprint import Difference
from rollproof.model.json import JsonObject
from rollproof.model.rows import RowChanges
from rollproof.model.verdict import Outcome, Verdict
from rollproof.model.workingcopy import WorkingCopy


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check said of one claim."""

    check: str
    title: str
    verdict: Verdict
    params: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ActResult:
    """One act: what was announced, what came of it.

    Attributes:
        status: `ok`, `fail`, `unknown`, or `open` when the journal ends before the act does.
        started, seconds: since the scenario's start, and how long; None when it never ended.
        data: what begin and end said, the end's word counting; without what healing needs.
        verdict: the worst of the verdicts that a step asked for; None when it asked for none.
    """

    act: str
    status: str
    started: float
    seconds: float | None
    data: JsonObject
    acts: tuple[ActResult, ...] = ()
    verdict: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of an incident. `seconds` is None when it never ended."""

    name: str
    started: float
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Incident:
    """From the fault to the first verified service, in seconds since the scenario's start.

    The recovery time runs from the fault to `verified`, not to the end of the rollback: a service
    that nobody has verified is not back (ISO 22301, recovery time objective).
    """

    cause: str
    fault: float
    detected: float | None = None
    decided: float | None = None
    executed: float | None = None
    verified: float | None = None

    @property
    def rto_seconds(self) -> float | None:
        """Fault to verified service; None when it was never verified."""
        return None if self.verified is None else max(0.0, round(self.verified - self.fault, 6))

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Detect, decide, execute, verify. A mark that is missing joins its phase to the next one."""
        marks = (
            ("detect", self.detected),
            ("decide", self.decided),
            ("execute", self.executed),
            ("verify", self.verified),
        )
        found: list[Phase] = []
        waiting: list[str] = []
        since = self.fault
        for name, mark in marks:
            waiting.append(name)
            if mark is not None:
                found.append(Phase(" + ".join(waiting), since, max(0.0, round(mark - since, 6))))
                since, waiting = max(since, mark), []
        return (*found, Phase(" + ".join(waiting), since, None)) if waiting else tuple(found)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two observations of a component side by side.

    `differences_ref` and `changes_ref` name the attachments that hold everything.
    """

    label: str
    against: str
    component: str
    differences: tuple[Difference, ...]
    changes: tuple[RowChanges, ...]
    differences_ref: str = ""
    changes_ref: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One read or write of a client: seconds since the scenario's start, and how it ended."""

    at: float
    kind: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Traffic:
    """What clients did while the drill went on."""

    writes: int
    reads: int
    acknowledged: int
    failed: int
    indeterminate: int
    operations: tuple[Operation, ...] = ()
    findings: tuple[str, ...] = ()
    """what went wrong with the clients themselves"""


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """An item of the checklist: `phase` is before, during, after or empty."""

    item: str
    label: str
    phase: str
    outcome: Outcome
    by: str
    """the check that ticked it, or the person who signed it"""


@dataclass(frozen=True, slots=True)
class Objectives:
    """What the business asks for, in seconds, and where it says so."""

    rto_seconds: float | None = None
    rpo_seconds: float | None = None
    source: str = ""
    critical: tuple[str, ...] | None = None
    """tags of the scenarios that are critical; None when the system declares none"""


@dataclass(frozen=True, slots=True)
class Reliance:
    """What a scenario relied on the environment for.

    Attributes:
        how: `holds`, `does not hold` or `unknown`, as a small experiment found; `provided by the suite`
            where the suite stands in for what the environment lacks.
    """

    name: str
    how: str
    found: str


@dataclass(frozen=True)
class ScenarioSummary:
    """One scenario on one system.

    Attributes:
        outcome: the recorded one, or a worse one when the journal contradicts it; never better.
        recorded: what the journal itself concluded; None when it never did.
        problems: what is wrong with this scenario's evidence.
        interventions: what was put around its acts by others, such as saboteurs.
        copies: what its database was a copy of; empty where the drill made one from nothing.
    """

    id: str
    attempt: int
    feature: str
    name: str
    system: str
    tags: tuple[str, ...]
    file: str
    line: int | None
    outcome: Outcome
    recorded: Outcome | None
    reason: str
    seconds: float
    started_at: str
    checks: tuple[CheckResult, ...]
    steps: tuple[ActResult, ...]
    incidents: tuple[Incident, ...]
    comparisons: tuple[Comparison, ...]
    checklist: tuple[ChecklistItem, ...]
    traffic: Traffic | None
    objectives: Objectives
    problems: tuple[str, ...] = ()
    reliances: tuple[Reliance, ...] = ()
    compatibility: CompatibilityTable | None = None
    interventions: tuple[str, ...] = ()
    copies: tuple[WorkingCopy, ...] = ()

    @cached_property
    def acts(self) -> tuple[ActResult, ...]:
        """Every act below the steps, in order, however deep."""
        return tuple(act for act in _flat(self.steps) if act.act != "step")

    @property
    def rollbacks(self) -> tuple[ActResult, ...]:
        """The acts that took something back: what an operator would run."""
        return tuple(act for act in self.acts if act.act.rpartition(".")[2] in _TAKES_BACK)

    @property
    def rto_seconds(self) -> float | None:
        """The longest recovery; None when there was none, or when one never ended."""
        times = [incident.rto_seconds for incident in self.incidents]
        return None if not times or None in times else max(time for time in times if time is not None)

    @property
    def recovery_claimed(self) -> bool:
        """Whether a check was asked about the recovery time; a drill of a refusal asks for none."""
        return any(check.check == "within-rto" for check in self.checks)

    @property
    def rpo_seconds(self) -> float | None:
        """The worst recovery point that a check measured."""
        found = [check.verdict.numbers.get("rpo_seconds") for check in self.checks]
        points = [float(point) for point in found if isinstance(point, int | float)]
        return max(points, default=None)

    @property
    def proven_checks(self) -> int:
        return sum(check.verdict.outcome is Outcome.PROVEN for check in self.checks)


_TAKES_BACK = frozenset({"roll_back", "rollback", "restore", "revert", "reverse"})


def _flat(acts: Sequence[ActResult]) -> list[ActResult]:
    return [one for act in acts for one in (act, *_flat(act.acts))]


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Who ran what, where, with which versions, and how to do it again.

    Attributes:
        plan: name and digest of the plan that it belongs to; empty without one.
        planned: ids of the scenarios that were chosen, begun or not.
        key: id of the key that the run is to be sealed with; empty when nobody signs.
        releases, images, migration_heads: what was deployed, in the order of the journal, by whatever
            name or digest the journal has.
        differences: by system, how the drilled environment differs from production, as declared.
        language: code of the language that the run's reports are in.
        picked: options by which whoever ran it left scenarios out.
        override: why it was started though its plan forbade that; empty when nobody said so.
        copies: what was worked on where it was a copy of something that was there before the run.
        parts: how many parts of a run that was split are here, and of how many; None when it was whole.
    """

    run: str
    systems: tuple[str, ...] = ()
    environment: str = ""
    started_at: str = ""
    ended_at: str = ""
    seconds: float | None = None
    git: str = ""
    python: str = ""
    platform: str = ""
    command: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    environment_facts: Mapping[str, str] = field(default_factory=dict)
    objectives: Mapping[str, Objectives] = field(default_factory=dict)
    operator: str = ""
    key: str = ""
    plan: JsonObject = field(default_factory=dict)
    planned: tuple[str, ...] = ()
    releases: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    migration_heads: Mapping[str, str] = field(default_factory=dict)
    differences: Mapping[str, Sequence[str]] = field(default_factory=dict)
    language: str = "en"
    picked: tuple[str, ...] = ()
    override: str = ""
    parts: tuple[int, int] | None = None
    copies: tuple[WorkingCopy, ...] = ()

    @property
    def partial(self) -> bool:
        """Whether scenarios are missing that the features or the plan hold, as whoever ran it chose."""
        return bool(self.picked) or self.parts is not None

    @property
    def seal_said(self) -> str:
        """How the run's evidence is protected, in one sentence, for every report."""
        if not self.key:
            return UNSIGNED
        return f"To be signed by key {self.key[:16]}…; `rollproof verify` says whether it is."


UNSIGNED = "Unsigned: detects accident, not malice."


@dataclass(frozen=True, slots=True)
class JournalHead:
    """The last link of a journal's chain: this hash stands for everything before it."""

    part: str
    """the worker whose journal it is; empty for the run's own"""
    hash: str


@dataclass(frozen=True)
class RunSummary:
    """A whole run.

    Attributes:
        outcome: the worst of the scenarios that claim something; unknown when the run did not
            finish or its evidence is damaged, unless something is refuted.
        finished: False when the journal was cut short.
        problems: what speaks against trusting the run as a whole, one line each.
        earlier: how everything stood when the run began.
    """

    facts: RunFacts
    scenarios: tuple[ScenarioSummary, ...]
    outcome: Outcome
    finished: bool
    heads: tuple[JournalHead, ...]
    events: int
    problems: tuple[str, ...] = ()
    earlier: Earlier = field(default_factory=Earlier)

    @cached_property
    def counts(self) -> Mapping[Outcome, int]:
        """How many scenarios ended in each outcome, all five named."""
        return {
            outcome: sum(scenario.outcome is outcome for scenario in self.scenarios) for outcome in Outcome
        }

    @property
    def not_proven(self) -> tuple[ScenarioSummary, ...]:
        """Scenarios that are anything but proven, the worst first."""
        order = (Outcome.REFUTED, Outcome.UNKNOWN, Outcome.NOT_PROVEN_HERE, Outcome.NOT_APPLICABLE)
        return tuple(one for outcome in order for one in self.scenarios if one.outcome is outcome)
