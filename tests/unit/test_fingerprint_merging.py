"""Merging two sorted listings finds exactly what a comparison in memory would."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.fingerprint import listing
from rollproof.fingerprint.listing import Layout, externally_sorted
from rollproof.fingerprint.merging import Tally, merge_as_multisets, merge_by_key
from rollproof.fingerprint.tables import KeyKind
from rollproof.model.rows import RowChanges

LAYOUT = Layout(("id",), (KeyKind.INTEGER,), ("a", "id"), ("a", "id"))
HIDDEN = Layout(("mail",), (KeyKind.HIDDEN,), ("mail",), ())
ROWS = st.dictionaries(st.integers(-12, 120), st.sampled_from([None, "x", "y"]), max_size=25)
LINES = st.lists(st.sampled_from([b"a", b"b", b"c", b"ab", b""]), max_size=30)


def _lines(rows: dict[int, str | None]) -> list[bytes]:
    return [f"{key}\th{rows[key]}\t{rows[key] or chr(92) + 'N'}\tk{key}".encode() for key in sorted(rows)]


def _merged(before: dict[int, str | None], after: dict[int, str | None]) -> RowChanges:
    tally = Tally("t", str)
    merge_by_key(_lines(before), _lines(after), (LAYOUT, LAYOUT), tally)
    return tally.changes()


@given(ROWS, ROWS)
def test_rows_with_keys_are_lost_changed_or_added(
    before: dict[int, str | None], after: dict[int, str | None]
) -> None:
    found = _merged(before, after)
    changed = [key for key in sorted(before) if key in after and before[key] != after[key]]
    assert found.lost_keys == tuple(f"id={key}" for key in sorted(before.keys() - after.keys()))
    assert found.added_keys == tuple(f"id={key}" for key in sorted(after.keys() - before.keys()))
    assert found.changed_keys == tuple(f"id={key}" for key in changed)
    assert (found.lost, found.changed, found.added) == tuple(
        map(len, (found.lost_keys, found.changed_keys, found.added_keys))
    )
    assert found.lost_columns.get("a", 0) == len([key for key in changed if before[key] is not None])
    assert (found == RowChanges("t")) == (before == after)


@given(LINES, LINES)
def test_rows_without_keys_are_counted_as_often_as_they_come(before: list[bytes], after: list[bytes]) -> None:
    tally = Tally("t", str)
    merge_as_multisets(sorted(before), sorted(after), tally)
    assert tally.counts["lost"] == (Counter(before) - Counter(after)).total()
    assert tally.counts["added"] == (Counter(after) - Counter(before)).total()


@given(st.lists(st.binary(max_size=4).map(lambda line: line.replace(b"\n", b"")), max_size=40))
def test_lines_sorted_in_pieces_on_disk_are_sorted(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "_SORTED_AT_ONCE", 7)
        assert list(externally_sorted(lines, Path(tmp_path_factory.getbasetemp()))) == sorted(lines)


def test_a_key_that_may_be_personal_data_is_shown_as_the_digester_says() -> None:
    tally = Tally("t", lambda text: f"#{text.upper()}")
    merge_by_key([b"ab\tx"], [], (HIDDEN, HIDDEN), tally)
    assert tally.changes().lost_keys == ("mail=#AB",)


def test_at_most_a_thousand_keys_are_listed_and_all_are_counted() -> None:
    found = _merged(dict.fromkeys(range(2500), "x"), {})
    assert (found.lost, len(found.lost_keys)) == (2500, 1000)
    assert RowChanges.from_json(found.to_json()) == found
