"""What the tests that drill for real share: small projects, processes that run drills, what they leave."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from rollproof.environments.keeper import still_runs
from rollproof.environments.leftovers import find_leftovers
from rollproof.journal import Event, History, read_journal
from rollproof.waiting import eventually

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SYSTEMS = HERE / "systems"
JOURNAL = "journal.ndjson"
LONGEST = 120.0
"""Seconds after which a drill of these tests hangs."""


def own_environment() -> dict[str, str]:
    """The variables, without those that would make a drill believe it is a worker of these tests, or on CI.

    On CI, pytest says what is long a second time in its summary.
    """
    ours = ("CI", "BUILD_NUMBER")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTEST_") and name not in ours
    }
    return kept | {"PYTHONDONTWRITEBYTECODE": "1"}


class Forker:
    """Starts drills; see zygote.py."""

    def __init__(self, project: Path) -> None:
        search = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "zygote.py"), str(project)],
            env=own_environment() | {"PYTHONPATH": search},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.hear()

    def ask(self, **order: object) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self.hear()

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def close(self) -> None:
        self.process.communicate(timeout=LONGEST)


@dataclass(frozen=True)
class Ended:
    """How a program ended. `code` is negative for a signal."""

    code: int
    said: str


class Program:
    """A drill, or the `rollproof` command, that runs."""

    def __init__(self, forker: Forker, pid: int, output: Path) -> None:
        self.forker = forker
        self.pid = pid
        self.output = output

    @property
    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """To its whole process group, as a terminal does it."""
        os.killpg(self.pid, number)

    def ended(self) -> Ended:
        """Waits for its end."""

        def status() -> list[int] | None:
            answer = self.forker.ask(poll=self.pid)["status"]
            return None if answer is None else [answer]

        [found] = eventually(status, within=LONGEST, what=f"the drill has ended; it said:\n{self.said}")
        return Ended(os.waitstatus_to_exitcode(found), self.said)


class Drilled:
    """A folder with a system of its own, and drills run in it."""

    arguments: tuple[str, ...] = ()
    """of every drill"""

    def __init__(self, home: Path, forker: Forker, *, system: str = "mini") -> None:
        self.home = self.root = home
        self.forker = forker
        self.reports = home / "reports"
        self._outputs = 0
        if system:
            shutil.copytree(SYSTEMS / system, home, dirs_exist_ok=True)

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def remove(self, path: Path) -> None:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()

    def edit(self, name: str, *changes: tuple[str, str]) -> None:
        """Replaces texts in a file; each must be there."""
        text = (self.root / name).read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (self.root / name).write_text(text)

    def start(self, *arguments: str, program: str = "pytest", **environ: str) -> Program:
        self._outputs += 1
        output = self.home / f"output-{self._outputs}.txt"
        temporary = [f"--basetemp={self.home / f'tmp-{self._outputs}'}"] if program == "pytest" else []
        order = {
            "program": program,
            "arguments": [*arguments, *temporary],
            "cwd": str(self.root),
            "env": {**own_environment(), "KILL_NOTES": str(self.home), **environ},
            "output": str(output),
        }
        output.touch()
        return Program(self.forker, self.forker.ask(start=order)["pid"], output)

    def drill(self, *arguments: str, **environ: str) -> Ended:
        """Runs pytest to its end."""
        return self.start_drill(*arguments, **environ).ended()

    def start_drill(self, *arguments: str, **environ: str) -> Program:
        return self.start(*self.arguments, *arguments, **environ)

    def rollproof(self, *arguments: str, **environ: str) -> Ended:
        """Runs the command to its end."""
        return self.start(*arguments, program="rollproof", **environ).ended()

    def runs(self) -> set[Path]:
        """Folders of the runs."""
        return {path for path in self.reports.glob("*Z-*") if not path.is_symlink()}

    def journal(self) -> History:
        """Of the only run; raises when its chain is broken."""
        [run] = self.runs()
        return read_journal(run / JOURNAL)


class Reference(Drilled):
    """The reference system's additive rollback, drilled from the repository itself."""

    arguments = (
        "features/migration.feature",
        "-kadditive_migration_is_rolled_back_by",
        "--system=systems/alquimista",
        "-pno:cacheprovider",
    )

    def __init__(self, home: Path, forker: Forker) -> None:
        super().__init__(home, forker, system="")
        self.root = ROOT
        self.arguments = (*self.arguments, f"--reports={self.reports}")


def verdicts(history: History) -> dict[tuple[str, str], str]:
    """What each check said in each scenario."""
    return {
        (event.actor, str(event.data["check"])): str(event.data["outcome"]) for event in history.all("verify")
    }


def scratch_folders(events: Sequence[Event]) -> Iterator[tuple[Path, list[Path]]]:
    """The scratch folder, and the others with it, of each environment that a journal announces."""
    for event in events:
        undo = event.data.get("undo")
        if isinstance(undo, Mapping) and undo.get("kind") == "embedded":
            folders = undo["folders"]
            assert isinstance(folders, list)
            yield Path(str(undo["scratch"])), [Path(str(path)) for path in folders]


def nothing_is_left(journal: Path, *, within: float = 30.0) -> None:
    """Waits until no process and no folder of a run's environments is there any more."""
    for scratch, folders in scratch_folders(read_journal(journal).events):
        eventually(
            lambda scratch=scratch, folders=folders: not find_leftovers(scratch, *folders),
            within=within,
            what=f"nothing is left of {scratch}",
        )


def family_is_gone(family: Sequence[tuple[int, float]], *, within: float = 30.0) -> None:
    """Waits until none of these processes, each with the time that it was made, runs any more."""

    def runs(pid: int, created: float) -> bool:
        try:
            process = psutil.Process(pid)
            return process.create_time() == created and still_runs(process)
        except psutil.NoSuchProcess:
            return False

    eventually(
        lambda: not [pid for pid, created in family if runs(pid, created)],
        within=within,
        what=f"the processes {family} have ended",
    )
