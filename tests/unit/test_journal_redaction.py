"""What may enter a journal: allowed fields only, and no password in whatever spelling."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo

from rollproof.journal import Journal, Kind, read_journal
from rollproof.journal.redaction import CUT, allowed, clean
from rollproof.model.json import Json

SECRET = "S3cr-t.x"  # noqa: S105  # what must not be found

SPELLINGS = [
    f"postgresql://app:{SECRET}@db:5432/shop",
    f"postgres://app:{SECRET}@db,db2:5433/shop?sslmode=require",
    f"postgresql://:{SECRET}@db/shop",
    f"postgresql+psycopg://app:{SECRET}@[::1]/shop",
    f"postgresql://app:%20{SECRET}%40@db/shop",
    f"postgresql://app:a@{SECRET}@db/shop",
    f"postgresql://app:a/{SECRET}@db/shop",
    f"postgresql://app:a:{SECRET}@db/shop",
    f"postgresql%3A%2F%2Fapp%3A{SECRET}%40db%2Fshop",
    f"postgresql://db/shop?user=app&password={SECRET}",
    f"postgresql://db/shop?sslpassword={SECRET}&user=app",
    f"host=db password={SECRET} user=app",
    f"host=db password = {SECRET}",
    f"PASSWORD={SECRET}",
    f"host=db password='{SECRET}'",
    f"host=db password='a b\\'{SECRET}' user=app",
    f"host=db password='a''{SECRET}'",
    f"host=db password=a@{SECRET}",
    f"host=db password=a\\ {SECRET}",
    f"host=db password=a&{SECRET}",
    f"password='never closed {SECRET}",
    f"PGPASSWORD={SECRET} pg_dump shop",
    f'PGPASSWORD="{SECRET} x" pg_dump shop',
    f"export PGPASSWORD='{SECRET}'",
    f"SMTP_PASSWORD={SECRET}",
    f"--password={SECRET}",
    f"--db-passwd={SECRET}",
    f'{{"password": "{SECRET}"}}',
    f"{{'PGPASSWORD': '{SECRET}', 'PGHOST': 'db'}}",
    f"CREATE ROLE app LOGIN PASSWORD '{SECRET}'",
    f"ALTER ROLE app ENCRYPTED PASSWORD E'a\\'{SECRET}'",
    f"aws_secret_access_key = {SECRET}",
    f"AWS_SESSION_TOKEN={SECRET}",
    f"x-api-key={SECRET}",
    f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
    f"line one\nhost=db\npassword={SECRET}\nuser=app",
]

HARMLESS = [
    "http://127.0.0.1:41235/health answers 500",
    "column public.users.password: type text before, character varying after",
    'FATAL: password authentication failed for user "app"',
    "column public.users.password_hash: missing after",
    "index users_password_idx: unique before, not unique after",
    "features/a.feature:12: Given a password reset",
    "user@host asked",
    "postgresql://app@db/shop",
    "host=db user=app dbname=shop",
    "sequence public.api_key_id_seq: next value 4 before, 1 after",
    "20261122T050312Z-1f3a9c",
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_password_is_cut_out_in_every_spelling(text: str) -> None:
    said = clean(f"before {text} after")
    assert SECRET not in str(said)
    assert CUT in str(said)
    assert str(said).startswith("before ")


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_password_is_cut_out_at_any_depth(tmp_path: Path, text: str) -> None:
    data: dict[str, Json] = {
        "found": text,
        "command": ["psql", text],
        "facts": {"where": {text: [None, True, {"deep": text}]}},
    }
    with Journal(tmp_path / "journal.ndjson", run="r1") as journal:
        journal.write("run", Kind.NOTE, "said", data)
    body = (tmp_path / "journal.ndjson").read_text()
    assert SECRET not in body
    assert len(read_journal(tmp_path / "journal.ndjson").events) == 1


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_password_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize("option", ["--password", "-password", "--db-password", "--api-key", "--auth-token"])
def test_the_argument_after_an_option_for_a_password_is_cut(option: str) -> None:
    assert clean(["tool", option, SECRET, "go"]) == ["tool", option, CUT, "go"]


def test_a_value_whose_name_says_that_it_is_a_password_is_cut() -> None:
    assert clean({"PGPASSWORD": SECRET, "PGHOST": "db", "password_age": 3}) == {
        "PGPASSWORD": CUT,
        "PGHOST": "db",
        "password_age": 3,
    }


@pytest.mark.parametrize("key", ["AKIAIOSFODNN7EXAMPLE", "ghp_abcdefghijklmnopqrstuvwxyz0123456789"])
def test_keys_that_are_known_by_their_shape_are_cut(key: str) -> None:
    assert clean(f"with {key} it worked") == f"with {CUT} it worked"


_PASSWORD = st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1).map(
    lambda t: f"Qz7{t}zQ7"
)


@given(password=_PASSWORD)
def test_no_connection_string_of_libpqs_own_making_shows_its_password(password: str) -> None:
    said = str(clean(make_conninfo("", host="db", password=password, user="app")))
    assert "Qz7" not in said
    assert "zQ7" not in said
    assert "db" in said


@pytest.mark.parametrize(
    "field", ["row", "rowvalue", "values", "params_sql", "locals", "traceback", "Found", ""]
)
def test_a_field_that_is_not_on_the_list_is_refused_by_name(tmp_path: Path, field: str) -> None:
    with (
        Journal(tmp_path / "journal.ndjson", run="r1") as journal,
        pytest.raises(ValueError, match=f"may not be written to a journal: {field}"),
    ):
        journal.write("run", Kind.NOTE, "said", {"found": "x", field: "Maria Silva"})
    assert (tmp_path / "journal.ndjson").read_bytes() == b""


@pytest.mark.parametrize("value", [b"bytes", object(), {1, 2}, Path("x")])
def test_what_is_not_json_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is not JSON"):
        allowed({"found": value})  # type: ignore[dict-item]  # that is what is tried


def test_what_utf8_cannot_hold_does_not_keep_an_event_from_being_written(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.ndjson", run="r1") as journal:
        journal.write("run", Kind.NOTE, "said", {"found": "broken \udcff name"})
    (event,) = read_journal(tmp_path / "journal.ndjson").events
    assert event.data["found"] == "broken ? name"


def test_a_long_text_is_shortened_after_the_password_is_cut() -> None:
    said = str(clean("x" * 3990 + f" password={SECRET} " + "y" * 100_000))
    assert len(said) == 4000
    assert "S3c" not in said


def test_a_very_long_text_takes_no_time_that_grows_with_its_square() -> None:
    assert len(str(clean("password" * 100_000))) == 4000
    assert len(str(clean("a-" * 500_000))) == 4000
    assert len(str(clean("://a:" * 200_000))) == 4000
