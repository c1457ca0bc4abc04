"""Differences for people: what belongs to a missing or added object is counted, not listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rollproof.model.fingerprint import Difference


@dataclass(frozen=True)
class Summary:
    """A difference, and how many of which kind went or came with it."""

    difference: Difference
    folded: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        """`table public.leads: missing after (with 5 columns, 1 constraint)`"""
        if not self.folded:
            return str(self.difference)
        parts = ", ".join(f"{count} {_plural(kind, count)}" for kind, count in sorted(self.folded.items()))
        return f"{self.difference} (with {parts})"


def summarise(differences: Iterable[Difference]) -> tuple[Summary, ...]:
    """Folds each missing or added object into the one that it belongs to, at any depth."""
    listed = list(differences)
    whole = {(f"{d.kind} {d.name}", d.after is None): d for d in listed if d.attribute is None}
    folded: dict[int, Counter[str]] = {}
    kept = []
    for difference in listed:
        root = _root(difference, whole)
        if root is difference:
            kept.append(difference)
        else:
            folded.setdefault(id(root), Counter())[difference.kind] += 1
    return tuple(Summary(difference, dict(folded.get(id(difference), {}))) for difference in kept)


def _root(difference: Difference, whole: Mapping[tuple[str, bool], Difference]) -> Difference:
    root = difference
    while root.attribute is None and (parent := whole.get((root.parent, root.after is None))) is not None:
        root = parent
    return root


def _plural(kind: str, count: int) -> str:
    if count == 1 or kind == "statistics":
        return kind
    if kind.endswith("y"):
        return kind[:-1] + "ies"
    return kind + ("es" if kind.endswith(("x", "s")) else "s")
