"""`rollproof drill serve` for real: killed and started again, it runs nothing twice and loses nothing."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from drilling import LONGEST
from holding import Held

from rollproof.journal import read_journal
from rollproof.model.calendar import due_between
from rollproof.model.plan import Plan
from rollproof.model.planfile import read_plan
from rollproof.model.verdict import Outcome
from rollproof.plans.due import State
from rollproof.plans.missed import missed_of
from rollproof.plans.past import PastRun, past_runs
from rollproof.waiting import eventually

EVERY_MINUTE = '[schedule]\ncron = "* * * * *"\nstart_within = "30m"\n'


class Serving:
    """The project, its plan, and since when its due times count."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.held = Held(root, EVERY_MINUTE)
        monkeypatch.chdir(root)
        self.plan: Plan = read_plan(root / "plan.toml")
        self.since = datetime.now(UTC) - timedelta(seconds=150)
        State.of(self.held.reports, "held").write(self.since)

    @contextmanager
    def serve(self) -> Iterator[subprocess.Popen[bytes]]:
        with (self.held.root / "serve.log").open("ab") as log:
            command = self.held.rollproof("drill", "serve", "plan.toml")
            process = subprocess.Popen(
                command, cwd=self.held.root, env=self.held.environment, stdout=log, stderr=log
            )
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait(30)

    @property
    def said(self) -> str:
        return (self.held.root / "serve.log").read_text()

    def runs(self) -> list[PastRun]:
        return past_runs(self.held.reports, "held")

    def first_run(self) -> PastRun:
        """Once it has begun, and its drill is held."""

        def begun() -> list[PastRun]:
            return self.runs() if self.held.begun() else []

        return eventually(begun, within=60, what="a drill has begun")[-1]


@pytest.mark.slow
def test_killed_and_started_again_it_runs_nothing_twice_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = Serving(tmp_path, monkeypatch)
    serving.held.hold()
    with serving.serve() as server:
        first = serving.first_run()
        server.send_signal(signal.SIGKILL)
        server.wait(30)
    assert first.running, "the drill goes on without whoever started it"
    with serving.serve() as server:
        eventually(lambda: serving.said.count("serving 1 plans") == 2, within=60, what="it serves again")
        serving.held.let_go()
        eventually(lambda: not first.running, within=60, what="the first drill has ended")
        eventually(lambda: first.outcome() is Outcome.PROVEN, within=30, what="it is proven")
        server.send_signal(signal.SIGINT)
        assert server.wait(LONGEST) == 130, serving.said
    done = State.of(serving.held.reports, "held").read()
    assert done is not None
    ran = [run.due for run in serving.runs()]
    missed = [one.due for one in missed_of(serving.held.reports, "held")]
    assert len(ran) == len(set(ran)), "nothing was run twice"
    assert not set(ran) & set(missed)
    dealt_with = set(due_between(serving.plan, serving.since, done))
    assert dealt_with <= {*ran, *missed}, "nothing was lost"


@pytest.mark.slow
def test_an_interrupt_lets_the_drill_put_things_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serving = Serving(tmp_path, monkeypatch)
    serving.held.hold()
    with serving.serve() as server:
        first = serving.first_run()
        server.send_signal(signal.SIGINT)
        assert server.wait(LONGEST) == 130
    assert "interrupting a drill, which puts things back first" in serving.said
    assert "ended; nothing is running" in serving.said
    assert not first.running
    assert read_journal(first.folder / "journal.ndjson").events[-1].act == "run.finished"
    assert first.outcome() is Outcome.UNKNOWN


@pytest.mark.slow
def test_two_do_not_serve_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serving = Serving(tmp_path, monkeypatch)
    serving.held.hold()
    with serving.serve() as server:
        serving.first_run()
        with serving.serve() as second:
            assert second.wait(60) == 3
        assert "another process is serving plans with these reports" in serving.said
        serving.held.let_go()
        server.send_signal(signal.SIGTERM)
        assert server.wait(LONGEST) == 143
