"""A drill split by a job's index, in processes that know nothing of each other, and made one again."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from drilling import LONGEST
from holding import Held

from rollproof.evidence import summarise
from rollproof.journal import read_journal
from rollproof.model.verdict import Outcome


def ran(held: Held, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        held.rollproof(*arguments),
        cwd=held.root,
        env=held.environment | environ,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )


@pytest.mark.slow
def test_each_child_of_a_job_takes_its_own_and_all_is_there_once(tmp_path: Path) -> None:
    held = Held(tmp_path, '[fleet]\ntenants = ["a", "b"]\n')
    for index in range(3):
        done = ran(held, "drill", "run", "plan.toml", "--shards", "3", JOB_COMPLETION_INDEX=str(index))
        assert done.returncode == 0, done.stdout + done.stderr
    parts = sorted(str(path) for path in held.reports.glob("shards/*/latest"))
    missing = ran(held, "merge", *parts[:2])
    assert (missing.returncode, "part 2 of 3 is missing" in missing.stderr) == (2, True)
    merged = ran(held, "merge", *reversed(parts))
    assert merged.returncode == 0, merged.stdout + merged.stderr
    again = ran(held, "merge", *parts)
    assert again.returncode == 0, again.stdout + again.stderr
    [folder] = held.reports.glob("2*")
    history = read_journal(folder / "journal.ndjson")
    assert sorted(str(event.data["system"]) for event in history.all("scenario.started")) == [
        "shop-a",
        "shop-b",
    ]
    assert summarise(history).outcome is Outcome.PROVEN
    judged = ran(held, "judge", "reports/latest")
    assert "2 verdicts" in judged.stdout + judged.stderr
