"""What a failing function says is told apart whichever driver or runtime words it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollproof.diagnosis import main_symptom, symptoms_in
from rollproof.diagnosis.symptoms import KINDS

TEXTS = tomllib.loads((Path(__file__).parent / "diagnosis_texts.toml").read_text())["text"]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: f"{text['kind']}: {text['said'][:40]!r}")
def test_each_wording_is_known_for_what_it_says(text: dict[str, str]) -> None:
    assert main_symptom(text["said"]).kind == text["kind"], symptoms_in(text["said"])


def test_every_kind_of_symptom_has_a_wording_here() -> None:
    assert {text["kind"] for text in TEXTS} == set(KINDS)


@given(st.text())
def test_any_text_has_a_symptom_of_a_known_kind(text: str) -> None:
    assert main_symptom(text).kind in KINDS


def test_what_is_said_holds_no_value_of_the_message() -> None:
    text = """ValueError: invalid literal for int() with base 10: 'maria@example.org'
psycopg.errors.UniqueViolation: duplicate key value violates unique constraint "leads_email"
DETAIL:  Key (email)=(maria@example.org) already exists."""
    assert not any("maria" in symptom.said for symptom in symptoms_in(text))


def test_the_innermost_frame_of_the_functions_own_code_is_named() -> None:
    text = """Traceback (most recent call last):
  File "/var/lang/lib/python3.12/site-packages/web.py", line 9, in call
  File "/var/task/shop/orders.py", line 31, in total
  File "/var/task/site-packages/money.py", line 2, in add
TypeError: unsupported operand"""
    assert main_symptom(text).said == "TypeError in orders.py:31"
