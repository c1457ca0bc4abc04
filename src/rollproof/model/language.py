"""Languages that reports can be written in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Language = Literal["en", "pt", "pt-BR"]
"""how files and options name one"""
TAGS: Mapping[str, str] = {"en": "en", "pt": "pt-BR"}
"""code -> how BCP 47 calls it"""


def language_code(name: str) -> str:
    """`pt` of `pt`, `pt-BR` or `pt_br`. Raises ValueError for a language that there are no texts of."""
    wanted = name.strip().replace("_", "-").lower()
    for code, tag in TAGS.items():
        if wanted in (code, tag.lower()):
            return code
    raise ValueError(f"there are no reports in {name!r}")
