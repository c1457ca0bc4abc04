"""What killed runs left is undone from their journals alone: at whatever event they were killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rollproof.drill.lease import Lease, is_running
from rollproof.drill.recovery import JOURNAL, Healed, heal_unfinished, unfinished
from rollproof.errors import JournalError, RollproofError, UnhealedRun
from rollproof.journal import Event, Journal, Kind, read_journal
from tests.unit.drill_support import FAILED, WORLD, FakeAct, begin_drill, session_in


@pytest.fixture(autouse=True)
def _fresh_world() -> None:
    WORLD.clear()


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    folder.mkdir()
    return folder


def killed_run(folder: Path, *things: str) -> Path:
    """The journal of a run that was killed while these things were there."""
    with Journal(folder / JOURNAL, run=folder.name) as journal:
        for thing in things:
            WORLD.things.add(thing)
            undo = {"kind": "fake.thing", "thing": thing}
            journal.write("a::b", Kind.BEGIN, "fake.make", {"undo": undo}, sync=True)
    return folder / JOURNAL


def finished_run(folder: Path, **said: object) -> Path:
    with Journal(folder / JOURNAL, run=folder.name) as journal:
        journal.write("run", Kind.NOTE, "run.finished", {"outcome": "proven", "findings": [], **said})  # type: ignore[dict-item]  # JSON
    return folder / JOURNAL


def test_what_a_killed_run_announced_is_undone_newest_first(reports: Path) -> None:
    journal = killed_run(reports / "r1", "a", "b", "c")
    (healed,) = heal_unfinished(reports)
    assert (healed, healed.name) == (Healed(reports / "r1", 3), "r1")
    assert WORLD.removed == ["c", "b", "a"]
    last = read_journal(journal).events[-1]
    assert (last.act, last.actor) == ("run.finished", "heal")
    assert last.data == {"outcome": "unknown", "reason": "the run was killed; it was healed later"}


def test_the_second_time_there_is_nothing_to_do(reports: Path) -> None:
    journal = killed_run(reports / "r1", "a")
    heal_unfinished(reports)
    before = journal.read_bytes()
    assert heal_unfinished(reports) == []
    assert WORLD.removed == ["a"]
    assert journal.read_bytes() == before


def test_a_finished_run_is_left_alone(reports: Path) -> None:
    before = finished_run(reports / "r1").read_bytes()
    assert list(unfinished(reports)) == []
    assert heal_unfinished(reports) == []
    assert (reports / "r1" / JOURNAL).read_bytes() == before


def test_a_folder_without_runs_or_no_folder_at_all_is_nothing_to_do(tmp_path: Path, reports: Path) -> None:
    (reports / "notes").mkdir()
    (reports / "notes" / "report.html").write_text("x")
    assert heal_unfinished(reports) == []
    assert heal_unfinished(tmp_path / "nowhere") == []


def test_newer_runs_are_healed_before_older_ones(reports: Path) -> None:
    killed_run(reports / "20261122T050312Z-aaaaaa", "old")
    killed_run(reports / "20261123T050312Z-aaaaaa", "new")
    heal_unfinished(reports)
    assert WORLD.removed == ["new", "old"]


def test_a_worker_part_is_healed_in_its_own_journal(reports: Path) -> None:
    journal = killed_run(reports / "r1" / "parts" / "gw0", "a")
    finished_run(reports / "r1" / "parts" / "gw1")
    (healed,) = heal_unfinished(reports)
    assert healed.name == "r1 (gw0)"
    assert WORLD.things == set()
    assert read_journal(journal).events[-1].act == "run.finished"


def test_a_link_to_the_latest_run_does_not_make_it_two(reports: Path) -> None:
    killed_run(reports / "20261122T050312Z-aaaaaa", "a")
    killed_run(reports / "20261122T050312Z-aaaaaa" / "parts" / "gw0", "b")
    (reports / "latest").symlink_to("20261122T050312Z-aaaaaa")
    assert len(heal_unfinished(reports)) == 2
    assert sorted(WORLD.removed) == ["a", "b"]


def test_a_run_that_was_killed_before_its_first_event_is_ended(reports: Path) -> None:
    Journal(reports / "r1" / JOURNAL, run="r1").close()
    assert heal_unfinished(reports) == [Healed(reports / "r1", 0)]
    assert heal_unfinished(reports) == []


def test_what_was_healed_before_the_kill_is_not_healed_again(reports: Path) -> None:
    with session_in(reports / "r1") as session:
        drill = begin_drill(session)
        for thing in "abc":
            drill.attempt(FakeAct(thing))
        WORLD.stuck["a"] = RollproofError("killed here, so to say")
        drill.heal()
        body = (reports / "r1" / JOURNAL).read_bytes()
        WORLD.stuck.clear()
    _as_if_killed(reports / "r1", body)
    WORLD.removed.clear()
    WORLD.things.add("a")
    heal_unfinished(reports)
    assert WORLD.removed == ["a"]


def _as_if_killed(folder: Path, body: bytes) -> None:
    """The journal as it was then; nobody holds the lease."""
    (folder / JOURNAL).write_bytes(body)


def test_killed_at_whatever_event_the_world_is_clean_after_the_next_run_healed(
    tmp_path: Path, reports: Path
) -> None:
    """A kill is played by what was on disk and in the world at each event of a whole scenario."""
    moments: list[tuple[bytes, set[str]]] = []
    with session_in(tmp_path / "live") as session:
        path = session.journal.path

        def remember(event: Event) -> None:
            moments.append((path.read_bytes(), set(WORLD.things)))

        session.journal.listeners.append(remember)
        drill = begin_drill(session)
        drill.attempt(FakeAct("a"))
        drill.attempt(FakeAct("b", error=FAILED, during=lambda drill: drill.attempt(FakeAct("b inside"))))
        drill.attempt(FakeAct("no undo", undo_kind="", during=lambda drill: WORLD.things.discard("no undo")))
        drill.attempt(FakeAct("c"))
        drill.conclude()
    assert len(moments) > 15
    for number, (body, things) in enumerate(moments):
        folder = reports / f"r{number:03}"
        for torn in (b"", b'{"act":"fake.ma'):
            WORLD.clear()
            WORLD.things |= things - {"no undo"}
            folder.mkdir(exist_ok=True)
            (folder / JOURNAL).write_bytes(body + torn)
            heal_unfinished(reports)
            assert WORLD.things == set(), f"killed at event {number}"
            last = read_journal(folder / JOURNAL).events[-1]
            assert last.act == "run.finished"
            assert heal_unfinished(reports) == []


def test_what_cannot_be_undone_is_named_and_stops_every_run_until_it_is(reports: Path) -> None:
    journal = killed_run(reports / "r1", "a", "b", "c")
    WORLD.stuck["b"] = RollproofError("the server does not answer", remedy="start it")
    for _ in range(2):
        with pytest.raises(UnhealedRun) as caught:
            heal_unfinished(reports)
        assert "the server does not answer" in caught.value.found
        assert caught.value.where == str(reports / "r1")
        assert caught.value.exit_code == 4
        assert WORLD.things == {"b"}
    WORLD.stuck.clear()
    assert heal_unfinished(reports) == [Healed(reports / "r1", 1)]
    assert WORLD.things == set()
    assert read_journal(journal).events[-1].act == "run.finished"


def test_a_run_that_ended_with_something_left_undone_is_not_finished(reports: Path) -> None:
    with session_in(reports / "r1") as session:
        begin_drill(session).attempt(FakeAct("a"))
        WORLD.stuck["a"] = RollproofError("the server does not answer")
    assert read_journal(reports / "r1" / JOURNAL).events[-1].act == "run.finished"
    with pytest.raises(UnhealedRun):
        heal_unfinished(reports)
    WORLD.stuck.clear()
    assert heal_unfinished(reports) == [Healed(reports / "r1", 1)]
    assert WORLD.things == set()
    assert heal_unfinished(reports) == []
    assert read_journal(reports / "r1" / JOURNAL).events[-1].act == "run.healed"


def test_one_run_that_cannot_be_healed_does_not_keep_the_others_from_being(reports: Path) -> None:
    killed_run(reports / "r1", "one")
    killed_run(reports / "r2", "two")
    killed_run(reports / "r3", "three")
    WORLD.stuck["two"] = RollproofError("the server does not answer")
    with pytest.raises(UnhealedRun, match="the server does not answer"):
        heal_unfinished(reports)
    assert WORLD.things == {"two"}


def _alter(journal: Path) -> bytes:
    body = journal.read_bytes().replace(b'"thing":"a"', b'"thing":"x"', 1)
    journal.write_bytes(body)
    return body


def test_an_altered_journal_is_refused_and_nothing_is_touched(reports: Path) -> None:
    journal = killed_run(reports / "r1", "a", "b")
    body = _alter(journal)
    with pytest.raises(JournalError) as caught:
        heal_unfinished(reports)
    assert caught.value.where == f"{journal}:2"
    assert "by hand" in caught.value.remedy
    assert WORLD.removed == []
    assert journal.read_bytes() == body
    assert [path.name for path in (reports / "r1").iterdir()] == [JOURNAL]


def test_an_altered_journal_does_not_keep_other_runs_from_being_healed(reports: Path) -> None:
    _alter(killed_run(reports / "r2", "a", "b"))
    killed_run(reports / "r1", "c")
    with pytest.raises(JournalError):
        heal_unfinished(reports)
    assert WORLD.removed == ["c"]


def test_several_errors_are_told_in_one(reports: Path) -> None:
    _alter(killed_run(reports / "r1", "a", "b"))
    killed_run(reports / "r2", "c")
    WORLD.stuck["c"] = RollproofError("the server does not answer")
    with pytest.raises(UnhealedRun) as caught:
        heal_unfinished(reports)
    assert "the chain is broken" in caught.value.found
    assert "the server does not answer" in caught.value.found


def test_two_healers_at_once_undo_everything_once(reports: Path) -> None:
    for number in range(6):
        killed_run(reports / f"r{number}", f"{number}")
    ready = threading.Barrier(2)
    results: list[list[Healed]] = []

    def work() -> None:
        ready.wait()
        results.append(heal_unfinished(reports))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(len, results)) == [0, 6]
    assert sorted(WORLD.removed) == sorted(f"{number}" for number in range(6))


ALIVE = """
import sys, time
from pathlib import Path
from rollproof.drill.lease import Lease
from rollproof.journal import Journal, Kind
folder = Path(sys.argv[1])
folder.mkdir(parents=True)
lease = Lease.take(folder)
journal = Journal(folder / "journal.ndjson", run=folder.name)
undo = {"kind": "fake.thing", "thing": "alive"}
journal.write("a::b", Kind.BEGIN, "fake.make", {"undo": undo}, sync=True)
print("ready", flush=True)
sys.stdin.read()
"""


def test_a_run_that_is_alive_is_left_alone_and_healed_once_it_was_killed(reports: Path) -> None:
    command = [sys.executable, "-c", ALIVE, str(reports / "r1")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        WORLD.things.add("alive")
        before = (reports / "r1" / JOURNAL).read_bytes()
        assert is_running(reports / "r1")
        assert heal_unfinished(reports) == []
        assert WORLD.things == {"alive"}
        assert (reports / "r1" / JOURNAL).read_bytes() == before
        os.kill(process.pid, signal.SIGKILL)
    assert not is_running(reports / "r1")
    assert heal_unfinished(reports) == [Healed(reports / "r1", 1)]
    assert WORLD.things == set()
    assert not (reports / "r1" / ".lease").exists()


def test_a_live_session_of_this_very_process_is_left_alone(reports: Path) -> None:
    with session_in(reports / "r1") as session:
        begin_drill(session).attempt(FakeAct("a"))
        assert heal_unfinished(reports) == []
        assert WORLD.things == {"a"}
    assert not (reports / "r1" / ".lease").exists()


def test_a_run_that_turns_out_to_be_finished_when_it_is_its_turn_is_left_alone(
    reports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at its last line and the lease it may have ended; the look is made wrong."""
    before = finished_run(reports / "r1").read_bytes()
    monkeypatch.setattr("rollproof.drill.recovery._says_finished", lambda journal: False)
    assert heal_unfinished(reports) == []
    assert (reports / "r1" / JOURNAL).read_bytes() == before


def test_a_run_that_turns_out_to_be_alive_when_it_is_its_turn_is_left_alone(
    reports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = killed_run(reports / "r1", "a").read_bytes()
    monkeypatch.setattr("rollproof.drill.recovery.is_running", lambda folder: False)
    lease = Lease.take(reports / "r1")
    try:
        assert heal_unfinished(reports) == []
    finally:
        lease.give_back()
    assert WORLD.things == {"a"}
    assert (reports / "r1" / JOURNAL).read_bytes() == before


def test_a_last_line_that_is_very_long_is_read_all_the_same(reports: Path) -> None:
    finished_run(reports / "r1", items=["x" * 100 for _ in range(2000)])
    assert heal_unfinished(reports) == []


def test_a_line_that_only_mentions_the_end_is_no_end(reports: Path) -> None:
    with Journal(reports / "r1" / JOURNAL, run="r1") as journal:
        journal.write("run", Kind.NOTE, "said", {"facts": {"act": "run.finished"}})
    assert list(unfinished(reports)) == [reports / "r1"]


def test_a_journal_that_may_not_be_written_is_one_clear_error(
    reports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Played, since root may write everywhere."""
    killed_run(reports / "r1", "a")

    def refuse(path: Path) -> Journal:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Journal, "reopen", refuse)
    with pytest.raises(UnhealedRun) as caught:
        heal_unfinished(reports)
    assert "Permission denied" in caught.value.found
    assert caught.value.where.endswith(JOURNAL)
    assert "as the user who ran the drill" in caught.value.remedy
    assert not (reports / "r1" / ".lease").exists()
