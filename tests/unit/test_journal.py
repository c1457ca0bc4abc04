"""Writing a journal and reading it back: order, durability, concurrency, what a crash leaves."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.errors import AttemptFailed, BadInput, EnvironmentUnavailable, JournalError
from rollproof.journal import GENESIS, Attachments, Event, History, Journal, Kind, Recorder, read_journal
from rollproof.journal import writer as writer_module
from rollproof.journal.event import Kind as EventKind
from rollproof.model.json import Json, canonical

NAME = "journal.ndjson"


def written(folder: Path, events: int = 3) -> Path:
    """A closed journal of so many events, beginning and ending in turn."""
    path = folder / NAME
    with Journal(path, run="r1") as journal:
        recorder = Recorder(journal, "a.feature::one")
        for number in range(events):
            recorder.note("step", {"count": number})
    return path


@pytest.fixture
def opened() -> Iterator[Callable[[Path], Journal]]:
    """Opens journals and closes them when the test is over."""
    journals: list[Journal] = []

    def start(path: Path) -> Journal:
        journals.append(Journal(path, run="r1"))
        return journals[-1]

    yield start
    for journal in journals:
        journal.close()


Opener = Callable[[Path], Journal]


def refused(path: Path) -> JournalError:
    with pytest.raises(JournalError) as caught:
        read_journal(path)
    return caught.value


def test_what_was_written_is_read_back_in_order_and_each_line_holds_the_hash_of_the_one_before(
    tmp_path: Path,
) -> None:
    history = read_journal(written(tmp_path))
    assert [event.data["count"] for event in history.events] == [0, 1, 2]
    assert [event.seq for event in history.events] == [1, 2, 3]
    assert history.events[0].prev == GENESIS
    assert [event.prev for event in history.events[1:]] == [event.hash for event in history.events[:-1]]


def test_a_begin_is_on_disk_before_its_act_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Opener
) -> None:
    order: list[str] = []
    path = tmp_path / NAME
    real = os.fsync

    def fsync(descriptor: int) -> None:
        order.append(f"fsync with {path.read_bytes().count(b'begin')} begins")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    recorder = Recorder(opened(path), "run")
    with recorder.acting("disk.fill", {}):
        order.append("the act runs")
    assert order == ["fsync with 1 begins", "the act runs"]


def test_a_begin_that_cannot_be_put_on_disk_keeps_its_act_from_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Opener
) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    recorder = Recorder(opened(tmp_path / NAME), "run")
    ran = False
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with (
            pytest.raises(EnvironmentUnavailable, match="Input/output error"),
            recorder.acting("disk.fill", {}),
        ):
            ran = True
    assert not ran
    assert (tmp_path / NAME).read_bytes() == b""


def test_a_full_disk_is_told_clearly_and_the_journal_goes_on_when_there_is_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Opener
) -> None:
    path = tmp_path / NAME
    journal = opened(path)
    journal.write("run", Kind.NOTE, "first", {})
    half = writer_module._write_all

    def full(file: object, body: bytes) -> None:
        half(file, body[: len(body) // 2])  # type: ignore[arg-type]  # the very file it was given
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(writer_module, "_write_all", full)
        with pytest.raises(EnvironmentUnavailable) as caught:
            journal.write("run", Kind.NOTE, "second", {})
    assert "No space left on device" in caught.value.found
    assert str(path) in str(caught.value)
    assert "make room" in caught.value.remedy
    journal.write("run", Kind.NOTE, "third", {})
    journal.close()
    assert [event.act for event in read_journal(path).events] == ["first", "third"]


def test_an_interrupt_between_a_line_and_its_place_in_the_journal_does_not_break_the_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Opener
) -> None:
    class Interrupting(list[Event]):
        def append(self, event: Event) -> None:
            super().append(event)
            raise KeyboardInterrupt

    path = tmp_path / NAME
    journal = opened(path)
    journal.write("run", Kind.NOTE, "first", {})
    journal.events = Interrupting(journal.events)
    with pytest.raises(KeyboardInterrupt):
        journal.write("run", Kind.NOTE, "second", {})
    journal.events = list(journal.events)
    journal.write("run", Kind.NOTE, "third", {})
    journal.close()
    assert [event.act for event in read_journal(path).events] == ["first", "third"]
    assert [event.act for event in journal.events] == ["first", "third"]


def test_several_threads_write_one_unbroken_chain(tmp_path: Path) -> None:
    path = tmp_path / NAME
    with Journal(path, run="r1") as journal:

        def work(name: str) -> None:
            recorder = Recorder(journal, name)
            for number in range(50):
                recorder.close(recorder.begin("work", {"count": number}), Kind.OK, {})

        threads = [threading.Thread(target=work, args=(f"client {n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    events = read_journal(path).events
    assert len(events) == 4 * 50 * 2
    begins = {event.seq: event.actor for event in events if event.kind is Kind.BEGIN}
    closes = [event for event in events if event.kind is Kind.OK]
    assert all(begins[int(str(event.data["of"]))] == event.actor for event in closes)


def test_a_journal_never_goes_on_with_another_ones_file(tmp_path: Path) -> None:
    path = written(tmp_path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        Journal(path, run="r2")
    assert path.read_bytes() == before


def test_a_last_line_cut_short_by_a_crash_is_left_out_wherever_it_was_cut(tmp_path: Path) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    last = len(whole.splitlines(keepends=True)[-1])
    for missing in range(1, last + 1):
        path.write_bytes(whole[:-missing])
        assert [event.data["count"] for event in read_journal(path).events] == [0, 1]


def test_a_reopened_journal_cuts_the_torn_line_off_and_goes_on_in_the_same_chain(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:-7])
    with Journal.reopen(path) as journal:
        assert journal.run == "r1"
        Recorder(journal, "heal").note("run.finished", {"outcome": "unknown"})
    events = read_journal(path).events
    assert [event.act for event in events] == ["step", "step", "run.finished"]
    assert events[-1].run == "r1"


def test_a_journal_that_was_created_and_nothing_more_can_be_reopened(tmp_path: Path, opened: Opener) -> None:
    path = tmp_path / "20261122T050312Z-1f3a9c" / NAME
    Journal(path, run="r1").close()
    with Journal.reopen(path) as journal:
        journal.write("heal", Kind.NOTE, "run.finished", {})
    (event,) = read_journal(path).events
    assert event.run == path.parent.name


def test_reopening_a_broken_journal_changes_nothing_in_it(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'"count":1', b'"count":7'))
    before = path.read_bytes()
    with pytest.raises(JournalError):
        Journal.reopen(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("tamper", "line"),
    [
        pytest.param(lambda lines: [lines[0], *lines[2:]], 2, id="a line was dropped"),
        pytest.param(lambda lines: lines[1:], 1, id="the first line was dropped"),
        pytest.param(lambda lines: [lines[0], lines[2], lines[1], lines[3]], 2, id="two lines were swapped"),
        pytest.param(lambda lines: [lines[0], lines[0], *lines[1:]], 2, id="a line was repeated"),
        pytest.param(
            lambda lines: [lines[0], lines[1].replace(b'"count":1', b'"count":8'), *lines[2:]],
            3,
            id="a line was altered: the one after it tells",
        ),
        pytest.param(
            lambda lines: [lines[0], lines[1].replace(b":", b": ", 1), *lines[2:]],
            2,
            id="a line was laid out otherwise",
        ),
        pytest.param(
            lambda lines: [*lines[:3], lines[3].replace(b'{"act"', b'{"aa":1,"act"')],
            4,
            id="a field was added to the last line",
        ),
        pytest.param(lambda lines: [lines[0], b"not json", *lines[1:]], 2, id="a line is no JSON"),
        pytest.param(lambda lines: [lines[0], b"[1]", *lines[1:]], 2, id="a line is a list"),
        pytest.param(lambda lines: [lines[0], b"", *lines[1:]], 2, id="a line is empty"),
        pytest.param(lambda lines: [lines[0], b"\xff\xfe", *lines[1:]], 2, id="a line is not UTF-8"),
        pytest.param(
            lambda lines: [*lines[:3], lines[3].replace(b'"count":3', b'"count":NaN')],
            4,
            id="a number that JSON does not know",
        ),
        pytest.param(
            lambda lines: [*lines[:3], lines[3].replace(b'"count":3', b'"count":9007199254740993')],
            4,
            id="a number that JSON cannot hold",
        ),
        pytest.param(
            lambda lines: [*lines[:3], lines[3].replace(b'"count":3', b'"count":"\\ud800"')],
            4,
            id="half a character",
        ),
        pytest.param(
            lambda lines: [*lines[:3], lines[3].replace(b'"seq":4', b'"seq":1e999')],
            4,
            id="an endless number",
        ),
        pytest.param(
            lambda lines: [
                *lines[:3],
                lines[3].replace(b'"count":3', b'"count":' + b"[" * 9999 + b"]" * 9999),
            ],
            4,
            id="nested without end",
        ),
        pytest.param(
            lambda lines: [*lines[:3], lines[3].replace(b'"kind":"note"', b'"kind":"proven"')],
            4,
            id="a kind that nobody knows",
        ),
    ],
)
def test_whatever_was_done_to_a_line_the_error_names_file_and_line(
    tmp_path: Path, tamper: object, line: int
) -> None:
    path = written(tmp_path, events=4)
    lines = path.read_bytes().splitlines()
    assert callable(tamper)
    path.write_bytes(b"\n".join(tamper(lines)) + b"\n")
    assert refused(path).where == f"{path}:{line}"


@given(position=st.integers(0, 10**6), byte=st.integers(0, 255))
def test_one_changed_byte_before_the_last_line_is_always_found(
    tmp_path_factory: pytest.TempPathFactory, position: int, byte: int
) -> None:
    path = written(tmp_path_factory.mktemp("journal"), events=3)
    body = bytearray(path.read_bytes())
    guarded = len(body) - len(body.splitlines()[-1]) - 1
    body[position % guarded] = (body[position % guarded] + 1 + byte % 255) % 256
    path.write_bytes(bytes(body))
    assert str(path) in refused(path).where


def test_a_journal_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    error = refused(tmp_path / "no" / NAME)
    assert "cannot be read" in error.found
    assert error.remedy


_TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
_FLOATS = st.floats(-(2**53), 2**53, exclude_min=True, exclude_max=True)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | _FLOATS | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(value=_JSON, actor=_TEXT, act=_TEXT)
def test_an_event_is_what_its_line_says(value: Json, actor: str, act: str) -> None:
    event = Event(
        1, "2026-11-22T05:03:12.000000Z", 2**62, "r1", actor, EventKind.OK, act, {"facts": value}, GENESIS
    )
    line = event.line()
    again = Event.from_line(line)
    assert again.line() == line
    assert again.hash == event.hash
    assert (again.actor, again.act, again.mono_ns) == (actor, act, 2**62)
    assert b"\n" not in line


@given(value=_JSON)
def test_the_canonical_form_survives_being_read_and_written_again(value: Json) -> None:
    assert canonical(json.loads(canonical(value))) == canonical(value)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), float("-inf"), 2**53, -(2**53), 2.0**53, -1e18, 1e300]
)
def test_numbers_that_canonical_json_cannot_hold_are_refused_and_leave_no_trace(
    tmp_path: Path, value: float
) -> None:
    path = tmp_path / NAME
    with Journal(path, run="r1") as journal:
        journal.write("run", Kind.NOTE, "first", {})
        with pytest.raises(ValueError, match=r"."):
            journal.write("run", Kind.NOTE, "second", {"seconds": value})
        journal.write("run", Kind.NOTE, "third", {})
    assert [event.act for event in read_journal(path).events] == ["first", "third"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53])
def test_attachments_refuse_them_as_well(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match=r"."):
        Attachments(tmp_path).put([value])
    assert not (tmp_path / "attachments").exists()


def test_listeners_hear_each_event_once_it_is_recorded(tmp_path: Path, opened: Opener) -> None:
    journal = opened(tmp_path / NAME)
    heard: list[tuple[int, int]] = []
    journal.listeners.append(lambda event: heard.append((event.seq, len(journal.events))))
    recorder = Recorder(journal, "run")
    recorder.close(recorder.begin("work", {}), Kind.OK, {})
    recorder.note("done", {})
    assert heard == [(1, 1), (2, 2), (3, 3)]


def test_a_listener_may_write_to_the_journal_itself(tmp_path: Path) -> None:
    path = tmp_path / NAME
    with Journal(path, run="r1") as journal:

        def answer(event: Event) -> None:
            if event.act == "question":
                journal.write("listener", Kind.NOTE, "answer", {})

        journal.listeners.append(answer)
        journal.write("run", Kind.NOTE, "question", {})
    assert [event.act for event in read_journal(path).events] == ["question", "answer"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (AttemptFailed("it did not work"), Kind.FAIL),
        (BadInput("it was not meant so"), Kind.FAIL),
        (AttemptFailed("the connection broke", facts={"indeterminate": 1}), Kind.UNKNOWN),
        (ConnectionResetError("broke"), Kind.UNKNOWN),
        (KeyboardInterrupt(), Kind.UNKNOWN),
        (SystemExit(3), Kind.UNKNOWN),
    ],
)
def test_an_act_cut_short_has_failed_only_where_rollproof_itself_says_so(
    tmp_path: Path, error: BaseException, kind: Kind, opened: Opener
) -> None:
    recorder = Recorder(opened(tmp_path / NAME), "run")
    with pytest.raises(type(error)), recorder.acting("work", {}):
        raise error
    begun, ended = recorder.history.events
    assert (ended.kind, ended.act, ended.data["of"]) == (kind, "work", begun.seq)


def test_an_act_that_ends_well_says_what_it_was_told(tmp_path: Path, opened: Opener) -> None:
    recorder = Recorder(opened(tmp_path / NAME), "run")
    with recorder.acting("work", {}) as said:
        said["rows"] = 3
    assert recorder.history.events[-1].data == {"of": 1, "rows": 3}


def test_a_scenario_sees_its_own_events_and_its_clients_and_no_others(tmp_path: Path, opened: Opener) -> None:
    journal = opened(tmp_path / NAME)
    mine = Recorder(journal, "a.feature::one[s]")
    mine.note("mine", {})
    mine.for_client("clients").note("client", {})
    Recorder(journal, "a.feature::one[s]2").note("other", {})
    Recorder(journal, "run").note("run", {})
    assert [event.act for event in mine.history.events] == ["mine", "client"]
    assert [event.act for event in mine.history.until(2).events] == ["mine"]


def test_a_history_without_attachments_says_so() -> None:
    with pytest.raises(JournalError, match="no attachments"):
        History([]).attachment("0" * 64)
