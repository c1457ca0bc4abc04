"""What the processes of services use, and what they write: read beside their answers while a watch lasts.

Of services that run on this machine. In Lambda nobody is told the processor's time of a function.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import psutil

from rollproof.components.aws.logs import is_error
from rollproof.components.service import Services
from rollproof.drill.drill import Drill
from rollproof.workload.samples import LogCount, Usage

MOST_BYTES = 64 * 2**20
"""of one log that are read; what was written before them is not counted"""


def usage(drill: Drill, at_us: int) -> list[Usage]:
    """Processor time and memory of every running service now, all its processes together."""
    found = []
    for name, keeper in drill.use(Services).running.items():
        seen = _of_tree(keeper.child_pid) if keeper.child_pid and keeper.alive else None
        if seen is not None:
            found.append(Usage(at_us, name, *seen))
    return found


def _of_tree(pid: int) -> tuple[int, int, tuple[int, ...]] | None:
    """Microseconds of processor time since its start, resident KiB, runnable threads; None: it is gone."""
    try:
        root = psutil.Process(pid)
        times = root.cpu_times()
        ended = float(getattr(times, "children_user", 0) + getattr(times, "children_system", 0))
        family = [root, *root.children(recursive=True)]
    except psutil.Error:
        return None
    seconds, size = ended, 0
    threads: list[int] = []
    for process in family:
        try:
            spent = process.cpu_times()
            seconds += spent.user + spent.system
            size += process.memory_info().rss
            threads += _runnable(process.pid)
        except psutil.Error:  # it has just ended; its parent accounts for it at the next look
            continue
    return int(seconds * 1e6), size // 1024, tuple(sorted(threads))


def _runnable(pid: int) -> list[int]:
    """Threads that run or could, from /proc; nothing on systems without it.

    On a busy machine a thread that never rests has little processor time: its state tells all the same.
    """
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            state = task.read_text(errors="replace").rpartition(")")[2].split()[:1]
        except OSError:
            continue
        if state == ["R"]:
            found.append(int(task.parent.name))
    return found


def log_sizes(drill: Drill) -> dict[str, int]:
    """How long the log of every running service is now, in bytes."""
    return {name: _size(log) for name, log in _logs(drill).items()}


def count_service_logs(drill: Drill, *, since: Mapping[str, int]) -> list[LogCount]:
    """Lines, and errors among them, that every running service has written since."""
    return [
        LogCount(f"service {name}", len(lines), sum(map(is_error, lines)))
        for name, log in _logs(drill).items()
        for lines in [lines_since(log, since.get(name, 0))]
    ]


def lines_since(log: Path, offset: int, *, until: int | None = None) -> list[str]:
    """What was written to a log after so many bytes, or up to so many; one that is not there has nothing."""
    end = _size(log) if until is None else until
    begin = max(offset, end - MOST_BYTES)
    try:
        with log.open("rb") as file:
            file.seek(begin)
            return file.read(max(0, end - begin)).decode(errors="replace").splitlines()
    except OSError:
        return []


def _logs(drill: Drill) -> dict[str, Path]:
    running = drill.use(Services).running.items()
    return {name: keeper.spec.log for name, keeper in running if keeper.spec.log is not None}


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except OSError:
        return 0
