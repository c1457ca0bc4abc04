"""Durations as people write them in files: `0s`, `250ms`, `30s`, `15m`, `1h30m`, `2d`."""

from __future__ import annotations

import math
import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = r"([0-9]+(?:\.[0-9]+)?) ?(ms|s|m|h|d)"


def parse_duration(text: str) -> float:
    """Seconds. Raises ValueError for anything but numbers each followed by ms, s, m, h or d."""
    parts = re.findall(_PART, text) if re.fullmatch(rf" *(?:{_PART} *)+", text) else []
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if not parts or math.isinf(seconds):
        raise ValueError(f"{text!r} is not a duration: write it like 30s, 15m or 1h30m")
    return seconds


def say_duration(seconds: float) -> str:
    """The way a report shows it: `340 ms`, `4.2 s`, `2 min 5 s`, `1 h 3 min`."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
