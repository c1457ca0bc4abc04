"""What a report says of acts, numbers and conclusions in its language; English as `wording` has it.

What is recorded by a name has a word in languages/*.names.toml, or keeps its name. What programs, checks
and people said stays as it was recorded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from rollproof.evidence.facts import CheckResult
from rollproof.evidence.language import Words
from rollproof.evidence.wording import names_of, say_act, say_bytes, say_details, say_number, say_value, wrong
from rollproof.model.json import Json, JsonObject


def act(t: Words, name: str, status: str = "ok") -> str:
    """`backup taken`; elsewhere the parts of the name and how it ended: `backup: fazer (falhou)`."""
    if t.language == "en":
        return say_act(name, status)
    parts = [t.name("acts", part).replace("_", " ") for part in re.split("[.:]", name)]
    said = ": ".join(parts)
    return said if status in ("ok", "open") else f"{said} ({t(f'status.{status}')})"


def details(t: Words, data: JsonObject, status: str = "ok") -> list[str]:
    """What an act was done to, how much it was, and what went wrong; one phrase each."""
    if t.language == "en":
        return say_details(data, status)
    said = names_of(data)
    if isinstance(size := data.get("bytes"), int | float):
        said.append(t.numeral(say_bytes(size)))
    for counted, what in (("rows", "row"), ("tables", "table")):
        if isinstance(many := data.get(counted), int):
            said.append(t.count(many, what))
    if status not in ("fail", "unknown"):
        return said
    return [*said, wrong(data, t("scenarios.no_reason"))]


def number(t: Words, name: str, value: Json) -> tuple[str, str]:
    """A verdict's number as label and value."""
    label, said = say_number(name, value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        said = t.numeral(said)
    else:
        said = t.name("values", said)
    return t.names.get("numbers", {}).get(label.lower().replace(" ", "_"), label), said


def value(t: Words, given: Json) -> str:
    """Numbers as this language writes them; what was recorded as text stays what it is."""
    if isinstance(given, Mapping) and given:
        return ", ".join(f"{name}: {value(t, item)}" for name, item in given.items())
    if isinstance(given, Sequence) and not isinstance(given, str) and given:
        return ", ".join(value(t, item) for item in given)
    said = say_value(given)
    if isinstance(given, str):
        return said
    return (
        t.numeral(said)
        if isinstance(given, int | float) and not isinstance(given, bool)
        else t.name("values", said)
    )


def claim(t: Words, check: CheckResult) -> str:
    """The claim of a check; as recorded where this language has no words for it."""
    return t.names.get("checks", {}).get(check.check, check.title)


def observation(t: Words, name: str) -> str:
    return t.name("labels", name)


def conclusion(t: Words, text: str) -> str:
    """What Rollproof itself concluded, in this language; any other text as it was recorded."""
    for pattern, said in _sentences(t.language):
        if match := pattern.fullmatch(text):
            return said.format(*(conclusion(t, part) for part in match.groups()))
    return t.name("outcomes", text)


@cache
def _sentences(language: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    from rollproof.evidence.language import words

    known = words(language).names.get("sentences", {})
    return tuple((_pattern(text), said) for text, said in known.items())


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile("(.+)".join(map(re.escape, text.split("{}"))), re.DOTALL)
