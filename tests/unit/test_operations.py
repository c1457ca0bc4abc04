"""Operations survive their compact form, and thousands of them stay small."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.errors import JournalError
from rollproof.model.json import Json, canonical
from rollproof.workload.operations import Operation, operations_from_json, operations_to_json

_operations = st.builds(
    Operation,
    client=st.text(max_size=3),
    name=st.text(max_size=3),
    kind=st.sampled_from(["read", "write"]),
    started_ns=st.integers(2**53, 2**53 + 10**12),
    ended_ns=st.integers(2**53 + 10**12, 2**53 + 2 * 10**12),
    outcome=st.sampled_from(["ok", "failed", "indeterminate"]),
    token=st.text(max_size=6),
    table=st.none() | st.just("a.b"),
    error=st.none() | st.sampled_from(["57P01", "HTTP 503", ""]),
)


@given(st.lists(_operations, max_size=20))
def test_what_is_written_is_read_back_in_order_of_start(operations: list[Operation]) -> None:
    value = operations_to_json(operations)
    canonical(value)  # refuses what would not fit a journal
    assert operations_from_json(value) == tuple(sorted(operations, key=lambda o: o.started_ns))


def write(number: int) -> Operation:
    start = 10**15 + number * 20_000_000
    token = f"0123456789abcdef0123{number:012x}"
    return Operation(
        "orders", "orders", "write", start, start + 812_345, "ok", token=token, table="sales.orders"
    )


ONE = operations_to_json([Operation("c", "n", "read", 1, 2, "ok")])


def test_ten_thousand_operations_take_less_than_half_a_megabyte() -> None:
    writes = [write(n) for n in range(10_000)]
    assert len(canonical(operations_to_json(writes))) < 500_000


@pytest.mark.parametrize(
    "value",
    [
        None, [], {}, "x",
        {**operations_to_json([]), "origin_ns": 5},
        {**operations_to_json([]), "source": [0], "start": [1]},
        {**ONE, "outcome": [7]},
        {**ONE, "source": [-1]},
        {**ONE, "sources": [["c", "n", "delete", None]]},
    ],
)  # fmt: skip
def test_anything_else_is_refused_as_no_journal_of_ours(value: Json) -> None:
    with pytest.raises(JournalError):
        operations_from_json(value)
