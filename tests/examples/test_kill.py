"""A drill that is killed at any moment leaves nothing behind, and the next one ends as if it had not been."""

from __future__ import annotations

import json
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from drilling import JOURNAL, Drilled, Ended, Forker, Reference, family_is_gone, nothing_is_left, verdicts

from rollproof.journal import History, read_journal

KILLER = ("-p", "tests.examples.killer")
GROUPS = 32
"""Events are taken three at a time, so that several processes can share the work."""
EARLIER = "evidence.earlier"
"""what a run notes of the runs before it, where there are any: the killed ones"""
MOST = 150
"""More events than a scenario of the reference system writes."""


@dataclass(frozen=True)
class Unkilled:
    """How a drill ends that nobody kills."""

    events: int
    verdicts: dict[tuple[str, str], str]

    @classmethod
    def of(cls, drilled: Drilled) -> Unkilled:
        ended = drilled.drill()
        assert ended.code == 0, ended.said
        journal = drilled.journal()
        shutil.rmtree(drilled.reports)
        return cls(len(journal.events), verdicts(journal))


@pytest.fixture(scope="session")
def unkilled(forker: Forker, tmp_path_factory: pytest.TempPathFactory) -> Unkilled:
    return Unkilled.of(Drilled(tmp_path_factory.mktemp("mini"), forker))


@pytest.fixture(scope="session")
def reference(forker: Forker, tmp_path_factory: pytest.TempPathFactory) -> Unkilled:
    return Unkilled.of(Reference(tmp_path_factory.mktemp("reference"), forker))


@dataclass(frozen=True)
class Killed:
    """A run that was killed, after its keepers have done their work."""

    journal: Path
    before: History

    @property
    def name(self) -> str:
        return self.journal.parent.name


def kill(drilled: Drilled, at: int | str, whom: str) -> tuple[Killed, Ended]:
    """Kills a drill and sees that its processes, folders and sockets go away by themselves."""
    earlier = drilled.runs()
    ended = drilled.start_drill(*KILLER, KILL_AT=str(at), KILL_WHOM=whom).ended()
    assert ended.code == -signal.SIGKILL, ended.said
    [run] = drilled.runs() - earlier
    family_is_gone(json.loads((drilled.home / "family.json").read_text()))
    nothing_is_left(run / JOURNAL)
    return Killed(run / JOURNAL, read_journal(run / JOURNAL)), ended


def is_healed(killed: Killed, by: Ended) -> None:
    """The process that healed it said so, if it came to that, and its journal has an end."""
    after = read_journal(killed.journal)
    if killed.before.events[-1].act == "run.finished":
        assert len(after.events) == len(killed.before.events)
        return
    assert by.code < 0 or f"healed run {killed.name}, which was killed" in by.said
    assert after.events[-1].act == "run.finished"
    assert after.events[-1].data["outcome"] == "unknown"


def run_like_never_killed(drilled: Drilled, unkilled: Unkilled) -> Ended:
    """A whole drill; afterwards there is nothing to heal."""
    earlier = drilled.runs()
    ended = drilled.drill()
    assert ended.code == 0, ended.said
    [run] = drilled.runs() - earlier
    journal = read_journal(run / JOURNAL)
    own = [event for event in journal.events if event.act != EARLIER]
    assert (len(own), verdicts(journal)) == (unkilled.events, unkilled.verdicts)
    nothing_is_left(run / JOURNAL, within=0.001)
    healed = drilled.rollproof("heal", f"--reports={drilled.reports}")
    assert (healed.code, healed.said) == (0, "nothing to heal\n")
    return ended


def test_every_event_has_its_turn(unkilled: Unkilled) -> None:
    assert unkilled.events <= 3 * GROUPS, "there are more events than the tests below kill at"


def mode(number: int) -> str:
    return ("process", "group")[number % 2]


def some_slow(groups: int) -> list[Any]:
    """Every third group in each run of the tests; the others are left to `make kill`."""
    return [pytest.param(n, marks=() if n % 3 == 0 else pytest.mark.slow) for n in range(groups)]


@pytest.mark.parametrize("group", some_slow(GROUPS))
def test_a_drill_killed_at_any_event_is_healed_by_the_next(
    group: int, mini: Drilled, unkilled: Unkilled
) -> None:
    """Each killed drill heals the one before; the third of a group is followed by one that nobody kills."""
    events = [number for number in range(3 * group + 1, 3 * group + 4) if number <= unkilled.events]
    waiting: Killed | None = None
    for number in events:
        killed, ended = kill(mini, number, mode(number))
        assert len(killed.before.events) == number
        if waiting is not None:
            is_healed(waiting, by=ended)
        waiting = killed
    if waiting is not None:
        is_healed(waiting, by=run_like_never_killed(mini, unkilled))


@pytest.mark.parametrize("program", ["the scratch folder", "initdb", "postgres"])
@pytest.mark.parametrize("moment", ["launched", "started"])
def test_a_drill_killed_while_a_program_starts_is_healed(
    moment: str, program: str, mini: Drilled, unkilled: Unkilled
) -> None:
    killed, _ = kill(mini, f"{moment}:{program}", "group")
    is_healed(killed, by=run_like_never_killed(mini, unkilled))


@pytest.mark.parametrize("left", [0.0, 0.3, 0.99])
def test_a_last_line_that_was_cut_short_is_cut_off(left: float, mini: Drilled) -> None:
    """What a crash of the machine leaves of the last line: its act never began."""
    killed, _ = kill(mini, 24, "process")
    body = killed.journal.read_bytes()
    start = body[:-1].rfind(b"\n") + 1
    killed.journal.write_bytes(body[: start + int((len(body) - start) * left)])
    healed = mini.rollproof("heal")
    assert (healed.code, "1 killed runs healed" in healed.said) == (0, True), healed.said
    assert read_journal(killed.journal).events[-1].act == "run.finished"


def test_an_end_that_was_cut_short_is_written_again(mini: Drilled, unkilled: Unkilled) -> None:
    killed, _ = kill(mini, unkilled.events, "process")
    killed.journal.write_bytes(killed.journal.read_bytes()[:-9])
    assert "1 killed runs healed" in mini.rollproof("heal").said
    assert read_journal(killed.journal).events[-1].act == "run.finished"


def test_a_run_killed_while_it_heals_another_is_healed_with_it(mini: Drilled, unkilled: Unkilled) -> None:
    killed, _ = kill(mini, 24, "process")
    ended = mini.drill(*KILLER, KILL_AT="healing:25")
    assert ended.code == -signal.SIGKILL
    assert len(read_journal(killed.journal).events) == 25
    ended = run_like_never_killed(mini, unkilled)
    is_healed(killed, by=ended)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, MOST + 1))
def test_the_reference_system_killed_at_any_event_is_healed(
    number: int, home: Path, forker: Forker, reference: Unkilled
) -> None:
    assert reference.events <= MOST
    if number > reference.events:
        pytest.skip(f"the drill has {reference.events} events")
    drilled = Reference(home, forker)
    killed, _ = kill(drilled, number, mode(number))
    assert len(killed.before.events) == number
    is_healed(killed, by=run_like_never_killed(drilled, reference))
