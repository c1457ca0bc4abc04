"""Claims and sealed runs for the tests of readiness, findings, controls and trends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rollproof.evidence.register import Register
from rollproof.evidence.standing.claims import Claim, Place
from rollproof.evidence.standing.record import note_earlier
from rollproof.journal import Journal, Kind, Recorder
from rollproof.model.json import JsonObject
from rollproof.model.seal import Seal
from rollproof.model.verdict import Outcome
from rollproof.seal.closing import close_run

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KINDS = {"proven": Kind.OK, "refuted": Kind.FAIL, "unknown": Kind.UNKNOWN}


def stamp(days_ago: float) -> str:
    return (NOW - timedelta(days=days_ago)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def claim(
    scenario: str = "one",
    outcome: Outcome = Outcome.PROVEN,
    days_ago: float = 0.0,
    *,
    run: str = "",
    critical: bool = False,
    checks: Mapping[str, Outcome] | None = None,
    rto: float | None = None,
    interval_days: float | None = None,
    environment: str = "embedded",
    tags: tuple[str, ...] = (),
) -> Claim:
    return Claim(
        Place("mini", environment, f"migration.feature::{scenario}"),
        scenario,
        "A migration is rolled back",
        tags,
        critical,
        outcome,
        stamp(days_ago),
        run or f"run-{1000 - days_ago:09.3f}",
        rto=rto,
        rto_target=900.0,
        interval=None if interval_days is None else interval_days * 86400,
        checks=tuple((checks or {"rows": outcome}).items()),
        operator="ana",
    )


def drilled(
    reports: Path,
    run: str,
    outcomes: Mapping[str, str],
    *,
    controls: JsonObject | None = None,
    finished: bool = True,
    operator: str = "ana",
    tags: tuple[str, ...] = (),
    seal: bool = True,
) -> Path:
    """A sealed run: a scenario for each outcome, with one check; it knows the runs before it."""
    folder = reports / run
    Register(reports).planned(run, {"scenarios": len(outcomes)})
    with Journal(folder / "journal.ndjson", run=run) as journal:
        own = Recorder(journal, "run")
        own.note("run.started", {"system": ["mini"], "environment": "embedded", "operator": operator})
        note_earlier(own, reports, controls)
        for name, outcome in outcomes.items():
            _scenario(Recorder(journal, f"features/migration.feature::{name}"), name, outcome, tags)
        reason = {} if finished else {"reason": "the run was interrupted"}
        own.note("run.finished", {"outcome": "proven", "findings": [], **reason})
    if seal:
        assert close_run(folder, Seal(operator=operator), root=reports) is not None
    return folder


def _scenario(recorder: Recorder, name: str, outcome: str, tags: tuple[str, ...]) -> None:
    about = {"feature": "A migration is rolled back", "name": name, "system": "mini", "tags": list(tags)}
    recorder.note("scenario.started", about)
    said = {"check": "rows-unchanged", "title": "no row is lost", "params": {}, "numbers": {}, "findings": []}
    recorder.journal.write(
        recorder.actor, KINDS[outcome], "verify", {**said, "outcome": outcome, "reason": "as it was"}
    )
    recorder.note("scenario.concluded", {"outcome": outcome, "reason": "1 check"})
