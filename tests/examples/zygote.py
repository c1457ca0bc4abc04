"""Runs drills in processes forked from one that has imported everything: most of a small drill is imports.

Told by one JSON object a line on standard input: `{"start": {...}}` forks a process that leads a session
of its own, as a shell's job does, and `{"poll": pid}` asks for its exit status, as `os.waitpid` has it.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import pytest

PRELOADED = (
    "rollproof.checks.judging",
    "rollproof.cli",
    "rollproof.components.healers",
    "rollproof.drill.session",
    "rollproof.environments.embedded",
    "rollproof.evidence",
    "rollproof.plugin.progress",
    "rollproof.steps.database",
    "rollproof.steps.service",
)


class Zygote:
    """The process that is forked from."""

    def __init__(self, orders: IO[str], answers: IO[str]) -> None:
        self.orders = orders
        self.answers = answers
        self.children: dict[int, int | None] = {}

    def serve(self) -> dict[str, Any] | None:
        """Answers until the orders end; in a forked process, returns what it is to do."""
        self.say(ready=True)
        for line in self.orders:
            order = json.loads(line)
            if "poll" in order:
                self.say(status=self.poll(order["poll"]))
                continue
            if not (pid := os.fork()):
                return dict(order["start"])
            self.children[pid] = None
            self.say(pid=pid)
        return None

    def poll(self, pid: int) -> int | None:
        if self.children[pid] is None:
            found, status = os.waitpid(pid, os.WNOHANG)
            self.children[pid] = status if found else None
        return self.children[pid]

    def say(self, **answer: object) -> None:
        self.answers.write(json.dumps(answer) + "\n")
        self.answers.flush()


def become(order: dict[str, Any]) -> int:
    """Does what the process was forked for; its exit code."""
    os.setsid()
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    redirect(order["output"])
    sys.argv = [order["program"], *order["arguments"]]
    if order["program"] == "rollproof":
        import_module("rollproof.__main__").main()
    return int(pytest.main())


def redirect(output: str) -> None:
    """Standard input from nowhere, the two outputs to the end of a file."""
    null, log = os.open(os.devnull, os.O_RDONLY), os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(null)
    os.close(log)


def main(project: Path) -> int:
    with os.fdopen(os.dup(0)) as orders, os.fdopen(os.dup(1), "w") as answers:
        redirect(os.devnull)
        pytest.main(["--collect-only", "-p", "no:cacheprovider", "--rootdir", str(project), str(project)])
        for name in PRELOADED:
            import_module(name)
        sys.stdout.flush()  # or every forked process would say once more what was said here
        order = Zygote(orders, answers).serve()
    return become(order) if order is not None else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
