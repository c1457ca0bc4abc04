"""Variables of the environment in a goose script, between `ENVSUB ON` and `ENVSUB OFF`.

The grammar is that of the library which goose uses (`mfridman/interpolate`): `$NAME`, `${NAME}`,
`${NAME:-text}`, `${NAME-text}`, `${NAME?message}`, `${NAME:offset:length}`. `$$` and `\\$` are a single
dollar, so that a body between `$$` does not survive it; `$(` stays. A variable that is not set is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_STOP_BRACE = "}"


class CannotSubstitute(ValueError):
    """The line cannot be expanded; the text says why, in a sentence without a full stop."""


@dataclass(frozen=True, slots=True)
class Expanded:
    """A text with its variables filled in, and the names that were asked for but are not set."""

    text: str = field(repr=False)
    unset: tuple[str, ...] = ()


def expand(text: str, environment: Mapping[str, str]) -> Expanded:
    """Fills in the variables of one line. Raises CannotSubstitute."""
    expander = _Expander(text, environment)
    return Expanded(expander.expression(""), tuple(dict.fromkeys(expander.unset)))


class _Expander:
    """One pass over a text; `${A:-${B}}` nests."""

    def __init__(self, text: str, environment: Mapping[str, str]) -> None:
        self.text = text
        self.environment = environment
        self.at = 0
        self.unset: list[str] = []

    def expression(self, stop: str) -> str:
        pieces: list[str] = []
        while self.at < len(self.text) and self._peek() != stop:
            pieces.append(self._piece())
        return "".join(pieces)

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _take(self, count: int = 1) -> str:
        taken = self.text[self.at : self.at + count]
        self.at += count
        return taken

    def _piece(self) -> str:
        pair = self.text[self.at : self.at + 2]
        if pair in ("\\\\", "$("):
            return self._take(2)
        if pair in ("\\$", "$$"):
            self.at += 2
            return "$"
        if pair[0] == "$" and len(pair) > 1:
            self.at += 1
            return self._expansion()
        return self._take()

    def _expansion(self) -> str:
        if self._peek() != "{":
            return self._value(self._identifier())
        self.at += 1
        name = self._identifier()
        filled = self._operation(name)
        if self._take() != _STOP_BRACE:
            raise CannotSubstitute(f"the variable {name} is not closed with a brace")
        return filled

    def _identifier(self) -> str:
        start = self.at
        if not self._peek().isalpha():
            raise CannotSubstitute(f"a variable's name begins with a letter, not with {self._peek()!r}")
        while self._peek() and (self._peek().isalnum() or self._peek() == "_"):
            self.at += 1
        return self.text[start : self.at]

    def _operation(self, name: str) -> str:
        if self._peek() == _STOP_BRACE:
            return self._value(name)
        operator = self._take()
        if operator == ":" and self._peek() == "-":
            self.at += 1
            return self._default(name, when=not self.environment.get(name))
        if operator == "-":
            return self._default(name, when=name not in self.environment)
        if operator == "?":
            return self._required(name)
        if operator == ":":
            return self._substring(name)
        raise CannotSubstitute(f"{operator!r} after {name} is no operator; there are :- - ? and :")

    def _default(self, name: str, *, when: bool) -> str:
        text = self.expression(_STOP_BRACE)
        return text if when else self.environment[name]

    def _required(self, name: str) -> str:
        message = self.expression(_STOP_BRACE)
        if name not in self.environment:
            raise CannotSubstitute(f"the variable {name} is required: {message or 'not set'}")
        return self.environment[name]

    def _substring(self, name: str) -> str:
        # Bytes, as in Go: an offset may fall between two of one character.
        value = self._value(name).encode()
        start = self._number(":}")
        start = min(max(start + len(value) if start < 0 else start, 0), len(value))
        if self._peek() != ":":
            return value[start:].decode(errors="replace")
        self.at += 1
        length = self._number("}")
        end = min(start + length if length >= 0 else len(value) + length, len(value))
        return value[start : max(start, end)].decode(errors="replace")

    def _number(self, stops: str) -> int:
        start = self.at
        while self._peek() and self._peek() not in stops:
            self.at += 1
        text = self.text[start : self.at].strip()
        try:
            return int(text)
        except ValueError as error:
            raise CannotSubstitute(f"{text!r} is no whole number") from error

    def _value(self, name: str) -> str:
        if name not in self.environment:
            self.unset.append(name)
        return self.environment.get(name, "")
