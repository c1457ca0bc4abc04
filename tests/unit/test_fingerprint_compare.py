"""Comparing fingerprints: what is a difference, of which class, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.fingerprint import compare, summarise
from rollproof.fingerprint.meaning import same_meaning, same_words
from rollproof.model.fingerprint import Difference, DifferenceClass, Fact, Fingerprint
from rollproof.model.json import Json


def taken(*facts: Fact, source: str = "") -> Fingerprint:
    return Fingerprint.of(facts, source=source)


def lines(before: Fingerprint, after: Fingerprint) -> list[str]:
    return [str(difference) for difference in compare(before, after)]


SAME = [
    (
        "constraint",
        "definition",
        "CHECK (((kind)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))",
        "CHECK (((kind)::text = ANY"
        " (ARRAY[('a'::character varying)::text, ('b'::character varying)::text])))",
    ),
    (
        "constraint",
        "definition",
        "CHECK (((a > 0) AND ((b > 0) AND (c > 0))))",
        "CHECK ((a > 0 AND b > 0) AND c > 0)",
    ),
    ("column", "default", "('x'::text)", "'x'::text"),
    ("function", "body", "RETURN ((a + 1))", "RETURN (a + 1)"),
    ("function", "body", "BEGIN ATOMIC\n SELECT 1;\nEND", "BEGIN ATOMIC SELECT (1); END"),
    ("column", "generated as", "((a * 2))", "(a * 2)"),
    ("policy", "using", "((a = 1) OR ((b = 2) OR (c = 3)))", "((a = 1) OR (b = 2) OR (c = 3))"),
    ("index", "definition", "USING btree (a) WHERE ((a > 0))", "USING btree (a) WHERE (a > 0)"),
    ("view", "definition", " SELECT a\n   FROM t\n  WHERE ((a > 0));", "SELECT a FROM t WHERE (a > 0);"),
]

OTHER = [
    (
        "constraint",
        "definition",
        "CHECK (((a > 0) AND (b > 0) OR (c > 0)))",
        "CHECK (((a > 0) AND ((b > 0) OR (c > 0))))",
    ),
    ("constraint", "definition", "CHECK ((a > 0))", "CHECK ((a >= 0))"),
    ("constraint", "definition", "CHECK ((a = ANY (ARRAY[1, 2])))", "CHECK ((a = ANY (ARRAY[2, 1])))"),
    ("constraint", "definition", "CHECK ((a = 'x  y'))", "CHECK ((a = 'x y'))"),
    ("column", "default", "'a'::text", "'a'::character varying"),
    ("column", "default", "1.0", "1.00"),
    ("column", "default", "a - (b - c)", "(a - b) - c"),
    ("policy", "using", "NOT (a AND b)", "NOT a AND b"),
    ("index", "definition", "USING btree (a DESC)", "USING btree (a)"),
    ("view", "definition", 'SELECT a AS "A" FROM t', "SELECT a AS a FROM t"),
    ("table", "owner", "(a)", "a"),
    ("function", "body", "strict", "STRICT"),
    ("function", "body", "RETURN 1", "RETURN 2"),
    ("view", "definition", "not SQL (", "not SQL  ("),
]


@pytest.mark.parametrize(("kind", "attribute", "before", "after"), SAME)
def test_texts_that_mean_the_same_are_no_difference(
    kind: str, attribute: str, before: str, after: str
) -> None:
    assert same_meaning(kind, attribute, before, after)
    assert (
        lines(taken(Fact(kind, "x", {attribute: before})), taken(Fact(kind, "x", {attribute: after}))) == []
    )


@pytest.mark.parametrize(("kind", "attribute", "before", "after"), OTHER)
def test_texts_that_mean_something_else_are_a_difference(
    kind: str, attribute: str, before: str, after: str
) -> None:
    assert not same_meaning(kind, attribute, before, after)
    assert (
        len(lines(taken(Fact(kind, "x", {attribute: before})), taken(Fact(kind, "x", {attribute: after}))))
        == 1
    )


@pytest.mark.parametrize(
    ("language", "before", "after", "same"),
    [
        ("sql", "SELECT  1", "SELECT 1\n", True),
        ("plpgsql", "BEGIN\n  a := 1; -- x\nEND", "BEGIN a := 1; -- x\n END", True),
        ("plpgsql", "BEGIN a := 'é  x'; END", "BEGIN  a := 'é  x'; END", True),
        ("plpgsql", "BEGIN a := 'é  x'; END", "BEGIN a := 'é x'; END", False),
        ("plpgsql", "BEGIN EXECUTE $q$ SELECT 1 $q$; END", "BEGIN EXECUTE $q$ SELECT  1 $q$; END", False),
        ("sql", "SELECT a -- b\n + c", "SELECT a -- b + c", False),
        ("sql", "SELECT ab", "SELECT a b", False),
        ("sql", "SELECT 'a'\n'b'", "SELECT 'a' 'b'", False),
        ("sql", 'SELECT "a b"', 'SELECT "a  b"', False),
        ("plpgsql", "BEGIN a := 'open", "BEGIN a  := 'open", False),
        ("plpython3u", "if a:\n  b()\nc()", "if a:\n  b()\n  c()", False),
        ("c", "x", "x ", False),
    ],
)
def test_only_white_space_between_words_is_layout(language: str, before: str, after: str, same: bool) -> None:
    assert same_words(language, before, after) is same
    found = compare(
        taken(Fact("function", "f()", {"language": language, "body": before})),
        taken(Fact("function", "f()", {"language": language, "body": after})),
    )
    assert [d.klass for d in found] == [DifferenceClass.WHITE_SPACE if same else DifferenceClass.OBJECT]


def test_missing_added_and_changed_facts_are_named() -> None:
    before = taken(
        Fact("table", "a", {"owner": "x", "row security": True}), Fact("table", "b", {"owner": "x"})
    )
    after = taken(
        Fact("table", "a", {"owner": "y", "row security": False}), Fact("table", "c", {"owner": "x"})
    )
    assert sorted(lines(before, after)) == [
        "table a: owner x before, y after",
        "table a: row security yes before, no after",
        "table b: missing after",
        "table c: added",
    ]


def test_column_order_is_a_class_of_its_own_and_looks_at_common_columns_only() -> None:
    order = lambda *columns: taken(Fact("column order", "s.t", {"columns": list(columns)}, "table s.t"))  # noqa: E731
    assert compare(order("a", "b", "c"), order("a", "c")) == ()
    (found,) = compare(order("a", "b", "c"), order("a", "c", "b", "d"))
    assert found.klass is DifferenceClass.COLUMN_ORDER
    assert str(found) == "table s.t: column order a, b, c before, a, c, b after"


def test_where_a_sequence_stands_is_a_class_of_its_own() -> None:
    state = lambda value: taken(Fact("sequence state", "s.q", {"next value": value}, "sequence s.q"))  # noqa: E731
    (found,) = compare(state(9), state(4))
    assert found.klass is DifferenceClass.SEQUENCE_STATE
    assert str(found) == "sequence s.q: next value 9 before, 4 after"
    assert compare(state(9), taken()) == ()


def test_what_belongs_to_the_database_is_compared_only_under_one_name() -> None:
    facts = (
        Fact("database", "current", {"owner": "a"}),
        Fact("setting", "work_mem", {"value": "5MB"}, "database current"),
        Fact("grant", "on database to app", {"CONNECT": "granted"}, "database current"),
    )
    assert len(compare(taken(*facts, source="a"), taken(source="a"))) == 3
    assert len(compare(taken(*facts, source="a"), taken(source=""))) == 3
    assert compare(taken(*facts, source="a"), taken(source="copy")) == ()


def test_a_role_is_no_difference_when_nothing_refers_to_it_any_more() -> None:
    role = lambda login: taken(Fact("role", "app", {"login": login}))  # noqa: E731
    assert compare(role(True), taken()) == ()
    assert lines(role(True), role(False)) == ["role app: login yes before, no after"]


def test_a_not_null_constraint_does_not_repeat_what_its_column_says() -> None:
    column = lambda nullable: Fact("column", "s.t.a", {"nullable": nullable}, "table s.t")  # noqa: E731
    named = Fact(
        "constraint", "t_a_not_null on s.t", {"type": "not null", "definition": "NOT NULL a"}, "table s.t"
    )
    assert lines(taken(column(False), named), taken(column(True))) == [
        "column s.t.a: nullable no before, yes after"
    ]
    assert lines(taken(column(False), named), taken(column(False))) == [
        "constraint t_a_not_null on s.t: missing after"
    ]


def test_an_extension_and_its_comment_come_and_go_as_one() -> None:
    comment = Fact("comment", "on extension hstore", {"text": "x"}, "extension hstore")
    extension = Fact("extension", "hstore", {"version": "1.8"})
    assert lines(taken(), taken(extension, comment)) == ["extension hstore: added"]
    assert lines(taken(extension), taken(extension, comment)) == ["comment on extension hstore: added"]


def test_a_missing_table_is_summed_up_in_one_line() -> None:
    table = Fact("table", "s.t", {}, "schema s")
    parts = (
        Fact("column", "s.t.a", {}, "table s.t"),
        Fact("column", "s.t.b", {}, "table s.t"),
        Fact("sequence", "s.t_a_seq", {"owned by": "s.t.a"}, "column s.t.a"),
        Fact("index", "s.i", {}, "table s.t"),
        Fact("policy", "p on s.t", {}, "table s.t"),
        Fact("grant", "on sequence s.t_a_seq to app", {}, "sequence s.t_a_seq"),
    )
    other = Fact("index", "s.j", {}, "table s.u")
    found = compare(taken(table, *parts, other), taken())
    assert len(found) == 8
    assert found[0].parent not in {f"{d.kind} {d.name}" for d in found}
    assert sorted(map(str, summarise(found))) == [
        "index s.j: missing after",
        "table s.t: missing after (with 2 columns, 1 grant, 1 index, 1 policy, 1 sequence)",
    ]


def test_an_added_index_is_not_folded_into_a_missing_table() -> None:
    found = [
        Difference("table", "s.t", None, {}, None),
        Difference("index", "s.i", None, None, {}, parent="table s.t"),
        Difference("column", "s.t.a", "type", "a", "b", parent="table s.t"),
    ]
    assert len(summarise(found)) == 3


def test_a_long_text_is_shown_where_it_differs() -> None:
    body = "BEGIN\n" + "".join(f"  x{n} := {n};\n" for n in range(200)) + "END"
    difference = Difference("function", "f()", "body", body, body.replace("x150 := 150;", "x150 := 151;"))
    assert str(difference) == "function f(): body line 152 `x150 := 150;` before, `x150 := 151;` after"
    assert Difference.from_json(difference.to_json()) == difference


NAMES = st.sampled_from(["a", "b", "c", "d"])
VALUES: st.SearchStrategy[Json] = st.one_of(st.none(), st.booleans(), st.integers(2, 9), st.text(max_size=3))
FACTS = st.dictionaries(
    st.tuples(st.sampled_from(["table", "view", "index", "grant"]), NAMES),
    st.dictionaries(st.sampled_from(["p", "q"]), VALUES.filter(lambda value: value is not None)),
    max_size=8,
)


def _of(facts: dict[tuple[str, str], dict[str, Json]]) -> Fingerprint:
    return Fingerprint.of(Fact(kind, name, attributes) for (kind, name), attributes in facts.items())


@given(FACTS, FACTS)
def test_no_difference_exactly_when_the_facts_are_equal(
    before: dict[tuple[str, str], dict[str, Json]], after: dict[tuple[str, str], dict[str, Json]]
) -> None:
    found = compare(_of(before), _of(after))
    assert (found == ()) == (before == after) == (_of(before).digest == _of(after).digest)
    assert Fingerprint.from_json(_of(before).to_json()) == _of(before)
    assert len(found) == len(compare(_of(after), _of(before)))
