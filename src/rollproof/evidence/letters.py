"""Letters that the fonts in a PDF have. PDF/A allows no missing glyph, and shaping may fail on the rest."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib.resources import files


def printed(text: str) -> str:
    """`text` with each letter that no embedded font has as its code point: `⟨U+1F600⟩`.

    Scripts that are written from the right, or whose letters join, are among them.
    """
    return _strange().sub(lambda match: f"⟨U+{ord(match.group()):04X}⟩", unicodedata.normalize("NFC", text))


def ascii_only(text: str) -> str:
    """`text` with each letter beyond ASCII as its code point."""
    return re.sub("[^\n\t\x20-\x7e]", lambda match: f"<U+{ord(match.group()):04X}>", text)


@cache
def _strange() -> re.Pattern[str]:
    """What is not in the ranges of templates/letters.txt, found by trying each letter."""
    body = (files("rollproof.evidence") / "templates" / "letters.txt").read_text(encoding="ascii")
    ranges = [line for line in body.splitlines() if not line.startswith("#")]
    known = "".join(_range(one) for line in ranges for one in line.split())
    return re.compile(f"[^\n\t\x20-\x7e\xa0{known}]")


def _range(text: str) -> str:
    first, _, last = text.partition("-")
    return f"\\u{first}-\\u{last or first}"
