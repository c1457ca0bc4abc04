"""Whether a column's new type holds every value of its old one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.migrations.coltypes import ColumnType, Fit, fit

HOLDS, NARROWS, UNSURE = Fit.HOLDS, Fit.NARROWS, Fit.UNSURE


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("integer", "bigint", HOLDS),
        ("serial", "int8", HOLDS),
        ("bigint", "integer", NARROWS),
        ("smallint", "numeric(5,0)", HOLDS),
        ("integer", "numeric(9,0)", NARROWS),
        ("bigint", "numeric", HOLDS),
        ("bigint", "double precision", NARROWS),
        ("integer", "double precision", HOLDS),
        ("real", "double precision", HOLDS),
        ("double precision", "real", NARROWS),
        ("numeric(10,2)", "numeric(12,2)", HOLDS),
        ("numeric(10,2)", "numeric(12,4)", HOLDS),
        ("numeric(10,2)", "numeric(10,3)", NARROWS),
        ("numeric(10,2)", "numeric(8)", NARROWS),
        ("numeric", "numeric(30,10)", NARROWS),
        ("numeric(5,0)", "integer", NARROWS),
        ("character varying(50)", "character varying(51)", HOLDS),
        ("character varying(50)", "character varying(49)", NARROWS),
        ("character varying(50)", "character varying", HOLDS),
        ("text", "character varying(500)", NARROWS),
        ("text", "character varying", HOLDS),
        ("character(5)", "character varying(5)", HOLDS),
        ("character(5)", "character(6)", HOLDS),
        ("text", "character(5)", NARROWS),
        ("date", "timestamp without time zone", HOLDS),
        ("timestamp without time zone", "date", NARROWS),
        ("timestamp(6) with time zone", "timestamp(0) with time zone", NARROWS),
        ("timestamp(0) without time zone", "timestamp without time zone", HOLDS),
        ("timestamp without time zone", "timestamp with time zone", UNSURE),
        ("json", "jsonb", NARROWS),
        ("jsonb", "json", HOLDS),
        ("cidr", "inet", HOLDS),
        ("uuid", "text", HOLDS),
        ("text", "uuid", UNSURE),
        ("text[]", "text", HOLDS),
        ("integer[]", "bigint[]", HOLDS),
        ("bigint[]", "integer[]", NARROWS),
        ("integer", "integer[]", UNSURE),
        ("a.mood", "a.mood", HOLDS),
        ("a.mood", "a.temper", UNSURE),
        ("a.mood", "text", HOLDS),
    ],
)
def test_a_type_holds_the_values_of_another(before: str, after: str, expected: Fit) -> None:
    assert fit(ColumnType.parse(before), ColumnType.parse(after)) is expected


@pytest.mark.parametrize(("after", "expected"), [("text", HOLDS), ("numeric", HOLDS), ("bigint", UNSURE)])
def test_without_the_old_type_only_unlimited_types_are_sure(after: str, expected: Fit) -> None:
    assert fit(None, ColumnType.parse(after)) is expected


@given(st.integers(1, 40), st.integers(0, 20), st.integers(1, 40), st.integers(0, 20))
def test_a_number_type_holds_another_exactly_when_every_digit_fits(
    whole: int, scale: int, new_whole: int, new_scale: int
) -> None:
    before, after = ColumnType("numeric", (whole, scale)), ColumnType("numeric", (new_whole, new_scale))
    fits = new_scale >= scale and new_whole - new_scale >= whole - scale
    assert fit(before, after) is (HOLDS if fits else NARROWS)


def test_types_are_said_as_they_are_written() -> None:
    assert str(ColumnType.parse("character varying(20)[]")) == "varchar(20)[]"
    assert ColumnType.parse("no type at all (") is None
