"""A pytest plugin for tests: ends the drill by a signal at a certain moment.

`KILL_AT=17` is the moment right after journal event 17 was written, `KILL_AT=healing:17` the same of the
journal of another run that is being healed; `KILL_AT=started:postgres` the one right after that program's
keeper has told that it started, `launched:…` before it was told what to do.
`KILL_BY` is the signal, `KILL_WHOM` the `process` or its whole `group`. A folder named by `KILL_NOTES`
gets a list of all processes of the drill just before.
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


def strike() -> None:
    me = psutil.Process()
    family = [[process.pid, process.create_time()] for process in (me, *me.children(recursive=True))]
    Path(os.environ["KILL_NOTES"], FAMILY).write_text(json.dumps(family))
    number = signal.Signals[os.environ.get("KILL_BY", "SIGKILL")]
    if os.environ.get("KILL_WHOM", "process") == "group":
        os.killpg(os.getpgrp(), number)
    else:
        os.kill(os.getpid(), number)


def strike_at_event(number: int, *, healing: bool) -> None:
    put = Journal._put

    def put_and_strike(journal: Journal, event: Event, *, sync: bool) -> None:
        put(journal, event, sync=sync)
        if event.seq == number and (event.actor == "heal") is healing:
            strike()

    Journal._put = put_and_strike  # type: ignore[method-assign]


def strike_at_keeper(moment: str, name: str) -> None:
    hand_over = Keeper._hand_over

    def hand_over_and_strike(keeper: Keeper) -> None:
        if moment == "launched" and keeper.spec.name == name:
            strike()
        hand_over(keeper)
        if keeper.spec.name == name:
            strike()

    Keeper._hand_over = hand_over_and_strike  # type: ignore[method-assign]


def pytest_configure() -> None:
    moment, _, name = os.environ["KILL_AT"].partition(":")
    if moment.isdecimal():
        strike_at_event(int(moment), healing=False)
    elif moment == "healing":
        strike_at_event(int(name), healing=True)
    else:
        strike_at_keeper(moment, name)
