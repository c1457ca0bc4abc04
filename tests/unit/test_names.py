"""Qualified names, quoted and not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.model.names import QUALIFIED, same_name, split_name

ANY = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("public.migrations", ("public", "migrations")),
        ("Ops.SchemaHistory", ("Ops", "SchemaHistory")),
        ('"Ops"."SchemaHistory"', ("Ops", "SchemaHistory")),
        ('ops."schema.history"', ("ops", "schema.history")),
        ('"a ""b"" c".d', ('a "b" c', "d")),
    ],
)
def test_a_name_is_taken_apart_at_the_dot_outside_quotes(name: str, parts: tuple[str, ...]) -> None:
    assert re.match(QUALIFIED, name)
    assert split_name(name) == parts


@given(ANY, ANY)
def test_any_two_parts_survive_quoting(schema: str, table: str) -> None:
    quoted = ".".join('"' + part.replace('"', '""') + '"' for part in (schema, table))
    assert re.match(QUALIFIED, quoted)
    assert split_name(quoted) == (schema, table)


@pytest.mark.parametrize("name", ["migrations", "a.b.c", 'a."b', "a.b c", '"".b', "1a.b", "a.b\n"])
def test_what_is_no_qualified_name_is_refused(name: str) -> None:
    assert not re.fullmatch(QUALIFIED, name)


def test_quotes_do_not_make_another_table() -> None:
    assert same_name('public."order"', "public.order")
    assert not same_name("public.Order", "public.order")
