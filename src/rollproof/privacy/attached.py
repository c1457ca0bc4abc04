"""Cleaning what is attached to a journal: a database's settings, comments and functions, among others.

What is compared later must still differ where it differed. So in the place of a value stands a keyed digest
of it; the key is made anew for each journal that is opened, is in memory alone, and goes away with it.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping, Sequence

from rollproof.model.json import Json
from rollproof.privacy.detect import find, without
from rollproof.privacy.known import without_known
from rollproof.privacy.measures import is_measure, measured
from rollproof.privacy.spellings import spellings

_SECRET_NAME = re.compile(
    r"(?i)[\w. \"-]*(?:passw(?:or)?d|passphrase|secret|token|api_?key|private_?key|credential|senha)"
    r"(?!_encryption)[\w.-]*(?: for role .*)?\Z"
)
_ASSIGNED = re.compile(r"([\w.\"-]{1,128})=(.+)\Z", re.DOTALL)
_SETTINGS = ("setting", "variable", "tag")
"""Kinds of facts whose value is somebody's own text, under a name of their own."""
_VALUES = ("value", "before", "after")
_NUMERAL = re.compile(r"-?\d{1,40}")
_WORDS = re.compile(rb"(?i)passw|pwd|passphrase|secret|token|api[_-]?key|\"settings?\"|\"variable\"")
_HEXADECIMAL = re.compile(r"(?=\d*[a-f])[0-9a-f]{1,64}\Z")
_MOST_SEEN = 50_000
_QUOTED = r"(?!''\[cut|'\[cut)(?:'{1,2}[^'\\]+'{1,2}|'(?:[^'\\]|\\.|'')*'|\"[^\"\\]+\")"
_SECRETS = tuple(
    re.compile(rf"(?i)({words})(?:{_QUOTED})")
    for words in (
        r"\bpassword\s+(?:E|U&)?",
        r"\b[\w-]{0,40}(?:password|passwd|passphrase|pwd|secret|api[_-]?key|token)[\w-]{0,20}\s{0,3}:?=\s{0,3}",
    )
)
"""Passwords in SQL, in the texts of functions among others: PASSWORD 'x', password := 'x', ''x''"""


class Cleaner:
    """Puts marks in the place of what must not leave the house."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._seen: dict[str, str] = {}

    def clean(self, value: Json, body: bytes) -> Json:
        """`value`, whose canonical JSON is `body`, as it may be written."""
        return self._walk(value) if _suspicious(body) else value

    def _mark(self, text: str) -> str:
        return "#" + hmac.digest(self._key, text.encode(), "sha256").hex()[:8]

    def _walk(self, value: Json) -> Json:
        match value:
            case str():
                return self._text(value)
            case Mapping():
                secret = value.get("kind") in _SETTINGS and _names_a_secret(value.get("name"))
                return {self._text(name): self._field(name, item, secret) for name, item in value.items()}
            case list() | tuple():
                return self._fact(value) or [self._walk(item) for item in value]
            case _:
                return value

    def _field(self, name: str, value: Json, secret: bool) -> Json:
        if secret and name in _VALUES:
            return self._whole(value)
        if secret and isinstance(value, Mapping):
            return {key: self._field(key, item, secret=True) for key, item in value.items()}
        numerals = value if isinstance(value, list | tuple) else [value]
        if is_measure(name) and all(isinstance(one, str) and _NUMERAL.fullmatch(one) for one in numerals):
            return value
        return self._walk(value)

    def _fact(self, value: Sequence[Json]) -> list[Json] | None:
        """A fact in a fingerprint, `[kind, name, attributes, parent]`, whose name is of a secret."""
        if len(value) < 3 or value[0] not in _SETTINGS or not _names_a_secret(value[1]):
            return None
        if not isinstance(value[2], Mapping):
            return None
        attributes = {name: self._field(name, item, secret=True) for name, item in value[2].items()}
        return [self._walk(value[0]), self._walk(value[1]), attributes, *map(self._walk, value[3:])]

    def _whole(self, value: Json) -> Json:
        """A secret's value. A digest of one is none, and what there is not is no secret."""
        if isinstance(value, Mapping):
            return {self._text(name): self._whole(item) for name, item in value.items()}
        if not isinstance(value, str) or not value or value.startswith(("#", "(")):
            return self._walk(value)
        return f"[cut {self._mark(value)}]"

    def _text(self, text: str) -> str:
        """What is the same is looked at once: most of one look at a database is in the next as well."""
        if _HEXADECIMAL.match(text):  # tokens of clients' writes: very many, and each another
            return text
        if text not in self._seen:
            if len(self._seen) >= _MOST_SEEN:
                self._seen.clear()
            self._seen[text] = self._cleaned(text)
        return self._seen[text]

    def _cleaned(self, text: str) -> str:
        assigned = _ASSIGNED.match(text)
        if assigned and _names_a_secret(assigned.group(1)):
            return f"{assigned.group(1)}={self._whole(assigned.group(2))}"
        text = without_known(text, self._mark)
        for pattern in _SECRETS:
            text = pattern.sub(lambda found: f"{found.group(1)}[cut {self._mark(found.group())}]", text)
        return without(text, mark=self._mark)


def _names_a_secret(name: Json) -> bool:
    return isinstance(name, str) and bool(_SECRET_NAME.match(name))


def _suspicious(body: bytes) -> bool:
    """Whether every text is to be looked at by itself; the quickest way of telling first."""
    if _WORDS.search(body):
        return True
    text = body.decode("utf-8", "replace")
    return (
        without_known(text) != text
        or any(not measured(text, hit) for hit in find(text))
        or any(find(one.plain) for one in spellings(text))
    )
