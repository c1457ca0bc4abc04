"""A drill on a real Dask cluster of several processes: one of them is killed, and its part done again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
from drilling import LONGEST
from holding import Held

from rollproof.evidence import summarise
from rollproof.journal import read_journal
from rollproof.model.verdict import Outcome
from rollproof.waiting import eventually

WORKERS = 3
TENANTS = ("a", "b", "c", "d")


@contextmanager
def running(held: Held, name: str, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the test's own; what it says is in a file of that name."""
    with (held.root / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=held.root, env=held.environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def cluster(held: Held) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The scheduler's address, and workers of one process and one thread each, all on 127.0.0.1."""
    file, plain = held.root / "scheduler.json", ["--no-dashboard", "--host", "127.0.0.1"]
    cli = [sys.executable, "-W", "ignore", "-m"]
    with ExitStack() as stack:
        said = ["--scheduler-file", str(file), "--port", "0", *plain]
        stack.enter_context(running(held, "scheduler", *cli, "distributed.cli.dask_scheduler", *said))
        eventually(lambda: file.exists() and file.read_text().strip(), within=60, what="Dask has a scheduler")
        address = json.loads(file.read_text())["address"]
        each = ["--no-nanny", "--nthreads", "1", "--local-directory", str(held.temporary / "dask"), *plain]
        workers = [
            stack.enter_context(
                running(held, f"worker-{n}", *cli, "distributed.cli.dask_worker", address, *each)
            )
            for n in range(WORKERS)
        ]
        for number in range(WORKERS):
            log = held.root / f"worker-{number}.log"
            eventually(
                lambda log=log: b"Registered to" in log.read_bytes(), within=60, what="a worker is there"
            )  # type: ignore[misc]
        yield address, workers


def children_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


@pytest.mark.slow
def test_what_a_killed_worker_did_is_done_again_and_once_in_the_evidence(tmp_path: Path) -> None:
    held = Held(tmp_path, f"[fleet]\ntenants = {json.dumps(TENANTS)}\n")
    held.hold()
    with cluster(held) as (address, workers):
        asked = held.rollproof("drill", "run", "plan.toml", "--engine", "dask", "--scheduler", address)
        with running(held, "drill", *asked) as drill:
            eventually(lambda: len(held.begun()) >= WORKERS, within=90, what="every worker has a part")
            orphans = children_of(workers[0])
            assert orphans, "its part runs in a process of its own"
            workers[0].send_signal(signal.SIGKILL)
            psutil.wait_procs(orphans, timeout=30)
            assert not [one for one in orphans if one.is_running()], "no drill outlives its worker"
            held.let_go()
            code = drill.wait(LONGEST)
    assert code == 0, (tmp_path / "drill.log").read_text()
    [folder] = held.reports.glob("2*")
    history = read_journal(folder / "journal.ndjson")
    told = sorted(str(event.data["system"]) for event in history.all("scenario.started"))
    assert told == [f"shop-{tenant}" for tenant in TENANTS], "each once"
    assert max(len(held.begun(f"shop-{tenant}")) for tenant in TENANTS) == 2, "one of them was done again"
    assert summarise(history).outcome is Outcome.PROVEN
    assert not list(held.temporary.glob("rollproof-*")), "nothing is left of the parts"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_here_interrupts_the_parts_there(number: signal.Signals, tmp_path: Path) -> None:
    held = Held(tmp_path, f"[fleet]\ntenants = {json.dumps(TENANTS)}\n")
    held.hold()
    with cluster(held) as (address, workers):
        asked = held.rollproof("drill", "run", "plan.toml", "--engine", "dask", "--scheduler", address)
        with running(held, "drill", *asked) as drill:
            eventually(lambda: len(held.begun()) >= WORKERS, within=90, what="every worker has a part")
            parts = [child for worker in workers for child in children_of(worker)]
            drill.send_signal(number)
            assert drill.wait(LONGEST) == 130
            psutil.wait_procs(parts, timeout=30)
            assert not [one for one in parts if one.is_running()]
    assert not list(held.reports.glob("2*/report.html")), "no run that looks like one"
