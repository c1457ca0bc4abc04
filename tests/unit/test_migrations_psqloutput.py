"""psql's messages, whatever language the server speaks."""

from __future__ import annotations

from rollproof.migrations.psqloutput import read_messages

PORTUGUESE = """\
psql:/m/010_a.sql:2: NOTA:  42P07: relação "t" já existe, ignorando
LOCATION:  transformCreateStmt, parse_utilcmd.c:199
psql:/m/010_a.sql:3: ERRO:  23505: duplicar valor da chave viola a restrição de unicidade "t_pkey"
DETAIL:  Key (mail)=(ana@example.com) já existe.
SCHEMA NAME:  public
TABLE NAME:  t
CONSTRAINT NAME:  t_pkey
LOCATION:  _bt_check_unique, nbtinsert.c:666
"""


def test_the_servers_language_does_not_matter() -> None:
    notice, error = read_messages(PORTUGUESE)
    assert (notice.line, notice.state, notice.severity) == (2, "42P07", "NOTA")
    assert (error.line, error.state) == (3, "23505")
    assert error.say("") == "unique violation on public.t, constraint t_pkey"


def test_a_path_may_hold_colons_and_spaces() -> None:
    (message,) = read_messages('psql:/m/a: 7: b.sql:12: ERROR:  42P01: relation "x" does not exist\n')
    assert (message.file, message.line, message.state) == ("/m/a: 7: b.sql", 12, "42P01")


def test_psqls_own_messages_have_no_state() -> None:
    first, second = read_messages("psql:/m/a.sql:1: error: invalid command \\x\npsql: error: no\n")
    assert (first.message, first.line, first.state) == ("invalid command \\x", 1, "")
    assert second.message == "no"
    assert first.say("") == first.message


def test_lines_before_the_first_message_are_dropped() -> None:
    assert read_messages("noise\nmore\n") == []


def test_an_unknown_state_is_an_error_without_a_text() -> None:
    (message,) = read_messages("psql:a:1: ERROR:  ZZ999: a secret\n")
    assert message.say("a secret") == "error"
    assert message.say("RAISE 'a secret'") == "a secret"


def test_values_in_messages_of_data_errors_are_not_shown() -> None:
    (message,) = read_messages('psql:a:1: ERROR:  22P02: invalid input syntax for type integer: "secret"\n')
    assert message.say("SELECT 'secret'::int") == "invalid text representation"
