"""Runs as numbers for a dashboard: pure functions of their journals, so no gauge depends on when it is read.

There is no gauge for "seconds since": a file that nobody writes any more would show it standing still, and
young. The times themselves are given, and the dashboard subtracts: `time() - rollproof_last_proven_…`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from rollproof.evidence.facts import RunSummary, ScenarioSummary
from rollproof.evidence.reading import text
from rollproof.evidence.summary import summarise
from rollproof.journal import History
from rollproof.model.verdict import Outcome, worst

LAST_PROVEN = "rollproof_last_proven_timestamp_seconds"
HELP = {
    LAST_PROVEN: "When the rollback was last proven: the end of the newest run in which the feature was.",
    "rollproof_last_run_timestamp_seconds": "When the newest run of the feature ended, whatever it proved.",
    "rollproof_scenarios": "Scenarios of the newest run of the feature, by outcome.",
    "rollproof_rto_measured_seconds": "Longest recovery of the feature's newest run, to verified service.",
    "rollproof_rto_objective_seconds": "Recovery time objective that the newest run was held against.",
    "rollproof_rpo_measured_seconds": "Worst recovery point of the feature's newest run.",
    "rollproof_rpo_objective_seconds": "Recovery point objective that the newest run was held against.",
    "rollproof_run_duration_seconds": "How long the newest run took, by plan and environment.",
    "rollproof_run_outcome": "1 for what the newest run proved, 0 for the other outcomes.",
    "rollproof_runs_unreadable": "Journals that cannot be read or whose chain is broken.",
}
"""All metrics, with what they mean. docs/reference/metrics.md says the same."""

OF_A_FEATURE = ("system", "environment", "feature")
OF_A_RUN = ("plan", "environment")


@dataclass(frozen=True, slots=True)
class Sample:
    """One value, as Prometheus has it: names and values of its labels in order."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A run, and whether it drilled all that its features hold: one picked by hand proves no feature."""

    summary: RunSummary
    whole: bool

    @classmethod
    def of(cls, history: History) -> Measured:
        return cls(summarise(history), not _is_part(history))


def _is_part(history: History) -> bool:
    """Scenarios were left out by name, or it is a part of a run that was split and never made one again."""
    began = [event.data for event in history.all("run.started")]
    merged = bool(history.all("parts.merged"))
    return any(data.get("left_out") or (data.get("shard") and not merged) for data in began)


def samples(runs: Iterable[Measured], *, unreadable: int = 0) -> list[Sample]:
    """The state that all the runs together leave, sorted: of each feature and each plan, the newest counts.

    A feature is proven by a run when all its scenarios that claim anything are proven in it, and at
    least one is. A run that did not finish, or for which scenarios were picked by hand, proves none.
    """
    ordered = sorted(runs, key=lambda run: (run.summary.facts.ended_at, run.summary.facts.run))
    found = [
        *_of_features(ordered),
        *_of_runs([run.summary for run in ordered]),
        Sample("rollproof_runs_unreadable", (), float(unreadable)),
    ]
    return sorted(found, key=lambda sample: (sample.name, sample.labels))


def _of_features(ordered: Sequence[Measured]) -> Iterator[Sample]:
    newest: dict[tuple[str, str, str], tuple[RunSummary, list[ScenarioSummary]]] = {}
    proven: dict[tuple[str, str, str], float] = {}
    for measured in ordered:
        run = measured.summary
        for key, scenarios in _grouped(run).items():
            newest[key] = run, scenarios
            if measured.whole and run.finished and not run.problems and is_proven(scenarios):
                proven[key] = _seconds(run.facts.ended_at)
    for key, (run, scenarios) in newest.items():
        labels = tuple(zip(OF_A_FEATURE, key, strict=True))
        yield from _of_feature(run, scenarios, labels)
        if key in proven:
            yield Sample(LAST_PROVEN, labels, proven[key])


def is_proven(scenarios: Iterable[ScenarioSummary]) -> bool:
    """Whether something was claimed, and all of it is proven."""
    claims = [one.outcome for one in scenarios if not one.outcome.skipped]
    return worst(claims) is Outcome.PROVEN


def _grouped(run: RunSummary) -> dict[tuple[str, str, str], list[ScenarioSummary]]:
    found: dict[tuple[str, str, str], list[ScenarioSummary]] = {}
    for one in run.scenarios:
        found.setdefault((one.system, run.facts.environment, one.feature), []).append(one)
    return found


def _of_feature(
    run: RunSummary, scenarios: Sequence[ScenarioSummary], labels: tuple[tuple[str, str], ...]
) -> Iterator[Sample]:
    yield Sample("rollproof_last_run_timestamp_seconds", labels, _seconds(run.facts.ended_at))
    for outcome in Outcome:
        count = sum(one.outcome is outcome for one in scenarios)
        yield Sample("rollproof_scenarios", (*labels, ("outcome", outcome.value)), float(count))
    measured = {
        "rollproof_rto_measured_seconds": [one.rto_seconds for one in scenarios],
        "rollproof_rto_objective_seconds": [one.objectives.rto_seconds for one in scenarios],
        "rollproof_rpo_measured_seconds": [one.rpo_seconds for one in scenarios],
        "rollproof_rpo_objective_seconds": [one.objectives.rpo_seconds for one in scenarios],
    }
    for name, values in measured.items():
        known = [value for value in values if value is not None]
        if known:
            yield Sample(name, labels, max(known))


def _of_runs(ordered: Sequence[RunSummary]) -> Iterator[Sample]:
    newest = {(text(run.facts.plan, "name"), run.facts.environment): run for run in ordered}
    for key, run in newest.items():
        labels = tuple(zip(OF_A_RUN, key, strict=True))
        if run.facts.seconds is not None:
            yield Sample("rollproof_run_duration_seconds", labels, run.facts.seconds)
        for outcome in (Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN):
            value = 1.0 if run.outcome is outcome else 0.0
            yield Sample("rollproof_run_outcome", (*labels, ("outcome", outcome.value)), value)


def _seconds(at: str) -> float:
    """Since 1970, of a stamp of the journal's; 0 for none."""
    return datetime.fromisoformat(at).timestamp() if at else 0.0
