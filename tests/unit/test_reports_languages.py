"""The texts of reports: every key in every language, with the same places for values."""

from __future__ import annotations

import re

import pytest

from rollproof.errors import BadInput
from rollproof.evidence.language import LANGUAGES, words
from rollproof.model.verdict import Outcome

ENGLISH = words("en").texts


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_in_every_language_with_the_same_values(language: str) -> None:
    texts = words(language).texts
    assert texts.keys() == ENGLISH.keys()
    for key, text in texts.items():
        english = ENGLISH[key]
        if isinstance(text, str):
            assert isinstance(english, str)
            assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", english)), key
            assert text.strip(), key
        else:
            assert len(text) == 2, key


def test_portuguese_is_not_english_left_standing() -> None:
    same = [key for key, text in words("pt").texts.items() if text == ENGLISH[key]]
    kept = re.compile(r"rollback$|\.item$|\.run\.rto|^run\.(rto|rpo)|rpo$|role$|\.status|objectives\.share")
    assert not [key for key in same if not kept.search(key)], same


def test_numbers_are_written_as_the_language_writes_them() -> None:
    assert words("en").count(11_204, "row") == "11,204 rows"
    assert words("pt").count(11_204, "row") == "11.204 linhas"
    assert words("pt").duration(1.43) == "1,4 s"
    assert words("pt").count(1, "row") == "1 linha"


def test_an_unknown_language_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(BadInput, match="'de'") as caught:
        words("de")
    assert "en, pt" in str(caught.value)


@pytest.mark.parametrize(
    ("proven", "refuted", "skipped", "finished", "said"),
    [
        (0, 0, 2, True, "No drill was judged"),
        (1, 0, 0, True, "The one drill is proven"),
        (0, 1, 0, True, "The one drill is not proven"),
        (3, 0, 0, True, "All 3 drills are proven"),
        (3, 0, 0, False, "3 of 3 drills are proven, and the run did not finish"),
        (1, 2, 1, True, "1 of 3 drills is proven"),
    ],
)
def test_the_headline_counts_what_was_claimed(
    proven: int, refuted: int, skipped: int, finished: bool, said: str
) -> None:
    counts = dict.fromkeys(Outcome, 0) | {
        Outcome.PROVEN: proven,
        Outcome.REFUTED: refuted,
        Outcome.NOT_APPLICABLE: skipped,
    }
    assert words("en").headline(counts, finished=finished) == said
