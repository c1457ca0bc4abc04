"""What a Dask worker does of a drill: one part in a process of its own, and its evidence as an archive."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rollproof import __version__

_TAIL_BYTES = 4000
_RUNNING: dict[str, list[subprocess.Popen[bytes]]] = {}
"""what this worker is running, by drill"""


class PartDied(Exception):
    """The part's process was killed. Dask does the part again, here or elsewhere."""


@dataclass(frozen=True, slots=True)
class Order:
    """One part of a drill.

    Attributes:
        drill: the drill's own key, the same for all parts.
        number: of the part, from 0.
        project: the folder that the plan is run from; it has to be on every worker's machine.
        arguments: of pytest.
    """

    drill: str
    number: int
    project: str
    arguments: tuple[str, ...]
    version: str = __version__


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a part: exit code, the end of what it said, its run as tar.gz (empty without one)."""

    number: int
    code: int
    said: str
    archive: bytes = b""


def folder_of(drill: str) -> Path:
    """Where this machine keeps the parts of a drill until all is gathered: only this user may look."""
    return Path(tempfile.gettempdir()) / f"rollproof-fleet-{os.getuid()}" / drill


def run_part(order: Order) -> Done:
    """Runs the part and returns its evidence; done again, it returns what an earlier attempt finished.

    Raises PartDied when its process was killed.
    """
    from rollproof.fleet.child import finished_run

    if problem := _unfit(order):
        return Done(order.number, 3, problem)
    folder = folder_of(order.drill) / str(order.number)
    folder.mkdir(parents=True, exist_ok=True)
    code, said = _run(order, folder)
    if code < 0:
        raise PartDied(f"part {order.number} was killed by signal {-code}")
    part = finished_run(folder)
    return Done(order.number, code, said, _packed(part.folder) if part else b"")


def _unfit(order: Order) -> str:
    """Why this worker cannot do it; empty when it can."""
    if order.version != __version__:
        return f"the worker has Rollproof {__version__}, the drill was started by {order.version}"
    shared = folder_of(order.drill).parent
    shared.mkdir(mode=0o700, exist_ok=True)
    if shared.lstat().st_uid != os.getuid():
        return f"{shared} is another user's"
    if not Path(order.project).is_dir():
        return f"the worker has no folder {order.project}"
    return ""


def _run(order: Order, folder: Path) -> tuple[int, str]:
    command = [sys.executable, "-m", "rollproof.fleet.child", str(folder), "--", *order.arguments]
    running = _RUNNING.setdefault(order.drill, [])
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, cwd=order.project, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT
        )
        running.append(process)
        try:
            code = process.wait()
        finally:
            running.remove(process)
            if process.stdin:
                process.stdin.close()
        output.seek(max(0, output.seek(0, os.SEEK_END) - _TAIL_BYTES))
        return code, output.read().decode(errors="replace")


def _packed(run: Path) -> bytes:
    """The journal and what belongs to it; reports are made again from these."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as archive:
        for name in ("journal.ndjson", "attachments"):
            if (run / name).exists():
                archive.add(run / name, arcname=name)
    return body.getvalue()


def stop_drill(drill: str) -> int:
    """Interrupts what this worker runs of a drill, which then puts things back; how many parts that were."""
    running = list(_RUNNING.get(drill, ()))
    for process in running:
        process.send_signal(signal.SIGINT)
    return len(running)


def forget_drill(drill: str) -> None:
    """Removes this machine's copies, once all of it is gathered."""
    folder = folder_of(drill)
    shutil.rmtree(folder, ignore_errors=True)
    _RUNNING.pop(drill, None)
    with suppress(OSError):  # another drill's is in it, or another worker of this machine was quicker
        folder.parent.rmdir()
