"""Sealed runs for the tests: small, made by what makes them in a drill, but for the drilling."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from rollproof.evidence.register import Register
from rollproof.journal import Journal, Kind, Recorder
from rollproof.model.seal import Seal
from rollproof.seal.closing import close_run
from rollproof.seal.keyfile import make_key
from rollproof.seal.keys import public_keys
from rollproof.seal.result import Reason, Trust, Verification
from rollproof.seal.verifying import verify_bundle

SCENARIO = "features/migration.feature::test_additive[mini]"


def write_run(
    reports: Path,
    run: str,
    *,
    outcome: str = "proven",
    operator: str = "ana",
    key: str = "",
    language: str = "",
) -> Path:
    """An unsealed run: one scenario with a step, a check, an attachment and an item of the checklist."""
    folder = reports / run
    Register(reports).planned(run, {"scenarios": 1})
    with Journal(folder / "journal.ndjson", run=run) as journal:
        recorder = Recorder(journal, "run")
        seal = {"seal": {"keyid": key, "scheme": "ed25519"}} if key else {}
        recorder.note(
            "run.started",
            {
                "system": ["mini"],
                "environment": "embedded",
                "operator": operator,
                "versions": {"rollproof": "0.1.0"},
                "git": "0" * 40,
                "python": "3.11.7",
                "platform": "Linux x86_64",
                "command": ["pytest", "features/migration.feature"],
                **seal,
                **({"language": language} if language else {}),
            },
        )
        recorder.note("run.planned", {"count": 1, "items": [SCENARIO]})
        _scenario(Recorder(journal, SCENARIO), outcome)
        recorder.note("run.finished", {"outcome": outcome, "seconds": 1.5, "findings": []})
    return folder


def _scenario(recorder: Recorder, outcome: str) -> None:
    recorder.note(
        "scenario.started",
        {
            "scenario": SCENARIO,
            "system": "mini",
            "feature": "A migration is rolled back",
            "name": "An additive migration",
            "tags": ["database"],
            "file": "features/migration.feature",
            "line": 3,
        },
    )
    step = recorder.begin("step", {"name": "When it is rolled back", "kind": "when", "line": 4})
    served = recorder.begin("service.verify", {})
    told = {"checks": ["smoke"]} if outcome == "proven" else {"found": "it answers 500"}
    recorder.close(served, Kind.OK if outcome == "proven" else Kind.FAIL, told)
    kept = recorder.journal.attachments.put([{"table": "public.leads", "lost": 0}])
    recorder.note("observe", {"component": "database", "label": "before", "kept": kept})
    recorder.close(step, Kind.OK, {})
    said = {
        "check": "smoke-passes",
        "title": "the smoke tests pass",
        "params": {},
        "numbers": {"rows": 12},
    }
    kind = Kind.OK if outcome == "proven" else Kind.FAIL
    recorder.journal.write(
        recorder.actor, kind, "verify", {**said, "outcome": outcome, "reason": "as it was", "findings": []}
    )
    item = {
        "item": "after.rows",
        "label": "Rows are all there",
        "check": "smoke-passes",
        "outcome": outcome,
    }
    recorder.note("checklist.item", item)
    recorder.note("scenario.concluded", {"outcome": outcome, "reason": "1 checks"})


def sealed_run(reports: Path, run: str, *, key: Path | None = None, outcome: str = "proven") -> Path:
    """A run that is sealed, by a key or by nobody."""
    keyid = public_keys([key.with_name(f"{key.name}.pub")])[0].keyid if key else ""
    folder = write_run(reports, run, outcome=outcome, key=keyid)
    assert close_run(folder, Seal(key=str(key) if key else None, operator="ana"), root=reports) is not None
    return folder


def new_key(folder: Path, name: str = "seal") -> Path:
    """A private key; its public part lies beside it with `.pub`."""
    make_key(folder / name)
    return folder / name


def trusting(*keys: Path) -> Trust:
    """What a checker brings along who knows these keys."""
    return Trust(keys=public_keys([key.with_name(f"{key.name}.pub") for key in keys]))


def reasons(found: Verification) -> set[Reason]:
    return {finding.reason for finding in found.findings}


def tampered(bundle: Path, scratch: Path, tamper: Callable[[Path], object], trust: Trust) -> Verification:
    """A copy of the bundle, checked after something was done to it."""
    copy = scratch / bundle.name
    shutil.copytree(bundle, copy, symlinks=True)
    tamper(copy)
    return verify_bundle(copy, trust)
