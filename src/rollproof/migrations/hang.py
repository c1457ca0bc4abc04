"""A script whose time is up: what it was doing, who is to blame, and what is left."""

from __future__ import annotations

from dataclasses import dataclass

from rollproof.errors import AttemptFailed
from rollproof.migrations.blocking import Backend, Blocker, say_waiting
from rollproof.migrations.failure import Step, steps, what_stays
from rollproof.migrations.psqltext import PsqlText
from rollproof.migrations.script import Script
from rollproof.model.durations import say_duration


@dataclass(frozen=True, slots=True)
class Hang:
    """What a script was doing when its time was up."""

    pid: int | None = None
    blockers: tuple[Blocker, ...] = ()
    doing: Backend | None = None
    step: Step | None = None
    silence: str = ""
    """why nobody could be asked"""

    def error(self, script: Script, *, database: str, limit: float, ended: bool) -> AttemptFailed:
        """The error; `ended` tells whether the backend is known to be gone."""
        first = self.blockers[0] if self.blockers else None
        return AttemptFailed(
            f"hung: {self._found(limit)}",
            doing=f"running {script.name} in database {database}, at most {say_duration(limit)}",
            where=script.where(self.step.first_line if self.step else None),
            remedy=self._remedy(ended),
            facts={
                "timed_out": 1,
                "limit_seconds": limit,
                "line": self.step.first_line if self.step else None,
                "committed_statements": self.step.committed if self.step else None,
                "blocked_by": first.pid if first else None,
                "application": first.application if first else None,
                "lock_mode": first.wanted if first else None,
                "relation": first.relation if first else None,
                "waited_seconds": (first.waited or limit) if first else None,
                "indeterminate": int(not ended or bool(self.step and self.step.commits)),
            },
        )

    def _found(self, limit: float) -> str:
        if self.pid is None:
            return f"psql did not connect within {say_duration(limit)}"
        if self.blockers:
            return say_waiting(list(self.blockers), waited=limit)
        if self.doing is None:
            return (
                f"not finished after {say_duration(limit)}; {self.silence or 'its backend is already gone'}"
            )
        waits = f"{self.doing.wait_type}/{self.doing.wait_event}" if self.doing.wait_event else "computing"
        return (
            f"not finished after {say_duration(limit)}, and no lock is to blame: "
            f"the statement has been running for {say_duration(self.doing.running_for)} ({waits})"
        )

    def _remedy(self, ended: bool) -> str:
        gone = "its backend was terminated and its open transaction rolled back"
        stays = what_stays(self.step) if ended else "it could not be terminated: look at pg_stat_activity"
        if self.blockers and self.blockers[0].pid:
            holder = self.blockers[0].pid
            return (
                f"end what holds the lock (SELECT pg_terminate_backend({holder})), or give the script a "
                f"lock_timeout and try again later; {gone if ended else stays}; {stays if ended else ''}"
            ).rstrip("; ")
        limit = "raise statement_limit in [database] if the script needs longer"
        return f"{limit}; {gone}; {stays}" if ended else stays


def running_step(script: Script, text: PsqlText, doing: Backend | None) -> Step | None:
    """The statement of the script that the backend says it is at, found by its text."""
    if doing is None or not doing.query:
        return None
    found = script.text.find(doing.query.replace("\r\n", "\n").rstrip("; \n"))
    every = steps(script, text)
    return next((step for step in every if found >= 0 and step.statement.end > found), None)
