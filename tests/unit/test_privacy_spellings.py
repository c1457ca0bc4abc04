"""Personal data and secrets in odd forms, and what looks like them and is none."""

from __future__ import annotations

import base64
import html
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from rollproof.privacy import Kind, find, search_folder, without
from rollproof.seal.sealing import known_secrets

CPF = "529.982.247-25"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("５２９.９８２.２４７-２５", Kind.CPF),
        ("٥٢٩٩٨٢٢٤٧٢٥", Kind.CPF),
        ("529.982.247–25", Kind.CPF),
        ("529\u00a0982\u00a0247\u00a025", Kind.CPF),
        ("529-982-247-25", Kind.CPF),
        ("529982247-25", Kind.CPF),
        ("ana＠clinica.com.br", Kind.EMAIL),
        ("11-91234-5678", Kind.PHONE),
        ("tel: 1131234567", Kind.PHONE),
        ("celular=11 91234 5678", Kind.PHONE),
        ("postgres://app:pa/ss@db/x", Kind.DSN),
        ("DB_PASS=s3cret99", Kind.PASSWORD),
        ("SECRET_KEY = 'django-insecure-abc123$%^&*'", Kind.PASSWORD),
        ('{"senha": 123456}', Kind.PASSWORD),
        ("password: hunter2x\nnext", Kind.PASSWORD),
        ("password: hunter2x\\nnext", Kind.PASSWORD),
        ("https://hooks.slack.com/services/T00000000/B00000000/" + "X" * 24, Kind.TOKEN),
        ("https://discord.com/api/webhooks/123456789012345678/" + "a" * 40, Kind.TOKEN),
        ("110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1", Kind.TOKEN),
        ("X-Api-Key: abcdef1234567890", Kind.TOKEN),
        ("Authorization: Token abcdef1234567890", Kind.TOKEN),
        ("Set-Cookie: sessionid=abcdef0123456789abcdef", Kind.TOKEN),
        ("BEARER abcdefghijklmnopqrst", Kind.TOKEN),
        ("https://0123456789abcdef0123456789abcdef01234567@github.com/x", Kind.TOKEN),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----", Kind.KEY),
    ],
)
def test_an_odd_form_is_recognised_and_cut_out(text, kind):
    assert {hit.kind for hit in find(text)} == {kind}
    assert find(without(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22 16:32:10",
        "10.0.0.1-10.0.0.99",
        "192.168.100.25",
        "80, 443, 8080-9090",
        "getty@tty1.service postgresql@16-main.service",
        "react@18.0.0-rc.alpha",
        "postgres://app@mydb.abc.us-east-1.rds.amazonaws.com:5432/x",
        "ssh://deploy@git.corp.com/x.git",
        "deploy@git.corp.com:team/x.git",
        "root@ip-10-0-0-1.ec2.internal",
        "@types/node @app.route image@sha256:abcd",
        "ISBN 978-85-333-0227-3",
        "+20260101120000",
        "1.0.0+20130313144700",
        "http://host:8080/path?x=a@b",
        "16106127360 bytes",
        "total 16106127360B",
        "password=os.environ['X'] password=settings.DB_PASSWORD password=%(password)s",
        "password = models.CharField(max_length=128)",
        "password varchar(128)",
        "password: must be changed by 2026",
        "SECRET_KEY = os.environ['SECRET_KEY']",
        "SECRET_KEY = env('X')",
        "telemetry: 12 34567 8901",
        "Authorization: required",
    ],
)
def test_what_only_looks_like_it_is_left_alone(text):
    assert find(text) == [], [text[hit.start : hit.end] for hit in find(text)]


ODD = {
    "percent": quote(f"cpf={CPF}&mail=ana@clinica.com.br&tel=+5511912345678", safe=""),
    "entity": html.escape('{"password": "hunter2x"}'),
    "escape": json.dumps("ana@clinica.com.br").replace("@", "\\u0040"),
    "base64": base64.b64encode(f"cpf={CPF};".encode()).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(f"??>>{CPF}".encode()).decode(),
    "a key of JSON": json.dumps({CPF: 1}),
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_what_is_spelt_otherwise_keeps_a_run_from_being_sealed(tmp_path, text):
    (tmp_path / "a.txt").write_text(f"first\n{text}\n")
    leaks = search_folder(tmp_path, [tmp_path / "a.txt"])
    assert leaks
    assert {leak.line for leak in leaks} == {2}


def test_text_of_two_bytes_a_letter_is_searched(tmp_path):
    (tmp_path / "a.txt").write_bytes(f"cpf {CPF}".encode("utf-16"))
    assert [leak.kind for leak in search_folder(tmp_path, [tmp_path / "a.txt"])] == [Kind.CPF]


def test_one_thing_on_a_line_in_two_spellings_is_told_once(tmp_path):
    (tmp_path / "a.txt").write_text(f"{CPF} %20 &amp;")
    assert len(search_folder(tmp_path, [tmp_path / "a.txt"])) == 1


SECRET = 'pa"ss\\w&rd/é 12345'  # noqa: S105  made up


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        json.dumps({"x": SECRET}, ensure_ascii=False),
        json.dumps({"x": SECRET}),
        html.escape(SECRET),
        quote(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_secret_in_use_is_found_however_it_is_written(tmp_path, written):
    (tmp_path / "a.txt").write_text(f"it said {written} today")
    assert search_folder(tmp_path, [tmp_path / "a.txt"], known=[SECRET])


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("SECRET_KEY", True),
        ("DJANGO_SECRET_KEY", True),
        ("SLACK_WEBHOOK_URL", True),
        ("DB_PASS", True),
        ("COMPASS", False),
    ],
)
def test_variables_are_secrets_by_their_names(name, known):
    assert known_secrets({name: "a1b2c3d4e5f6g7"}) == (["a1b2c3d4e5f6g7"] if known else [])


def test_the_search_stays_quick_on_texts_made_to_be_slow():
    for text in (
        "password: " * 20_000,
        "://" * 60_000,
        "a://b:" * 30_000,
        "cookie: a=" * 20_000,
        "tel:" * 50_000,
    ):
        find(text)
        find(f"{text}é")


def test_the_bytes_of_a_font_in_a_pdf_are_not_read_as_text(tmp_path: Path) -> None:
    font = bytes(range(256)) * 4 + b"\0\1\2 a.person@mail.org \3\4" + bytes(range(256)) * 4
    for stream in (font, zlib.compress(font)):
        (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7\n1 0 obj <<>>\nstream\n" + stream + b"\nendstream\n")
        assert search_folder(tmp_path, [tmp_path / "a.pdf"]) == []


@pytest.mark.parametrize("pack", [bytes, zlib.compress])
def test_text_in_a_pdf_is_read_whether_it_is_deflated_or_not(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    text = pack(b'{"said": "write to a.person@mail.org"}')
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7\n1 0 obj <<>>\nstream\n" + text + b"\nendstream\n")
    assert [leak.kind for leak in search_folder(tmp_path, [tmp_path / "a.pdf"])] == [Kind.EMAIL]
