"""A run: one journal, its environments, and the duty to heal what earlier runs left."""

from __future__ import annotations

import os
import platform
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Protocol, TypeVar

from rollproof.drill.aborting import healing
from rollproof.drill.drill import Drill, Intervention
from rollproof.drill.guarding import Guarding
from rollproof.drill.healing import heal, outstanding
from rollproof.drill.lease import Lease
from rollproof.environments.base import Environment, OpenEnvironment
from rollproof.errors import EnvironmentUnavailable
from rollproof.journal import Journal, Recorder
from rollproof.model.json import Json, JsonObject
from rollproof.model.system import System
from rollproof.privacy.known import remember_variables

JOURNAL = "journal.ndjson"
RUN = "run"
"""The actor of everything that belongs to no scenario."""

S = TypeVar("S", bound="SessionPart")


class SessionPart(Protocol):
    """Something that lives as long as the run, one for each system: templates, schedules…"""

    def __init__(self, session: DrillSession, system: System) -> None: ...

    def unsteady(self) -> list[str]:
        """What is not as it was before the last scenario, one line each."""
        ...


def new_run_id() -> str:
    """Sorts by time, and two runs of one second differ: `20261122T050312Z-1f3a9c`."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


class DrillSession:
    """One run (or one worker's part of it), from its first event to its last."""

    def __init__(self, *, folder: Path, run: str, environment: Environment) -> None:
        """`folder` is the run's own (`reports/<run>`, or a worker's part of it); created here.

        Raises EnvironmentUnavailable when it cannot be created or written to.
        """
        self.folder = folder
        self.run = run
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.lease = Lease.take(folder)
            self.journal = Journal(folder / JOURNAL, run=run)
        except OSError as error:
            raise EnvironmentUnavailable(
                f"the folder for the run's reports cannot be written ({error.strerror})",
                where=str(folder),
                remedy="make its parent writable, or name another one with --reports=DIR",
            ) from error
        self.recorder = Recorder(self.journal, RUN)
        self._environment = environment
        self.guarding = Guarding()
        self._stack = ExitStack()
        self._open: dict[str, OpenEnvironment] = {}
        self._parts: dict[tuple[type, str], SessionPart] = {}
        self._started_ns = time.monotonic_ns()
        self._outcomes: list[str] = []

    def start(
        self, *, systems: Sequence[System], command: Sequence[str], about: JsonObject | None = None
    ) -> None:
        """Records who runs what, on what, and how to do it again; and `about`, of plan and part."""
        remember_variables(os.environ)
        self.recorder.note("run.started", {**self._about(systems, command), **(about or {})})

    def _about(self, systems: Sequence[System], command: Sequence[str]) -> dict[str, Json]:
        return {
            "system": [system.name for system in systems],
            "environment": self._environment.name,
            "objectives": {
                system.name: {
                    "rto_seconds": system.objectives.rto,
                    "rpo_seconds": system.objectives.rpo,
                    "source": system.objectives.source,
                    **critical_tags(system),
                }
                for system in systems
            },
            "declared": {system.name: {"items": list(system.system.differences)} for system in systems},
            "versions": {name: version(name) for name in ("rollproof", "pytest", "pytest-bdd", "psycopg")},
            "git": git_head(systems[0].root if systems else Path.cwd()),
            "python": platform.python_version(),
            "platform": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
            "command": list(command),
        }

    def open(self, system: System) -> OpenEnvironment:
        """The open environment of a system; opened when first asked for, closed by `finish`.

        Raises EnvironmentUnavailable with every obstacle and its remedy.
        """
        if system.name not in self._open:
            if obstacles := self._environment.preflight(system):
                raise EnvironmentUnavailable(
                    "; ".join(obstacle.found for obstacle in obstacles),
                    doing=f"opening the {self._environment.name} environment for {system.name}",
                    remedy="; ".join(obstacle.remedy for obstacle in obstacles),
                )
            opened = self._stack.enter_context(self._environment.open(system, self.recorder))
            self._open[system.name] = opened
            self.guarding.opened(system.name, opened)
            self.recorder.note(
                "environment.opened",
                {"system": system.name, "environment": opened.name, "facts": dict(opened.facts)},
            )
        return self._open[system.name]

    def use(self, part: type[S], system: System) -> S:
        """This run's one instance of a session part for a system."""
        key = (part, system.name)
        if key not in self._parts:
            self._parts[key] = part(self, system)
        return self._parts[key]  # type: ignore[return-value]  # filed under its own type

    def on_finish(self, closer: Callable[[], None]) -> None:
        """`closer` runs when the run ends, before the environments that are open now are closed."""
        self._stack.callback(closer)

    def drill(
        self,
        scenario: str,
        system: System,
        *,
        about: dict[str, Json],
        interventions: Sequence[Intervention] = (),
    ) -> Drill:
        """Begins a scenario. `about` is what `scenario.started` says of it.

        What others put around its acts is named there: a scenario that was interfered with proves nothing.
        """
        recorder = Recorder(self.journal, scenario)
        said: dict[str, Json] = {"scenario": scenario, "system": system.name, **about}
        if interventions:
            said["interventions"] = [type(one).__name__ for one in interventions]
        recorder.note("scenario.started", said)
        return Drill(scenario, system, self, recorder, list(interventions))

    def unsteady(self) -> list[str]:
        """What the last scenario left otherwise than it found it, over all parts."""
        return [line for part in self._parts.values() for line in part.unsteady()]

    def finish(self, outcome: str, *, reason: str = "") -> None:
        """Closes the environments, undoes what is left, and ends the journal. Safe to call twice.

        Args:
            reason: why it ended before all that was chosen had its turn; empty when it did not.
        """
        if self.lease.given_back:
            return
        try:
            with healing():
                self._stack.close()
                failures = heal(outstanding(self.journal.events), self.recorder)
            outcome, reason = self.guarding.concluded(outcome, reason, self.recorder)
            seconds = (time.monotonic_ns() - self._started_ns) / 1e9
            said: dict[str, Json] = {"outcome": outcome, "seconds": seconds, "findings": failures}
            self.recorder.note("run.finished", said | ({"reason": reason} if reason else {}))
        finally:
            self.guarding.end()
            self.journal.close()
            self.lease.give_back()


def critical_tags(system: System) -> dict[str, Json]:
    """Nothing where the system declares none: then what tags count is the reader's to say."""
    declared = system.objectives.critical
    return {} if declared is None else {"critical": list(declared)}


def git_head(folder: Path) -> str:
    """The commit of the system's repository, `+changes` when its tree is not clean, or ''."""
    try:
        head = _git(folder, "rev-parse", "HEAD")
        return f"{head}+changes" if _git(folder, "status", "--porcelain") else head
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
    )
    return done.stdout.strip()


def command_line(called: Sequence[str] = ()) -> list[str]:
    """How this process, or the one with these arguments, was called: what a person would type again."""
    program, *arguments = called or sys.argv
    path = Path(program)
    if path.name == "__main__.py":
        return ["python", "-m", path.parent.name, *arguments]
    return [path.name, *arguments]
