"""A pytest plugin for tests: ends the drill by a signal at certain moments.

`KILL_AT` lists them, by commas. `17` is right after journal event 17 was written, `begin:heal` after the
first event of that act and kind, `healing:17` after event 17 of another run's journal, which is being
healed; `started:postgres` is right after that program's keeper has told that it started, `launched:…`
before it was told what to do. `KILL_BY` is the signal, `KILL_WHOM` the `process` or its whole `group`,
`KILL_IN` the worker of pytest-xdist that is meant. A folder named by `KILL_NOTES` gets a list of all
processes of the drill just before.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import psutil

from rollproof.environments.keeper import Keeper
from rollproof.journal import Event, Journal

FAMILY = "family.json"


class Killer:
    """What is still to come."""

    def __init__(self, moments: list[str]) -> None:
        self.moments = moments

    def reached(self, *names: str) -> None:
        """Strikes when one of these names of a moment is the next that is waited for."""
        if self.moments and self.moments[0] in names:
            del self.moments[0]
            strike()


def strike() -> None:
    me = psutil.Process()
    family = [[process.pid, process.create_time()] for process in (me, *me.children(recursive=True))]
    Path(os.environ["KILL_NOTES"], FAMILY).write_text(json.dumps(family))
    number = signal.Signals[os.environ.get("KILL_BY", "SIGKILL")]
    if os.environ.get("KILL_WHOM", "process") == "group":
        os.killpg(os.getpgrp(), number)
    else:
        os.kill(os.getpid(), number)


def watch_journal(killer: Killer) -> None:
    put = Journal._put

    def put_and_strike(journal: Journal, event: Event, *, sync: bool) -> None:
        put(journal, event, sync=sync)
        if event.actor == "heal":
            killer.reached(f"healing:{event.seq}")
        else:
            killer.reached(str(event.seq), f"{event.kind}:{event.act}")

    Journal._put = put_and_strike  # type: ignore[method-assign]


def watch_keepers(killer: Killer) -> None:
    hand_over = Keeper._hand_over

    def hand_over_and_strike(keeper: Keeper) -> None:
        killer.reached(f"launched:{keeper.spec.name}")
        hand_over(keeper)
        killer.reached(f"started:{keeper.spec.name}")

    Keeper._hand_over = hand_over_and_strike  # type: ignore[method-assign]


def pytest_configure() -> None:
    if os.environ.get("KILL_IN", "") != os.environ.get("PYTEST_XDIST_WORKER", ""):
        return
    killer = Killer(os.environ["KILL_AT"].split(","))
    watch_journal(killer)
    watch_keepers(killer)
