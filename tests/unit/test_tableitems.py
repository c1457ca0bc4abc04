"""Items as keyed digests: equal exactly when DynamoDB would call them equal, type for type."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.components.aws.tableitems import ItemReader, SeenItems, canonical, changes, key_names

READER = ItemReader(b"k" * 32)

texts = st.text(max_size=8)
numbers = st.decimals(allow_nan=False, allow_infinity=False, places=6).map(str)
scalars = st.one_of(
    texts.map(lambda v: {"S": v}),
    numbers.map(lambda v: {"N": v}),
    st.binary(max_size=6).map(lambda v: {"B": v}),
    st.booleans().map(lambda v: {"BOOL": v}),
    st.just({"NULL": True}),
    st.sets(texts, min_size=1, max_size=4).map(lambda v: {"SS": list(v)}),
    st.sets(st.binary(max_size=4), min_size=1, max_size=4).map(lambda v: {"BS": list(v)}),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda v: {"L": v}),
        st.dictionaries(texts, inner, max_size=3).map(lambda v: {"M": v}),
    ),
    max_leaves=6,
)


def seen(*items: dict[str, Any], table: str = "t") -> SeenItems:
    return SeenItems(table, {READER.name_of(item, ["pk"]): READER.seen(item) for item in items})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"N": "1.10"}, {"N": "1.1"}),
        ({"N": "0"}, {"N": "-0.00"}),
        ({"N": "100"}, {"N": "1E+2"}),
        ({"SS": ["a", "b"]}, {"SS": ["b", "a"]}),
        ({"NS": ["1", "2.0"]}, {"NS": ["2", "1"]}),
        ({"BS": [b"a", b"b"]}, {"BS": [b"b", b"a"]}),
        ({"M": {"a": {"S": "1"}, "b": {"S": "2"}}}, {"M": {"b": {"S": "2"}, "a": {"S": "1"}}}),
        ({"B": bytearray(b"x")}, {"B": b"x"}),
    ],
)
def test_equal_values_are_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert READER.seen({"v": one}) == READER.seen({"v": other})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"N": "1"}, {"S": "1"}),
        ({"S": "true"}, {"BOOL": True}),
        ({"S": "61"}, {"B": b"a"}),
        ({"SS": ["1"]}, {"NS": ["1"]}),
        ({"SS": ["a"]}, {"L": [{"S": "a"}]}),
        ({"L": [{"S": "a"}, {"S": "b"}]}, {"L": [{"S": "b"}, {"S": "a"}]}),
        ({"S": ""}, {"NULL": True}),
        ({"N": "12345678901234567890123456789012345678"}, {"N": "12345678901234567890123456789012345679"}),
        ({"M": {}}, {"L": []}),
        ({"S": "a"}, {"S": "a "}),
    ],
)
def test_values_of_another_type_or_order_or_digit_are_not(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert READER.seen({"v": one}) != READER.seen({"v": other})


@given(values, values)
def test_two_values_have_one_canonical_form_exactly_when_they_are_the_same(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert (canonical(one) == canonical(other)) == (_plain(one) == _plain(other))


def _plain(value: dict[str, Any]) -> Any:
    """Python's own idea of equality, each value with its type."""
    ((kind, content),) = value.items()
    if kind in ("SS", "BS"):
        return kind, frozenset(content)
    if kind == "N":
        return kind, Decimal(content)
    if kind == "L":
        return kind, [_plain(member) for member in content]
    return kind, {name: _plain(member) for name, member in content.items()} if kind == "M" else content


def test_what_is_lost_added_changed_and_retyped_is_told_apart() -> None:
    before = seen(*({"pk": {"S": key}, "n": {"N": "1"}} for key in "abc"))
    after = seen(
        {"pk": {"S": "a"}, "n": {"N": "1.0"}}, {"pk": {"S": "b"}, "n": {"S": "1"}}, {"pk": {"S": "d"}}
    )
    found = changes(before, after)
    key = {name: READER.name_of({"pk": {"S": name}}, ["pk"]) for name in "abcd"}
    assert (found.lost, found.added, found.changed) == ((key["c"],), (key["d"],), (key["b"],))
    assert found.retyped == ("attribute n: N became S",)
    assert bool(found)
    assert not changes(before, before)


def test_no_value_and_no_key_can_be_read_from_what_is_kept() -> None:
    kept = seen({"pk": {"S": "ana@example.org"}, "name": {"S": "Ana Maria"}})
    shown = f"{kept!r} {changes(kept, seen()).to_json()}"
    assert "ana@" not in shown
    assert "Ana" not in shown


def test_digests_of_another_scenario_are_others() -> None:
    item = {"pk": {"S": "a"}}
    assert ItemReader(b"x" * 32).name_of(item, ["pk"]) != READER.name_of(item, ["pk"])


def test_the_digest_of_all_items_does_not_depend_on_their_order() -> None:
    one, other = {"pk": {"S": "a"}}, {"pk": {"S": "b"}}
    assert seen(one, other).digest == seen(other, one).digest
    assert seen(one).digest != seen(other).digest


def test_the_partition_key_comes_first() -> None:
    schema = [{"AttributeName": "s", "KeyType": "RANGE"}, {"AttributeName": "p", "KeyType": "HASH"}]
    assert key_names({"KeySchema": schema}) == ["p", "s"]
