"""The sample run with every text of its journal replaced: what if the database's names were hostile?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rollproof.journal import Event, History
from rollproof.model.json import Json

_WORDS_OF_OURS = frozenset({"outcome", "class", "against", "label", "operations"})
"""Fields whose value decides what a report shows, not only how it reads, or of which it shows no text."""
_ATTACHED = frozenset({"differences", "changes", "operations", "fingerprint", "kept"})


def poisoned(history: History, text: str) -> History:
    """`history` with `text` in place of every text that its reports could show.

    Attachments move into the events, where they are as welcome.
    """
    return History([replace(event, data=_data(history, event, text)) for event in history.events])


def _data(history: History, event: Event, text: str) -> dict[str, Json]:
    whole = {
        name: history.attachment(value) if name in _ATTACHED and isinstance(value, str) else value
        for name, value in event.data.items()
    }
    return {name: _poison(name, value, text) for name, value in whole.items()}


def _poison(name: str, value: Json, text: str) -> Json:
    if name in _WORDS_OF_OURS:
        return value
    if isinstance(value, str):
        return text
    if isinstance(value, Mapping):
        keep = name not in ("numbers", "versions", "facts", "lost_columns")
        return {
            key if keep else f"{text}{number}": _poison(key, item, text)
            for number, (key, item) in enumerate(value.items())
        }
    if isinstance(value, list):
        return [_poison(name if isinstance(item, str) else "", item, text) for item in value]
    return value
