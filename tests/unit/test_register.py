"""The index of runs: nothing is entered twice, nothing is lost, and every change shows."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.errors import JournalError
from rollproof.evidence.register import INDEX, Entered, Register, last_sealed, read_index

DIGEST = "a" * 64


def kinds(folder):
    return [entry.kind.value for entry in read_index(folder / INDEX)]


def test_a_run_is_entered_before_it_begins_and_when_it_is_sealed(tmp_path):
    register = Register(tmp_path)
    register.planned("one", {"scenarios": 3})
    register.executed("one", outcome="proven", head=DIGEST, seal=DIGEST)
    register.missed("nightly", datetime(2026, 11, 22, 3, tzinfo=UTC), "nothing ran")
    register.signed("one", by="Bia", item="the run", file="001-bia.json", digest=DIGEST)
    register.expired("one", "older than 6 years")
    assert kinds(tmp_path) == ["planned", "executed", "missed", "signed", "expired"]


def test_every_worker_may_say_that_the_run_is_planned(tmp_path):
    first = Register(tmp_path).planned("one", {})
    assert Register(tmp_path).planned("one", {}) == first
    assert kinds(tmp_path) == ["planned"]


def test_a_missed_time_and_an_end_are_entered_once(tmp_path):
    for _ in range(2):
        Register(tmp_path).missed("nightly", datetime(2026, 11, 22, 3, tzinfo=UTC))
        Register(tmp_path).aborted("one", "killed")
    assert kinds(tmp_path) == ["missed", "aborted"]


def test_writers_at_the_same_time_make_one_chain(tmp_path):
    def write(name: int) -> None:
        for number in range(10):
            Register(tmp_path).planned(f"{name}-{number}", {})

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_index(tmp_path / INDEX)) == 40


def test_half_a_line_that_a_crash_left_is_taken_away(tmp_path):
    register = Register(tmp_path)
    register.planned("one", {})
    with (tmp_path / INDEX).open("ab") as file:
        file.write(b'{"at":"2026')
    assert len(read_index(tmp_path / INDEX)) == 1
    register.planned("two", {})
    assert [entry.run for entry in read_index(tmp_path / INDEX)] == ["one", "two"]


@given(data=st.data())
def test_any_altered_byte_of_the_index_is_found(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("index")
    register = Register(folder)
    for name in ("one", "two"):
        register.planned(name, {"scenarios": 1})
    head = read_index(folder / INDEX)[-1].hash
    body = bytearray((folder / INDEX).read_bytes())
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] ^= 1 << data.draw(st.integers(0, 7))
    (folder / INDEX).write_bytes(body)
    try:
        entries = read_index(folder / INDEX)
    except JournalError:
        return
    assert not entries or entries[-1].hash != head, "the last line's own hash is held by the next seal"


@pytest.mark.parametrize("keep", [slice(1, None), slice(0, None, 2)])
def test_a_dropped_line_breaks_the_chain(tmp_path, keep):
    for name in ("one", "two", "three"):
        Register(tmp_path).planned(name, {})
    left = (tmp_path / INDEX).read_bytes().splitlines(keepends=True)[keep]
    (tmp_path / INDEX).write_bytes(b"".join(left))
    with pytest.raises(JournalError, match="broken"):
        read_index(tmp_path / INDEX)


def test_the_next_seal_is_linked_to_the_newest_one_that_was_sealed(tmp_path):
    register = Register(tmp_path)
    register.executed("one", outcome="proven", head=DIGEST, seal=DIGEST)
    register.executed("two", outcome="unknown", head=DIGEST, seal=None, reason="it leaks")
    found = last_sealed(read_index(tmp_path / INDEX))
    assert found is not None
    assert (found.run, found.kind) == ("one", Entered.EXECUTED)


def test_a_folder_without_an_index_has_no_entries(tmp_path):
    assert read_index(tmp_path / INDEX) == []
    assert last_sealed([]) is None
