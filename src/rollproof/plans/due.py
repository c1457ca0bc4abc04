"""What has fallen due and is not dealt with: kept on disk, so that a kill neither loses nor repeats it."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rollproof.errors import EnvironmentUnavailable
from rollproof.model.calendar import due_between
from rollproof.model.plan import Plan
from rollproof.plans.missed import missed_of, record_missed
from rollproof.plans.past import past_runs

SKEW = timedelta(minutes=5)
"""By so much a clock may be set back without anything having been wrong before."""
MissedHook = Callable[[Plan, datetime, str], None]


@dataclass(frozen=True, slots=True)
class State:
    """Up to which moment everything of a plan has been dealt with."""

    path: Path

    @classmethod
    def of(cls, reports: Path, plan: str) -> State:
        return cls(reports / ".plans" / f"{plan}.json")

    def read(self) -> datetime | None:
        """None when there is none, or when it cannot be understood."""
        try:
            return datetime.fromisoformat(json.loads(self.path.read_text(encoding="utf-8"))["done"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def begin(self, moment: datetime) -> None:
        if self.read() is None:
            self.write(moment)

    def write(self, moment: datetime) -> None:
        """Whole or not at all. Raises EnvironmentUnavailable when the folder takes nothing."""
        partial = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("w", encoding="utf-8") as file:
                json.dump({"done": moment.astimezone(UTC).isoformat()}, file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self.path)
        except OSError as error:
            raise EnvironmentUnavailable(
                f"what was dealt with cannot be written down ({error.strerror})",
                where=str(self.path),
                remedy="make the folder of the reports writable",
            ) from None


@dataclass(frozen=True, slots=True)
class Dues:
    """A plan's due times, one after the other."""

    plan: Plan
    reports: Path

    def next(self, now: datetime, *, missed: MissedHook) -> datetime | None:
        """The due time that shall be run now; None when there is none.

        Of several only the newest is run. The others, and one that is too late, were missed: recorded,
        and told to `missed`. One that has a run already, from before a kill, is dealt with. Of a clock that
        was ahead for a while nothing stays: what falls due by the right one is run.
        """
        state, within = (
            State.of(self.reports, self.plan.name),
            timedelta(seconds=self.plan.schedule.start_within),
        )
        done = state.read() or now
        pending = due_between(self.plan, done if done <= now + SKEW else now - within, now)
        ran = {run.due for run in past_runs(self.reports, self.plan.name)} if pending else set()
        known = {one.due for one in missed_of(self.reports, self.plan.name)} if pending else set()
        for number, due in enumerate(pending, start=1):
            late = now - due > within
            if due not in ran and not late and number == len(pending):
                return due
            if due not in ran | known:
                reason = "nothing was serving it until too late" if late else "the next one fell due as well"
                record_missed(self.reports, self.plan, due, reason)
                missed(self.plan, due, reason)
            state.write(due)
        if done > now + SKEW:
            state.write(now)
        return None

    def done(self, due: datetime, code: int, *, missed: MissedHook) -> None:
        """After its drill has ended. One that left no run behind never began, so it was missed too."""
        began = any(run.due == due for run in past_runs(self.reports, self.plan.name))
        if not began and not any(one.due == due for one in missed_of(self.reports, self.plan.name)):
            reason = f"it could not begin, and ended with exit code {code}"
            record_missed(self.reports, self.plan, due, reason)
            missed(self.plan, due, reason)
        State.of(self.reports, self.plan.name).write(due)
