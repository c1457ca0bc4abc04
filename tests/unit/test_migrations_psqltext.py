"""What psql makes of a file: SQL, meta-commands, copied rows and variables told apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pglast import parse_sql

from rollproof.migrations.psqltext import split


@given(st.text(alphabet=st.sampled_from("aE1 \n\t;:'\"$\\/*-().,{}éあ_copyFROMstdin"), max_size=200))
def test_any_text_keeps_its_length_and_its_lines(text: str) -> None:
    found = split(text)
    assert len(found.sql) == len(text)
    assert [at for at, c in enumerate(found.sql) if c == "\n"] == [
        at for at, c in enumerate(text) if c == "\n"
    ]
    assert all(0 <= s.start <= s.end <= len(text) for s in found.statements)


@given(st.text(alphabet=st.characters(exclude_characters="\\:", exclude_categories=["Cs"]), max_size=200))
def test_text_without_backslash_and_colon_stays_as_it_is(text: str) -> None:
    found = split(text)
    if not found.data:
        assert found.sql == text
    assert not found.meta
    assert not found.variables


PIECES = st.sampled_from(
    [
        ("SELECT 1;", 1),
        ("SELECT ';' || $q$;\n\\x $$ ; $q$ || E'\\';' || \";\" FROM t -- ; \\y\n;", 1),
        ("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END;", 1),
        ("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);", 1),
        ("/* a /* nested ; \\i x */ ' */", 0),
        ("-- it's ; \\c other", 0),
        ("\\echo 'it''s; fine'", 0),
        ("\\set a 1", 0),
        ("COPY t (a, b) FROM STDIN WITH (FORMAT csv);\n'\"$$ \\x ;\nDROP TABLE t;\n\\.", 1),
        ("\\copy t FROM stdin\n;;'\n\\.", 0),
        ("SELECT 2 \\gset", 1),
        ("SELECT a[1:2]::text, b ::int FROM t;", 1),
        ("INSERT INTO t VALUES ('\n\\.\n');", 1),
        (";", 0),
        ("\n", 0),
    ]
)


@given(st.lists(PIECES, max_size=8))
def test_files_put_together_from_pieces_fall_apart_into_the_same_pieces(
    pieces: list[tuple[str, int]],
) -> None:
    text = "\n".join(piece for piece, _ in pieces)
    found = split(text)
    assert len(found.statements) == sum(count for _, count in pieces)
    parsed = parse_sql(found.sql)
    assert len(parsed) == len(found.statements)
    assert [s.stmt_location for s in parsed] == [s.start for s in found.statements]


def test_copied_rows_are_blanked_and_counted() -> None:
    found = split("COPY t FROM stdin;\nsecret\t1\n\\N\t2\n\\.\nSELECT 1;\n")
    assert found.sql == "COPY t FROM stdin;\n        \n    \n  \nSELECT 1;\n"
    assert [(block.line, block.rows) for block in found.data] == [(2, 2)]


def test_copied_rows_may_run_to_the_end_of_the_file() -> None:
    assert [(b.line, b.rows) for b in split("COPY t FROM stdin;\na\nb").data] == [(2, 2)]


def test_rows_follow_the_line_of_the_statement_not_the_statement() -> None:
    found = split("COPY t FROM stdin; SELECT 1;\nx\n\\.\nSELECT 2;")
    assert [s.words[0] for s in found.statements] == ["COPY", "SELECT", "SELECT"]
    assert found.data[0].rows == 1


def test_copy_to_and_copy_from_a_file_bring_no_rows() -> None:
    assert not split("COPY t TO stdout;\nSELECT 1;").data
    assert not split("COPY t FROM '/tmp/x';\nSELECT 1;").data
    assert not split("COPY (SELECT 1 FROM t) TO stdout;\nSELECT 1;").data


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("\\set a 1 \\echo b\n", ["set", "echo"]),
        ("\\echo 'a\\\\b'\nSELECT 1;", ["echo"]),
        ("\\echo x \\\\ SELECT 1;\n", ["echo"]),
        ("SELECT 1 \\g out.txt\nSELECT 2;", ["g"]),
        ("\\! rm -rf \\tmp\nSELECT 1;", ["!"]),
        ("SELECT '\\no', \"\\no\", $$\\no$$, $a$ \\no $a$ -- \\no\n;", []),
        ("SELECT E'\\'\\no';", []),
        ("/* \\no */ SELECT a$b$ FROM t \\yes\n", ["yes"]),
    ],
)
def test_meta_commands_are_found_where_psql_finds_them(text: str, names: list[str]) -> None:
    assert [command.name for command in split(text).meta] == names


def test_a_meta_command_that_sends_ends_the_statement() -> None:
    found = split("SELECT 1 \\gexec\nSELECT 2")
    assert [(s.words[0], found.sql[s.start : s.end].strip()) for s in found.statements] == [
        ("SELECT", "SELECT 1"),
        ("SELECT", "SELECT 2"),
    ]


def test_only_variables_that_are_set_are_variables() -> None:
    assert split("SELECT a[1:n];").variables == ()
    assert split("\\set n 2\nSELECT a[1:n], :'n', :\"n\", :{?n};").variables == ("n", "n", "n", "n")
    assert split("SELECT 1 AS x \\gset\nSELECT :x, :DBNAME;").variables == ("x", "DBNAME")
    assert split("SELECT 1::int, a := 2;\nSELECT ':x';").variables == ()


def test_statements_know_their_first_words_and_their_body() -> None:
    found = split("  do\n$$ BEGIN END $$;\n start transaction;")
    assert [statement.words for statement in found.statements] == [("DO",), ("START", "TRANSACTION")]
    assert found.statements[0].dollar == 5
    assert found.statements[1].dollar is None


@pytest.mark.parametrize(
    ("text", "empty"), [("", True), ("-- x\n/* y */ ;; \n", True), ("\\i x", False), ("SELECT", False)]
)
def test_a_file_that_does_nothing_is_empty(text: str, empty: bool) -> None:
    assert split(text).empty is empty
