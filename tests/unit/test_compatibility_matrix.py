"""The matrix of code, schema and rows: shapes of answers, what breaks, which order is safe."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.compatibility.judging import breaks, in_the_way, oddities, safe_orders, unsound_homes
from rollproof.compatibility.model import CELLS, CURRENT, PREVIOUS, Answer, Asked, Cell, CellRun, Matrix
from rollproof.compatibility.openapi import readable_paths
from rollproof.compatibility.shapes import broken_fields, changed_fields, odd_fields, shape_of, values_of

NAMES = {PREVIOUS: "v1", CURRENT: "v2"}
LIST = Asked("list")
CODE_ALONE = Cell(PREVIOUS, CURRENT, CURRENT)
DATABASE_FIRST = Cell(CURRENT, PREVIOUS, CURRENT)
AFTER = Cell(PREVIOUS, PREVIOUS, CURRENT)


def matrix(*asked: Asked, **changed: Any) -> Matrix:
    """Every cell answers 200 to everything, but for `wrong` in the cells that it names."""
    wrong: dict[Cell, list[Answer]] = changed.get("wrong", {})
    endpoints = asked or (LIST,)
    runs = tuple(CellRun(cell, tuple(wrong.get(cell) or well(*endpoints))) for cell in CELLS)
    return Matrix(NAMES, endpoints, runs)


def well(*endpoints: Asked, **said: Any) -> list[Answer]:
    return [
        Answer(one.name, number, **{"status": 200, "shape": {"": ("list",)}, **said})
        for number in (1, 2)
        for one in endpoints or (LIST,)
    ]


# What breaks


def test_nothing_breaks_where_all_answer_as_at_home() -> None:
    found = matrix()
    assert breaks(found) == []
    assert safe_orders(found) == ["code first", "database first", "code alone", "both at once"]


def test_another_status_breaks_and_is_named_with_its_cell_endpoint_and_cause() -> None:
    found = matrix(wrong={CODE_ALONE: well(status=500, error="column x does not exist")})
    assert [one.say(NAMES) for one in breaks(found)] == [
        "code of v1, schema of v2, rows of v2: list answers 500, not 200 (column x does not exist)"
    ]
    assert safe_orders(found) == ["database first", "both at once"]


def test_what_breaks_when_both_are_back_is_in_the_way_of_all_but_the_code_alone() -> None:
    assert safe_orders(matrix(wrong={AFTER: well(status=500)})) == ["code alone"]


def test_what_breaks_everywhere_leaves_no_order() -> None:
    found = matrix(wrong={AFTER: well(status=500), CODE_ALONE: well(status=0, error="ReadTimeout")})
    assert safe_orders(found) == []


def test_an_endpoint_that_the_release_never_had_does_not_break() -> None:
    """404 at home is 404 elsewhere, also where the other release answers 200."""
    cells = [cell for cell in CELLS if cell.code == PREVIOUS]
    assert breaks(matrix(wrong={cell: well(status=404) for cell in cells})) == []


def test_what_was_not_asked_at_home_is_held_against_the_declared_status() -> None:
    home = Cell(PREVIOUS, PREVIOUS, PREVIOUS)
    left_out = well(status=0, left_out="there is nothing to ask about")
    found = matrix(wrong={home: left_out, CODE_ALONE: well(status=500)})
    assert [one.said for one in breaks(found)] == ["answers 500, not 200"]


def test_what_may_fail_is_named_and_in_nobodys_way() -> None:
    found = matrix(Asked("list", may_fail="rare"), wrong={CODE_ALONE: well(status=500)})
    assert len(breaks(found)) == 1
    assert in_the_way("code first", found, breaks(found)) == []
    assert safe_orders(found)[0] == "code first"


def test_what_happens_in_one_round_only_is_not_steady() -> None:
    once = [replace(answer, status=500 if answer.round == 1 else 200) for answer in well()]
    assert [one.steady for one in breaks(matrix(wrong={CODE_ALONE: once}))] == [False]


def test_a_cell_that_cannot_be_is_in_the_way_even_of_what_may_fail() -> None:
    whole = matrix(Asked("list", may_fail="rare"))
    runs = [
        replace(r, impossible="0007 has no way back", answers=()) if r.cell == AFTER else r
        for r in whole.runs
    ]
    found = replace(whole, runs=tuple(runs))
    assert [one.say(NAMES) for one in breaks(found)] == [
        "code of v1, schema of v1, rows of v2: cannot be: 0007 has no way back"
    ]
    assert safe_orders(found) == ["code alone"]


def test_a_cell_that_was_not_run_is_in_the_way() -> None:
    whole = matrix()
    found = replace(whole, runs=tuple(run for run in whole.runs if run.cell != CODE_ALONE))
    assert safe_orders(found) == ["database first", "both at once"]


def test_a_release_that_answers_500_on_its_own_schema_is_told_apart() -> None:
    home = Cell(CURRENT, CURRENT, CURRENT)
    assert unsound_homes(matrix(wrong={home: well(status=500)})) == [
        "list of v2 answers 500 on its own schema"
    ]
    both = {cell: well(status=401) for cell in CELLS}
    assert unsound_homes(matrix(wrong=both)) == ["list answers 401 on the releases' own schemas, not 200"]


@pytest.mark.parametrize(
    ("compare", "said"), [("status", []), ("shape", ["answers otherwise: field [].id is gone"])]
)
def test_how_much_of_an_answer_counts_is_declared(compare: str, said: list[str]) -> None:
    home, other = shape_of([{"id": 1, "name": "a"}]), shape_of([{"name": "a"}])
    cells = {cell: well(shape=other if cell == CODE_ALONE else home) for cell in CELLS}
    assert [one.said for one in breaks(matrix(Asked("list", compare=compare), wrong=cells))] == said


def test_other_values_break_only_where_values_are_compared() -> None:
    wrong = {CODE_ALONE: well(differs={"[].phone": 3})}
    assert breaks(matrix(wrong=wrong)) == []
    assert "field [].phone has other values in 3" in oddities(matrix(wrong=wrong))[0]
    found = breaks(matrix(Asked("list", compare="values"), wrong=wrong))
    assert [one.said for one in found] == ["answers other values: [].phone"]


# Shapes


def test_a_shape_says_types_and_no_values() -> None:
    shape = shape_of({"results": [{"id": 1, "name": None}, {"id": 2, "name": "Ana"}], "next": None})
    assert shape["results[].name"] == ("null", "text")
    assert "Ana" not in str(shape)


def test_keys_that_are_data_are_not_in_a_shape() -> None:
    shape = shape_of({"ana@example.com": 1, "550e8400-e29b-41d4": 2, "123": 3})
    assert set(shape) == {"", "*"}


def test_a_field_that_is_gone_or_of_another_type_breaks() -> None:
    before, after = shape_of({"id": 1, "name": "a"}), shape_of({"id": "1"})
    assert broken_fields(before, after) == ["field id is text, not number", "field name is gone"]


def test_an_empty_list_says_nothing_of_its_items() -> None:
    assert broken_fields(shape_of({"a": [{"b": 1}]}), shape_of({"a": []})) == []


def test_a_null_and_a_new_field_are_odd_and_break_nothing() -> None:
    before, after = shape_of({"id": 1}), shape_of({"id": None, "more": 1})
    assert broken_fields(before, after) == []
    assert odd_fields(before, after) == ["field id is null", "field more is new"]


def test_values_are_compared_item_by_item_whatever_their_order() -> None:
    before = values_of([{"id": 1, "phone": "a"}, {"id": 2, "phone": "b"}])
    after = values_of([{"id": 2, "phone": "c"}, {"id": 1, "phone": "a"}, {"id": 3, "phone": "d"}])
    assert changed_fields([before, before], after) == {"[].phone": 1}


def test_a_value_that_never_stands_still_is_not_compared() -> None:
    assert changed_fields([values_of({"at": 1}), values_of({"at": 2})], values_of({"at": 3})) == {}


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(ANY)
def test_an_answer_never_differs_from_itself(answer: object) -> None:
    shape, values = shape_of(answer), values_of(answer)
    assert broken_fields(shape, shape) == odd_fields(shape, shape) == []
    assert changed_fields([values, values], values) == {}


def test_a_key_that_is_data_is_not_named_among_what_changed() -> None:
    before, after = values_of({"ana.silva@x.example": 1}), values_of({"ana.silva@x.example": 2})
    assert changed_fields([before], after) == {"*": 1}


# OpenAPI


def test_paths_are_read_that_need_nothing_or_have_an_example() -> None:
    document = {
        "openapi": "3.1.0",
        "servers": [{"url": "/v1"}],
        "paths": {
            "/items": {"get": {}, "post": {}},
            "/items/{id}": {"get": {"parameters": [{"name": "id", "in": "path", "required": True}]}},
            "/users/{id}": {
                "get": {"parameters": [{"name": "id", "in": "path", "required": True, "example": 7}]}
            },
            "/search": {
                "get": {
                    "parameters": [
                        {"name": "q", "in": "query", "required": True, "schema": {"default": "a b"}}
                    ]
                }
            },
            "/only": {"post": {}},
        },
    }
    assert readable_paths(document) == ["/v1/items", "/v1/users/7", "/v1/search?q=a+b"]


@pytest.mark.parametrize("odd", [None, [], "x", {"paths": 3}, {"paths": {"/a": None, "/b": {"get": 1}}}])
def test_a_document_that_is_none_tells_of_nothing(odd: object) -> None:
    assert readable_paths(odd) == []


def test_a_run_of_a_cell_comes_back_from_its_record() -> None:
    run = CellRun(AFTER, tuple(well()), "abc", ("0001",), {"abc": 5})
    assert CellRun.from_json(run.to_json()) == run
