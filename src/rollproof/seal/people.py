"""Names of those who run and those who review: told apart by what a reader sees, not by the bytes."""

from __future__ import annotations

import unicodedata

_ALIKE = frozenset({"LATIN", "CYRILLIC", "GREEK"})
"""scripts with letters that look the same"""
_JOINERS = frozenset("\u200c\u200d")
"""which Persian and Indic names are written with"""


def same_name(one: str, other: str) -> bool:
    """Whether a reader takes both for one: case, spaces, accents and width make no second person."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    """Only accents of European scripts are left out; the vowels of Indic ones tell people apart."""
    letters = (letter for letter in unicodedata.normalize("NFKD", name) if not "\u0300" <= letter <= "\u036f")
    seen = "".join(letter for letter in letters if unicodedata.category(letter) not in {"Cc", "Cf"})
    return " ".join(unicodedata.normalize("NFKC", seen).casefold().split())


def unclear(name: str) -> str:
    """Why a name does not say who it is; empty when it does."""
    if not any(letter.isalpha() for letter in name):
        return "a name without a letter"
    for word in unicodedata.normalize("NFKC", name).split():
        scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in word if letter.isalpha()}
        if len(scripts & _ALIKE) > 1:
            return "letters of two scripts that look alike in one word of the name"
        if any(_hidden(letter, latin="LATIN" in scripts) for letter in word):
            return "a name with letters that cannot be seen"
    return ""


def _hidden(letter: str, *, latin: bool) -> bool:
    hidden = unicodedata.category(letter) in {"Cc", "Cf", "Co", "Cs", "Cn"}
    return hidden and (latin or letter not in _JOINERS)
