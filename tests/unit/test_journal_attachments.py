"""Attachments: kept by content, so that an altered one is found."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.errors import JournalError
from rollproof.journal import Attachments


def test_equal_content_has_one_name_and_one_file(tmp_path: Path) -> None:
    attachments = Attachments(tmp_path)
    first = attachments.put({"b": 1, "a": [1.5, None]})
    assert attachments.put({"a": [1.5, None], "b": 1}) == first
    assert [path.name for path in attachments.folder.iterdir()] == [f"{first}.json"]
    assert attachments.get(first) == {"a": [1.5, None], "b": 1}


@given(value=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(-99, 99)))
def test_what_was_put_can_be_had(tmp_path_factory: pytest.TempPathFactory, value: dict[str, int]) -> None:
    attachments = Attachments(tmp_path_factory.mktemp("attachments"))
    assert attachments.get(attachments.put(value)) == value


@pytest.mark.parametrize("altered", [b"[]", b"[1,2,4]", b"[1,2,3] ", b"", b"\xff"])
def test_an_altered_attachment_is_found(tmp_path: Path, altered: bytes) -> None:
    attachments = Attachments(tmp_path)
    path = attachments.folder / f"{attachments.put([1, 2, 3])}.json"
    path.write_bytes(altered)
    with pytest.raises(JournalError) as caught:
        attachments.get(path.stem)
    assert "does not match its digest" in caught.value.found
    assert caught.value.where == str(path)


def test_a_missing_attachment_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="missing") as caught:
        Attachments(tmp_path).get("0" * 64)
    assert "0" * 64 in caught.value.where


def test_an_attachment_whose_name_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("[]")
    with pytest.raises(JournalError):
        Attachments(tmp_path / "run").get("../../secret")


def test_several_threads_may_put_the_same_content_at_once(tmp_path: Path) -> None:
    attachments = Attachments(tmp_path)
    value = list(range(20_000))
    ready = threading.Barrier(8)
    failures: list[BaseException] = []

    def put() -> None:
        ready.wait()
        try:
            for _ in range(20):
                (attachments.folder / f"{attachments.put(value)}.json").unlink(missing_ok=True)
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert attachments.get(attachments.put(value)) == value
    assert list(attachments.folder.glob("*.part")) == []
