"""The order in which things can go: whatever refers to something goes before it."""

from __future__ import annotations

import heapq
import re
from collections.abc import Sequence
from dataclasses import dataclass

from rollproof.migrations.draft_model import Undoing


@dataclass(frozen=True, slots=True)
class Arranged:
    """In order; those named in `circle` refer to each other, and rank alone has ordered them."""

    undoings: tuple[Undoing, ...]
    circle: tuple[str, ...] = ()


def arrange(undoings: Sequence[Undoing]) -> Arranged:
    """By who mentions whom, and among those that nobody holds back by rank, then as given."""
    held_back = _held_back(undoings)
    left = {at: len(before) for at, before in held_back.items()}
    ready = [(undoings[at].rank, at) for at, count in left.items() if not count]
    heapq.heapify(ready)
    order: list[int] = []
    circle: list[str] = []
    while len(order) < len(undoings):
        if not ready:
            at = min((at for at in left if at not in order), key=lambda at: (undoings[at].rank, at))
            circle.append(undoings[at].name or undoings[at].sql[0])
            heapq.heappush(ready, (undoings[at].rank, at))
        _, at = heapq.heappop(ready)
        if at in order:
            continue
        order.append(at)
        for other, before in held_back.items():
            if at in before:
                left[other] -= 1
                if not left[other] and other not in order:
                    heapq.heappush(ready, (undoings[other].rank, other))
    return Arranged(tuple(undoings[at] for at in order), tuple(circle))


def _held_back(undoings: Sequence[Undoing]) -> dict[int, set[int]]:
    """Of each, the places of those that have to go before it."""
    held: dict[int, set[int]] = {at: set() for at in range(len(undoings))}
    for at, undoing in enumerate(undoings):
        if undoing.name is None:
            continue
        wanted = _mention(undoing.name)
        for other, user in enumerate(undoings):
            if other != at and wanted.search(user.mentions):
                held[at].add(other)
    return held


def _mention(name: str) -> re.Pattern[str]:
    """A qualified name in a definition; of a function up to its arguments, which calls do not repeat."""
    text = f"{name.partition('(')[0]}(" if "(" in name else name
    end = "" if text.endswith("(") else r'(?![\w"$])'
    return re.compile(rf'(?<![\w".$]){re.escape(text)}{end}')
