"""What runs inside a project's own interpreter: takes orders, has a tool's program carry them out, answers.

Started by `rollproof.migrations.tools.worker` as `python -c … worker_program.py ORDERS ANSWERS PROGRAM`, with
the file descriptors of two pipes. Standard library only, Python 3.8 and later (annotations are
never evaluated, so they may be newer), nothing of Rollproof: the project's interpreter need not have it.

Orders and answers are JSON objects, one a line. An order is `{"do": NAME, …}`; its answer is `{"ok": {…}}`
or `{"error": {type, message, sqlstate, statement_head, file, line, refused, …}}`. Any number of
`{"note": {…}}` may come before. What the project's code prints never gets in between: standard output and
standard error lead elsewhere.

PROGRAM is a Python file with `ORDERS: dict[str, Callable[[dict], dict]]`, imported at the first order. It
may `import rollproof_worker` (this module) for `Refused`, `note`, `running` and `beside`. The end of the
pipe of orders, however its other end died, ends this process and its process group at once.
"""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

_HEAD = 200
_MESSAGE = 1000
_SERVER_KEYS = ("sqlstate", "pgcode")

if TYPE_CHECKING:
    Orders = dict[str, Callable[[dict[str, Any]], dict[str, Any]]]


class Refused(Exception):
    """The order cannot be carried out as things are, and nothing was touched.

    `environment`: it is no fault of the migrations, but of the place or of how the tool is set up here.
    """

    def __init__(self, message: str, remedy: str = "", where: str = "", *, environment: bool = False) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.where = where
        self.environment = environment


class _State:
    answers = -1
    statement = ""


def note(**data: Any) -> None:
    """Tells the owner something before the answer, such as the pid of the server's backend."""
    _say({"note": data})


def running(statement: str) -> None:
    """Says which SQL statement is being sent, so that an error can name it."""
    _State.statement = statement


def beside(name: str) -> Any:
    """Another module from the folder of the tool's program, which is not in sys.path."""
    return _load(Path(sys.modules["rollproof_program"].__file__ or "").parent / name)


def _load(path: Path, name: str = "") -> Any:
    name = name or path.stem
    spec = importlib.util.spec_from_file_location(name, str(path))
    if spec is None or spec.loader is None:
        raise Refused("this is no Python file", where=str(path))
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _say(line: dict[str, Any]) -> None:
    text = memoryview(json.dumps(line, default=str).encode() + b"\n")
    while text:
        text = text[os.write(_State.answers, text) :]


def main(arguments: list[str]) -> None:
    """Carries out orders until there are no more."""
    sys.modules["rollproof_worker"] = sys.modules[__name__]
    _forget_folder_started_from()
    orders, _State.answers = int(arguments[0]), int(arguments[1])
    for descriptor in (orders, _State.answers):
        os.set_inheritable(descriptor, False)
    waiting: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_hear, args=(orders, waiting), daemon=True).start()
    program = _Program(arguments[2])
    while True:
        _say(_answer(program, json.loads(waiting.get())))


def _forget_folder_started_from() -> None:
    """What may be imported is for the tool's program to say."""
    if sys.path and sys.path[0] == "":
        del sys.path[0]
    sys.argv[:] = [__file__]


def _hear(orders: int, waiting: queue.Queue[bytes]) -> None:
    rest = b""
    while True:
        try:
            more = os.read(orders, 65536)
        except OSError:
            more = b""
        if not more:
            _end()
        *lines, rest = (rest + more).split(b"\n")
        for line in lines:
            waiting.put(line)


def _end() -> None:
    """At once: the owner is gone, and an order that is being carried out serves nobody any more."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


class _Program:
    """The tool's program; imported when first used, so that its errors are answers."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._orders: Orders | None = None

    @property
    def orders(self) -> Orders:
        if self._orders is None:
            self._orders = dict(_load(Path(self.path), "rollproof_program").ORDERS)
        return self._orders


def _answer(program: _Program, order: dict[str, Any]) -> dict[str, Any]:
    _State.statement = ""
    try:
        return {"ok": program.orders[order["do"]](order)}
    except BaseException as error:  # noqa: BLE001  project code may raise anything, SystemExit included
        return {"error": describe(error, order.get("file"))}


def describe(error: BaseException, file: str | None = None) -> dict[str, Any]:
    """The error as plain data; `file` is the migration's own, whose lines say most."""
    server = None if isinstance(error, Refused) else next(_servers(error), None)
    at, line = ("", None) if isinstance(error, Refused) else _place(error, file)
    return {
        "type": type(error).__name__,
        "message": server[1] if server else _message(error),
        "sqlstate": server[0] if server else "",
        "statement_head": _statement(error),
        "file": at,
        "line": line,
        "refused": isinstance(error, Refused),
        "environment": getattr(error, "environment", False) is True,
        "remedy": getattr(error, "remedy", ""),
        "where": getattr(error, "where", ""),
        "traceback": _frames(error),
    }


def _message(error: BaseException) -> str:
    text = f"exit code {error.code}" if isinstance(error, SystemExit) else str(error)
    return text.strip()[:_MESSAGE]


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and those that it came from: wrapped, caused by, or raised while handling."""
    seen = set()
    waiting = [error]
    while waiting:
        found = waiting.pop(0)
        if not isinstance(found, BaseException) or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        waiting += [getattr(found, "orig", None), found.__cause__]
        waiting += [] if found.__suppress_context__ else [found.__context__]


def _servers(error: BaseException) -> Iterator[tuple[str, str]]:
    """SQLSTATE and the server's own message, without DETAIL, which shows values of rows."""
    for found in chain(error):
        said = found.args[0] if found.args and isinstance(found.args[0], dict) else {}
        state = next((v for v in (getattr(found, key, None) for key in _SERVER_KEYS) if v), said.get("C"))
        if isinstance(state, str):
            primary = getattr(getattr(found, "diag", None), "message_primary", None) or said.get("M")
            first = str(found).strip().split("\n")[0]
            yield state, str(primary or first)[:_MESSAGE]


def _statement(error: BaseException) -> str:
    named = (getattr(found, "statement", None) for found in chain(error))
    text = next((s for s in named if isinstance(s, str)), None)
    if text is None:
        text = _State.statement if any(True for _ in _servers(error)) else ""
    return " ".join(text.split())[:_HEAD]


def _place(error: BaseException, file: str | None) -> tuple[str, int | None]:
    for found in chain(error):
        if isinstance(found, SyntaxError) and found.filename:
            return found.filename, found.lineno
    wanted, own = os.path.realpath(file) if file else None, _own_folders()
    frames = [frame for found in chain(error) for frame in traceback.extract_tb(found.__traceback__)]
    frames = [frame for frame in frames if _folder(frame.filename) not in own]
    best = [frame for frame in frames if os.path.realpath(frame.filename) == wanted]
    best = best or [frame for frame in frames if not _library(frame.filename)] or frames
    return (best[-1].filename, best[-1].lineno) if best else ("", None)


def _own_folders() -> set[Path]:
    """Those of the worker and of the tool's program, whose other modules lie beside it."""
    modules = (sys.modules.get(name) for name in ("rollproof_worker", "rollproof_program"))
    return {_folder(module.__file__) for module in modules if module is not None and module.__file__}


def _folder(filename: str) -> Path:
    return Path(filename).resolve().parent


def _library(filename: str) -> bool:
    parts = filename.replace(os.sep, "/")
    return (
        "/site-packages/" in parts or "/dist-packages/" in parts or parts.startswith("<") or _stdlib(filename)
    )


def _stdlib(filename: str) -> bool:
    return Path(os.__file__).resolve().parent in Path(filename).resolve().parents


def _frames(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames][-40:]


if __name__ == "__main__":
    main(sys.argv[1:])
