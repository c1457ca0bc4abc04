"""The kind that a forward run showed, and what is said when the text says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollproof.migrations.classification import decide
from rollproof.migrations.kinds import Classification, Kind, classify
from rollproof.migrations.observed import Observation, disagreement, observed_kind, untried
from rollproof.migrations.script import Script
from rollproof.model.fingerprint import Difference, DifferenceClass
from rollproof.model.json import Json
from rollproof.model.rows import RowChanges


def read(text: str) -> Classification:
    return classify(Script(Path("/m/010_case.sql"), text))


def added(kind: str, name: str, parent: str = "") -> Difference:
    return Difference(kind, name, None, None, {"a": 1}, parent=parent)


def missing(kind: str, name: str, parent: str = "", /, **attributes: Json) -> Difference:
    return Difference(kind, name, None, attributes or {"a": 1}, None, parent=parent)


def other(kind: str, name: str, attribute: str, before: Json, after: Json) -> Difference:
    return Difference(kind, name, attribute, before, after, parent=TABLE)


TABLE = "table a.t"
SEEN: list[tuple[str, list[Difference], list[RowChanges], Kind]] = [
    ("nothing", [], [], Kind.NOTHING),
    (
        "a table",
        [added("table", "a.t"), added("index", "a.t_pkey"), added("grant", "on a.t")],
        [],
        Kind.ADDITIVE,
    ),
    ("rows of a new table", [added("table", "a.t")], [RowChanges("a.t", added=5)], Kind.ADDITIVE),
    ("an index", [added("index", "a.i")], [], Kind.INDEX),
    ("an index gone", [missing("index", "a.i")], [], Kind.INDEX),
    ("a grant", [added("grant", "on a.t")], [], Kind.PRIVILEGE),
    ("an owner", [other("table", "a.t", "owner", "x", "y")], [], Kind.PRIVILEGE),
    (
        "row security",
        [other("table", "a.t", "row security", False, True), added("policy", "p")],
        [],
        Kind.PRIVILEGE,
    ),
    ("a default", [other("column", "a.t.c", "default", None, "1")], [], Kind.DEFINITION),
    ("a view gone", [missing("view", "a.v"), missing("column", "a.v.c", "view a.v")], [], Kind.DEFINITION),
    ("a function changed", [other("function", "a.f()", "body", "x", "y")], [], Kind.DEFINITION),
    ("an enum's new label", [other("enum", "a.e", "labels", ["a", "c"], ["a", "b", "c"])], [], Kind.ADDITIVE),
    ("an enum's label renamed", [other("enum", "a.e", "labels", ["a"], ["b"])], [], Kind.DEFINITION),
    (
        "a primary key",
        [added("constraint", "k on a.t", TABLE), other("column", "a.t.c", "nullable", True, False)],
        [],
        Kind.ADDITIVE,
    ),
    ("not null", [other("column", "a.t.c", "nullable", True, False)], [], Kind.DEFINITION),
    ("a wider type", [other("column", "a.t.c", "type", "integer", "bigint")], [], Kind.DEFINITION),
    (
        "a narrower type",
        [other("column", "a.t.c", "type", "character varying(50)", "character varying(20)")],
        [],
        Kind.DROPPING,
    ),
    (
        "an empty table gone",
        [missing("table", "a.t")],
        [RowChanges("a.t", missing_table=True)],
        Kind.DROPPING,
    ),
    ("a column gone", [missing("column", "a.t.c", TABLE)], [], Kind.DROPPING),
    ("a sequence gone", [missing("sequence", "a.s", "", **{"owned by": None})], [], Kind.DROPPING),
    (
        "a column's sequence gone",
        [missing("sequence", "a.s", "", **{"owned by": "a.t.c"})],
        [],
        Kind.DEFINITION,
    ),
    ("rows changed", [], [RowChanges("a.t", changed=2)], Kind.DATA),
    ("rows deleted", [added("table", "a.x")], [RowChanges("a.t", lost=2)], Kind.DATA),
    ("rows added", [added("table", "a.x")], [RowChanges("a.t", added=2)], Kind.ROWS),
    ("the ledger's row", [added("view", "a.v")], [RowChanges("public.migrations", added=1)], Kind.ADDITIVE),
    ("a comment", [added("comment", "on table a.t")], [], Kind.DEFINITION),
    ("a table and a comment", [added("table", "a.t"), added("comment", "on table a.t")], [], Kind.ADDITIVE),
    (
        "a sequence moved",
        [Difference("sequence", "a.s", "value", 1, 2, DifferenceClass.SEQUENCE_STATE)],
        [],
        Kind.DEFINITION,
    ),
    (
        "a table, and a sequence moved",
        [added("table", "a.t"), Difference("sequence", "a.s", "v", 1, 2, DifferenceClass.SEQUENCE_STATE)],
        [],
        Kind.ADDITIVE,
    ),
    ("a table, and a view changed", [added("table", "a.t"), missing("view", "a.v")], [], Kind.MIXED),
]


@pytest.mark.parametrize(("differences", "changes", "kind"), [c[1:] for c in SEEN], ids=[c[0] for c in SEEN])
def test_what_happened_decides_the_kind(
    differences: list[Difference], changes: list[RowChanges], kind: Kind
) -> None:
    seen = observed_kind(differences, changes)
    assert seen.kind is kind
    assert str(seen) == kind.value
    assert bool(seen.evidence) == (kind is not Kind.NOTHING)


def test_a_renamed_table_is_not_a_dropped_one() -> None:
    renamed = read("ALTER TABLE a.t RENAME TO u").renamed
    differences = [missing("table", "a.t"), missing("column", "a.t.c", TABLE), added("table", "a.u")]
    changes = [RowChanges("a.t", lost=7, missing_table=True)]
    assert observed_kind(differences, changes, renamed=renamed).kind is Kind.DEFINITION
    assert observed_kind(differences, changes).kind is Kind.DROPPING


def test_a_renamed_column_is_not_a_dropped_one() -> None:
    renamed = read("ALTER TABLE a.t RENAME COLUMN c TO d").renamed
    differences = [missing("column", "a.t.c", TABLE), added("column", "a.t.d", TABLE)]
    changes = [RowChanges("a.t", lost_columns={"c": 7})]
    assert observed_kind(differences, changes, renamed=renamed).kind is Kind.DEFINITION


def test_the_sentence_names_what_happened() -> None:
    seen = observed_kind([], [RowChanges("nigredo_leads.leads", changed=4102)])
    said = disagreement(read("CREATE TABLE t (i int)"), seen)
    assert said == "the text says additive; what happened: 4,102 rows of nigredo_leads.leads changed"


def test_the_sentence_names_three_things_and_counts_the_rest() -> None:
    seen = observed_kind([missing("table", f"a.t{n}") for n in range(5)], [])
    said = disagreement(read("SELECT 1"), seen)
    assert said is not None
    assert said.startswith("the text says nothing; what happened: table a.t0: missing after; ")
    assert said.endswith("; and 2 more")


def test_a_table_lost_with_its_rows_is_counted() -> None:
    seen = observed_kind([missing("table", "a.t")], [RowChanges("a.t", lost=1, missing_table=True)])
    assert "table a.t is gone with 1 row" in seen.evidence


@pytest.mark.parametrize(
    ("text", "seen", "agrees"),
    [
        ("CREATE TABLE t (i int)", Observation(Kind.ADDITIVE), True),
        ("SELECT elsewhere()", Observation(Kind.DROPPING, evidence=("x",)), True),
        ("UPDATE old SET a = 1", Observation(Kind.NOTHING), False),
        ("DROP TABLE old", Observation(Kind.DATA, evidence=("x",)), False),
        (
            "CREATE TABLE t (i int); DROP VIEW v",
            Observation(Kind.DEFINITION, frozenset({Kind.DEFINITION}), ("x",)),
            True,
        ),
        ("DROP VIEW v", Observation(Kind.ADDITIVE, frozenset({Kind.ADDITIVE}), ("x",)), False),
        ("GRANT SELECT ON t TO app", Observation(Kind.NOTHING), False),
    ],
)
def test_text_and_run_agree_or_do_not(text: str, seen: Observation, agrees: bool) -> None:
    assert (disagreement(read(text), seen) is None) is agrees


def test_nothing_happening_is_said_too() -> None:
    said = disagreement(read("DELETE FROM old"), Observation(Kind.NOTHING))
    assert said == "the text says data; what happened: nothing changed that lasts"


@pytest.mark.parametrize(
    ("text", "seen", "told"),
    [
        ("DELETE FROM old", [], False),
        ("CREATE TABLE t (i int); UPDATE old SET a = 1", [Kind.ADDITIVE], False),
        ("UPDATE old SET a = 1", [Kind.ADDITIVE], True),
        ("UPDATE old SET a = 1", [Kind.DATA], True),
        ("CREATE TABLE t (i int)", [], True),
        ("DROP TABLE old", [], True),
    ],
)
def test_what_finds_no_row_that_it_fits_is_not_told(text: str, seen: list[Kind], told: bool) -> None:
    observed = Observation(decide(seen), frozenset(seen))
    assert untried(read(text), observed) is not told


def test_where_the_ledgers_own_sequence_stands_is_no_effect_of_a_migration() -> None:
    moved = [
        Difference("sequence", f"{name}_id_seq", "next value", 5, 6, klass=DifferenceClass.SEQUENCE_STATE)
        for name in ("public.django_migrations", "public.item")
    ]
    ledger = "public.django_migrations"
    assert observed_kind(moved[:1], [], ledger=ledger).kind is Kind.NOTHING
    assert observed_kind(moved[1:], [], ledger=ledger).kind is Kind.DEFINITION
