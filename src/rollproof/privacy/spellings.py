"""Other spellings of what a file says: in percent codes, entities, escapes, Base64 and hexadecimal."""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote, unquote

_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_ENTITY = re.compile(r"&#?\w{2,8};")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))")
_WORD = re.compile(r"[A-Za-z0-9+/_-]{16,}")
_DIGEST = re.compile(r"[0-9a-f-]+\Z")
_HEXADECIMAL = re.compile(r"(?<![0-9a-fA-F])(?:[0-9a-fA-F]{2}){11,}(?![0-9a-fA-F])")
_CERTAIN = 12
"""letters of Base64 that do not come about by chance"""
_LINE = re.compile(r"[^\n]+")


@dataclass(frozen=True, slots=True)
class Spelling:
    """A stretch of a text that spells something otherwise.

    Attributes:
        start, end: the stretch.
        plain: what it says, with what stands around it on the line where the line is what is decoded.
    """

    start: int
    end: int
    plain: str


def spellings(text: str) -> Iterator[Spelling]:
    """All of them in `text`, in no order. Linear in the text's length."""
    if any(mark in text for mark in ("%", "&", "\\")):
        for match in _LINE.finditer(text):
            yield from _of_line(match.group(), match.start())
    for match in _WORD.finditer(text):
        if not _DIGEST.match(match.group()) and (told := _decoded(match.group())):
            yield Spelling(*match.span(), told)
    for match in _HEXADECIMAL.finditer(text):
        if told := _printable(bytes.fromhex(match.group())):
            yield Spelling(*match.span(), told)


def _of_line(line: str, start: int) -> Iterator[Spelling]:
    for marked, plain in _WAYS:
        if (first := marked.search(line)) and (told := plain(line)) != line:
            begin = line.rfind(" ", 0, first.start()) + 1
            *_, last = marked.finditer(line, first.start())
            end = line.find(" ", last.end())
            yield Spelling(start + begin, start + (len(line) if end < 0 else end), told)


def known_spellings(value: str) -> set[str]:
    """A secret as it is, and as JSON, HTML, a URL, Base64 and hexadecimal write it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    encoded = base64.b64encode(value.encode()).decode().rstrip("=")
    whole = encoded[: len(encoded) - len(encoded) % 4]
    found = {value, escaped, json.dumps(value)[1:-1], html.escape(value), quote(value, safe=""), quote(value)}
    return found | {value.encode().hex()} | ({whole} if len(whole) >= _CERTAIN else set())


def _escapes(line: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match.group(1) or match.group(2), 16)), line)


_WAYS: tuple[tuple[re.Pattern[str], Callable[[str], str]], ...] = (
    (_PERCENT, unquote),
    (_ENTITY, html.unescape),
    (_ESCAPE, _escapes),
)


def _decoded(word: str) -> str:
    """What a word says in Base64, where it is text; empty where it is none."""
    whole = word[: len(word) - (len(word) % 4 == 1)]
    try:
        body = base64.b64decode(
            whole + "=" * (-len(whole) % 4), altchars=b"-_" if {*"-_"} & {*whole} else None
        )
    except (binascii.Error, ValueError):
        return ""
    return _printable(body)


def _printable(body: bytes) -> str:
    try:
        told = body.decode()
    except UnicodeDecodeError:
        return ""
    return told if told.replace("\n", "").replace("\r", "").replace("\t", "").isprintable() else ""
