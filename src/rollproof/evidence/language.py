"""What reports say around what was recorded, in each language: a catalogue of texts as data."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from rollproof.errors import BadInput
from rollproof.model.durations import say_duration
from rollproof.model.language import TAGS, language_code
from rollproof.model.verdict import Outcome

LANGUAGES: Mapping[str, str] = TAGS
"""Languages of reports, and how HTML and PDF call them."""
_DECIMAL_COMMA = frozenset({"pt"})
_SWAPPED = str.maketrans(",.", ".,")


@dataclass(frozen=True, slots=True)
class Words:
    """One language's texts: `words("run.began")`. What was recorded stays in the language that it is in."""

    language: str
    texts: Mapping[str, str | Sequence[str]]
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """what this language calls what the journal has names for, by kind of name; nothing for English"""

    @property
    def tag(self) -> str:
        """By BCP 47, for readers that speak."""
        return LANGUAGES[self.language]

    def __call__(self, key: str, /, **values: object) -> str:
        """The text of `key` with `values` in their places. Raises KeyError for a key that is not there."""
        text = self.texts[key]
        assert isinstance(text, str)
        return text.format(**values) if values else text

    def outcome(self, outcome: Outcome, number: int = 1) -> str:
        """What a verdict is called; of several, some languages say it otherwise: `provados`."""
        return self(f"{'outcome' if number == 1 else 'outcomes'}.{outcome.value}")

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

    def name(self, kind: str, name: str) -> str:
        """What this language calls something recorded by a name; that name where it has no word."""
        return self.names.get(kind, {}).get(name, name)


def words(language: str = "en") -> Words:
    """The texts of a language, by its code or its tag. Raises BadInput for one that there are none of."""
    try:
        return _words(language_code(language))
    except ValueError as error:
        raise BadInput(
            str(error),
            doing="choosing the language of reports",
            remedy=f"one of {', '.join(dict.fromkeys([*TAGS, *TAGS.values()]))}",
        ) from None


@cache
def _words(code: str) -> Words:
    tables = _read(f"{code}.toml")
    texts = {f"{part}.{name}": text for part, texts in tables.items() for name, text in texts.items()}
    return Words(code, texts, {} if code == "en" else _read(f"{code}.names.toml"))


def _read(name: str) -> dict[str, dict[str, str]]:
    return tomllib.loads((files("rollproof.evidence") / "languages" / name).read_text(encoding="utf-8"))
