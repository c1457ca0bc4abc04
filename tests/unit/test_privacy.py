"""What is recognised as personal data or a secret, and what must not be."""

from __future__ import annotations

import hashlib
import uuid
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from validate_docbr import CNS, CPF

from rollproof.fingerprint.merging import shown_value
from rollproof.fingerprint.tables import KeyKind
from rollproof.privacy import Kind, find, search_folder, without
from rollproof.privacy.keys import may_show

CPFS = st.integers(0, 999_999_999).map(lambda number: _cpf(f"{number:09}")).filter(CPF().validate)


def _cpf(first: str) -> str:
    digits = first
    for weight in (10, 11):
        rest = sum(int(d) * w for d, w in zip(digits, range(weight, 1, -1), strict=True)) * 10 % 11
        digits += str(rest % 10)
    return digits


@given(CPFS, st.sampled_from(["{}", "cpf={}", '"{}"', "({}),", "cpf{}.", "{};x", "x_{}", "/{}/", "n.º {}"]))
def test_every_cpf_is_found_bare_and_masked(cpf, around):
    masked = f"{cpf[:3]}.{cpf[3:6]}.{cpf[6:9]}-{cpf[9:]}"
    for written in (cpf, masked):
        text = around.format(written)
        assert [hit.kind for hit in find(text)] == [Kind.CPF], text
        assert written not in without(text)


@given(CPFS)
def test_a_cpf_with_one_wrong_check_digit_is_none(cpf):
    assert find(f"{cpf[:10]}{(int(cpf[10]) + 1) % 10}") == []


@pytest.mark.parametrize("text", ["700 0000 0000 0005", "898001234567893"])
def test_a_cns_is_told_by_its_check_digits(text):
    digits = text.replace(" ", "")
    assert [hit.kind for hit in find(f"cartão {text}")] == ([Kind.CNS] if CNS().validate(digits) else [])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("joão.silva+x@clinica.com.br", Kind.EMAIL),
        ("mailto:ana%40clinica.com.br", Kind.EMAIL),
        ("<ana_b@x.io>", Kind.EMAIL),
        ("+5511912345678", Kind.PHONE),
        ("+55 (11) 91234-5678", Kind.PHONE),
        ("(11) 3123-4567", Kind.PHONE),
        ("11 91234-5678", Kind.PHONE),
        ('"telefone": "11912345678"', Kind.PHONE),
        ("+44 20 7946 0958", Kind.PHONE),
        ("postgres://app:s3cret@db:5432/x", Kind.DSN),
        ("amqps://u:p%40ss@h/", Kind.DSN),
        ("password=hunter2 next", Kind.PASSWORD),
        ('{"password": "hunter2"}', Kind.PASSWORD),
        ('\\"password\\": \\"hunter2\\"', Kind.PASSWORD),
        ("PGPASSWORD=abcd1234", Kind.PASSWORD),
        ("senha: 'abc123'", Kind.PASSWORD),
        ("api_key = abcdef", Kind.PASSWORD),
        ("AKIAIOSFODNN7EXAMPLE", Kind.KEY),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", Kind.KEY),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc", Kind.TOKEN),
        ("ghp_" + "a" * 36, Kind.TOKEN),
        ("sk_live_" + "4" * 24, Kind.TOKEN),
        ("Authorization: Bearer abcdefghijklmnopqrstuv", Kind.TOKEN),
        ("Key (cpf)=(anything at all) already exists.", Kind.ROW),
        ("Failing row contains (1, Ana, null).", Kind.ROW),
        ('invalid input syntax for type integer: "Ana"', Kind.ROW),
    ],
)
def test_it_is_recognised_and_cut_out(text, kind):
    assert [hit.kind for hit in find(text)] == [kind]
    assert find(without(text)) == [], "what stands in its place is no hit"


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T14:26:50.019732Z",
        "20261122T142649Z-0839c6",
        "arn:aws:lambda:us-east-1:123456789012:function:x",
        "git@github.com:team/service.git",
        "pytest@9.2.0",
        "0.52998224725",
        "529982247250",
        "a52998224725f",
        "postgres://app:[cut]@db/x",
        "postgres://app:${PASSWORD}@db/x",
        "postgres://app@db/x",
        "password = [cut]",
        "password: must be changed",
        "the password is unchanged",
        "PGPASSWORD=$X",
        "UTC+00:00",
        "+1234567890123456",
        "#3fa9c1d2e4f5",
        'unknown value "foo"',
        "sha256:" + "1" * 64,
    ],
)
def test_what_only_looks_like_it_is_left_alone(text):
    assert find(text) == []


@given(st.binary(), st.integers(0, 2**128 - 1), st.integers(0, 2**63))
def test_digests_and_ids_are_no_hits(body, number, nanoseconds):
    assert find(hashlib.sha256(body).hexdigest()) == []
    assert find(str(uuid.UUID(int=number))) == []
    assert find(f"{nanoseconds / 1e9:.9f} s") == []


@given(st.text())
def test_nothing_is_lost_but_what_is_recognised(text):
    hits = find(text)
    assert all(0 <= hit.start < hit.end <= len(text) for hit in hits)
    if not hits:
        assert without(text) == text


def test_the_search_stays_quick_on_texts_made_to_be_slow():
    for text in (
        "1" * 200_000,
        "(" * 100_000,
        "a@" * 100_000,
        "password" * 20_000,
        "+1 " * 60_000,
        "eyJ" * 50_000,
    ):
        find(text)


CPF_OF_NOBODY = "52998224725"


def test_measurements_may_be_any_number_and_documents_may_not(tmp_path):
    (tmp_path / "a.json").write_text(f'{{"started_ns": "{CPF_OF_NOBODY}", "bytes": {CPF_OF_NOBODY}}}')
    (tmp_path / "b.json").write_text(f'{{"note": "{CPF_OF_NOBODY}", "cpf": {CPF_OF_NOBODY}}}')
    found = search_folder(tmp_path, sorted(tmp_path.iterdir()))
    assert [(leak.file, leak.kind) for leak in found] == [("b.json", Kind.CPF)] * 2
    assert len({leak.mask for leak in found}) == 1
    assert all(CPF_OF_NOBODY not in str(leak) for leak in found)


def test_a_mask_is_another_one_in_every_search(tmp_path):
    (tmp_path / "a.txt").write_text(CPF_OF_NOBODY)
    masks = {search_folder(tmp_path, [tmp_path / "a.txt"])[0].mask for _ in range(4)}
    assert len(masks) == 4


def test_what_a_pdf_holds_deflated_is_searched(tmp_path):
    stream = zlib.compress(f'{{"cpf": "{CPF_OF_NOBODY}"}}'.encode())
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7\n1 0 obj\nstream\n" + stream + b"\nendstream\nendobj\n")
    assert [leak.kind for leak in search_folder(tmp_path, [tmp_path / "a.pdf"])] == [Kind.CPF]


def test_the_name_of_a_file_is_searched_as_well(tmp_path):
    (tmp_path / f"{CPF_OF_NOBODY}.txt").write_text("")
    assert len(search_folder(tmp_path, list(tmp_path.iterdir()))) == 1


def test_a_secret_in_use_is_found_whatever_it_looks_like(tmp_path):
    (tmp_path / "a.txt").write_text("it said correct-horse-9 today")
    assert len(search_folder(tmp_path, [tmp_path / "a.txt"], known=["correct-horse-9"])) == 1


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("id", "42", True),
        ("order_id", "1234567", True),
        ("id", "1048576000000000001", True),
        ("id", "52998224725", False),
        ("id", "191191191", False),
        ("cpf", "191", False),
        ("person_cpf", "1", False),
        ("phone", "5", False),
        ("code", "123456", True),
        ("code", "1234567", False),
        ("orderId", "7654321", True),
        ("id", "-1", True),
    ],
)
def test_an_integer_key_is_shown_only_when_it_cannot_be_somebody_s_number(column, value, shown):
    assert may_show(column, value) is shown
    said = shown_value(column, KeyKind.INTEGER, value, lambda text: "#digest")
    assert said == (value if shown else "#digest")
