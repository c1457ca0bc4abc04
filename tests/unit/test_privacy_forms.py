"""Personal data and secrets in the forms in which commands, servers, logs and files tell them."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import random
import uuid
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.journal.redaction import allowed, cut_all
from rollproof.privacy import Kind, find, search_folder
from rollproof.privacy.quoted import raised, statement
from rollproof.privacy.spellings import spellings

SECRET = "hunter2x"  # noqa: S105  made up
CPF = "52998224725"
MASKED = "529.982.247-25"
PEM_BODY = "MIIEpAIBAAKCAQEA75hunter2xSRu/+abcdefghijklmnopqrstuvwxyzABCD"
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{PEM_BODY}\n{PEM_BODY}\n-----END RSA PRIVATE KEY-----"

SECRETS = {
    "an option": f"run --token {SECRET} --env dev",
    "an option with =": f"run --token={SECRET}",
    "an option in a list": f"['smoke', '--api-key', '{SECRET}']",
    "a password's option": f"tool --db-password {SECRET}",
    "curl": f"curl -u admin:{SECRET} https://shop.test/",
    "short basic": "Authorization: Basic " + base64.b64encode(f"a:{SECRET}".encode()).decode(),
    "short bearer": f"Authorization: Bearer {SECRET}",
    "an address without a scheme": f"connecting to app:{SECRET}@db.internal:5432/x",
    "JSON in JSON in JSON": json.dumps(json.dumps(json.dumps({"password": SECRET}))),
    "HTML": html.escape(json.dumps({"password": SECRET})),
    "a token": f"TOKEN={SECRET}",
    "a token in JSON": json.dumps({"token": SECRET}),
    "a secret in JSON": json.dumps({"secret": SECRET}),
    "a key in JSON": json.dumps({"private_key": SECRET}),
    "a setting": f"SET SESSION app.jwt_secret = '{SECRET}'",
    "two cookies": f"Cookie: sessionid=abc; csrftoken={SECRET}",
    "IDENTIFIED BY": f"CREATE USER app IDENTIFIED BY '{SECRET}'",
    "pgpass": f"db.internal:5432:shop:app:{SECRET}",
    "a number": json.dumps({"password": 48151623}).replace("48151623", "48151623"),
    "a whole address in percent codes": quote(f"postgres://app:{SECRET}!@db/x", safe=""),
    "a presigned address": f"https://b.s3.amazonaws.com/k?X-Amz-Security-Token={SECRET}&X-Amz-Date=1",
    "a shared signature": f"https://x.blob.test/k?sv=2020&sig={SECRET}%3D",
    "base64 of JSON": base64.b64encode(json.dumps({"password": SECRET}).encode()).decode(),
    "base64 of an address": base64.b64encode(f"postgres://app:{SECRET}@db/x".encode()).decode(),
    "hexadecimal": "\\x" + f"password={SECRET}".encode().hex(),
    "a key's end": f"{PEM_BODY} | {PEM_BODY} | -----END RSA PRIVATE KEY-----",
    "a key": PEM,
    "an escaped key": json.dumps(PEM),
    "SCRAM": "SCRAM-SHA-256$4096:c2FsdHNhbHQ=$hunter2xaGFzaA==:hunter2xaGFzaA==",
    "Django's hash": "pbkdf2_sha256$600000$abc$hunter2xhunter2xhunter2xhunter2xhunter2x=",
    "bcrypt": "$2b$12$hunter2xhunter2xhunter2xhunter2xhunter2xhunter2xhunte",
}


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS)
def test_a_secret_is_cut_out_in_each_form(text):
    said = cut_all(f"it said: {text}")
    for form in (SECRET, "48151623", PEM_BODY, base64.b64encode(SECRET.encode()).decode()[:10]):
        assert form not in said
    assert SECRET.encode().hex() not in said
    assert said.startswith("it said: ")
    assert cut_all(said) == said, "what stands in its place is left alone"


@pytest.mark.parametrize("text", [text for name, text in SECRETS.items() if name != "a number"])
def test_a_secret_keeps_a_run_from_being_sealed_in_each_form(tmp_path, text):
    (tmp_path / "a.txt").write_text(f"it said: {text}\n")
    assert search_folder(tmp_path, [tmp_path / "a.txt"])
    (tmp_path / "a.txt").write_text(cut_all(f"it said: {text}\n"))
    assert search_folder(tmp_path, [tmp_path / "a.txt"]) == [], "once cut, it can be sealed"


PEOPLE = {
    "a line of CSV": f"7,{CPF},1990",
    "a list": json.dumps([12, int(CPF), 13]).replace(" ", ""),
    "JSON's escapes": json.dumps("ana@clinica.com.br").replace("@", "\\u0040"),
    "Python's escapes": "ana\\x40clinica.com.br",
    "digits in escapes": "".join(f"\\u{ord(digit):04x}" for digit in CPF),
    "base64": base64.b64encode(f"cpf={MASKED}".encode()).decode(),
    "hexadecimal": f"\\x{MASKED.encode().hex()}",
    "percent codes": quote("ana@clinica.com.br/"),
    "+55 without the plus": "wa.me/5511987654321",
    "+55 with blanks": "+55 (11) 98765-4321",
    "+55 with dots": "+55.11.98765.4321",
    "an id in JSON": json.dumps({"id": CPF}),
    "a value in JSON": json.dumps({"value": CPF}),
}


@pytest.mark.parametrize("text", PEOPLE.values(), ids=PEOPLE)
def test_a_person_is_cut_out_in_each_form(tmp_path, text):
    said = cut_all(f"it said: {text} today")
    assert "[cut" in said
    (tmp_path / "a.txt").write_text(text)
    assert search_folder(tmp_path, [tmp_path / "a.txt"])
    (tmp_path / "a.txt").write_text(said)
    assert search_folder(tmp_path, [tmp_path / "a.txt"]) == []


ROWS = {
    "a key": "DETAIL:  Key (nome)=(Ana Maria) already exists.",
    "an expression": "DETAIL:  Key (lower(nome))=(Ana Maria) already exists.",
    "two keys": "DETAIL:  Key (nome, t)=(x, [1,2)) conflicts with existing key (nome, t)=(Ana Maria, [1,3)).",
    "a row": "DETAIL:  Failing row contains (1, Ana Maria, null).",
    "a partition": "DETAIL:  Partition key of the failing row contains (nome) = (Ana Maria).",
    "a date": 'ERROR:  date/time field value out of range: "Ana Maria"',
    "JSON": 'DETAIL:  Token "Ana Maria" is invalid.\nCONTEXT:  JSON data, line 1: {"nome": Ana Maria...',
    "an array": 'ERROR:  malformed array literal: "Ana Maria"',
    "COPY": 'CONTEXT:  COPY people, line 3: "1\tAna Maria"',
    "COPY's column": 'CONTEXT:  COPY people, line 3, column nome: "Ana Maria"',
    "Portuguese": "DETALHE:  Chave (nome)=(Ana Maria) já existe.",
    "a row in Portuguese": "DETALHE:  Registro que falhou contém (1, Ana Maria).",
    "Spanish": "DETALLE:  Ya existe la llave (nome)=(Ana Maria).",
    "a place in a statement": "LINE 1: INSERT INTO p VALUES (1, 'Ana Maria')\n        ^",
    "a logged statement": "STATEMENT:  INSERT INTO p VALUES (1, 'Ana Maria')",
    "parameters": "DETAIL:  parameters: $1 = 'Ana Maria', $2 = NULL",
    "SQLAlchemy": "[SQL: INSERT INTO p VALUES (%(n)s)]\n[parameters: {'n': 'Ana Maria'}]",
    "SQLAlchemy's many": "[parameters: [('Ana Maria', 1), ('Bia', 2)]]",
    "Django's log": "(0.001) INSERT INTO p VALUES (%s); args=('Ana Maria', 1); alias=default",
}


@pytest.mark.parametrize("text", ROWS.values(), ids=ROWS)
def test_what_a_server_or_a_library_quotes_of_a_row_is_cut_out(text):
    assert "Ana" not in cut_all(text)
    assert find(cut_all(text)) == []


INNOCENT = [
    "the option --token needs a value; see --password",
    "docker run --user 1000:1000 -u app:app x",
    "image:tag@sha256:abcd1234 and npm:react@18.2.0",
    "token: the next one, secret: alquimista/dev/database",
    '{"kind": "secret", "label": "secret:database"}',
    '{"token": "{token}"}',
    f'{{"ClientRequestToken": "{uuid.UUID(int=7)}"}}',
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:alquimista/dev/database-AbCdEf",
    "DB_SECRET=arn:aws:secretsmanager:us-east-1:123456789012:secret:x-A1b2C3",
    "/app/main.py:1234:in:run:line",
    "LINE 1: SELECT missing FROM people",
    "NextToken=None",
    '"token":"rollproof-a7a22de4a013110d"},',
    "1,234,567,890 rows in 1.52998224725 s",
    "f(x)=(y)",
]


@pytest.mark.parametrize("text", INNOCENT)
def test_what_only_looks_like_it_stays(text):
    assert cut_all(text) == text


def test_clocks_and_counters_of_a_journal_stay_what_they_are():
    """Fifteen digits of nanoseconds are a CNS number in one of eleven cases, on a machine up for days."""
    drawn = random.Random(3)  # noqa: S311
    for digits in (11, 13, 15):
        for _ in range(500):
            value = str(drawn.randrange(10 ** (digits - 1), 10**digits))
            data = {
                "started_ns": value,
                "numbers": {"took_ns": value, "at_ns": int(value)},
                "items": [{"ended_ns": value, "system_identifier": value}],
            }
            assert allowed(data) == data


@given(st.binary(), st.integers(0, 2**128 - 1), st.integers(0, 2**63), st.integers(0, 2**31))
def test_what_a_run_is_named_by_and_measured_in_is_no_hit(tmp_path_factory, body, number, nanoseconds, count):
    run = f"2026{count % 10**4:04}T{count % 10**6:06}Z-{number % 2**24:06x}"
    said = {
        "run": run,
        "hash": hashlib.sha256(body).hexdigest(),
        "commit": hashlib.sha1(body).hexdigest(),  # noqa: S324  as git does
        "short": hashlib.sha1(body).hexdigest()[:12],  # noqa: S324
        "etag": hashlib.md5(body).hexdigest(),  # noqa: S324
        "mark": "#" + hashlib.sha256(body).hexdigest()[:12],
        "image": f"repo/app@sha256:{hashlib.sha256(body).hexdigest()}",
        "code": base64.b64encode(hashlib.sha256(body).digest()).decode(),
        "uuid": str(uuid.UUID(int=number)),
        "token": uuid.UUID(int=number).hex,
        "mono_ns": nanoseconds,
        "seconds": nanoseconds / 1e9,
        "bytes": nanoseconds,
        "rows": count,
        "version": f"v{count % 99}.{count % 9999}.{count % 7}-rc.{count % 5}+build.{number % 10**8}",
        "arn": f"arn:aws:lambda:us-east-1:{number % 10**12:012}:function:x:{count}",
        "start": [nanoseconds, nanoseconds + 7, nanoseconds + count],
        "at": "2026-11-22T14:26:50.019732Z",
    }
    folder = tmp_path_factory.mktemp("innocent")
    (folder / "a.json").write_text(json.dumps(said, separators=(",", ":")))
    assert search_folder(folder, [folder / "a.json"]) == []
    assert cut_all(f"run {run}: {said['uuid']}, {said['image']} {said['version']}") == (
        f"run {run}: {said['uuid']}, {said['image']} {said['version']}"
    )


def test_a_refusal_names_the_field_and_never_the_value(tmp_path: Path) -> None:
    (tmp_path / "journal.ndjson").write_text(
        '{"seq":1,"data":{}}\n{"seq":2,"data":{"found":"the patient ' + MASKED + ' was told"}}\n'
    )
    [leak] = search_folder(tmp_path, [tmp_path / "journal.ndjson"])
    assert (leak.line, leak.field, leak.kind) == (2, "found", Kind.CPF)
    assert str(leak).startswith('journal.ndjson:2, field "found": a CPF number (#')
    assert MASKED not in str(leak)


RAISED = {
    "cannot migrate person 'Ana Maria'": "cannot migrate person '…'",
    "password is k9Zq77Lw": "password is …",
    "the token s3nha-Do-Servico-9931 is bad": "the token … is bad",
    "account 4815162342 is bad": "account … is bad",
    "3 rows of orders_2024 would be lost": "3 rows of orders_2024 would be lost",
    "table v2_orders.items2 is in use": "table v2_orders.items2 is in use",
    'no "id" in "orders"': 'no "id" in "orders"',
    "no DDL on fridays, says event trigger no_ddl": "no DDL on fridays, says event trigger no_ddl",
}


@pytest.mark.parametrize(("said", "shown"), RAISED.items())
def test_of_what_a_database_s_code_raises_the_words_are_shown(said, shown):
    assert raised(said) == shown


def test_a_statement_is_shown_without_its_data():
    text = "INSERT INTO people (\"Full Name\", kind) VALUES ('Ana Maria', 'x', 'ana@x.br')"
    assert statement(text) == "INSERT INTO people (\"Full Name\", kind) VALUES ('…', 'x', '…')"


PARTS = [
    *SECRETS.values(),
    *PEOPLE.values(),
    *ROWS.values(),
    *INNOCENT,
    "a",
    "é",
    "=",
    ":",
    "'",
    '"',
    "\\",
    "%",
]
BETWEEN = st.sampled_from(["\n", " ", ", ", " | ", '"', "'", "(", ") ", "\\n", "\t", ": "])


@given(st.lists(st.tuples(st.sampled_from(PARTS), BETWEEN), max_size=8))
def test_what_has_been_cut_can_always_be_sealed(parts):
    """Or a run would be refused for what was in a log, and nobody could do anything about it."""
    said = cut_all("".join(part + between for part, between in parts))
    left = [said[hit.start : hit.end] for hit in find(said)]
    left += [one.plain for one in spellings(said) if find(one.plain)]
    assert not left, said
