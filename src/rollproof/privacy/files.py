"""Searching a folder, file by file, for what must not leave the house."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rollproof.privacy.detect import Hit, Kind, find
from rollproof.privacy.spellings import known_spellings, spellings

_MEASURES = re.compile(
    r"(?:.*_)?(?:ns|seconds|bytes|rows|count|seq|of|pid|port|size|digest|value|hash|prev|identifier|id|line"
    r"|major|server_version|time|timestamp|start|stop|expires)\Z"
)
"""Fields whose numerals are measurements, digests or the server's own numbers; never anybody's document."""
_FIELD = re.compile(r"[\"'](\w{1,60})[\"']\s*[:=]\s*(?:value=)?[\"']?-?\Z")
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
_NUMBERS = frozenset({Kind.CPF, Kind.CNS})
_BEFORE = 120
_CONTROL = bytes({*range(32)} - {9, 10, 12, 13})
_READABLE = 0.98
"""share of bytes that are no control characters, from which on a stream is text; random bytes have 0.89"""


@dataclass(frozen=True, slots=True)
class Leak:
    """One thing found where it must not be.

    Attributes:
        file: relative to the folder; line: from 1, 0 in a file that has none.
        mask: a keyed digest, the same for the same value within one search and in no other.
    """

    file: str
    line: int
    kind: Kind
    mask: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.kind} ({self.mask})"


def search_folder(folder: Path, files: Iterable[Path], *, known: Sequence[str] = ()) -> list[Leak]:
    """What is in `files`, which lie in `folder`. Raises OSError for one that cannot be read.

    Args:
        known: values that must not be there whatever they look like, such as a password in use.
    """
    spelt = {one for value in known for one in known_spellings(value)}
    search = _Search(secrets.token_bytes(32), tuple(sorted(spelt, key=len)))
    return [leak for path in files for leak in search.file(path.relative_to(folder).as_posix(), path)]


@dataclass(frozen=True, slots=True)
class _Search:
    key: bytes
    known: tuple[str, ...]
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
            told = set()
            for start, plain in [(0, text), *spellings(text)]:
                for hit in self.hits(plain):
                    place = start + (hit.start if plain is text else 0)
                    line = text.count("\n", 0, place) + 1 if has_lines else 0
                    leak = Leak(name, line, hit.kind, self.mask(plain, hit))
                    if plain is text or leak not in told:
                        yield leak
                    told.add(leak)

    def hits(self, text: str) -> Iterator[Hit]:
        yield from (hit for hit in find(text) if not _measured(text, hit))
        for value in self.known:
            if (place := text.find(value)) >= 0:
                yield Hit(Kind.PASSWORD, place, place + len(value))

    def mask(self, text: str, hit: Hit) -> str:
        return "#" + hmac.digest(self.key, text[hit.start : hit.end].encode(), "sha256").hex()[:8]


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


def _measured(text: str, hit: Hit) -> bool:
    """Whether a numeral is the whole value of a field that holds measurements."""
    if hit.kind not in _NUMBERS:
        return False
    field = _FIELD.search(text[max(0, hit.start - _BEFORE) : hit.start])
    return field is not None and bool(_MEASURES.match(field.group(1)))
