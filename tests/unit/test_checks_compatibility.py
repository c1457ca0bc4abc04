"""Code and schema apart, and what is listed as applied, judged from literal histories."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rollproof.checks import compatibility as checks
from rollproof.checks import listing
from rollproof.compatibility.judging import breaks
from rollproof.compatibility.model import CELLS, CURRENT, PREVIOUS, Answer, Asked, Cell, CellRun, Matrix
from rollproof.journal import Kind
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome
from tests.unit.histories import Story, read, write

READER = "list orders"

PROVEN, REFUTED, UNKNOWN = Outcome.PROVEN, Outcome.REFUTED, Outcome.UNKNOWN
NAMES = {PREVIOUS: "v1", CURRENT: "v2"}
BETWEEN = Cell(PREVIOUS, CURRENT, CURRENT)
LISTED = {PREVIOUS: ("1",), CURRENT: ("1", "2")}


def answers(**said: Any) -> tuple[Answer, ...]:
    return tuple(Answer("list", number, **{"status": 200, **said}) for number in (1, 2))


def run(cell: Cell, **changed: Any) -> CellRun:
    written = {"old": 5} | ({"new": 5} if cell.rows == CURRENT else {})
    digest = "old" if cell.code == PREVIOUS else "new"
    made = CellRun(cell, answers(), digest, LISTED[cell.schema], written)
    return replace(made, **changed)


def asked(
    *changed: CellRun,
    ends: Kind = Kind.OK,
    without: Cell | None = None,
    named: list[str] | None = None,
    endpoints: tuple[str, ...] = ("list",),
    may_fail: str = "",
) -> Story:
    """A matrix in which all is well, but for some cells."""
    own = {one.cell: one for one in changed}
    runs = tuple(own.get(cell) or run(cell) for cell in CELLS if cell != without)
    matrix = Matrix(NAMES, (Asked("list", may_fail=may_fail),), runs)
    story = Story()
    put = story.attachments.put
    begun = story.event("compatibility.ask", Kind.BEGIN)
    about: Json = {"names": dict(NAMES), "endpoints": [one.to_json() for one in matrix.endpoints]}
    story.event("compatibility.matrix", answers=put(about))
    for one in runs:
        story.event("compatibility.cell", answers=put(one.to_json()))
    said: Json = list([one.say(NAMES) for one in breaks(matrix)] if named is None else named)
    story.event("compatibility.found", answers=put(said))
    story.event("compatibility.ask", ends, of=begun.seq, found="cut")
    releases: Json = {
        which: {"digest": digest, "listed": list(LISTED[which])}
        for which, digest in ((PREVIOUS, "old"), (CURRENT, "new"))
    }
    declared: Json = {"releases": releases, "endpoints": list(endpoints)}
    story.event("compatibility.declared", answers=put(declared))
    return story


BROKEN = run(BETWEEN, answers=answers(status=500))


@pytest.mark.parametrize(
    ("story", "outcome"),
    [
        (asked(), PROVEN),
        (asked(BROKEN), PROVEN),
        (asked(without=BETWEEN), REFUTED),
        (asked(run(BETWEEN, answers=answers()[:1])), REFUTED),
        (asked(endpoints=("list", "other")), REFUTED),
        (asked(*(run(cell, answers=answers(left_out="nothing")) for cell in CELLS)), UNKNOWN),
        (asked(ends=Kind.UNKNOWN), UNKNOWN),
        (asked(ends=Kind.FAIL), UNKNOWN),
        (Story(), UNKNOWN),
    ],
)
def test_a_matrix_is_complete_only_with_every_endpoint_twice_in_every_cell(
    story: Story, outcome: Outcome
) -> None:
    assert story.judge(checks.matrix_complete).outcome is outcome


@pytest.mark.parametrize(
    ("story", "outcome"),
    [
        (asked(), PROVEN),
        (asked(run(BETWEEN, digest="new")), REFUTED),
        (asked(run(BETWEEN, listed=("1",))), REFUTED),
        (asked(run(BETWEEN, written={"old": 5})), REFUTED),
        (asked(run(Cell(PREVIOUS, CURRENT, PREVIOUS), written={"old": 5, "new": 1})), REFUTED),
        (asked(run(BETWEEN, digest="new", impossible="0002 has no way back")), PROVEN),
        (Story(), UNKNOWN),
    ],
)
def test_a_cell_is_genuine_only_with_the_code_schema_and_rows_it_names(
    story: Story, outcome: Outcome
) -> None:
    assert story.judge(checks.matrix_genuine).outcome is outcome


@pytest.mark.parametrize(
    ("story", "outcome"),
    [
        (asked(), PROVEN),
        (asked(BROKEN), PROVEN),
        (asked(BROKEN, named=[]), REFUTED),
        (asked(named=["all is lost"]), REFUTED),
        (asked(run(BETWEEN, answers=(*answers(status=500)[:1], *answers()[1:]))), UNKNOWN),
        (asked(run(Cell(*[CURRENT] * 3), answers=answers(status=500))), UNKNOWN),
        (asked(ends=Kind.FAIL), UNKNOWN),
    ],
)
def test_what_breaks_is_named_only_when_all_of_it_is_and_all_came_twice(
    story: Story, outcome: Outcome
) -> None:
    assert story.judge(checks.breaks_named).outcome is outcome


def rolled_back(story: Story, *steps: str, ends: Kind = Kind.OK) -> Story:
    begun = story.event("compatibility.roll_back", Kind.BEGIN)
    for step in steps:
        opened = story.event("compatibility.step", Kind.BEGIN, step=step)
        story.event("compatibility.step", Kind.OK, of=opened.seq)
    story.event("compatibility.roll_back", ends, of=begun.seq, items=list(steps), found="no")
    return story


@pytest.mark.parametrize(
    ("story", "order", "outcome"),
    [
        (rolled_back(asked(), "code", "database"), "", PROVEN),
        (rolled_back(asked(), "database", "code"), "database first", PROVEN),
        (rolled_back(asked(), "database", "code"), "code first", REFUTED),
        (rolled_back(asked(BROKEN), "database", "code"), "", PROVEN),
        (rolled_back(asked(BROKEN), "code", "database"), "code first", REFUTED),
        (rolled_back(asked(BROKEN, may_fail="rare"), "code", "database"), "code first", PROVEN),
        (rolled_back(asked(without=BETWEEN), "code", "database"), "code first", UNKNOWN),
        (rolled_back(asked(), "code", ends=Kind.FAIL), "code first", REFUTED),
        (rolled_back(asked(), "code", ends=Kind.UNKNOWN), "code first", UNKNOWN),
        (asked(), "code first", UNKNOWN),
        (Story(), "", UNKNOWN),
    ],
)
def test_an_order_is_safe_only_when_nothing_is_in_its_way_and_it_was_kept(
    story: Story, order: str, outcome: Outcome
) -> None:
    assert story.judge(checks.order_safe, order=order).outcome is outcome


def test_where_no_order_is_safe_it_is_said_what_is_in_the_way_of_each() -> None:
    after = run(Cell(PREVIOUS, PREVIOUS, CURRENT), answers=answers(status=500))
    verdict = asked(BROKEN, after).judge(checks.order_safe, order="")
    assert verdict.outcome is REFUTED
    assert "code alone: code of v1, schema of v2, rows of v2: list answers 500, not 200" in verdict.findings


def served(*operations: Any, steps: tuple[str, ...] = ("code", "database"), ends: Kind = Kind.OK) -> Story:
    """The rollback begins at second 1; each step takes one second, and one lies between two."""
    story = rolled_back(Story(), *steps, ends=ends)
    story.event("traffic.started", items=["reader"], sources=[READER])
    story.traffic(*operations)
    return story


@pytest.mark.parametrize("sources", [[], [READER, "another"], None])
def test_clients_that_ask_no_service_do_not_know_whether_it_served(sources: list[Json] | None) -> None:
    story = rolled_back(Story(), "code", "database")
    if sources is not None:
        story.event("traffic.started", items=["reader"], sources=sources)
    story.traffic(read(2.5), write(3.5))
    assert story.judge(checks.requests_served).outcome is UNKNOWN


def test_where_no_request_was_made_none_was_served() -> None:
    assert served().judge(checks.requests_served).outcome is UNKNOWN


def test_what_served_before_the_rollback_says_nothing_of_what_serves() -> None:
    story = serving()
    assert story.judge(checks.previous_serves).outcome is PROVEN
    rolled_back(story, "code", "database")
    assert story.judge(checks.previous_serves).outcome is UNKNOWN


@pytest.mark.parametrize(
    ("story", "outcome"),
    [
        (served(read(2.5), write(3.5)), PROVEN),
        (served(read(2.5, "failed"), write(3.5)), REFUTED),
        (served(read(2.5), write(3.5, "indeterminate")), REFUTED),
        (served(read(0.5, "failed"), read(2.5)), PROVEN),
        (served(read(2.5), write(0.5)), UNKNOWN),
        (served(read(2.5), ends=Kind.FAIL), UNKNOWN),
        (served(read(2.5, "failed"), read(20.0), steps=("close", "database", "code", "open")), PROVEN),
        (served(read(20.0, "failed"), steps=("close", "database", "code", "open")), REFUTED),
        (Story(), UNKNOWN),
    ],
)
def test_no_request_failed_only_when_every_client_was_served_or_shut_out_on_purpose(
    story: Story, outcome: Outcome
) -> None:
    assert story.judge(checks.requests_served).outcome is outcome


def serving(steps: tuple[str, ...] = ("code", "database"), **said: Json) -> Story:
    story = rolled_back(asked(), *steps)
    whole: dict[str, Json] = {"items": ["1"], "digest": "old", "findings": [], "count": 1, **said}
    story.event("compatibility.serving", **whole)
    return story


@pytest.mark.parametrize(
    ("story", "outcome"),
    [
        (serving(), PROVEN),
        (serving(items=["1", "2"]), REFUTED),
        (serving(("code",), items=["1", "2"]), PROVEN),
        (serving(digest="new"), REFUTED),
        (serving(findings=["/health answers 503"]), REFUTED),
        (serving(count=0), UNKNOWN),
        (asked(), UNKNOWN),
    ],
)
def test_the_previous_release_serves_only_with_its_code_its_schema_and_its_health(
    story: Story, outcome: Outcome
) -> None:
    assert story.judge(checks.previous_serves).outcome is outcome


def listed(**said: Json) -> Story:
    whole: dict[str, Json] = {"items": ["1"], "missing": ["2"]}
    whole |= {key: [] for key in ("left_out", "unread", "lost", "differences")}
    story = Story()
    story.event("migration.listed", **{**whole, **said})
    return story


@pytest.mark.parametrize(
    ("story", "true", "found"),
    [
        (listed(), PROVEN, REFUTED),
        (listed(items=[]), UNKNOWN, REFUTED),
        *((listed(**{key: ["3"]}), REFUTED, PROVEN) for key in ("left_out", "unread", "lost", "differences")),
        (Story(), UNKNOWN, UNKNOWN),
    ],
)
def test_a_list_is_true_only_when_rows_files_and_schema_agree(
    story: Story, true: Outcome, found: Outcome
) -> None:
    assert story.judge(listing.ledger_true).outcome is true
    assert story.judge(listing.lie_found).outcome is found
