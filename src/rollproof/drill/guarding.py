"""What watches over a run: its limits, reasons to end it before its time, and which calls it made."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollproof.drill.aborting import Stopper, Watch
from rollproof.drill.calls import EVENT, Calls
from rollproof.drill.limits import Bounds, Declared
from rollproof.errors import PreconditionNotMet
from rollproof.model.durations import say_duration
from rollproof.model.limits import Abort, Limits
from rollproof.model.verdict import Outcome

if TYPE_CHECKING:
    from rollproof.environments.base import AwsEndpoint, OpenEnvironment
    from rollproof.journal import Recorder

NO_LIMITS, NO_ABORT = Limits(), Abort()
FILE_SECONDS = 0.3
"""how often it is looked whether a stop file is there"""


class Guarding:
    """One run's. Where nothing is declared and the environment is the run's own, it does nothing but count.

    Attributes:
        bounds: what may be touched.
        stopper: why the run must end, if it must.
        calls: what was asked of AWS.
    """

    def __init__(self) -> None:
        self.bounds = Bounds()
        self.stopper = Stopper()
        self.calls = Calls()
        self._watch = Watch(self.stopper)
        self._alarms: list[str] = []
        self._timed = False
        self._systems = 1
        self.calls.listen(self._expect_within)

    def declare(
        self, limits: Limits, abort: Abort, *, where: str, stop_file: str = "", systems: int = 1
    ) -> None:
        """What a plan says, or the command line; before anything is opened.

        Raises OutOfBounds for too many systems, PreconditionNotMet for a reason to end already.
        """
        self._systems = systems
        self._limit(limits, where, {})
        self.bounds.expect_tenants(systems)
        self._alarms += abort.alarms
        for file in filter(None, (abort.file, stop_file)):
            self._end_by_file(Path(file))
        if stop_file or abort != NO_ABORT or limits != NO_LIMITS:
            self.stopper.listen()

    def obey(self, file: Path) -> None:
        """Ends this part of the run once the process that started it writes a reason to `file`."""
        self.stopper.listen()
        self._watch.add(lambda: _reason_in(file), every=FILE_SECONDS)

    def opened(self, system: str, environment: OpenEnvironment) -> None:
        """From now on the environment is watched: its own limits and alarms, its lock. See `Guarded`.

        Raises PreconditionNotMet when there is a reason to end already.
        """
        if isinstance(environment, _guarded()):
            self._open_guarded(system, environment)
        seconds = self.bounds.seconds
        if seconds is not None and not self._timed:
            self._timed = True
            self._end_by_time(seconds)

    def _open_guarded(self, system: str, environment: Any) -> None:
        self.stopper.listen()
        said, values = environment.verified.allowed, environment.values
        where = f"[environments.{environment.name}.limits] of {system}"
        for one in self.bounds.declared:
            object.__setattr__(one, "values", {**values, **one.values})
        self._limit(said.limits, where, values)
        self.bounds.expect_tenants(self._systems)
        if said.abort.file:
            self._end_by_file(Path(said.abort.file))
        values = {**values, "env": environment.name}  # alarms are the environment's, whatever works beside it
        alarms = [_fill(name, values) for name in (*self._alarms, *said.abort.alarms)]
        if alarms:
            self._end_by_alarm(alarms, environment.aws, every=said.abort.every)
        if environment.lock is not None:
            for probe, every in environment.lock.probes(expires=said.lock.expires):
                self._watch.add(probe, every=every)

    def _limit(self, limits: Limits, where: str, values: Mapping[str, str]) -> None:
        if limits != NO_LIMITS:
            self.bounds.declared.append(Declared(limits, where, dict(values)))

    def _expect_within(self, kind: str, name: str, doing: str) -> None:
        self.bounds.expect(kind, [name], doing=doing)

    def _end_by_file(self, file: Path) -> None:
        path = file.absolute()

        def is_there() -> str:
            return f"the stop file {path.name} is there" if path.exists() else ""

        self._begin(is_there, every=FILE_SECONDS)

    def _end_by_time(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds

        def is_over() -> str:
            over = time.monotonic() >= deadline
            return f"it took longer than {say_duration(seconds)}, its limit" if over else ""

        self._begin(is_over, every=FILE_SECONDS)

    def _end_by_alarm(self, names: list[str], aws: Callable[[], AwsEndpoint], *, every: float) -> None:
        from rollproof.drill.alarms import alarming

        self._begin(lambda: alarming(names, aws()), every=every)

    def _begin(self, probe: Callable[[], str], *, every: float) -> None:
        """A reason that is there from the start is one not to begin at all."""
        if reason := probe():
            raise PreconditionNotMet(
                reason,
                doing="looking whether the drill may begin",
                remedy="see to it, then run the drill again",
            )
        self._watch.add(probe, every=every)

    def why_nothing_is_proven(self) -> str:
        """Of the scenario that ends now: it was aborted, or was not allowed to do what it had to."""
        refused, self.bounds.refused = self.bounds.refused, []
        if self.stopper.reason:
            return f"aborted because {self.stopper.reason}"
        return "; ".join(dict.fromkeys(refused))

    def concluded(self, outcome: str, reason: str, recorder: Recorder) -> tuple[str, str]:
        """The run's outcome and why, with what it called in AWS on record."""
        if called := self.calls.to_json():
            recorder.note(EVENT, {"items": called})
        if not self.stopper.reason:
            return outcome, reason
        said = f"aborted because {self.stopper.reason}"
        recorder.note("run.aborted", {"reason": said})
        return outcome if outcome == Outcome.REFUTED.value else Outcome.UNKNOWN.value, said

    def end(self) -> None:
        """Nothing is watched any more, and nothing is refused; signals are whose they were."""
        self._watch.end()
        self.stopper.forget()
        self.calls.close()


def _reason_in(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _fill(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _guarded() -> type:
    from rollproof.environments.staging.environment import OpenStaging

    return OpenStaging
