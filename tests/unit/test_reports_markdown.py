"""report.md: short enough for a comment, and nothing of a journal is markup, a link or a mention in it."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from report_support import HOSTILE, hostile, long_run, whole

from rollproof.evidence import summarise
from rollproof.evidence.markdown import LONGEST, escaped, render_markdown
from rollproof.journal import History


def report(language: str = "en") -> str:
    return render_markdown(whole(), language).decode()


def shape(text: str) -> list[str]:
    """Everything that means something: the letters of markup, line by line."""
    said = re.sub(r"&#\d+;|<pre>.*</pre>", "", text)
    return [re.sub(r"[^|<>#*`]+", "", line) for line in said.splitlines()]


def test_what_was_refuted_is_open_and_what_is_proven_folded() -> None:
    text = report()
    assert text.startswith("### ✗ 1 of 4 drills is proven")
    folded = text.index("<details>")
    assert text.index("A migration that dropped a column") < folded < text.index("An additive migration")
    assert "7.0 s of 5.0 s" in text
    assert text.count("<details>") == text.count("</details>") > 1


def test_it_says_how_it_is_sealed_and_how_to_do_it_again() -> None:
    text = report()
    assert "Unsigned: detects accident, not malice" in text
    assert "<pre>pytest features/migration.feature -k 'an additive migration'</pre>" in text


def test_portuguese_says_the_same() -> None:
    text = report("pt")
    assert text.startswith("### ✗ 1 de 4 ensaios está provado")
    assert "refutado" in text
    assert "7,0 s de 5,0 s" in text
    assert shape(text) == shape(report())


@settings(max_examples=300, deadline=None)
@given(st.text())
@example("@team #12 GH-1 <b> a|b `x` www.x.org https://x.org :smile: 1. - + * _ ~ $ \\ [x](y)")
def test_escaped_text_holds_nothing_that_means_anything(text: str) -> None:
    said = re.sub(r"&#\d+;", "", escaped(text))
    assert not re.search(r"[\\`*_{}\[\]#+|~^$=@<>&\n\r]", said)
    assert "://" not in said
    assert not re.search(r"(?i)www\.\w", said)
    assert not re.match(r"-|\d+[.)]", escaped(text))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_changes_nothing_but_text(text: str) -> None:
    assert shape(render_markdown(hostile(text)).decode()) == shape(
        render_markdown(hostile("benign")).decode()
    )


@pytest.mark.parametrize("text", ["&" * 5000, "😀" * 5000, "<b>|" * 2000])
def test_it_stays_shorter_than_a_comment_may_be(text: str) -> None:
    assert len(render_markdown(hostile(text)).decode()) < LONGEST


def test_a_very_long_run_stays_short_and_counts_what_it_leaves_out() -> None:
    text = render_markdown(summarise(long_run(3000))).decode()
    assert len(text) < LONGEST
    assert "2,900 more rollbacks are in verdicts.json" in text
    assert "Rollback 2007" in text


def test_a_run_of_nothing_says_so() -> None:
    assert "No drill was judged" in render_markdown(summarise(History([]))).decode()
