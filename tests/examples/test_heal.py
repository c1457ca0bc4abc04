"""`rollproof heal`: nothing is left, something is, a journal was altered, a run goes on."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import psutil
import pytest
from drilling import JOURNAL, Drilled, nothing_is_left, scratch_folders

from rollproof.environments.keeper import MARKER
from rollproof.environments.leftovers import find_leftovers
from rollproof.journal import read_journal
from rollproof.waiting import eventually

KILLER = ("-p", "tests.examples.killer")


def test_there_is_nothing_to_heal_where_nothing_ever_ran(mini: Drilled) -> None:
    healed = mini.rollproof("heal")
    assert (healed.code, healed.said) == (0, "nothing to heal: there is no folder reports\n")


def test_there_is_nothing_to_heal_after_a_run_that_ended(mini: Drilled) -> None:
    assert mini.drill("-q").code == 0
    healed = mini.rollproof("heal")
    assert (healed.code, healed.said) == (0, "nothing to heal\n")


def killed(mini: Drilled, *, with_its_keepers: bool = False) -> Path:
    """The journal of a run that was killed while it deployed."""
    drill = mini.start_drill("-q", *KILLER, KILL_AT="begin:migration.apply", KILL_BY="SIGSTOP")
    [run] = eventually(lambda: list(mini.runs()), within=60, what="the run has its folder")
    eventually((mini.home / "family.json").exists, within=60, what="the drill has been stopped")
    if with_its_keepers:
        keepers = [process for process in everybody(mini) if process.pid != drill.pid]
        for process in keepers:
            process.suspend()  # so that none has a chance to finish
    drill.signal(signal.SIGKILL)
    drill.ended()
    if with_its_keepers:
        for process in keepers:
            if "keeper_program.py" in str(process.cmdline()):
                process.kill()
    return run / JOURNAL


def everybody(mini: Drilled) -> list[psutil.Process]:
    noted = json.loads((mini.home / "family.json").read_text())
    return [psutil.Process(pid) for pid, created in noted if psutil.Process(pid).create_time() == created]


def test_what_a_killed_run_left_is_undone(mini: Drilled) -> None:
    journal = killed(mini)
    healed = mini.rollproof("heal")
    assert (healed.code, healed.said.splitlines()[-1]) == (0, "1 killed runs healed"), healed.said
    assert healed.said.startswith(f"{journal.parent.name}: ")
    nothing_is_left(journal, within=0.001)
    assert read_journal(journal).events[-1].act == "run.finished"
    assert mini.rollproof("heal").said == "nothing to heal\n"


@pytest.mark.slow  # a minute: a server that has been stopped answers nobody, and is waited for
def test_what_keepers_could_not_remove_is_removed(mini: Drilled) -> None:
    journal = killed(mini, with_its_keepers=True)
    [(scratch, folders)] = scratch_folders(read_journal(journal).events)
    assert find_leftovers(scratch, *folders)
    healed = mini.rollproof("heal")
    assert healed.code == 0, healed.said
    nothing_is_left(journal, within=0.001)


def altered(journal: Path, *, line: int) -> str:
    """Changes one letter; the text of the journal before."""
    before = journal.read_text()
    lines = before.splitlines(keepends=True)
    lines[line - 1] = lines[line - 1].replace('"run"', '"ran"', 1)
    assert lines[line - 1] not in before
    journal.write_text("".join(lines))
    return before


@pytest.mark.parametrize("line", [1, 5])
def test_a_journal_that_was_altered_is_not_believed(line: int, mini: Drilled) -> None:
    """It might say to remove what was never the run's; the line is named, and nothing is touched.

    It is the next line that tells: that is where the digest of this one stands.
    """
    journal = killed(mini)
    nothing_is_left(journal)
    before = altered(journal, line=line)
    healed = mini.rollproof("heal")
    assert healed.code == 2
    assert f"error: reports/{journal.parent.name}/{JOURNAL}:{line + 1}: the chain is broken" in healed.said
    assert "what to do: " in healed.said
    drilled = mini.drill("-q")
    assert drilled.code == 2
    assert f"{JOURNAL}:{line + 1}: the chain is broken" in drilled.said
    assert "an earlier run must be healed first" in drilled.said
    assert mini.runs() == {journal.parent}
    journal.write_text(before)
    assert mini.rollproof("heal").code == 0


def test_a_scratch_folder_that_is_none_is_not_removed(mini: Drilled) -> None:
    """Also when the chain holds, for whoever alters a journal can make its chain anew."""
    precious = mini.write("precious/rollproof-0123456789ab/data", "of great worth")
    journal = killed(mini)
    nothing_is_left(journal)
    rewrite(journal, str(precious.parent.parent))
    healed = mini.rollproof("heal")
    assert healed.code == 4
    assert "this is not the name of a scratch folder, so nothing of it is removed" in healed.said
    assert precious.exists()


def rewrite(journal: Path, scratch: str) -> None:
    """The same events with another scratch folder, and a chain that holds."""
    from dataclasses import replace

    from rollproof.journal.event import GENESIS

    previous, lines = GENESIS, []
    for event in read_journal(journal).events:
        data = dict(event.data)
        if event.act == "environment.open" and "undo" in data:
            data["undo"] = {"kind": "embedded", "scratch": scratch, "folders": [scratch]}
        event = replace(event, data=data, prev=previous)  # noqa: PLW2901
        previous = event.hash
        lines.append(event.line() + b"\n")
    journal.write_bytes(b"".join(lines))


def test_a_run_that_goes_on_is_left_alone(mini: Drilled) -> None:
    drill = mini.start_drill("-q", *KILLER, KILL_AT="ok:clients.start", KILL_BY="SIGSTOP")
    eventually((mini.home / "family.json").exists, within=60, what="the drill has been stopped")
    [run] = mini.runs()
    before = (run / JOURNAL).read_bytes()
    assert mini.rollproof("heal").said == "nothing to heal\n"
    assert (run / JOURNAL).read_bytes() == before
    assert all(process.environ().get(MARKER) is None or process.is_running() for process in everybody(mini))
    drill.signal(signal.SIGCONT)
    ended = drill.ended()
    assert ended.code == 0, ended.said


def test_two_drills_at_a_time_leave_each_other_alone(mini: Drilled) -> None:
    first = mini.start_drill("-q", *KILLER, KILL_AT="ok:clients.start", KILL_BY="SIGSTOP")
    eventually((mini.home / "family.json").exists, within=60, what="the drill has been stopped")
    second = mini.drill("-q")
    assert second.code == 0, second.said
    assert "healed" not in second.said
    first.signal(signal.SIGCONT)
    assert first.ended().code == 0
