"""One part of a drill, in a process that does not outlive whoever started it.

`python -m rollproof.fleet.child FOLDER -- PYTEST ARGUMENTS`. Its standard input is a pipe from its starter:
when that ends, however it ends, the drill is interrupted and puts things back.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from filelock import FileLock, Timeout

from rollproof.errors import BadInput
from rollproof.fleet.merge import Part

LOCK = ".part.lock"
_WAIT_SECONDS = 600.0
"""for an earlier attempt on this machine, which is putting things back"""
BUSY = 75
"""exit code when that one did not end"""


def finished_run(folder: Path) -> Part | None:
    """The run in `folder` that came to its own end, if there is one."""
    for journal in sorted(folder.glob("*/journal.ndjson"), reverse=True):
        try:
            part = Part.read(journal.parent)
        except BadInput:  # nothing was begun in it, or its journal is damaged: it is no finished run
            continue
        if not journal.parent.is_symlink() and part.whole:
            return part
    return None


def main(arguments: list[str]) -> int:
    """Runs the part, unless an earlier attempt has finished it; the exit code of pytest."""
    folder, rest = Path(arguments[0]), arguments[2:]
    folder.mkdir(parents=True, exist_ok=True)
    starter = os.dup(0)  # pytest puts something else in the place of the standard input
    threading.Thread(target=_interrupt_when_alone, args=[starter], daemon=True).start()
    try:
        with FileLock(folder / LOCK, thread_local=False, timeout=_WAIT_SECONDS):
            if finished_run(folder):
                return 0
            import pytest

            return int(pytest.main([*rest, f"--rollproof-reports={folder}"]))
    except Timeout:
        return BUSY


def _interrupt_when_alone(starter: int) -> None:
    while os.read(starter, 1024):
        pass
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
