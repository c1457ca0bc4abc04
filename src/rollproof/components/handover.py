"""Programs that git runs, such as hooks, hand the drill a question and wait for its answer."""

from __future__ import annotations

import os
import secrets
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rollproof.components.commands import Ran
from rollproof.environments.base import OpenEnvironment
from rollproof.environments.keeper import Keeper, KeeperSpec
from rollproof.errors import AttemptFailed
from rollproof.waiting import eventually

HEAR_SECONDS = 10.0
"""What a program gets to come and fetch its answer."""


class Handover:
    """A folder with a question in it, and a pipe that the answer comes through.

    The program needs nothing but a shell, and waits without asking again. What it is answered is an exit
    code on the first line, and below it what a person at the terminal is to read.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._question = folder / "question"
        self._answer = folder / "answer"
        os.mkfifo(self._answer, 0o600)

    def script(self, question: str) -> str:
        """A shell script that hands over what a command prints, prints the answer and ends as it says."""
        part, whole, answer = (
            shlex.quote(str(path))
            for path in (self._question.with_suffix(".part"), self._question, self._answer)
        )
        return (
            "#!/bin/sh\n"
            f"{question} >{part} && mv {part} {whole} || exit 255\n"
            f"{{ read -r code; cat; }} <{answer} || exit 255\n"
            'exit "$code"\n'
        )

    def run(
        self,
        argv: Sequence[str],
        answer: Callable[[str], tuple[int, str]],
        *,
        within: OpenEnvironment,
        cwd: Path,
        env: Mapping[str, str],
        limit: float,
    ) -> Ran:
        """Runs a program to its end and answers what it asks on the way, here, in this thread.

        Args:
            limit: seconds that it may take without asking anything.

        Raises:
            AttemptFailed: it did not end in time. Nothing that it started outlives it.
            EnvironmentUnavailable: it could not be started.
        """
        log = within.scratch / f"command-{secrets.token_hex(6)}.log"
        name = " ".join(argv[:2])
        spec = KeeperSpec(name=name, scratch=within.scratch, argv=argv, env=env, cwd=cwd, log=log)
        keeper = Keeper.start(spec, within=within.guardian)
        try:
            while (question := self._next(keeper, name, limit)) is not None:
                self._send(*answer(question))
            return Ran(keeper.exit_code, keeper.log_tail().strip())
        finally:
            keeper.stop()
            log.unlink(missing_ok=True)

    def _next(self, keeper: Keeper, name: str, limit: float) -> str | None:
        """What is asked next; None when the program has ended."""
        eventually(lambda: not keeper.alive or self._question.exists(), within=limit, what=f"{name} ends")
        if not self._question.exists():
            return None
        asked = self._question.read_text(encoding="utf-8", errors="replace")
        self._question.unlink()
        return asked

    def _send(self, code: int, said: str) -> None:
        pipe = eventually(self._opened, within=HEAR_SECONDS, what="the program fetches its answer")
        with os.fdopen(pipe[0], "w", encoding="utf-8", errors="replace") as file:
            os.set_blocking(file.fileno(), True)
            file.write(f"{code}\n{said}\n")

    def _opened(self) -> list[int] | None:
        """The pipe, once somebody reads at its other end."""
        try:
            return [os.open(self._answer, os.O_WRONLY | os.O_NONBLOCK)]
        except OSError:
            return None


def explain(ran: Ran, doing: str, where: str) -> AttemptFailed:
    """The error for a program of git's that ended badly, in its own words."""
    lines = [line.removeprefix("remote:").strip() for line in ran.said.splitlines()]
    said = " | ".join(line for line in lines if line and not line.startswith("hint:"))[-600:]
    return AttemptFailed(f"{doing} was refused: {said or 'it said nothing'}", where=where)
