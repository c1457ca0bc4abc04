"""What evidence costs: writing a journal, closing a run, verifying it. `python -m benchmarks.evidence`.

Processor time of this machine; flushes to disk are shown apart, for they are the disk's.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rollproof.evidence.write import write_reports
from rollproof.journal import Journal, Kind, Recorder
from rollproof.model.seal import Seal
from rollproof.seal.keyfile import make_key
from rollproof.seal.keys import public_keys
from rollproof.seal.result import Trust
from rollproof.seal.sealing import seal_run
from rollproof.seal.verifying import verify_bundle

SCENARIOS = 20
"""of a run of any size: its events are spread over them"""


def write_journal(folder: Path, events: int) -> None:
    """A journal of `events` lines that look like a drill's: steps, acts, checks."""
    with Journal(folder / "journal.ndjson", run=folder.name) as journal:
        run = Recorder(journal, "run")
        run.note("run.started", {"system": ["bench"], "environment": "embedded", "operator": "bench"})
        each = (events - 2) // (SCENARIOS * 3)
        for number in range(SCENARIOS):
            one = Recorder(journal, f"features/bench.feature::test_{number}[bench]")
            about = {"system": "bench", "feature": "Bench", "name": f"Scenario {number}", "tags": []}
            one.note("scenario.started", about)
            for step in range(each):
                begun = journal.write(
                    one.actor, Kind.BEGIN, "step", {"name": f"When step {step}", "line": step}
                )
                journal.write(one.actor, Kind.NOTE, "observe", {"component": "database", "count": step})
                one.close(begun, Kind.OK, {"seconds": 0.25})
            served = one.begin("service.verify", {})
            one.close(served, Kind.OK, {"checks": ["smoke"]})
            said = {"check": "smoke-passes", "title": "smoke tests", "reason": "as it was", "findings": []}
            one.note("verify", {**said, "outcome": "proven", "numbers": {"rows": 12}, "params": {}})
            one.note("scenario.concluded", {"outcome": "proven", "reason": "1 checks"})
        run.note("run.finished", {"outcome": "proven", "findings": []})


def measured(title: str, work: Callable[[], object]) -> None:
    wall, processor = time.perf_counter(), time.process_time()
    work()
    print(f"{title:52} {time.process_time() - processor:7.3f} s  {time.perf_counter() - wall:7.3f} s wall")


def whole_command(folder: Path, key: Path) -> None:
    command = [sys.executable, "-m", "rollproof", "verify", str(folder), "--keys", f"{key}.pub"]
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    print(
        f"{'the command `rollproof verify`, start included':52} {time.perf_counter() - started:17.3f} s wall"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        key = Path(scratch) / "seal"
        make_key(key)
        for events in (2_000, 10_000):
            folder = Path(scratch) / f"run-{events}"
            print(f"{events} events")
            measured("  journal written, without flushes", lambda f=folder, n=events: write_journal(f, n))
            measured("  reports made", lambda f=folder: write_reports(f))
            settings = Seal(key=str(key))
            measured("  searched and sealed", lambda f=folder, s=settings: seal_run(f, s, root=Path()))
            trust = Trust(keys=public_keys([Path(f"{key}.pub")]))
            measured("  verified, reports made again", lambda f=folder, t=trust: verify_bundle(f, t))
        whole_command(folder, key)


if __name__ == "__main__":
    main()
