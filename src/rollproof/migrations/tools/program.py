"""Running a project's own program to its end: no shell, a time limit, and nothing of it left behind."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rollproof.errors import EnvironmentUnavailable
from rollproof.journal.redaction import cut
from rollproof.privacy.known import remember_command

_TAIL = 8192
"""bytes of its output that are kept for errors"""
_LINES = 3
_VALUES = re.compile(r"=\((?:[^()]|\([^()]*\))*\)")
"""what the server says of a row: `Key (email)=(…)`"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended.

    Attributes:
        exit_code: negative for a signal; None when it was ended because its time was up.
        seconds: from its start to its end.
        stdout: all that it printed, as it is: it may hold anything.
        tail: the end of that and of its errors, without secrets and values of rows.
    """

    exit_code: int | None
    seconds: float
    stdout: str = ""
    tail: str = ""

    @property
    def last_words(self) -> str:
        """The last lines of all that it said, on one."""
        lines = [line.strip() for line in self.tail.splitlines() if line.strip()]
        return " | ".join(lines[-_LINES:]) or "nothing"


def run_program(command: Sequence[str], *, cwd: Path, environment: Mapping[str, str], limit: float) -> Ended:
    """Runs it, and ends its whole process group afterwards, at the limit, and after an interrupt.

    Args:
        environment: all of its variables.
        limit: seconds.

    Raises:
        EnvironmentUnavailable: it could not be started.
    """
    remember_command(command, environment)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.monotonic()
        code = _wait(_start(command, cwd, environment, out, err), limit)
        seconds = time.monotonic() - started
        tail = _read(out, _TAIL) + "\n" + _read(err, _TAIL)
        return Ended(code, seconds, _read(out), _VALUES.sub("=(…)", cut(tail)).strip())


def _start(
    command: Sequence[str], cwd: Path, environment: Mapping[str, str], out: IO[bytes], err: IO[bytes]
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            list(command),
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise EnvironmentUnavailable(
            f"the program cannot be started: {why}",
            doing="starting the migration tool",
            where=f"{command[0]} in {cwd}",
            remedy="run the command by hand in that folder; name the program with its path",
        ) from error


def _wait(process: subprocess.Popen[bytes], limit: float) -> int | None:
    try:
        return process.wait(timeout=limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        # The leader may be gone while others of its group still are there.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _read(file: IO[bytes], last: int | None = None) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - last) if last else 0)
    return file.read().decode(errors="replace")
