"""Running plans by themselves: every due time either becomes one run or is recorded as missed."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from filelock import FileLock, Timeout

from rollproof.errors import BadInput, EnvironmentUnavailable, RollproofError
from rollproof.evidence.wording import printable
from rollproof.model.calendar import due_after
from rollproof.model.plan import Plan
from rollproof.model.planfile import read_plan
from rollproof.plans.due import Dues, State
from rollproof.plans.message import of_missed
from rollproof.plans.notify import recipients, tell
from rollproof.plans.running import STATE
from rollproof.waiting import pause

Say = Callable[[str], None]
WAKE_SECONDS = 20.0
"""How often the clock and the plans are looked at: the scheduler waits by a clock that stands still while a
machine sleeps, and that nobody sets."""
_HEALING_SECONDS = 600.0
"""how long an interrupted drill may take to put things back"""


def serve(plans: Sequence[Plan], reports: Path, say: Say) -> int:
    """Runs each plan when it falls due, until SIGINT or SIGTERM; 128 plus the signal's number.

    Before it ends, drills that are going on are interrupted, and put things back.

    Raises BadInput when no plan has a schedule, or a variable for a notice is not set.
    """
    scheduled = [plan for plan in plans if plan.cron]
    if not scheduled:
        raise BadInput(
            "none of the plans has a schedule",
            where=", ".join(plan.source.name for plan in plans),
            remedy='give one a schedule: [schedule] cron = "0 3 * * *"',
        )
    for plan in scheduled:
        recipients(plan, os.environ)
    server = _Server(reports, say)
    with _alone(reports), _signals(server) as heard, _scheduler(scheduled, server) as scheduler:
        say(f"serving {len(scheduled)} plans; Ctrl-C ends")
        while not pause(WAKE_SECONDS, stop=server.stopping):
            server.read_again(scheduler)
            scheduler.wakeup()
        server.end_drills()
    say("ended; nothing is running")
    return 128 + (heard[0] if heard else signal.SIGTERM)


class _DueTimes(BaseTrigger):  # type: ignore[misc]  # APScheduler is not typed
    """When a plan falls due, for APScheduler; its own cron counts the days of the week from Monday."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        return next(due_after(self.plan, max(previous or now, now)), None)


@contextmanager
def _scheduler(plans: Sequence[Plan], server: _Server) -> Iterator[BackgroundScheduler]:
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # each job says itself how it went
    scheduler = BackgroundScheduler(
        timezone=UTC,
        executors={"default": ThreadPoolExecutor(len(plans))},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    now = datetime.now(UTC)
    for plan in plans:
        server.begin(plan, now)
        # at once as well: something may have fallen due while nothing was serving
        scheduler.add_job(server.attend, _DueTimes(plan), [plan], id=plan.name, next_run_time=now)
    scheduler.start()
    try:
        yield scheduler
    finally:
        scheduler.shutdown(wait=True)


@contextmanager
def _alone(reports: Path) -> Iterator[None]:
    """Raises EnvironmentUnavailable when another process serves with the same reports."""
    folder = reports / STATE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "serve.lock", thread_local=False, timeout=0):
            yield
    except Timeout:
        raise EnvironmentUnavailable(
            "another process is serving plans with these reports",
            where=str(reports),
            remedy="end that one first, or name another folder with --reports",
        ) from None


@contextmanager
def _signals(server: _Server) -> Iterator[list[int]]:
    heard: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        server.stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _written(file: Path) -> object:
    """What changes when a file is written; None while there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


@dataclass
class _Server:
    """Attends to plans, each in a thread of the scheduler's."""

    reports: Path
    say: Say
    stopping: threading.Event = field(default_factory=threading.Event)
    _served: dict[str, tuple[Plan, object]] = field(default_factory=dict)
    _running: set[subprocess.Popen[bytes]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, plan: Plan, now: datetime) -> None:
        """What fell due before the first serving is nobody's duty."""
        State.of(self.reports, plan.name).begin(now)
        self._served[plan.name] = plan, _written(plan.source)

    def read_again(self, scheduler: BackgroundScheduler) -> None:
        """Plans that were edited meanwhile: from now on they fall due as they say now."""
        for name, (plan, written) in list(self._served.items()):
            now = _written(plan.source)
            if now == written:
                continue
            self._served[name] = plan, now
            with self._said(plan):
                new = read_plan(plan.source)
                self._served[name] = new, now
                if (new.schedule.cron, new.plan.timezone) != (plan.schedule.cron, plan.plan.timezone):
                    State.of(self.reports, name).write(datetime.now(UTC))
                    self._note(
                        new, f"its schedule is {new.schedule.cron or 'gone'} now ({new.plan.timezone})"
                    )
                scheduler.add_job(self.attend, _DueTimes(new), [new], id=name, replace_existing=True)

    @contextmanager
    def _said(self, plan: Plan) -> Iterator[None]:
        """What goes wrong in the block is told; the other plans, and this one's next turn, are served on."""
        try:
            yield
        except (RollproofError, OSError) as error:
            self._note(plan, f"something is in the way\n{error}")

    def attend(self, plan: Plan) -> None:
        """Deals with all that has fallen due, until nothing is left or the server stops."""
        with self._said(plan):
            self._attend(plan)

    def _attend(self, plan: Plan) -> None:
        try:
            current = read_plan(plan.source)
        except RollproofError as error:
            self._note(plan, f"the plan cannot be read any more, as it was read last it goes on\n{error}")
            current = plan
        dues = Dues(current, self.reports)
        while not self.stopping.is_set() and (due := dues.next(datetime.now(UTC), missed=self._missed)):
            self._note(current, f"fell due at {due:%H:%M} UTC; it begins")
            code = self._drill(current, due)
            self._note(current, f"ended with exit code {code}")
            if self.stopping.is_set():
                return
            dues.done(due, code, missed=self._missed)

    def _missed(self, plan: Plan, due: datetime, reason: str) -> None:
        self._note(plan, f"missed what fell due at {due:%Y-%m-%d %H:%M} UTC: {reason}")
        try:
            failures = tell(recipients(plan, os.environ), of_missed(plan, due, reason))
        except BadInput as error:
            failures = [str(error)]
        for line in failures:
            self._note(plan, line)

    def _drill(self, plan: Plan, due: datetime) -> int:
        """A process of its own: an interrupt, a crash or a leak of one drill is not the next one's."""
        command = [sys.executable, "-m", "rollproof", "drill", "run", str(plan.source)]
        command += ["--due", due.isoformat(), "--reports", str(self.reports)]
        log = self.reports / STATE / f"{plan.name}.log"
        with log.open("ab") as output, self._lock:
            if self.stopping.is_set():
                return -signal.SIGINT
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
            self._running.add(process)
        code = process.wait()
        with self._lock:
            self._running.discard(process)
        return code

    def end_drills(self) -> None:
        """Interrupts what is running and waits until it has put things back."""
        with self._lock:
            running = list(self._running)
        for process in running:
            self.say("interrupting a drill, which puts things back first")
            process.send_signal(signal.SIGINT)
        for process in running:
            try:
                process.wait(_HEALING_SECONDS)
            except subprocess.TimeoutExpired:
                self.say(f"process {process.pid} is still putting things back; it is left to itself")

    def _note(self, plan: Plan, text: str) -> None:
        self.say(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC {plan.name}: {printable(text)}")
