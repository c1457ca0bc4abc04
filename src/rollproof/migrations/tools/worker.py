"""Running a Python migration tool itself, in the project's own interpreter, and talking to it.

`NativeWorker` starts `worker_program.py` there, which imports a tool's program (a standalone file) and
carries out orders one after another, so that what is slow to import is imported once.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollproof.errors import AttemptFailed, EnvironmentUnavailable, MigrationError, RollproofError
from rollproof.model.durations import say_duration
from rollproof.privacy.quoted import raised, statement

__all__ = ["Answer", "NativeWorker"]

_PROGRAM = Path(__file__).with_name("worker_program.py")
_LAUNCH = (
    "import sys; __file__ = sys.argv.pop(1); "
    "exec(compile(open(__file__, encoding='utf-8').read(), __file__, 'exec'))"
)
"""Starts the program from the working folder, not from its own: some libraries (dynaconf) look for a
project's settings beside the script that was started, and above it, and would find files of Rollproof."""
_TAIL = 8192
"""bytes kept of what the project's code prints"""
_GRACE = 5.0
"""seconds that the worker gets to end by itself"""

Answer = dict[str, Any]
Hanging = Callable[[Mapping[str, Any]], AttemptFailed | None]
"""Called with the notes of an order that takes too long, before the worker is ended; what it returns
is raised in place of the plain error. It is the one that knows how to end the server's backend."""


class NativeWorker:
    """One process of a project's interpreter, started when first asked for something.

    Args:
        python: the interpreter. program: the tool's program, see worker_program.py.
        environment: all of its environment variables. cwd: its working folder.
    """

    def __init__(self, python: Path, program: Path, environment: Mapping[str, str], cwd: Path) -> None:
        self.python = python
        self.program = program
        self.environment = dict(environment)
        self.cwd = cwd
        self.notes: dict[str, Any] = {}
        """what the worker has told of the order that is, or was last, carried out"""
        self._process: _Process | None = None

    @property
    def running(self) -> bool:
        """True while its process is there, and remembers what it was told."""
        return self._process is not None

    @property
    def printed(self) -> str:
        """The end of what the project's code has printed. It may hold anything: not for reports."""
        return self._process.tail.decode(errors="replace") if self._process else ""

    def ask(self, order: Mapping[str, Any], *, limit: float, hanging: Hanging | None = None) -> Answer:
        """Has one order carried out; `order["do"]` names it, `order["file"]` the migration's file.

        Args:
            limit: seconds, from the start of the process if it has to be started. The process group
                is ended then, also after an interrupt, and the next order starts anew.

        Raises:
            AttemptFailed: the order failed, the process died, or it took too long. Facts: `sqlstate`,
                `line`, `file`, `statement`, `type`, `timed_out`, `exit_code`.
            MigrationError: the worker refused, and nothing was touched.
            EnvironmentUnavailable: the interpreter cannot be started, or the worker refused because of
                the place it is in.
        """
        self.notes = {}
        process = self._process = self._process or _start(self)
        try:
            answer = process.exchange(order, deadline=time.monotonic() + limit, notes=self.notes)
        except TimeoutError:
            raise self._took_too_long(order, limit, hanging) from None
        except EOFError:
            raise self._died(order) from None
        except BaseException:
            self.kill()
            raise
        if error := answer.get("error"):
            raise failed(error, order)
        return dict(answer["ok"])

    def close(self) -> None:
        """Ends the process, if there is one. It may be called twice."""
        process, self._process = self._process, None
        if process:
            process.end(grace=_GRACE)

    def kill(self) -> None:
        """Ends the process group at once."""
        process, self._process = self._process, None
        if process:
            process.end(grace=0.0)

    def __enter__(self) -> NativeWorker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _took_too_long(
        self, order: Mapping[str, Any], limit: float, hanging: Hanging | None
    ) -> AttemptFailed:
        try:
            said = hanging(self.notes) if hanging else None
        finally:
            self.kill()
        return said or AttemptFailed(
            f"it did not end within {say_duration(limit)} and was ended",
            doing=_doing(order),
            where=str(order.get("file") or ""),
            remedy="find out what it waits for, or allow it more time",
            facts={"timed_out": 1, "limit": limit},
        )

    def _died(self, order: Mapping[str, Any]) -> AttemptFailed:
        printed = self.printed.strip().splitlines()
        process, self._process = self._process, None
        code = process.end(grace=_GRACE) if process else None
        said = f"; the last it said: {printed[-1][:300]}" if printed else ""
        return AttemptFailed(
            f"the project's interpreter ended with exit code {code} in the middle of it{said}",
            doing=_doing(order),
            where=str(order.get("file") or self.python),
            remedy="run the tool by hand with the same interpreter to see why",
            facts={"exit_code": code, "indeterminate": 1},
        )


@dataclass(slots=True)
class _Process:
    popen: subprocess.Popen[bytes]
    orders: int
    answers: int
    output: int
    tail: bytes = b""
    rest: bytes = b""

    def exchange(self, order: Mapping[str, Any], *, deadline: float, notes: dict[str, Any]) -> Answer:
        """Raises TimeoutError, or EOFError when the process is gone."""
        try:
            _write(self.orders, json.dumps(dict(order)).encode() + b"\n")
        except BrokenPipeError:
            self._drain()
            raise EOFError from None
        with selectors.DefaultSelector() as selector:
            selector.register(self.answers, selectors.EVENT_READ)
            selector.register(self.output, selectors.EVENT_READ)
            while True:
                while (line := self._line()) is not None:
                    if "note" not in line:
                        return line
                    notes.update(line["note"])
                self._read_more(selector, deadline)

    def _line(self) -> Answer | None:
        line, found, rest = self.rest.partition(b"\n")
        if not found:
            return None
        self.rest = rest
        return dict(json.loads(line))

    def _read_more(self, selector: selectors.BaseSelector, deadline: float) -> None:
        ready = [key.fd for key, _ in selector.select(max(0.0, deadline - time.monotonic()))]
        if not ready and time.monotonic() >= deadline:
            raise TimeoutError
        if self.output in ready and not self._keep(os.read(self.output, 65536)):
            selector.unregister(self.output)
        if self.answers in ready:
            more = os.read(self.answers, 65536)
            if not more:
                self._drain()
                raise EOFError
            self.rest += more

    def _keep(self, printed: bytes) -> bool:
        self.tail = (self.tail + printed)[-_TAIL:]
        return bool(printed)

    def _drain(self) -> None:
        os.set_blocking(self.output, False)
        with contextlib.suppress(BlockingIOError):
            while self._keep(os.read(self.output, 65536)):
                pass

    def end(self, *, grace: float) -> int:
        """Its exit code. The end of its orders is what it ends by; those it started go with it."""
        os.close(self.orders)
        try:
            if grace:
                self.popen.wait(timeout=grace)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._kill()
            code = self.popen.wait()
            os.close(self.answers)
            os.close(self.output)
        return code

    def _kill(self) -> None:
        # The leader may be gone while others of its group still are there.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.popen.pid, signal.SIGKILL)


def _start(worker: NativeWorker) -> _Process:
    theirs_in, orders = os.pipe()
    answers, theirs_out = os.pipe()
    output, theirs_said = os.pipe()
    arguments = [str(_PROGRAM), str(theirs_in), str(theirs_out), str(worker.program)]
    command = [str(worker.python), "-c", _LAUNCH, *arguments]
    try:
        popen = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=theirs_said,
            stderr=theirs_said,
            env=worker.environment,
            cwd=worker.cwd,
            pass_fds=(theirs_in, theirs_out),
            start_new_session=True,
        )
    except OSError as error:
        for descriptor in (orders, answers, output):
            os.close(descriptor)
        raise EnvironmentUnavailable(
            f"the project's interpreter cannot be started: {error.strerror}",
            doing="starting the migration tool",
            where=str(worker.python),
            remedy="name the interpreter that the project is installed in with --python",
        ) from error
    finally:
        for descriptor in (theirs_in, theirs_out, theirs_said):
            os.close(descriptor)
    return _Process(popen, orders, answers, output)


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _doing(order: Mapping[str, Any]) -> str:
    return str(order.get("doing") or f"asking the migration tool to {order.get('do')}")


def failed(error: Mapping[str, Any], order: Mapping[str, Any]) -> RollproofError:
    """What the worker answered, as the error to raise."""
    place = ":".join(str(part) for part in (error.get("file"), error.get("line")) if part)
    found = " ".join(filter(None, (error.get("sqlstate"), _said(error))))
    kind: type[RollproofError] = MigrationError if error.get("refused") else AttemptFailed
    if error.get("environment"):
        kind = EnvironmentUnavailable
    return kind(
        found,
        doing=_doing(order),
        where=str(error.get("where") or place),
        remedy=str(error.get("remedy") or ""),
        facts={
            "type": error.get("type"),
            "sqlstate": error.get("sqlstate") or None,
            "file": error.get("file") or None,
            "line": error.get("line"),
            "statement": statement(str(error.get("statement_head") or "")) or None,
        },
    )


def _said(error: Mapping[str, Any]) -> str:
    message, state = str(error.get("message") or ""), str(error.get("sqlstate") or "")
    if state.startswith("P0"):
        message = raised(message)
    if state or error.get("refused"):
        return message
    return f"{error.get('type')}: {message}" if message else str(error.get("type"))
