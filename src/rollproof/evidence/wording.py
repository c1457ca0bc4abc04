"""How evidence puts things into words: numbers with their units, acts as phrases, nothing invisible."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Mapping, Sequence

from rollproof.model.durations import say_duration
from rollproof.model.json import Json, JsonObject
from rollproof.model.verdict import Outcome

_KEPT = "\n\t\u200c\u200d"  # joiners shape letters in Persian, in Indic scripts and in emoji
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class _Visible(dict[int, str]):
    """A table for str.translate that fills itself: what cannot be seen becomes an escape."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        hidden = unicodedata.category(char) in _HIDDEN or code & 0xFFFE == 0xFFFE
        self[code] = _escape(code) if hidden and char not in _KEPT else char
        return self[code]


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


_VISIBLE = _Visible()


def printable(text: str) -> str:
    """`text` with every control, direction mark and broken character shown as an escape.

    A journal holds what programs said. Terminal sequences must not reach a terminal, marks that
    reverse the reading direction could turn a word on paper into another, and XML refuses some
    characters in any form. Line feeds and tabs stay.
    """
    return text.replace("\r\n", "\n").translate(_VISIBLE)


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, followed by how many were left out."""
    left = len(text) - limit
    return text if left <= 0 else f"{text[:limit]}… ({left:,} more characters)"


def one_line(text: str, limit: int = 160) -> str:
    """`text` without line breaks, at most `limit` characters."""
    joined = " ".join(text.split())
    return joined if len(joined) <= limit else f"{joined[: limit - 1]}…"


def say_bytes(count: float) -> str:
    """Decimal units, as backup tools print them: `3.1 MB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def count_of(number: int, one: str, many: str = "") -> str:
    """`1 row`, `2 rows`, `0 rows`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


_UNITS = ("seconds", "bytes", "ns")


def say_value(value: Json, unit: str = "") -> str:
    """A number or text of a journal for a person; `unit` is one of seconds, bytes, ns or empty."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, int | float):
        return _measured(value, unit)
    if isinstance(value, str):
        return value or "''"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {say_value(item, unit)}" for name, item in value.items()) or "none"
    return ", ".join(say_value(item, unit) for item in value) or "none"


def _measured(value: float, unit: str) -> str:
    if unit == "bytes":
        return say_bytes(value)
    if unit:
        return say_duration(value / 1e9 if unit == "ns" else value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}".rstrip("0").rstrip(".")


def say_number(name: str, value: Json) -> tuple[str, str]:
    """A verdict's number as label and value: `rto_seconds`, 1.4 becomes `RTO`, `1.4 s`."""
    unit = next((unit for unit in _UNITS if name == unit or name.endswith(f"_{unit}")), "")
    label = name if name == unit else name.removesuffix(f"_{unit}")
    words = [_ACRONYMS.get(word, word) for word in label.split("_")]
    return " ".join(words), say_value(value, unit)


_ACRONYMS = {"rto": "RTO", "rpo": "RPO", "sql": "SQL", "http": "HTTP", "api": "API"}

_PARTICIPLES = {
    "apply": "applied",
    "begin": "begun",
    "close": "closed",
    "clone": "cloned",
    "compare": "compared",
    "create": "created",
    "deploy": "deployed",
    "diagnose": "diagnosed",
    "detect": "detected",
    "draft": "drafted",
    "drop": "dropped",
    "end": "ended",
    "grant": "granted",
    "identify": "identified",
    "inject": "injected",
    "load": "loaded",
    "make": "made",
    "open": "opened",
    "reach": "reached",
    "rehearse": "rehearsed",
    "restore": "restored",
    "revert": "reverted",
    "revoke": "revoked",
    "roll_back": "rolled back",
    "run": "run",
    "seed": "seeded",
    "stage": "staged",
    "start": "started",
    "stop": "stopped",
    "take": "taken",
    "tell": "told",
    "verify": "verified",
    "write": "written",
}


_PHRASES = {
    "clients.write": ("clients wrote", "clients did not write"),
    "diagnose": ("diagnosed", "not diagnosed"),
    "heal": ("undone", "not undone"),
    "history.walk": ("all migrations applied one by one", "migrations not all applied"),
    "migration.reapply": ("migration applied again", "migration not applied again"),
    "rollback.guard": ("guard let the rollback through", "guard stopped the rollback"),
}


def say_act(act: str, status: str = "ok") -> str:
    """An act as a phrase: `backup.take` becomes `backup taken`, `backup not taken` when it failed.

    An act that nobody has a verb for is shown as it is called.
    """
    if act in _PHRASES and status in ("ok", "fail"):
        return _PHRASES[act][status == "fail"]
    component, _, verb = act.replace(":", ".").rpartition(".")
    done = _PARTICIPLES.get(verb)
    what = component.replace(".", " ").replace("_", " ")
    if not done or not what:
        name = act.replace(".", ": ").replace("_", " ")
        return {"ok": name, "fail": f"{name} failed"}.get(status, f"{name}: outcome unknown")
    if status == "ok":
        return f"{what} {done}"
    return f"{what} not {done}" if status == "fail" else f"unknown whether {what} {done}"


_SUBJECTS = ("migration", "file", "path", "table", "database", "role", "component", "name")


def say_details(data: JsonObject, status: str = "ok") -> list[str]:
    """What an act was done to, how much it was, and what went wrong; one phrase each.

    `open` acts have not said yet what went wrong.
    """
    said = names_of(data)
    if isinstance(size := data.get("bytes"), int | float):
        said.append(say_bytes(size))
    if isinstance(rows := data.get("rows"), int):
        said.append(count_of(rows, "row"))
    if isinstance(tables := data.get("tables"), int):
        said.append(count_of(tables, "table"))
    return said + ([wrong(data, "no reason was recorded")] if status in ("fail", "unknown") else [])


def names_of(data: JsonObject) -> list[str]:
    """What an act was done to: two names at most, without their folders."""
    names = [str(data[name]) for name in _SUBJECTS if isinstance(data.get(name), str) and data[name]]
    return list(dict.fromkeys(name.rpartition("/")[2] for name in names))[:2]


def wrong(data: JsonObject, otherwise: str) -> str:
    """What went wrong, as recorded; `otherwise` where nothing was."""
    found = str(data.get("found") or data.get("error") or data.get("reason") or otherwise)
    facts = data.get("facts")
    sqlstate = data.get("sqlstate") or (facts.get("sqlstate") if isinstance(facts, Mapping) else None)
    return f"{found} (SQLSTATE {sqlstate})" if sqlstate else found


def say_command(data: JsonObject) -> str:
    """What an operator would type or run to do the same; empty when the act recorded none."""
    command = data.get("command") or data.get("argv")
    if isinstance(command, str):
        return command
    if isinstance(command, Sequence):
        return shlex.join(str(part) for part in command)
    return str(data.get("file") or data.get("path") or data.get("migration") or "")


def headline(counts: Mapping[Outcome, int], *, finished: bool) -> str:
    """The one sentence on top. What was not proven here counts as claimed but not proven."""
    proven = counts[Outcome.PROVEN]
    claimed = sum(counts.values()) - counts[Outcome.NOT_APPLICABLE]
    if not claimed:
        return "No drill was judged"
    if proven == claimed and finished:
        return "The one drill is proven" if claimed == 1 else f"All {claimed:,} drills are proven"
    said = f"{proven:,} of {claimed:,} drills {'is' if proven == 1 else 'are'} proven"
    if claimed == 1:
        said = f"The one drill is {'proven' if proven else 'not proven'}"
    return said if finished else f"{said}, and the run did not finish"


SYMBOLS = {
    Outcome.PROVEN: ("✓", "+"),
    Outcome.REFUTED: ("✗", "x"),
    Outcome.UNKNOWN: ("?", "?"),
    Outcome.NOT_PROVEN_HERE: ("○", "o"),
    Outcome.NOT_APPLICABLE: ("–", "-"),
}
"""A verdict's symbol, and the one for terminals that know ASCII alone."""
