"""What reports say around what was recorded, in each language: a catalogue of texts as data."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from rollproof.errors import BadInput
from rollproof.model.durations import say_duration
from rollproof.model.verdict import Outcome

LANGUAGES: Mapping[str, str] = {"en": "en", "pt": "pt-BR"}
"""Languages of reports, and how HTML and PDF call them."""
_DECIMAL_COMMA = frozenset({"pt"})
_SWAPPED = str.maketrans(",.", ".,")


@dataclass(frozen=True, slots=True)
class Words:
    """One language's texts: `words("run.began")`. What was recorded stays in the language that it is in."""

    language: str
    texts: Mapping[str, str | Sequence[str]]

    @property
    def tag(self) -> str:
        """By BCP 47, for readers that speak."""
        return LANGUAGES[self.language]

    def __call__(self, key: str, /, **values: object) -> str:
        """The text of `key` with `values` in their places. Raises KeyError for a key that is not there."""
        text = self.texts[key]
        assert isinstance(text, str)
        return text.format(**values) if values else text

    def outcome(self, outcome: Outcome) -> str:
        return self(f"outcome.{outcome.value}")

    def count(self, number: int, what: str) -> str:
        """`1 row`, `2 rows`, `11.204 linhas`."""
        forms = self.texts[f"counts.{what}"]
        return f"{self.whole(number)} {forms[number != 1]}"

    def whole(self, number: int) -> str:
        return self.numeral(f"{number:,}")

    def duration(self, seconds: float) -> str:
        return self.numeral(say_duration(seconds))

    def percent(self, share: float) -> str:
        return self.numeral(f"{share:.1%}")

    def numeral(self, text: str) -> str:
        """A formatted number with this language's comma and point."""
        return text.translate(_SWAPPED) if self.language in _DECIMAL_COMMA else text

    def headline(self, counts: Mapping[Outcome, int], *, finished: bool) -> str:
        """The one sentence on top. What was not proven here counts as claimed but not proven."""
        proven = counts[Outcome.PROVEN]
        claimed = sum(counts.values()) - counts[Outcome.NOT_APPLICABLE]
        if not claimed:
            return self("headline.none")
        said = self._claimed(proven, claimed, finished=finished)
        return said if finished else self("headline.unfinished", said=said)

    def _claimed(self, proven: int, claimed: int, *, finished: bool) -> str:
        if claimed == 1:
            return self("headline.one" if proven else "headline.one_not")
        if proven == claimed and finished:
            return self("headline.all", count=self.whole(claimed))
        key = "headline.some_one" if proven == 1 else "headline.some"
        return self(key, proven=self.whole(proven), claimed=self.whole(claimed))

    def seal(self, key: str) -> str:
        """How the evidence is protected, in one sentence. `key`: id of who is to sign; empty for nobody."""
        return self("seal.to_sign", key=key[:16]) if key else self("seal.unsigned")


@cache
def words(language: str = "en") -> Words:
    """The texts of a language. Raises BadInput for one that there are none of."""
    if language not in LANGUAGES:
        raise BadInput(
            f"there are no reports in {language!r}",
            doing="choosing the language of reports",
            remedy=f"one of {', '.join(LANGUAGES)}",
        )
    body = (files("rollproof.evidence") / "languages" / f"{language}.toml").read_text(encoding="utf-8")
    return Words(
        language,
        {
            f"{part}.{name}": text
            for part, texts in tomllib.loads(body).items()
            for name, text in texts.items()
        },
    )
