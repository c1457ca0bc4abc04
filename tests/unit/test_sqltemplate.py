"""`{token}` becomes a parameter wherever it may stand, and nothing else changes."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.environments.base import PostgresServer
from rollproof.model.sqltemplate import SqlTemplate


@pytest.mark.parametrize(
    ("text", "query", "parameters"),
    [
        ("SELECT 1", "SELECT 1", {}),
        ("SELECT {token}", "SELECT %(p0)s", {"p0": "T"}),
        ("SELECT '{token}'", "SELECT %(p0)s", {"p0": "T"}),
        ("SELECT 'it''s {token}', {token}", "SELECT %(p0)s, %(p1)s", {"p0": "it's T", "p1": "T"}),
        ("SELECT $a$x{token}$a$", "SELECT %(p0)s", {"p0": "xT"}),
        ("SELECT 7 % 4, '50%' -- {token} 1%", "SELECT 7 %% 4, '50%%' -- {token} 1%%", {}),
        ("SELECT '{red}' /* ' */, {token}", "SELECT '{red}' /* ' */, %(p0)s", {"p0": "T"}),
        (r"SELECT E'\'', {token}", r"SELECT E'\'', %(p0)s", {"p0": "T"}),
        ('SELECT "it\'s", {token}', 'SELECT "it\'s", %(p0)s', {"p0": "T"}),
    ],
)
def test_the_placeholder_becomes_a_parameter(text: str, query: str, parameters: dict[str, str]) -> None:
    template = SqlTemplate.of(text)
    assert template.query == query
    assert template.parameters("T") == parameters


@pytest.mark.parametrize("text", ['SELECT "{token}"', r"SELECT E'\n{token}'"])
def test_where_no_parameter_can_stand_it_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot stand inside"):
        SqlTemplate.of(text)


@given(st.text(alphabet="a%'\"$-/*{}e \n", max_size=30))
def test_sql_without_the_placeholder_only_doubles_its_percent_signs(text: str) -> None:
    assert SqlTemplate.of(text).query == text.replace("%", "%%")


def test_the_server_reads_what_the_author_meant(pg: PostgresServer, database: str) -> None:
    text = """SELECT '{"a": "{token}"}'::jsonb ->> 'a', '10%' || {token},
                     jsonb_build_object('k', '{token}') ->> 'k'"""
    template = SqlTemplate.of(text)
    with psycopg.connect(pg.conninfo(database), cursor_factory=psycopg.ClientCursor) as conn:
        row = conn.execute(template.query, template.parameters("T")).fetchone()  # type: ignore[arg-type]  # a query built here
    assert row == ("T", "10%T", "T")
