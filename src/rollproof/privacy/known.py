"""Secrets that this process has had in its hands: not to be told, whatever they look like.

A password such as `lua-cheia-7` looks like nothing in particular. Whoever hands one out, reads one or gives
one to a program says so here, and from then on no text that is cut holds it and no run that does is sealed.
Kept in memory alone, and shown by nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Lock

from rollproof.privacy.spellings import known_spellings

SHORT = 8
"""Characters below which a secret counts only as a word of its own."""
_SHORTEST = 5
_SECRET_VARIABLE = re.compile(
    r"(?i)(?:password|passwd|passphrase|secret|token|senha|segredo|(?:api|access|secret|private|account)_?key"
    r"|_pwd|_pass|webhook(?:_url)?|credentials?|dsn)$"
)
_SECRET_HEADER = re.compile(r"(?i)auth|token|api-?key|cookie|secret")
_OPTION = re.compile(r"(?i)--?[\w-]*(?:password|passwd|passphrase|pwd|senha|secret|token|api-?key)[\w-]*\Z")
_IN_ADDRESS = re.compile(r"://[^\s:/@]*:([^\s\"']+)@")
_IN_CONNINFO = re.compile(r"(?i)\bpassword=(?:'((?:[^'\\]|\\.)*)'|(\S+))")
_ESCAPED = re.compile(r"\\(.)")
_NAMES_ONLY = re.compile(
    r"(?i)v?\d+(?:\.\d+)+\Z|[a-z]+(?:[-_./:](?:[a-z]+\d{0,2}|\d{1,4}))+\d{0,2}\Z|[a-z]+\d?\Z"
)
"""What a variable that is called a secret often holds: joined words, which name one."""
_JOINED = re.compile(r"[A-Za-z]+(?:[-_.][A-Za-z]+)*")
_MAY_NAME = re.compile(r"(?i)(?:secret|credentials?|dsn|_key)$")
_ELSEWHERE = re.compile(r"(?i)arn:|[/~.]|\{\w*\}\Z|\$|#")
"""Where a secret is kept: an ARN, a path, a placeholder."""


@dataclass(frozen=True, slots=True)
class _Known:
    """Secrets, all their spellings, and how these are found."""

    values: frozenset[str] = frozenset()
    spelt: tuple[str, ...] = ()
    pattern: re.Pattern[str] = field(default_factory=lambda: re.compile(r"(?!)"))

    @classmethod
    def of(cls, values: Iterable[str]) -> _Known:
        """Longest first: one may be a part of another."""
        kept = frozenset(values)
        alone = {one: _counts_alone(value) for value in sorted(kept) for one in known_spellings(value)}
        spelt = sorted(alone, key=lambda one: (-len(one), one))
        words = (_word(one) if alone[one] else re.escape(one) for one in spelt)
        return cls(kept, tuple(spelt), re.compile("|".join(words) or r"(?!)"))


_known = [_Known()]
_lock = Lock()


def remember(*values: str | None, named: bool = False) -> None:
    """Lets no text tell these.

    Args:
        named: they are only called secrets, so that what looks like a name of one is none.
    """
    found = {
        value for value in values if value and _worth(value) and not (named and _NAMES_ONLY.match(value))
    }
    with _lock:
        if not found <= _known[0].values:
            _known[0] = _Known.of(_known[0].values | found)


def remember_variables(variables: Mapping[str, str]) -> None:
    """The secrets among the variables of a program: by their names, and passwords in addresses."""
    for name, value in variables.items():
        if _SECRET_VARIABLE.search(name) and "://" not in value and not _ELSEWHERE.match(value):
            remember(value, named=bool(_MAY_NAME.search(name)))
        remember(*passwords_in(value))


def remember_command(command: Sequence[str], variables: Mapping[str, str]) -> None:
    """The secrets that a program is given: `--token …`, `--token=…`, and in its variables."""
    for option, value in pairwise([*command, ""]):
        name, equals, rest = option.partition("=")
        if _OPTION.match(name):
            remember(rest if equals else value if not value.startswith("-") else "", named=True)
        remember(*passwords_in(option))
    remember_variables(variables)


def remember_headers(headers: Mapping[str, str]) -> None:
    """What a request shows itself by: `Authorization: Bearer …`, a cookie, a key."""
    for name, value in headers.items():
        if _SECRET_HEADER.search(name):
            scheme, _, rest = value.partition(" ")
            remember(rest if rest and scheme.isalpha() else value, named=True)


def remember_document(text: str) -> None:
    """What stands in a JSON document under the names of secrets, at any depth."""
    import json

    with suppress(ValueError):
        _remember_in(json.loads(text))
    remember(*passwords_in(text))


def _remember_in(value: object) -> None:
    if isinstance(value, dict):
        remember_variables({str(name): item for name, item in value.items() if isinstance(item, str)})
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _remember_in(item)


def passwords_in(text: str) -> list[str]:
    """Of connection addresses and libpq's connection strings, as they are written and as they are read."""
    from urllib.parse import unquote

    found = [match.group(1) for match in _IN_ADDRESS.finditer(text)]
    in_strings = [match.group(1) or match.group(2) or "" for match in _IN_CONNINFO.finditer(text)]
    return [*found, *map(unquote, found), *in_strings, *(_ESCAPED.sub(r"\1", one) for one in in_strings)]


def remembered() -> frozenset[str]:
    return _known[0].values


def without_known(text: str, mark: Callable[[str], str] | None = None) -> str:
    """`text` with `[cut]` in the place of each secret that is known, however it is spelt.

    Args:
        mark: what to add to that, such as a keyed digest of the secret.
    """
    known = _known[0]
    if not any(one in text for one in known.spelt):
        return text
    return known.pattern.sub(lambda found: f"[cut {mark(found.group())}]" if mark else "[cut]", text)


class Wanted:
    """Some secrets to look for in many texts; short ones count as words of their own alone."""

    def __init__(self, values: Iterable[str]) -> None:
        self._known = _Known.of(filter(None, values))

    def __bool__(self) -> bool:
        return bool(self._known.values)

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """Where they are, however they are spelt."""
        if any(one in text for one in self._known.spelt):
            yield from (match.span() for match in self._known.pattern.finditer(text))


def _counts_alone(value: str) -> bool:
    """Whether it counts only as a word of its own: short ones, and what may be a part of others' names."""
    return len(value) < SHORT or bool(_JOINED.fullmatch(value))


def _word(value: str) -> str:
    return rf"(?<![A-Za-z0-9_.-]){re.escape(value)}(?![A-Za-z0-9_-])"


def _worth(value: str) -> bool:
    """Whether it is not found by chance: long, or of several kinds of letters."""
    if len(value) < _SHORTEST or (value.isdigit() and len(value) < SHORT):
        return False
    kinds = (str.islower, str.isupper, str.isdigit, lambda letter: not letter.isalnum())
    several = sum(any(kind(letter) for letter in value) for kind in kinds) > 1
    if len(value) >= 2 * SHORT:
        return True
    return several and (len(value) >= SHORT or any(map(str.isdigit, value)))
