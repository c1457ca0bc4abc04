"""Searching a folder, file by file, for what must not leave the house."""

from __future__ import annotations

import hmac
import re
import secrets
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rollproof.privacy.detect import Hit, Kind, find

_MEASURES = re.compile(
    r"(?:.*_)?(?:ns|seconds|bytes|rows|count|seq|of|pid|port|size|digest|value|hash|prev|identifier|id|line"
    r"|major|server_version|time|timestamp|start|stop|expires)\Z"
)
"""Fields whose numerals are measurements, digests or the server's own numbers; never anybody's document."""
_FIELD = re.compile(r"[\"'](\w{1,60})[\"']\s*[:=]\s*(?:value=)?[\"']?-?\Z")
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
_NUMBERS = frozenset({Kind.CPF, Kind.CNS})
_BEFORE = 120


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


def search_folder(folder: Path, files: Iterable[Path]) -> list[Leak]:
    """What is in `files`, which lie in `folder`. Raises OSError for one that cannot be read."""
    key = secrets.token_bytes(32)
    return [leak for path in files for leak in _search(path.relative_to(folder).as_posix(), path, key)]


def _search(name: str, path: Path, key: bytes) -> Iterator[Leak]:
    for text, has_lines in _texts(path):
        for hit in find(text):
            if not _measured(text, hit):
                line = text.count("\n", 0, hit.start) + 1 if has_lines else 0
                yield Leak(name, line, hit.kind, _mask(text[hit.start : hit.end], key))
    for hit in find(name):
        yield Leak("the name of a file", 0, hit.kind, _mask(name[hit.start : hit.end], key))


def _texts(path: Path) -> Iterator[tuple[str, bool]]:
    """What can be read in a file: its text, and what a PDF holds deflated."""
    body = path.read_bytes()
    yield body.decode("utf-8", "replace"), b"\0" not in body
    if body.startswith(b"%PDF"):
        for match in _STREAM.finditer(body):
            yield _inflated(match.group(1)).decode("utf-8", "replace"), False


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(stream)
    except zlib.error:
        return b""


def _measured(text: str, hit: Hit) -> bool:
    """Whether a numeral is the whole value of a field that holds measurements."""
    if hit.kind not in _NUMBERS:
        return False
    field = _FIELD.search(text[max(0, hit.start - _BEFORE) : hit.start])
    return field is not None and bool(_MEASURES.match(field.group(1)))


def _mask(value: str, key: bytes) -> str:
    return "#" + hmac.digest(key, value.encode(), "sha256").hex()[:8]
