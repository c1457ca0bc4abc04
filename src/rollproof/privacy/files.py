"""Searching a folder, file by file, for what must not leave the house."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rollproof.privacy.detect import Hit, Kind, find
from rollproof.privacy.known import Wanted
from rollproof.privacy.measures import measured
from rollproof.privacy.spellings import spellings

_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
_NAME = re.compile(r"[\"'](\w{1,60})[\"']\s*:\s*(?:\[[^\]\n]{0,2000}|\"(?:[^\"\\\n]|\\.){0,4000})?\Z")
"""The field of JSON that a place is in the value of."""
_BREAK = re.compile(r"\s*\n[\s>|]*")
"""Where a program breaks a line that is too long; what is behind it goes on with the one before."""
_BEFORE = 4096
_CONTROL = bytes({*range(32)} - {9, 10, 12, 13})
_READABLE = 0.98
"""share of bytes that are no control characters, from which on a stream is text; random bytes have 0.89"""


@dataclass(frozen=True, slots=True)
class Leak:
    """One thing found where it must not be.

    Attributes:
        file: relative to the folder; line: from 1, 0 in a file that has none.
        mask: a keyed digest, the same for the same value within one search and in no other.
        field: of JSON, whose value it is or is in; empty elsewhere.
    """

    file: str
    line: int
    kind: Kind
    mask: str
    field: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        field = f', field "{self.field}"' if self.field else ""
        return f"{where}{field}: {self.kind} ({self.mask})"


def search_folder(folder: Path, files: Iterable[Path], *, known: Sequence[str] = ()) -> list[Leak]:
    """What is in `files`, which lie in `folder`. Raises OSError for one that cannot be read.

    Args:
        known: values that must not be there whatever they look like, such as a password in use.
    """
    search = _Search(secrets.token_bytes(32), Wanted(known))
    return [leak for path in files for leak in search.file(path.relative_to(folder).as_posix(), path)]


@dataclass(frozen=True, slots=True)
class _Search:
    key: bytes
    known: Wanted
    clean: set[bytes] = field(default_factory=set)
    """digests of bodies in which nothing was: workers' attachments are there twice"""

    def file(self, name: str, path: Path) -> Iterator[Leak]:
        body = path.read_bytes()
        digest = hashlib.sha256(body).digest()
        found = [] if digest in self.clean else list(self.body(name, body))
        if not found:
            self.clean.add(digest)
        yield from found
        for hit in self.hits(name):
            yield Leak("the name of a file", 0, hit.kind, self.mask(name, hit))

    def body(self, name: str, body: bytes) -> Iterator[Leak]:
        for text, has_lines in _texts(body):
            told: set[Leak] = set()
            for hit in self.hits(text):
                found = Leak(name, _line(text, hit.start, has_lines), hit.kind, self.mask(text, hit))
                told.add(found)
                yield replace(found, field=_field(text, hit.start))
            for spelt in spellings(text):
                for hit in self.hits(spelt.plain):
                    mask = self.mask(spelt.plain, hit)
                    leak = Leak(name, _line(text, spelt.start, has_lines), hit.kind, mask)
                    if leak not in told:
                        told.add(leak)
                        yield replace(leak, field=_field(text, spelt.start))
            joined = _BREAK.sub("", text) if self.known and not told else ""
            for place in self.known.places(joined):
                yield Leak(name, 0, Kind.PASSWORD, self.mask(joined, Hit(Kind.PASSWORD, *place)))

    def hits(self, text: str) -> Iterator[Hit]:
        yield from (hit for hit in find(text) if not measured(text, hit))
        yield from (Hit(Kind.PASSWORD, *place) for place in self.known.places(text))

    def mask(self, text: str, hit: Hit) -> str:
        return "#" + hmac.digest(self.key, text[hit.start : hit.end].encode(), "sha256").hex()[:8]


def _line(text: str, place: int, has_lines: bool) -> int:
    return text.count("\n", 0, place) + 1 if has_lines else 0


def _field(text: str, place: int) -> str:
    """The name of the field of JSON, unless that itself could tell something."""
    begin = max(text.rfind("\n", 0, place) + 1, place - _BEFORE)
    named = _NAME.search(text[begin:place])
    return named.group(1) if named and not find(named.group(1)) else ""


def _texts(body: bytes) -> Iterator[tuple[str, bool]]:
    """What can be read in a file: its text, and what a PDF holds deflated."""
    if body.startswith(b"%PDF"):
        yield _STREAM.sub(b"stream endstream", body).decode("utf-8", "replace"), False
        streams = (_inflated(match.group(1)) for match in _STREAM.finditer(body))
        yield from ((stream.decode("utf-8", "replace"), False) for stream in streams if _is_text(stream))
        return
    yield body.decode("utf-8", "replace"), b"\0" not in body
    if b"\0" in body:  # text of two bytes a letter, among others
        yield body.replace(b"\0", b"").decode("utf-8", "replace"), False


def _inflated(stream: bytes) -> bytes:
    """A stream as it is read: not every one is deflated."""
    try:
        return zlib.decompressobj().decompress(stream)
    except zlib.error:
        return stream


def _is_text(stream: bytes) -> bool:
    """Whether it is something to read: among the bytes of a font or a picture anything can be found."""
    return len(stream.translate(None, _CONTROL)) > _READABLE * len(stream)
