"""Text that a regular expression or a LIKE pattern matches; a guess that the server then checks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as sre  # type: ignore[attr-defined]
from typing import Any

_POSIX = {
    "[:alpha:]": "a-zA-Z",
    "[:digit:]": "0-9",
    "[:alnum:]": "a-zA-Z0-9",
    "[:upper:]": "A-Z",
    "[:lower:]": "a-z",
    "[:space:]": r"\s",
    "[:punct:]": "!-/:-@",
    "[:xdigit:]": "0-9a-fA-F",
}
_ESCAPES = {r"\m": r"\b", r"\M": r"\b", r"\y": r"\b", r"\Y": r"\B", r"\A": "^", r"\Z": "$"}
_PLAIN = "a1B2c3d4Zz-_./:@ "
_MOST = 40


def matching(pattern: str, n: int) -> str | None:
    """A text that PostgreSQL's `~` finds `pattern` in, with `n` to vary it; None where that is too hard."""
    text = pattern.removeprefix("***:").removeprefix("(?i)").removeprefix("(?x)")
    for posix, plain in {**_POSIX, **_ESCAPES}.items():
        text = text.replace(posix, plain)
    try:
        return "".join(_of(sre.parse(text), n))
    except (re.error, ValueError, OverflowError, RecursionError, KeyError):
        return None


def like(pattern: str, n: int) -> str:
    """A text that LIKE finds equal to `pattern`."""
    return re.sub(r"\\(.)", r"\1", re.sub(r"(?<!\\)_", "a", re.sub(r"(?<!\\)%", f"x{n}", pattern)))


def _of(parsed: Iterable[tuple[Any, Any]], n: int) -> Iterator[str]:
    for kind, value in parsed:
        yield from _one(kind, value, n)


def _one(kind: Any, value: Any, n: int) -> Iterator[str]:
    if kind is op.LITERAL:
        yield chr(value)
    elif kind in (op.NOT_LITERAL, op.ANY, op.IN):
        choices = _choices(kind, value)
        yield choices[n % len(choices)]
    elif kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
        least, most, inner = value
        times = min(int(most), max(int(least), 3), int(least) + _MOST)
        for at in range(times):
            yield from _of(inner, n // 10**at if at < 4 else at)
    elif kind is op.SUBPATTERN:
        yield from _of(value[-1], n)
    elif kind is op.ATOMIC_GROUP:
        yield from _of(value, n)
    elif kind is op.BRANCH:
        yield from _of(value[1][n % len(value[1])], n)
    elif kind not in (op.AT, op.ASSERT, op.ASSERT_NOT):
        raise ValueError(str(kind))


def _choices(kind: Any, value: Any) -> list[str]:
    if kind is op.ANY:
        return list("aB3")
    if kind is op.NOT_LITERAL:
        return [char for char in _PLAIN if ord(char) != value]
    accepted = re.compile("[" + _set(value) + "]")
    listed = [chr(v) for k, v in value if k is op.LITERAL and value[0][0] is not op.NEGATE]
    ranges = [chr(c) for k, v in value if k is op.RANGE for c in islice(range(v[0], v[1] + 1), 26)]
    found = [char for char in [*ranges, *_PLAIN, *listed] if accepted.fullmatch(char)]
    if not found:
        raise ValueError("no character fits")
    return list(dict.fromkeys(found))


_CATEGORIES = {
    op.CATEGORY_DIGIT: r"\d",
    op.CATEGORY_NOT_DIGIT: r"\D",
    op.CATEGORY_SPACE: r"\s",
    op.CATEGORY_NOT_SPACE: r"\S",
    op.CATEGORY_WORD: r"\w",
    op.CATEGORY_NOT_WORD: r"\W",
}


def _set(value: Any) -> str:
    parts = []
    for kind, what in value:
        if kind is op.NEGATE:
            parts.append("^")
        elif kind is op.LITERAL:
            parts.append(re.escape(chr(what)))
        elif kind is op.RANGE:
            parts.append(f"{re.escape(chr(what[0]))}-{re.escape(chr(what[1]))}")
        else:
            parts.append(_CATEGORIES[what])
    return "".join(parts)
