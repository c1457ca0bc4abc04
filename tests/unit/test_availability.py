"""Outages, error rates and latencies, judged on literal histories."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.workload.availability import (
    all_served,
    error_rate,
    first_good,
    latency_percentiles,
    longest_outage,
    only,
    outage_seconds,
    outages,
)
from rollproof.workload.operations import Kind, Operation, Outcome
from rollproof.workload.survival import rpo_seconds

SECOND = 1_000_000_000


def op(
    start: float, end: float, outcome: Outcome = "ok", *, client: str = "a", kind: Kind = "read"
) -> Operation:
    return Operation(client, client, kind, int(start * SECOND), int(end * SECOND), outcome)


OUTAGE = (
    op(0, 1), op(2, 3, "failed"), op(4, 5, "failed"), op(6, 7), op(8, 9),
    op(0, 1, client="b", kind="write"), op(3, 4, "indeterminate", client="b", kind="write"),
    op(8, 9, client="b", kind="write"),
)  # fmt: skip


def test_an_outage_lasts_from_the_first_bad_operation_to_the_end_of_the_next_good_one() -> None:
    first, second = outages(OUTAGE)
    assert (first.client, first.started_ns, first.ended_ns) == ("a", 2 * SECOND, 7 * SECOND)
    assert (first.operations, first.over, first.seconds) == (2, True, 5.0)
    assert (second.client, second.kind, second.seconds) == ("b", "write", 6.0)


def test_the_longest_outage_is_found_and_overlaps_count_once() -> None:
    longest = longest_outage(OUTAGE)
    assert longest is not None
    assert longest.client == "b"
    assert outage_seconds(OUTAGE) == 7.0
    assert outage_seconds(only(OUTAGE, kind="read")) == 5.0


def test_an_outage_that_never_ends_is_not_over() -> None:
    [outage] = outages([op(0, 1), op(2, 3, "failed"), op(4, 6, "failed")])
    assert (outage.over, outage.seconds) == (False, 4.0)


def test_no_bad_operation_is_no_outage() -> None:
    assert outages([op(0, 1), op(1, 2)]) == ()
    assert longest_outage([]) is None
    assert outage_seconds([]) == 0.0


def test_only_an_operation_that_began_after_the_moment_proves_service_again() -> None:
    history = [op(0, 5), op(3, 6, client="b"), op(6, 7, "failed"), op(8, 9)]
    assert first_good(history, after_ns=4 * SECOND) == op(8, 9)
    assert first_good(history, after_ns=9 * SECOND) is None


def test_all_are_served_when_the_last_of_them_is() -> None:
    assert all_served(OUTAGE, after_ns=5 * SECOND) == 9 * SECOND
    assert all_served(only(OUTAGE, name="a"), after_ns=5 * SECOND) == 7 * SECOND
    assert all_served(OUTAGE, after_ns=7 * SECOND) == 9 * SECOND


def test_a_client_that_is_never_served_again_means_not_all_are() -> None:
    assert all_served([op(0, 1), op(0, 1, client="b"), op(2, 3)], after_ns=2 * SECOND) is None
    assert all_served([], after_ns=0) is None


def test_an_indeterminate_operation_counts_as_an_error() -> None:
    assert error_rate(OUTAGE) == 3 / 8
    assert error_rate([]) is None


def test_percentiles_are_by_nearest_rank_over_good_operations() -> None:
    history = [op(0, n) for n in range(1, 11)] + [op(0, 99, "failed")]
    assert latency_percentiles(history, (0, 50, 95, 100)) == {0: 1.0, 50: 5.0, 95: 10.0, 100: 10.0}
    assert latency_percentiles([op(0, 1, "failed")]) == {}
    with pytest.raises(ValueError, match="from 0 to 100"):
        latency_percentiles(history, (101,))


def test_rpo_spans_from_the_oldest_lost_write_being_sent_to_the_failure() -> None:
    lost = [op(10, 11, kind="write"), op(20, 21, kind="write")]
    assert rpo_seconds([]) == 0.0
    assert rpo_seconds(lost) == 11.0
    assert rpo_seconds(lost, failed_ns=30 * SECOND) == 20.0
    assert rpo_seconds(lost[:1]) == 1.0, "one lost write is some loss"
    assert rpo_seconds(lost, failed_ns=0) == 11.0, "what was acknowledged after the failure was lost too"


_outcomes = st.sampled_from(["ok", "failed", "indeterminate"])


@given(st.lists(_outcomes, max_size=30))
def test_every_bad_operation_is_in_exactly_one_outage(outcomes: list[Outcome]) -> None:
    history = [op(n, n + 0.5, outcome) for n, outcome in enumerate(outcomes)]
    found = outages(history)
    for bad in [operation for operation in history if operation.outcome != "ok"]:
        around = [o for o in found if o.started_ns <= bad.started_ns and bad.ended_ns <= o.ended_ns]
        assert len(around) == 1
    assert sum(o.operations for o in found) == sum(outcome != "ok" for outcome in outcomes)
    assert all(outage.over for outage in found[:-1])
