"""Names that the server makes up are told from names that somebody chose."""

from __future__ import annotations

import pytest

from rollproof.fingerprint.names import made_by_server, shaped_by_server, split_name
from rollproof.model.fingerprint import Fact


def index(name: str, definition: str, table: str = "s.leads") -> Fact:
    return Fact("index", name, {"table": table, "definition": definition}, f"table {table}")


def constraint(name: str, kind: str, definition: str) -> Fact:
    return Fact("constraint", name, {"type": kind, "definition": definition}, "table s.leads")


LONG_TABLE = "a_table_with_a_name_of_just_about_fifty_characters"
LONG_COLUMN = "a_column_with_a_name_of_about_forty_chars"

MADE = [
    index("s.leads_email_idx", "USING btree (email)"),
    index("s.leads_email_idx12", "USING btree (email)"),
    index("s.leads_email_at_idx", "USING btree (email) INCLUDE (at)"),
    index("s.leads_lower_expr_idx", "USING btree (lower((email)::text), ((a + 1)))"),
    index("s.leads_expr_expr1_idx", "USING btree (((a + 1)), ((b + 1)))"),
    index("s.leads_coalesce_idx", "USING btree (COALESCE(a, 0))"),
    index('s."Leads_e Mail_idx"', 'USING gin ("e Mail")', 's."Leads"'),
    index(
        f"s.{LONG_TABLE[:29]}_{LONG_COLUMN[:29]}_idx",
        f"USING btree ({LONG_COLUMN})",
        f"s.{LONG_TABLE}",
    ),
    constraint("leads_pkey on s.leads", "primary key", "PRIMARY KEY (a, b)"),
    constraint("leads_a_b_key on s.leads", "unique", "UNIQUE (a, b)"),
    constraint("leads_a_b_key1 on s.leads", "unique", "UNIQUE (a) INCLUDE (b)"),
    constraint("leads_a_fkey on s.leads", "foreign key", "FOREIGN KEY (a) REFERENCES s.x(id)"),
    constraint("leads_a_check on s.leads", "check", "CHECK (((a > 0) AND (a < 9)))"),
    constraint("leads_check on s.leads", "check", "CHECK ((a > b))"),
    constraint("leads_check1 on s.leads", "check", "CHECK (true)"),
    constraint("leads_at_excl on s.leads", "exclusion", "EXCLUDE USING gist (at WITH &&)"),
    constraint("leads_a_not_null on s.leads", "not null", "NOT NULL a"),
    Fact("sequence", "s.leads_id_seq", {"owned by": "s.leads.id"}),
    Fact("sequence", 's."Leads_ID_seq1"', {"owned by": 's."Leads"."ID"'}),
]

CHOSEN = [
    index("s.by_email", "USING btree (email)"),
    index("s.leads_mail_idx", "USING btree (email)"),
    index("s.leads_email_idx", "USING btree (phone)"),
    index("s.leads_email_key", "USING btree (email)"),
    index("s.leads_email_idx_new", "USING btree (email)"),
    index("s.leads_email_idx", "this does not parse ("),
    constraint("leads_a_key on s.leads", "unique", "UNIQUE (a, b)"),
    constraint("positive on s.leads", "check", "CHECK ((a > 0))"),
    constraint("fk_lead on s.leads", "foreign key", "FOREIGN KEY (a) REFERENCES s.x(id)"),
    Fact("sequence", "s.leads_id_seq", {}),
    Fact("sequence", "s.numbers", {"owned by": "s.leads.id"}),
    Fact("trigger", "leads_a_key on s.leads", {"definition": "CREATE TRIGGER"}),
]


@pytest.mark.parametrize("fact", MADE, ids=lambda fact: fact.name)
def test_a_name_that_the_server_would_make_is_known(fact: Fact) -> None:
    assert made_by_server(fact)


@pytest.mark.parametrize("fact", CHOSEN, ids=lambda fact: f"{fact.name} {sorted(fact.attributes.items())}")
def test_a_name_that_somebody_chose_is_not_taken_for_one(fact: Fact) -> None:
    assert not made_by_server(fact)
    assert not shaped_by_server(fact)


def test_a_name_made_for_the_tables_former_name_has_the_shape_only() -> None:
    fact = index("s.prospects_email_idx", "USING btree (email)")
    assert shaped_by_server(fact)
    assert not made_by_server(fact)


def test_quoted_names_are_taken_apart_at_the_right_dots() -> None:
    assert split_name('public."a.""b"".c"."D"') == ["public", 'a."b".c', "D"]
