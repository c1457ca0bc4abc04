"""Several processes walk one history: each a part of it, from a copy of the state before that part.

One leader only applies, as the walk itself would, and keeps a copy at the beginning of each part; as
soon as a copy is there, a process may walk that part. So every part begins in the very state that one
process alone would have had there, and comes to the same verdicts.

What is server-wide, such as a role, is seen by all processes at once: a history that changes that is
walked by one process alone.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from rollproof.components.postgres.admin import databases
from rollproof.environments.base import PostgresServer
from rollproof.errors import EnvironmentUnavailable, RollproofError
from rollproof.migrations.model import Migration
from rollproof.walk.model import RevisionResult
from rollproof.walk.settings import Reopen, WalkSettings
from rollproof.walk.step import Step
from rollproof.walk.track import Start, Track
from rollproof.walk.workdatabase import PREFIX, Copy, drop_whatever_it_takes

SHORTEST = 6
"""Migrations of a part, at least: a copy and a look at all of it cost as much as walking one or two."""
_PARTS = 4
"""Parts for each process, so that none has to wait long for the last one."""


@dataclass(frozen=True)
class Part:
    """What one process walks at a time."""

    start: Start
    migrations: tuple[str, ...]


def parts_of(judged: Sequence[Migration], workers: int) -> list[list[Migration]]:
    """Parts of about the same length, in order; one alone when there is too little to share."""
    size = max(SHORTEST, -(-len(judged) // (workers * _PARTS)))
    return [list(judged[at : at + size]) for at in range(0, len(judged), size)]


class ServerWideChangeError(Exception):
    """The history changes what all processes see: one alone has to walk it."""


def walk_alone(
    reopen: Reopen, server: PostgresServer, settings: WalkSettings, part: Part
) -> list[RevisionResult]:
    """In a process of its own: walks one part on a database of its own."""
    source = reopen()
    try:
        track = Track(source, server, settings, source.load(), part.start)
        try:
            track.fill()
            history = track.history
            chosen = [history.named(name) for name in part.migrations]
            found = [Step(track, migration, history.position(migration) + 1).run() for migration in chosen]
            track.observer.check()
            return found
        finally:
            track.close(put_back=False)
    finally:
        source.close()


def prepare_worker() -> None:
    """Ctrl-C is the parent's to answer; and without a parent there is nothing left to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class Pool:
    """The processes, and the copies that their parts begin at."""

    def __init__(self, server: PostgresServer, settings: WalkSettings, reopen: Reopen) -> None:
        self.server, self.reopen = server, reopen
        self.settings = replace(settings, workers=1, reopen=None)
        self.executor = ProcessPoolExecutor(
            settings.workers, multiprocessing.get_context("spawn"), initializer=prepare_worker
        )
        self.waiting: dict[Future[list[RevisionResult]], Copy | None] = {}
        self.pids: set[int] = set()

    def begin(self, part: Part) -> None:
        """Lets the next process that is free walk it."""
        future = self.executor.submit(walk_alone, self.reopen, self.server, self.settings, part)
        self.waiting[future] = part.start.copy
        self.pids |= set(self._processes())

    def done(self) -> Iterator[RevisionResult]:
        """Results of each part once it is through, until all are. Raises what a process raised."""
        while self.waiting:
            finished, _ = wait(self.waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                results = _result(future)
                self._forget(self.waiting.pop(future))
                yield from results

    def close(self) -> None:
        """Ends the processes, whatever they are at, and drops what is left of theirs."""
        if self.waiting:
            for process in self._processes().values():
                process.terminate()
        self.executor.shutdown(wait=True, cancel_futures=True)
        for copy in self.waiting.values():
            self._forget(copy)
        self.waiting.clear()
        for name in databases(self.server):
            if name.startswith(tuple(f"{PREFIX}{pid}_" for pid in self.pids)):
                drop_whatever_it_takes(self.server, name)

    def _processes(self) -> dict[int, Any]:
        return dict(getattr(self.executor, "_processes", None) or {})

    def _forget(self, copy: Copy | None) -> None:
        if copy is not None:
            with suppress(RollproofError):
                drop_whatever_it_takes(self.server, copy.name)


def _result(future: Future[list[RevisionResult]]) -> list[RevisionResult]:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise EnvironmentUnavailable(
            "a process of the walk was ended from outside",
            doing="walking with several processes",
            remedy="see whether memory ran out; walk with -n 1",
        ) from error


def walk_in_parallel(
    leader: Track, judged: Sequence[Migration], reopen: Reopen, apply: Callable[[Migration], None]
) -> Iterator[RevisionResult]:
    """Results, each part's once it is through. The leader is in the state before the first one, filled.

    Args:
        apply: applies a migration with the leader, and fills.

    Raises:
        ServerWideChangeError: before there is any result.
    """
    pool = Pool(leader.server, leader.settings, reopen)
    token = leader.state.server.token
    try:
        for part in parts_of(judged, leader.settings.workers):
            pool.begin(Part(leader.hand_over(), tuple(migration.id for migration in part)))
            for migration in part:
                apply(migration)
                if leader.state.server.token != token or not leader.can_be_copied:
                    raise ServerWideChangeError
        yield from pool.done()
    finally:
        pool.close()
