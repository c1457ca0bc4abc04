"""Numerals that measure something, and are nobody's number whatever their check digits."""

from __future__ import annotations

import re

from rollproof.privacy.kinds import Hit, Kind

_MEASURES = re.compile(
    r"(?:.*_)?(?:ns|seconds|bytes|rows|count|seq|of|pid|port|size|digest|hash|prev|line|major|server_version"
    r"|system_identifier|run_id|time|timestamp|start|stop|took|expires)\Z"
)
_FIELD = re.compile(r"[\"'](\w{1,60})[\"']\s*[:=]\s*(?:value=)?[\"']?-?\Z")
_OPENING = re.compile(r"[\"'](\w{1,60})[\"']\s*:\s*\Z")
_BETWEEN = str.maketrans("", "", "0123456789,.-+eE \n\t")
_NUMBERS = frozenset({Kind.CPF, Kind.CNS, Kind.PHONE})
_BEFORE = 120


def is_measure(name: str) -> bool:
    """Whether a field of this name holds a clock's, a counter's or a server's own numbers."""
    return bool(_MEASURES.match(name))


def measured(text: str, hit: Hit) -> bool:
    """Whether a numeral is the whole value of a field that holds measurements, or in a list of them."""
    if hit.kind not in _NUMBERS:
        return False
    field = _FIELD.search(text[max(0, hit.start - _BEFORE) : hit.start]) or _listed(text, hit)
    return field is not None and is_measure(field.group(1))


def _listed(text: str, hit: Hit) -> re.Match[str] | None:
    """The name of the list of numerals that the hit is in."""
    opening = text.rfind("[", 0, hit.start)
    if opening < 0 or text[opening + 1 : hit.start].translate(_BETWEEN):
        return None
    return _OPENING.search(text[max(0, opening - _BEFORE) : opening])
