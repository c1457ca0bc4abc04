"""Starting programs so that none outlives its owner: each is started by a keeper of its own.

A keeper is a small process in a session of its own. Its standard input is a lifeline that ends when
its owner dies in any way, `kill -9` included; it then ends the program and removes the folders named
in its spec. A normal stop goes the same way. Postgres, services and emulators are all kept like this.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from rollproof.environments import keeper_program
from rollproof.environments.keeper_program import may_remove, remove_folder
from rollproof.errors import AttemptFailed, EnvironmentUnavailable
from rollproof.journal.redaction import cut_all
from rollproof.waiting import eventually

MARKER = "ROLLPROOF_KEPT_FOR"
"""Environment variable of every keeper and of all that it starts: the scratch folder they belong to."""

INHERITED = (
    "PATH",
    "HOME",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)
"""The only variables of the owner that a kept program may see, unless a spec names more."""

_START_SECONDS = 30.0
_REMOVE_SECONDS = 60.0
_SLICE_SECONDS = 0.1
"""How long one thread listens to the keeper before it lets another thread have a turn."""


def inherited_environment(*more: str) -> dict[str, str]:
    """The owner's variables that are on the allow-list or named here, as far as they are set."""
    return {name: os.environ[name] for name in (*INHERITED, *more) if name in os.environ}


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder for the keeper to make. It must not exist yet; its parent must."""

    path: Path
    mode: int = 0o700
    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeeperSpec:
    """What a keeper is to start, and what it is to leave behind: nothing.

    Attributes:
        name: for error messages and the process list.
        scratch: the folder that all of it belongs to; processes are found by it after a crash.
        argv: the program and its arguments; empty for a keeper of folders alone.
        env: the program's whole environment; see `inherited_environment`.
        uid, gid: who the program runs as; only root may choose.
        log: file that its output is appended to; thrown away when None.
        make: folders to make before the start, in order.
        remove: folders to remove at the end; each `rollproof-…` or inside such a folder.
        ladder: signals that ask it to end, each with the seconds to wait; SIGKILL follows.
        orphan_signal: what it gets when the keeper itself is killed (Linux only).
    """

    name: str
    scratch: Path
    argv: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: Path = Path("/")
    uid: int | None = None
    gid: int | None = None
    log: Path | None = None
    make: Sequence[Folder] = ()
    remove: Sequence[Path] = ()
    ladder: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 10.0),)
    orphan_signal: signal.Signals = signal.SIGKILL

    def __post_init__(self) -> None:
        for path in self.remove:
            if not may_remove(str(path)):
                raise ValueError(f"a keeper only removes folders of Rollproof's own, not {path}")

    def to_line(self) -> bytes:
        """The one line that a keeper reads."""
        return json.dumps(self._plain()).encode() + b"\n"

    def _plain(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "argv": list(self.argv),
            "env": {**self.env, MARKER: str(self.scratch)},
            "cwd": str(self.cwd),
            "uid": self.uid,
            "gid": self.gid,
            "log": str(self.log) if self.log else None,
            "make": [
                {"path": str(folder.path), "mode": folder.mode, "uid": folder.uid, "gid": folder.gid}
                for folder in self.make
            ],
            "remove": [str(path) for path in self.remove],
            "ladder": [[int(number), seconds] for number, seconds in self.ladder],
            "orphan_signal": int(self.orphan_signal),
        }


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended.

    Attributes:
        exit_code: the program's, negative for a signal; None when it had none or nobody saw it.
        forced: it did not heed the ladder and was killed.
        left: folders that could not be removed.
    """

    exit_code: int | None
    forced: bool = False
    left: tuple[str, ...] = ()


class Keeper:
    """A running keeper, as its owner sees it. Safe to use from several threads."""

    def __init__(self, spec: KeeperSpec, process: subprocess.Popen[bytes]) -> None:
        self.spec = spec
        self.child_pid: int | None = None
        self._child: psutil.Process | None = None
        self._process = process
        self._owner = os.getpid()
        self._lock = threading.RLock()
        self._heard = b""
        self._chatter: list[str] = []
        self._events: dict[str, dict[str, Any]] = {}
        self._ended: Ended | None = None
        self._inner: list[Keeper] = []

    @classmethod
    def start(cls, spec: KeeperSpec, *, within: Keeper | None = None) -> Keeper:
        """Starts a keeper and, through it, the program; returns when the program has been started.

        Args:
            within: a keeper that must not end before this one, such as the one that keeps the
                scratch folder that this program writes to.

        Raises:
            EnvironmentUnavailable: the keeper or the program could not be started.
        """
        keeper = cls(spec, _launch(spec, within))
        _OWNED.add(keeper)
        if within is not None:
            within._inner.append(keeper)
        try:
            keeper._hand_over()
        except BaseException:
            keeper.stop()
            raise
        return keeper

    def _hand_over(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._write(self.spec.to_line())
        self._hear_until("started", "failed", seconds=_START_SECONDS)
        if "started" not in self._events:
            raise self._not_started()
        self.child_pid = self._events["started"]["pid"]
        with contextlib.suppress(psutil.NoSuchProcess):
            self._child = psutil.Process(self.child_pid) if self.child_pid else None

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)

    def _not_started(self) -> EnvironmentUnavailable:
        failed = self._events.get("failed", {})
        why = failed.get("error") or "; ".join(self._chatter[-3:]) or "its keeper said nothing"
        return EnvironmentUnavailable(
            f"{self.spec.name} could not be started: {why}",
            where=str(failed.get("where") or (self.spec.argv[0] if self.spec.argv else self.spec.scratch)),
        )

    @property
    def pid(self) -> int:
        """The keeper's own process id."""
        return self._process.pid

    @property
    def lifeline(self) -> int:
        """The descriptor whose end ends the keeper."""
        assert self._process.stdin is not None
        return self._process.stdin.fileno()

    @property
    def alive(self) -> bool:
        """True while the kept program runs; for a keeper of folders, while the keeper does."""
        return not self._over()

    @property
    def exit_code(self) -> int | None:
        """The program's exit code once it has ended by itself or been stopped; negative for a signal."""
        self._hear(0)
        event = self._events.get("ended") or self._events.get("exited") or {}
        return event.get("exit_code")

    def _over(self) -> bool:
        self._hear(0)
        return "exited" in self._events or "ended" in self._events or self._process.poll() is not None

    def wait(self, *, within: float) -> int | None:
        """Waits up to `within` seconds for the program to end by itself; its exit code, or None."""
        self._hear_until("exited", "ended", seconds=within)
        return self.exit_code

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the log, at most 8 KB of them; empty when there is none.

        Cut before they are shortened: half a number or half a key is not recognised any more.
        """
        if self.spec.log is None:
            return ""
        try:
            with self.spec.log.open("rb") as file:
                begin = max(0, self.spec.log.stat().st_size - 8192)
                file.seek(begin)
                body = file.read().decode(errors="replace")
        except OSError:
            return ""
        whole = body.partition("\n")[2] if begin and "\n" in body else body
        return "\n".join(cut_all(whole).splitlines()[-lines:])

    def stop(self) -> Ended:
        """Ends the program and the keeper and removes the folders. Safe to call again, and after a fork.

        Keepers within this one are told to end too, for it waits for them: an interrupt may have come
        before their own turn to be stopped.
        A keeper that was itself killed is stood in for: what it would have done is done from here.
        """
        with self._lock:
            if self._ended is None and os.getpid() == self._owner:
                for keeper in (*self._inner, self):
                    keeper._let_go()
                self._hear_until("ended", seconds=self._patience)
                self._ended = self._conclude()
                _OWNED.discard(self)
            return self._ended or Ended(None)

    @property
    def _patience(self) -> float:
        return sum(seconds for _, seconds in self.spec.ladder) + _REMOVE_SECONDS

    def _let_go(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _conclude(self) -> Ended:
        ended = self._events.get("ended")
        if ended is None and "failed" not in self._events:
            self._stand_in()
        self._process.wait(timeout=_START_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()
        if ended is None:
            return Ended(self._events.get("exited", {}).get("exit_code"), forced=True, left=self._remove())
        return Ended(ended["exit_code"], ended["forced"], tuple(ended["left"]))

    def _stand_in(self) -> None:
        """For a keeper that died or hangs. psutil will not signal a process that took over the number."""
        family = descendants(self._process.pid)
        if self._child is not None:
            family += [self._child, *descendants(self._child.pid)]
        self._process.kill()
        end_processes(family)

    def _remove(self) -> tuple[str, ...]:
        if "started" not in self._events:
            return ()  # then it had made nothing, or has removed it again
        return tuple(str(path) for path in self.spec.remove if not remove_folder(str(path)))

    def _hear_until(self, *events: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not any(event in self._events for event in events):
            rest = deadline - time.monotonic()
            if rest <= 0 or not self._hear(min(rest, _SLICE_SECONDS)):
                return

    def _hear(self, seconds: float) -> bool:
        """Takes in what the keeper says within `seconds`. False when it will say nothing any more."""
        with self._lock:
            pipe = self._process.stdout
            if pipe is None or pipe.closed:
                return False
            while _readable(pipe.fileno(), seconds):
                if not (more := os.read(pipe.fileno(), 65536)):
                    return False
                self._take_in(more)
                seconds = 0
            return True

    def _take_in(self, more: bytes) -> None:
        *lines, self._heard = (self._heard + more).split(b"\n")
        for line in lines:
            if line.startswith(b'{"event"'):
                event = json.loads(line)
                self._events[event["event"]] = event
            else:
                self._chatter.append(line.decode(errors="replace"))

    def _forget(self) -> None:
        """In a forked child: the lifeline is the parent's alone."""
        self._lock = threading.RLock()
        self._let_go()
        self._process.returncode = 0  # it is no child of this process and must not be waited for


def _launch(spec: KeeperSpec, within: Keeper | None) -> subprocess.Popen[bytes]:
    program = str(Path(keeper_program.__file__))
    try:
        return subprocess.Popen(
            # the last two are there to be read in a process list
            [sys.executable, "-I", "-S", program, spec.name, str(spec.scratch)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            env={**inherited_environment(), MARKER: str(spec.scratch)},
            cwd="/",
            start_new_session=True,
            pass_fds=(within.lifeline,) if within else (),
        )
    except OSError as error:
        raise EnvironmentUnavailable(
            f"the keeper of {spec.name} could not be started: {error.strerror}", where=sys.executable
        ) from error


def _readable(descriptor: int, seconds: float) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(max(0.0, seconds)))


def descendants(pid: int) -> list[psutil.Process]:
    """All processes below this one; empty when it is gone."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def end_processes(processes: Sequence[psutil.Process], *, within: float = 10.0) -> None:
    """Kills them and waits up to `within` seconds until none of them runs."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    with contextlib.suppress(AttemptFailed):
        eventually(lambda: not any(map(still_runs, processes)), within=within, what="they have ended")


def still_runs(process: psutil.Process) -> bool:
    """False for a zombie too: it has ended, and only a parent that is not ours can clear it away."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


_OWNED: weakref.WeakSet[Keeper] = weakref.WeakSet()


def _forget_all() -> None:
    for keeper in list(_OWNED):
        keeper._forget()
    _OWNED.clear()


os.register_at_fork(after_in_child=_forget_all)
