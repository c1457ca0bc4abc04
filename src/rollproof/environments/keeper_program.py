"""The keeper itself: starts one program, ends it when its owner is gone, then removes what was theirs.

Run by its path with `python -I -S`: standard library only and nothing of Rollproof, so that it is up
within a few hundredths of a second. POSIX; on Linux it also survives its own sudden death, see below.

What it is told comes as one line of JSON on standard input (`KeeperSpec.to_line`). Nothing more is ever
sent: standard input is a lifeline, and its end, however the owner died, is the order to stop. What it
has to say goes to standard output, one JSON object a line: `started`, `failed`, `exited`, last `ended`.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

PREFIX = "rollproof-"
"""Only folders with a name that begins like this, and what is in them, are ever removed."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_IPC_RMID = 0
_SWEEP_SECONDS = 5.0


def main() -> int:
    """Returns 0 when everything is ended and removed; also when the owner died before it said what to do."""
    wake = _hear_only_the_lifeline()
    if (line := _first_line()) is None:
        return 0
    os.chdir("/")
    os.umask(0o077)
    return Keeping(json.loads(line), wake).run()


def _hear_only_the_lifeline() -> int:
    """Makes signals wake the one wait there is. Returns the descriptor on which they do.

    Handlers, not SIG_IGN: an ignored signal would stay ignored in the program that is started. What
    the owner had blocked or ignored (`nohup`, a background shell) must not be passed on either.
    """
    wake, alarm = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(alarm, False)
    signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    for number in (signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    return wake


def _first_line() -> bytes | None:
    """What to do, or None when the owner died while saying it."""
    line = b""
    while not line.endswith(b"\n"):
        if not (more := os.read(0, 65536)):
            return None
        line += more
    return line


def say(event: str, **data: object) -> None:
    """Tells the owner, if there still is one."""
    try:
        os.write(1, json.dumps({"event": event, **data}).encode() + b"\n")
    except OSError:
        return


class Keeping:
    """One program being kept."""

    def __init__(self, spec: dict[str, Any], wake: int) -> None:
        self.spec = spec
        self.wake = wake
        self.child: int | None = None
        self.exit_code: int | None = None
        self.told_to_stop = False
        self.since = int(time.time())
        self.reaped: set[int] = set()
        self.to_make = [folder["path"] for folder in spec["make"]]

    def run(self) -> int:
        """Starts, waits for the end of the lifeline, stops, removes."""
        adopt_orphans()
        try:
            self._make_folders()
            self.child = self._start() if self.spec["argv"] else None
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self._remove()
            why, where = _why(error), getattr(error, "filename", None)
            say("failed", error=why, where=where or self.spec["name"])
            return 1
        say("started", pid=self.child)
        while not self.told_to_stop:
            self._wait(None)
        forced = self._stop()
        left = self._remove()
        say("ended", exit_code=self.exit_code, forced=forced, left=left)
        return 1 if left else 0

    def _make_folders(self) -> None:
        for folder in self.spec["make"]:
            os.mkdir(folder["path"], 0o700)  # noqa: PTH102  # pathlib is not worth its import here
            self.to_make.remove(folder["path"])
            if folder["uid"] is not None or folder["gid"] is not None:
                os.chown(folder["path"], _id(folder["uid"]), _id(folder["gid"]))
            os.chmod(folder["path"], folder["mode"])  # noqa: PTH101

    def _start(self) -> int:
        spec = self.spec
        log = _open_log(spec["log"])
        try:
            program = subprocess.Popen(
                spec["argv"],
                env=spec["env"],
                cwd=spec["cwd"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_bind_to_keeper(spec["orphan_signal"]),  # noqa: PLW1509  # no threads here
                **_as_user(spec),
            )
        finally:
            os.close(log)
        program.returncode = 0  # waited for below, with everything else
        return program.pid

    def _wait(self, seconds: float | None) -> None:
        """Until a signal, the end of the lifeline or `seconds`; then sees who has exited."""
        lifeline = [] if self.told_to_stop else [0]
        ready, _, _ = select.select([*lifeline, self.wake], [], [], seconds)
        if self.wake in ready and signal.SIGTERM in os.read(self.wake, 4096):
            self.told_to_stop = True
        if 0 in ready and not os.read(0, 4096):
            self.told_to_stop = True
        self._reap()

    def _reap(self) -> None:
        for pid, status in _exited():
            self.reaped.add(pid)
            if pid == self.child:
                _kill(os.killpg, pid, signal.SIGKILL)  # at once, while the number is surely still its own
                self.exit_code = os.waitstatus_to_exitcode(status)
                say("exited", exit_code=self.exit_code)

    @property
    def _running(self) -> bool:
        return self.child is not None and self.exit_code is None

    def _stop(self) -> bool:
        """Asks in the ways of the ladder, then kills. True when it had to kill."""
        for number, seconds in self.spec["ladder"]:
            if self._running and self.child is not None:
                _kill(os.kill, self.child, number)
                self._wait_while(lambda: self._running, seconds)
        forced = self._running
        if forced and self.child is not None:
            _kill(os.killpg, self.child, signal.SIGKILL)
            self._wait_while(lambda: self._running, _SWEEP_SECONDS)
        self._wait_while(self._kill_descendants, _SWEEP_SECONDS)
        return forced

    def _wait_while(self, condition: Callable[[], object], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while condition() and (rest := deadline - time.monotonic()) > 0:
            self._wait(min(rest, 0.05))

    def _kill_descendants(self) -> bool:
        """Kills every process that is ours by birth or adoption; True while there are any."""
        found = children()
        for pid in found:
            _kill(os.kill, pid, signal.SIGKILL)
        return bool(found)

    def _remove(self) -> list[str]:
        """What could not be removed. A folder to be made that was there already is not ours to remove."""
        remove_shared_memory(self.reaped, since=self.since)
        ours = [path for path in self.spec["remove"] if path not in self.to_make]
        return [path for path in ours if not remove_folder(path)]


def _id(number: int | None) -> int:
    return -1 if number is None else number


def _open_log(path: str | None) -> int:
    if path is None:
        return os.open(os.devnull, os.O_WRONLY)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)


def _as_user(spec: dict[str, Any]) -> dict[str, Any]:
    if spec["uid"] is None:
        return {}
    return {"user": spec["uid"], "group": spec["gid"], "extra_groups": []}


def _bind_to_keeper(orphan_signal: int) -> Callable[[], None]:
    """What the child does before it becomes the program: it will not outlive a keeper that is killed.

    Linux only. It must come after the change of user, which clears it (prctl(2)); subprocess calls
    `preexec_fn` after that change.
    """
    keeper = os.getpid()
    prctl = _prctl()

    def bind() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, orphan_signal, 0, 0, 0)
            if os.getppid() != keeper:
                os.kill(os.getpid(), signal.SIGKILL)

    return bind


def _prctl() -> Callable[..., int] | None:
    return ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def adopt_orphans() -> None:
    """On Linux, grandchildren whose parent dies become this process's children, so none gets lost."""
    if prctl := _prctl():
        prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children() -> list[int]:
    """Pids of this process's children, zombies included; empty where /proc does not tell."""
    found: list[int] = []
    try:
        for task in os.listdir("/proc/self/task"):  # noqa: PTH208
            with open(f"/proc/self/task/{task}/children") as file:  # noqa: PTH123
                found += map(int, file.read().split())
    except OSError:
        return []
    return found


def _exited() -> Iterator[tuple[int, int]]:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        yield pid, status


def _kill(how: Callable[[int, int], None], pid: int, number: int) -> None:
    try:
        how(pid, number)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
        return


def remove_shared_memory(creators: set[int], *, since: float) -> list[int]:
    """Removes System V segments that these processes made after `since` and that nobody uses; their ids.

    A Postgres that was killed leaves one, and a machine has room for 4096 in all. Linux only, where
    /proc/sysvipc/shm tells who made which.
    """
    try:
        with open("/proc/sysvipc/shm") as file:  # noqa: PTH123
            rows = [line.split() for line in file][1:]
    except OSError:
        return []
    stray = [int(row[1]) for row in rows if _is_stray(row, creators, since)]
    return [number for number in stray if ctypes.CDLL(None).shmctl(number, _IPC_RMID, None) == 0]


def _is_stray(row: list[str], creators: set[int], since: float) -> bool:
    creator, attached, changed = int(row[4]), int(row[6]), int(row[13])
    return creator in creators and attached == 0 and changed >= since


def _why(error: BaseException) -> str:
    """A name that is nowhere on the PATH is refused, too, when a folder there may not be looked into."""
    import shutil

    name = str(getattr(error, "filename", None) or "")
    if isinstance(error, PermissionError) and name and "/" not in name and shutil.which(name) is None:
        return os.strerror(errno.ENOENT)
    return getattr(error, "strerror", None) or str(error)


def may_remove(path: str) -> bool:
    """True for an absolute path with a folder of ours in it, and no way out of that folder."""
    parts = path.split("/")
    return path.startswith("/") and ".." not in parts and any(part.startswith(PREFIX) for part in parts)


def remove_folder(path: str) -> bool:
    """Removes a folder and all that is in it. False when something of it is still there.

    What was made unreadable in it is made readable first; symbolic links are not followed.
    """
    from shutil import rmtree

    if not may_remove(path):
        return False
    rmtree(path, ignore_errors=True)
    if os.path.lexists(path):
        _open_up(path)
        rmtree(path, ignore_errors=True)
    return not os.path.lexists(path)


def _open_up(path: str) -> None:
    if os.path.islink(path):  # noqa: PTH114
        return
    _allow(path)
    for folder, names, _ in os.walk(path):
        for name in names:
            _allow(os.path.join(folder, name))  # noqa: PTH118


def _allow(path: str) -> None:
    try:
        if not os.path.islink(path):  # noqa: PTH114
            os.chmod(path, 0o700)  # noqa: PTH101
    except OSError:
        return


if __name__ == "__main__":
    code = main()
    os._exit(code)
