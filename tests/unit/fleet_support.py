"""Runs written for tests: parts of one drill, with a scenario for each system."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rollproof.drill.recovery import JOURNAL
from rollproof.journal import Journal, Kind, Recorder
from rollproof.model.json import Json

PLAN: dict[str, Json] = {"name": "weekly", "digest": "d" * 64, "due": None}


def run_of(
    folder: Path,
    run: str,
    systems: Sequence[str],
    *,
    shard: tuple[int, int] | None = None,
    outcome: str = "proven",
    ends: str = "finished",
    chosen: Sequence[str] | None = None,
    plan: dict[str, Json] | None = PLAN,
    about: dict[str, Json] | None = None,
    feature: str = "Rollback",
) -> Path:
    """A run's folder. `ends`: finished, killed (healed later) or open."""
    ids = [f"features/a.feature::one[{system}]" for system in systems]
    with Journal(folder / run / JOURNAL, run=run) as journal:
        own = Recorder(journal, "run")
        split: dict[str, Json] = {"shard": {"index": shard[0], "of": shard[1]}} if shard else {}
        objectives: dict[str, Json] = {one: {"rto_seconds": 900, "rpo_seconds": 0} for one in systems}
        began: dict[str, Json] = {
            "system": list(systems),
            "environment": "embedded",
            "objectives": objectives,
        }
        own.note("run.started", {**began, **split, **({"plan": plan} if plan else {}), **(about or {})})
        own.note("run.planned", {"items": list(ids if chosen is None else chosen)})
        for system, name in zip(systems, ids, strict=True):
            _scenario(journal, name, system, outcome, feature)
        if ends != "open":
            reason: dict[str, Json] = {"reason": "the run was killed; it was healed later"}
            own.note("run.finished", {"outcome": outcome, **(reason if ends == "killed" else {})})
    return folder / run


def _scenario(journal: Journal, name: str, system: str, outcome: str, feature: str) -> None:
    recorder = Recorder(journal, name)
    recorder.note("scenario.started", {"feature": feature, "name": "one", "system": system})
    begun = recorder.begin("migration.roll_back", {"undo": {"kind": "fake.thing"}})
    recorder.for_client("clients").note("traffic.finished", {"writes": 3})
    recorder.close(begun, Kind.OK, {})
    kinds = {"proven": Kind.OK, "refuted": Kind.FAIL, "unknown": Kind.UNKNOWN}
    verdict: dict[str, Json] = {"check": "rows", "title": "rows", "params": {}, "outcome": outcome}
    journal.write(name, kinds[outcome], "verify", {**verdict, "reason": "r", "numbers": {}, "findings": []})
    healing = recorder.begin("heal", {"healed": begun.seq})
    recorder.close(healing, Kind.OK, {"healed": begun.seq})
    recorder.note("scenario.concluded", {"outcome": outcome, "reason": "r"})
