"""Other spellings of what a file says: in percent codes, entities, escapes and Base64."""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote

_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_ENTITY = re.compile(r"&#?\w{2,8};")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_WORD = re.compile(r"[A-Za-z0-9+/_-]{16,}")
_DIGEST = re.compile(r"[0-9a-f-]+\Z")
_LINE = re.compile(r"[^\n]+")


def spellings(text: str) -> Iterator[tuple[int, str]]:
    """(offset in `text`, what is spelt otherwise there, in plain letters). Linear in the text's length."""
    for match in _LINE.finditer(text):
        line = match.group()
        for marked, plain in _WAYS:
            if marked.search(line) and (told := plain(line)) != line:
                yield match.start(), told
    for match in _WORD.finditer(text):
        if not _DIGEST.match(match.group()) and (told := _decoded(match.group())):
            yield match.start(), told


def known_spellings(value: str) -> set[str]:
    """A secret as it is, and as JSON, HTML, a URL and Base64 write it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    encoded = base64.b64encode(value.encode()).decode().rstrip("=")
    return {value, escaped, html.escape(value), _percent(value), encoded[: len(encoded) - len(encoded) % 4]}


def _percent(value: str) -> str:
    from urllib.parse import quote

    return quote(value, safe="")


def _escapes(line: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match.group(1), 16)), line)


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
        told = body.decode()
    except (binascii.Error, ValueError):
        return ""
    return told if told.replace("\n", "").replace("\r", "").replace("\t", "").isprintable() else ""
